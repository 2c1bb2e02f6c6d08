"""What a form brought that has no place in the form of now.

A deployment may drop a question or an option, or ask for another kind of answer, while forms of
before are open. What then has no field, or is not offered by it, stands in a box to copy from under
the name of its old field, until the account is taken. The box itself is never kept.
"""

from __future__ import annotations

from collections.abc import Iterator

from intake.online.questionnaire.answers import TICKED
from intake.online.questionnaire.model import CONSENT_PREFIX, Kind, Questionnaire
from intake.online.witness.forms import LEFTOVER, OWN_FIELDS
from intake.online.witness.seen import Typed

#: Fields that a line break has no place in: a browser joins what stands on both sides of it.
_LINES = {Kind.TEXT, Kind.PLACE, Kind.DATE, Kind.NUMBERS}


class Places:
    """Knows the places that a questionnaire's form has for what was sent."""

    def __init__(self, questionnaire: Questionnaire) -> None:
        """Hold the fields of ``questionnaire``, and what each of them offers."""
        questions = list(questionnaire.questions())
        self._known = questionnaire.fields()
        self._offered = dict(_offered(questionnaire))
        self._many = frozenset(q.id for q in questions if q.kind is Kind.CHOICES)
        self._lines = frozenset(n for q in questions if q.kind in _LINES for n in q.fields)

    def sort(self, typed: Typed, *, older: bool) -> tuple[Typed, str]:
        """Return what has a place, and the text of the box for what has none.

        A consent that is not offered is dropped: nothing of it is words. Where the form is an
        ``older`` one, what was several lines there and is one now stands in the box as well.
        """
        stays = Typed()
        left = [text for text in typed.getlist(LEFTOVER) if text.strip()]
        for name, values in typed.lists():
            if name == LEFTOVER:
                continue
            placed = list(self._placed(name, values))
            if placed:
                stays.setlist(name, placed)
            broken = older and name in self._lines and "\n" in "".join(placed)
            for value in values:
                if (value not in placed or broken) and value.strip():
                    left += [f"{name}:\n{value}"] * (not name.startswith(CONSENT_PREFIX))
        return stays, "\n\n".join(left)

    def _placed(self, name: str, values: list[str]) -> Iterator[str]:
        """Yield those ``values`` for which there is a place: one, but for ticks."""
        if name in OWN_FIELDS and name != "account":
            yield from values
        elif name in self._offered:
            chosen = [v for v in dict.fromkeys(values) if v in self._offered[name]]
            # Which of two a witness means where one can be chosen, nobody knows.
            yield from chosen if name in self._many or len(chosen) == 1 else ()
        elif name in self._known or name == "account":
            yield from values[:1]


def _offered(questionnaire: Questionnaire) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each field that takes nothing but what it offers, and that."""
    for question in questionnaire.questions():
        if question.options:  # of a place, the last of its fields has them
            yield question.fields[-1], frozenset(option.id for option in question.options)
    for consent in questionnaire.consents:
        yield consent.field, frozenset(o.id for o in consent.options) or frozenset({TICKED})
