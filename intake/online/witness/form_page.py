"""The form as a page: empty, in another language, or with all that was typed and why it came back.

Whatever a form brought stands on the page that answers it: in the field of its name, or, where this
questionnaire has no place for it any more, in a box to copy from (:mod:`.leftover`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask import g, request
from flask_wtf.csrf import generate_csrf

from intake.online.deployment import Deployment
from intake.online.questionnaire.model import (
    LONG_TEXT_CHARACTERS,
    PART_CHARACTERS,
    Question,
    Section,
)
from intake.online.refusal import Reason, Refusal
from intake.online.witness import giving_back
from intake.online.witness.forms import LEFTOVER, CodeStamp
from intake.online.witness.leftover import Places
from intake.online.witness.seen import SeenQuestions, Typed, has_consents, without_consents
from intake.online.witness.upload_times import LINES, upload_times
from intake.receipt.code import Code

#: How many times what a field may hold is given back of it, at most. No form lets more be typed.
_TIMES = 4
#: What is given back whatever it holds: words that somebody wrote, and must not lose.
_WHOLE = {"account", LEFTOVER}


@dataclass(frozen=True)
class Part:
    """A section with the questions that the page shows, unfolded if something is filled in."""

    section: Section
    questions: tuple[Question, ...]
    is_open: bool


class FormPage:
    """Shows the form of one deployment."""

    def __init__(self, deployment: Deployment, stamp: CodeStamp) -> None:
        """Show the questionnaire and the limits of ``deployment``; ``stamp`` marks the codes."""
        self._questionnaire = deployment.questionnaire
        self._limits = deployment.settings.limits
        self._stamp = stamp
        self._seen = SeenQuestions(deployment.questionnaire)
        # An answer may have been a long text in a form of before, whatever it is in this one.
        self._most = {
            name: LONG_TEXT_CHARACTERS if name == q.id else PART_CHARACTERS
            for q in deployment.questionnaire.questions()
            for name in q.fields
        }
        self._places = Places(deployment.questionnaire)

    def render(
        self,
        typed: Typed,
        code: Code,
        *,
        refusal: Refusal | None = None,
        asks_identity: bool,
        switched: bool = False,
        consents: bool = True,
    ) -> bytes:
        """Return the page, with everything that was ``typed``.

        Where the questions have changed that is all but the consents: a tick that was set beside
        one text is none beside another. So it is without ``consents``: they may be anybody's.
        """
        typed = self._cut(typed)
        changed = refusal is not None and refusal.reason is Reason.QUESTIONS_CHANGED
        seen = self._seen.next_mark(typed, told=changed)
        consented = has_consents(typed)
        typed, leftover = self._places.sort(typed, older=changed or seen != self._seen.mark)
        if changed or not consents:
            typed = without_consents(typed)
        parts = list(self._parts(typed, refusal, asks_identity=asks_identity))
        return giving_back.page(
            "submit.html",
            typed_in=typed,
            parts=parts,
            has_words=bool(typed.get("account") or leftover) or any(p.is_open for p in parts),
            leftover=leftover,
            questionnaire=self._questionnaire,
            questions_seen=seen,
            consents_dropped=consented and not has_consents(typed),
            asks_identity=asks_identity,
            part_characters=PART_CHARACTERS,
            code=code.reveal(),
            code_mac=self._stamp.mark(code),
            csrf_token=generate_csrf(),
            refusal=refusal,
            switched=switched,
            limits=self._limits,
            waits=upload_times(self._limits.submission),
            lines=LINES,
            # Never its own address: a failed post would take the place of the form in the
            # browser's history, and Back would lose the words.
            sent=2 if request.args.get("sent") == "1" else 1,
        )

    def _cut(self, typed: Typed) -> Typed:
        """Return ``typed`` without what no field of ours could have held."""
        most = self._most
        return Typed(
            (
                name,
                text if name in _WHOLE else text[: _TIMES * most.get(name, LONG_TEXT_CHARACTERS)],
            )
            for name, text in typed.items(multi=True)
        )

    def check_seen(self, typed: Typed) -> None:
        """Check that what was answered was asked in these very words.

        Raises:
            Refusal: the questions have changed since the form was opened.
        """
        if self._seen.were_others(typed):
            raise Refusal(Reason.QUESTIONS_CHANGED)

    def _parts(
        self, typed: Typed, refusal: Refusal | None, *, asks_identity: bool
    ) -> Iterator[Part]:
        """Yield the sections with what is asked, and with what was answered though it is not."""
        for section in self._questionnaire.sections:
            filled = {q.id for q in section.questions if _is_filled(q, typed)}
            shown = tuple(
                q
                for q in section.questions
                if q.id in filled
                or (q.is_asked_in(g.language.tag) and (asks_identity or not q.identifying))
            )
            wrong = refusal is not None and any(refusal.field in q.fields for q in shown)
            if shown:
                yield Part(section, shown, bool(filled) or wrong)


def _is_filled(question: Question, typed: Typed) -> bool:
    return any(any(typed.getlist(name)) for name in question.fields)
