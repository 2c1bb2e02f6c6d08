"""An answer as a person reads it: the question, and below it, indented, what was answered.

The rule: every line of an answer is indented, whatever ends a line for whoever shows it, so that
none passes for a question, for another answer or for the account.
"""

from __future__ import annotations

import textwrap

from intake.online.questionnaire.model import Question, Texts

#: Stands before a question whose answer is sensitive.
SENSITIVE = "⚠ "
_INDENT = "    "


def as_text(question: Question, answer: object, language: str) -> str:
    """Return a question and its answer as lines, without a line end behind the last."""
    label = _one_line(question.label, language)
    said = "\n".join(_lines(question, answer, language)).rstrip("\n")
    indented = textwrap.indent(said, _INDENT, lambda _line: True)
    return f"{SENSITIVE * question.sensitive}{label}\n{indented}"


def _lines(question: Question, answer: object, language: str) -> list[str]:
    labels = {option.id: _one_line(option.label, language) for option in question.options}
    match answer:
        case {"edtf": edtf, "year": year, "month": month, "day": day, "about": about}:
            typed = "-".join(part or "?" for part in (year, month, day)) + " ~" * bool(about)
            return [str(edtf or typed)]
        case {"place": place, "precision": precision}:
            return [part for part in (str(place), labels.get(str(precision))) if part]
        case {"from": low, "to": high}:
            return [f"{low or '?'} – {high or '?'}"]
        case list():
            return [labels[chosen] for chosen in answer]
        case _:
            return [labels.get(str(answer), str(answer)) if labels else str(answer)]


def _one_line(texts: Texts, language: str) -> str:
    """Return a text in a language, or in the first in which there is one."""
    text = texts.get(language) or next(iter(texts.values()), "")
    return " ".join(text.split())
