"""The form as a page: empty, in another language, or with all that was typed and why it came back.

Whatever a form brought stands on the page that answers it: in the field of its name, or, where this
questionnaire has no such field any more, in a box to copy from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from flask import g, render_template, request
from flask_wtf.csrf import generate_csrf
from werkzeug.datastructures import MultiDict

from intake.online.deployment import Deployment
from intake.online.questionnaire.model import (
    CONSENT_PREFIX,
    PART_CHARACTERS,
    Question,
    Questionnaire,
    Section,
)
from intake.online.refusal import Reason, Refusal
from intake.online.witness.forms import OWN_FIELDS, CodeStamp
from intake.online.witness.upload_times import LINES, upload_times
from intake.receipt.code import Code

_SEEN_DIGITS = 16

Typed = MultiDict[str, str]


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
        self._seen = questions_seen(deployment.questionnaire)

    def render(
        self,
        typed: Typed,
        code: Code,
        *,
        refusal: Refusal | None = None,
        asks_identity: bool,
        switched: bool = False,
    ) -> str:
        """Return the page, with everything that was ``typed``."""
        parts = list(self._parts(typed, refusal, asks_identity=asks_identity))
        return render_template(
            "submit.html",
            typed_in=typed,
            parts=parts,
            has_words=bool(typed.get("account")) or any(part.is_open for part in parts),
            leftover="\n\n".join(self._leftover(typed)),
            questionnaire=self._questionnaire,
            questions_seen=self._seen_next(typed, refusal),
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

    def check_seen(self, typed: Typed) -> None:
        """Check that what was answered was asked in these very words.

        What one questionnaire calls identifying, the next may not: nothing of an older form
        goes on before its witness has seen it in the new one.

        Raises:
            Refusal: the questions have changed since the form was opened.
        """
        answered = any(_is_answered(typed, name) for name in self._questionnaire.fields())
        changed = typed.get("questions_seen", self._seen) != self._seen
        if (changed and answered) or any(self._unknown(typed)):
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

    def _seen_next(self, typed: Typed, refusal: Refusal | None) -> str:
        """Return which questions the next post was made from: the old ones until that was said."""
        if refusal is not None and refusal.reason is Reason.QUESTIONS_CHANGED:
            return self._seen
        return typed.get("questions_seen") or self._seen

    def _leftover(self, typed: Typed) -> list[str]:
        """Return the words of answers for which there is no field any more."""
        return [
            value for name, value in self._unknown(typed) if not name.startswith(CONSENT_PREFIX)
        ]

    def _unknown(self, typed: Typed) -> Iterator[tuple[str, str]]:
        known = self._questionnaire.fields() | OWN_FIELDS
        for name, value in typed.items(multi=True):
            if name not in known and value.strip():
                yield name, value


def questions_seen(questionnaire: Questionnaire) -> str:
    """Return what tells one questionnaire from another, consents and those they name included."""
    texts = [text for c in questionnaire.consents for text in sorted(c.label.values())]
    everything = "\n".join((questionnaire.sha256, *texts))
    return hashlib.sha256(everything.encode("utf-8")).hexdigest()[:_SEEN_DIGITS]


def _is_filled(question: Question, typed: Typed) -> bool:
    return any(any(typed.getlist(name)) for name in question.fields)


def _is_answered(typed: Typed, name: str) -> bool:
    return any(value.strip() for value in typed.getlist(name))
