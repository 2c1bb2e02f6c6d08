"""From the fields of a form to answers and consents, as they are sealed.

Whatever was typed comes through unchanged. What can be read of a date or a number beside it is
added; what cannot is no mistake: nobody's account waits for a calendar.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from intake.envelope.account import FREE_ACCOUNT
from intake.envelope.account import Questionnaire as Shown
from intake.envelope.identity import ANSWERS_CHARACTERS
from intake.online.questionnaire.model import (
    PART_CHARACTERS,
    Consent,
    Kind,
    Question,
    Questionnaire,
)
from intake.online.questionnaire.said import as_text
from intake.online.refusal import Reason, Refusal

#: What the tick of a consent sends.
TICKED = "yes"

#: Years that are taken for the common calendar's.
_YEARS = range(1900, 2101)

#: Letters that are typed for digits, as in a receipt's code.
_LOOK_ALIKES = str.maketrans({"ဝ": "0", "ရ": "7"})

#: Below 2^53, where all of JSON's readers agree.
_MOST_DIGITS = 15


class Fields(Protocol):
    """The fields of a form: a text for each time that a name was sent."""

    def getlist(self, key: str) -> list[str]: ...


@dataclass(frozen=True)
class Answers:
    """What was answered beside the account.

    ``given`` and ``consents`` are JSON; ``identifying`` stands in ``identity.age`` and
    nowhere else. ``text`` is ``given`` as a person reads it. ``sensitive`` names those of ``given``
    that the questionnaire calls so, and each identifying one, answered or not: that it was answered
    is not for everybody.
    """

    shown: Shown
    given: Mapping[str, object] = field(default_factory=dict)
    identifying: Mapping[str, str] = field(default_factory=dict)
    sensitive: tuple[str, ...] = ()
    consents: tuple[Mapping[str, object], ...] = ()
    text: str = ""


#: What comes with words that no form asked anything beside.
NO_ANSWERS = Answers(FREE_ACCOUNT)


def read_answers(questionnaire: Questionnaire, fields: Fields, language: str) -> Answers:
    """Return what was answered in a form of ``language``.

    A question that is not asked in this language counts if it was answered: the witness has read
    the form in another one before. So does one whose condition is not met.

    Raises:
        Refusal: an answer is too long, or is one that the form does not offer.
    """
    given: dict[str, object] = {}
    identifying: dict[str, str] = {}
    said: list[str] = []
    for question in questionnaire.questions():
        answer = _READERS[question.kind](question, fields)
        if answer is None:
            continue
        if question.identifying:
            identifying[question.id] = str(answer)
            continue
        given[question.id] = answer
        said.append(as_text(question, answer, language))
    if sum(map(len, identifying.values())) > ANSWERS_CHARACTERS:
        raise Refusal(Reason.REACH_TOO_LONG, field=next(iter(identifying)))
    return Answers(
        shown=Shown(questionnaire.id, questionnaire.sha256),
        given=given,
        identifying=identifying,
        sensitive=tuple(
            q.id
            for q in questionnaire.questions()
            if q.sensitive and (q.identifying or q.id in given)
        ),
        consents=tuple(
            _consent(consent, fields, language, questionnaire.version)
            for consent in questionnaire.consents
        ),
        text="\n\n".join(said),
    )


def _text(question: Question, fields: Fields) -> str | None:
    reason = Reason.REACH_TOO_LONG if question.identifying else Reason.ANSWER_TOO_LONG
    return _one(fields, question.id, question.most_characters, reason)


def _choice(question: Question, fields: Fields) -> str | None:
    return _chosen(fields, question.id, [option.id for option in question.options])


def _choices(question: Question, fields: Fields) -> list[str] | None:
    """Return what was chosen, in the order in which the form offers it."""
    chosen = [value for value in fields.getlist(question.id) if value]
    offered = [option.id for option in question.options]
    if len(set(chosen)) != len(chosen):
        raise Refusal(Reason.MALFORMED)
    _check_offered(question.id, chosen, offered)
    return [option for option in offered if option in chosen] or None


def _date(question: Question, fields: Fields) -> dict[str, object] | None:
    """Return the parts as typed, and ``edtf`` (ISO 8601-2, level 1) if they make a date."""
    *names, about_name = question.fields
    typed = [_one(fields, name, PART_CHARACTERS) or "" for name in names]
    about = bool(_one(fields, about_name, PART_CHARACTERS))
    if not any(typed):
        return None
    year, month, day = typed
    edtf = _edtf(year, month, day, about=about)
    return {"year": year, "month": month, "day": day, "about": about, "edtf": edtf}


def _edtf(year: str, month: str, day: str, *, about: bool) -> str | None:
    """Return a date as EDTF; ``None`` where the parts make none.

    A year of another calendar is none of these: whoever reads it has what was typed.
    """
    numbers = [_number(part) for part in (year, month or "1", day or "1")]
    if (day and not month) or None in numbers or numbers[0] not in _YEARS:
        return None
    try:
        whole = dt.date(*(number or 0 for number in numbers)).isoformat()
    except (ValueError, OverflowError):
        return None
    shown = whole if day else whole[: len("2026-01")] if month else whole[: len("2026")]
    return shown + "~" * about


def _place(question: Question, fields: Fields) -> dict[str, object] | None:
    name, precision_name = question.fields
    place = _one(fields, name, question.most_characters)
    precision = _chosen(fields, precision_name, [option.id for option in question.options])
    return {"place": place or "", "precision": precision} if place or precision else None


def _numbers(question: Question, fields: Fields) -> dict[str, object] | None:
    """Return both ends as typed, and as ``least`` and ``most`` where they are whole numbers."""
    low, high = (_one(fields, name, PART_CHARACTERS) or "" for name in question.fields)
    if not low and not high:
        return None
    return {"from": low, "to": high, "least": _number(low), "most": _number(high)}


_READERS: Mapping[Kind, Callable[[Question, Fields], object | None]] = {
    Kind.TEXT: _text,
    Kind.LONG_TEXT: _text,
    Kind.CHOICE: _choice,
    Kind.CHOICES: _choices,
    Kind.DATE: _date,
    Kind.PLACE: _place,
    Kind.NUMBERS: _numbers,
}


def _consent(consent: Consent, fields: Fields, language: str, version: str) -> dict[str, object]:
    """Return a consent, given or not, with the texts that the witness saw."""
    base = {
        "id": consent.id,
        "text": consent.label[language],
        "hint": consent.hint.get(language, ""),
        "language": language,
        "version": version,
    }
    if not consent.options:
        return base | {"granted": _chosen(fields, consent.field, [TICKED]) is not None}
    labels = {option.id: option.label[language] for option in consent.options}
    chosen = _chosen(fields, consent.field, list(labels))
    return base | {"chosen": chosen, "chosen_text": labels.get(chosen or "")}


def _one(
    fields: Fields, name: str, most: int, reason: Reason = Reason.ANSWER_TOO_LONG
) -> str | None:
    """Return the text of a field; ``None`` if it is not there or white space and nothing else.

    Raises:
        Refusal: it is there twice, or too long.
    """
    values = fields.getlist(name)
    if len(values) > 1:
        raise Refusal(Reason.MALFORMED)  # one of the two would be lost unsaid
    if not values or not values[0].strip():
        return None
    if len(values[0]) > most:
        raise Refusal(reason, field=name)
    return values[0]


def _chosen(fields: Fields, name: str, offered: Sequence[str]) -> str | None:
    chosen = [value for value in fields.getlist(name) if value.strip()]
    if len(chosen) > 1:
        raise Refusal(Reason.MALFORMED)
    _check_offered(name, chosen, offered)
    return chosen[0] if chosen else None


def _check_offered(name: str, chosen: Sequence[str], offered: Sequence[str]) -> None:
    """Check that what was chosen can be. A form of before may offer more than that of now."""
    if not set(chosen) <= set(offered):
        raise Refusal(Reason.QUESTIONS_CHANGED, field=name)


def _number(text: str) -> int | None:
    """Return a whole number in the digits of any script; ``None`` for anything else.

    Beside a digit, the Burmese letters that look like 0 and 7 are these: keyboards have them side
    by side. A longer one than JSON's readers agree on is no count of anything.
    """
    text = text.strip()
    if any(char.isdecimal() for char in text):
        text = text.translate(_LOOK_ALIKES)
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None
