"""Which questions a form was made from, and what of it still means what its witness read.

What one questionnaire calls identifying, the next may not, and a tick that was set beside one text
is none beside another: nothing of an older form goes on before its witness has seen it anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from werkzeug.datastructures import MultiDict

from intake.online.questionnaire.model import CONSENT_PREFIX, Questionnaire
from intake.online.witness.forms import OWN_FIELDS

_DIGITS = 16

Typed = MultiDict[str, str]


class SeenQuestions:
    """Tells a form that was made from this questionnaire from one that was made from another."""

    def __init__(self, questionnaire: Questionnaire) -> None:
        """Hold what is asked now."""
        self.mark = questions_seen(questionnaire)
        self._fields = questionnaire.fields()
        self._consents_and_identifying = frozenset(
            {q.id for q in questionnaire.questions() if q.identifying}
            | {consent.field for consent in questionnaire.consents}
        )

    def were_others(self, typed: Typed) -> bool:
        """Return whether something was answered, and perhaps to other questions than these.

        A form that does not say to which is believed where it consents to nothing, and nothing in
        it identifies anybody.
        """
        seen = typed.get("questions_seen", "")
        asked = self._fields if seen else self._consents_and_identifying
        answered = seen != self.mark and any(_is_answered(typed, name) for name in asked)
        return answered or any(self.unknown(typed))

    def next_mark(self, typed: Typed, *, told: bool) -> str:
        """Return what the next form says that it was made from.

        The old questions, until its witness was ``told`` that these are others.
        """
        if told or not self.were_others(typed):
            return self.mark
        return typed.get("questions_seen", "")

    def unknown(self, typed: Typed) -> Iterator[tuple[str, str]]:
        """Yield the names and values of answers for which there is no field any more."""
        known = self._fields | OWN_FIELDS
        for name, value in typed.items(multi=True):
            if name not in known and value.strip():
                yield name, value


def questions_seen(questionnaire: Questionnaire) -> str:
    """Return what tells one questionnaire from another, consents and those they name included."""
    consents = [
        [c.field, c.label, c.hint, [[option.id, option.label] for option in c.options]]
        for c in questionnaire.consents
    ]
    everything = json.dumps([questionnaire.sha256, consents], sort_keys=True)
    return hashlib.sha256(everything.encode("ascii")).hexdigest()[:_DIGITS]


def has_consents(typed: Typed) -> bool:
    """Return whether a form consents to something."""
    return any(name.startswith(CONSENT_PREFIX) and _is_answered(typed, name) for name in typed)


def without_consents(typed: Typed) -> Typed:
    """Return what was typed with no consent in it: each has to be given again."""
    kept = typed.items(multi=True)
    return MultiDict([(name, v) for name, v in kept if not name.startswith(CONSENT_PREFIX)])


def _is_answered(typed: Typed, name: str) -> bool:
    return any(value.strip() for value in typed.getlist(name))
