"""What must be true of a questionnaire as a whole, so that nothing in it costs a witness a word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from intake.errors import SettingsMistaken
from intake.online.questionnaire.model import (
    CONSENT_PREFIX,
    Kind,
    Question,
    Questionnaire,
)

#: Names that the pages use for fields or elements of their own. Those with ``_`` in them need not
#: be here: no id has one.
RESERVED = frozenset(
    {"account", "account-form", "account-hint", "attachments", "attachments-hint"}
    | {"code", "error", "leave", "main", "submit"}
)

#: A form of more parts is no form of ours (:data:`intake.online.receiving.FIELDS_LIMIT`), and a
#: hundred of them may be files.
MOST_SENT = 800
#: What offline readers take of ``account.json`` is 16 MiB; a character may need six bytes there.
MOST_CHARACTERS = 2_000_000
#: With so many the longest answers and their questions' ids fit into ``identity.age``.
MOST_IDENTIFYING = 20


def check(questionnaire: Questionnaire, path: Path) -> None:
    """Check it.

    Raises:
        SettingsMistaken: a name stands for two things, a condition speaks of what does not come
            before it, or all of it is too much for one form.
    """
    for mistake in (*_names(questionnaire), *_conditions(questionnaire), *_amounts(questionnaire)):
        raise SettingsMistaken(f"{path}: {mistake}")


def _names(questionnaire: Questionnaire) -> Iterator[str]:
    taken = set(RESERVED)
    for question in questionnaire.questions():
        if question.id.startswith(CONSENT_PREFIX):
            yield f"the id {question.id} begins with {CONSENT_PREFIX}; no question's may."
        for name in sorted({question.id, *question.fields}):
            if name in taken:
                yield f"two things would be called {name}; choose another id for one of them."
            taken.add(name)
    for consent in questionnaire.consents:
        if consent.field in taken:
            yield f"two consents would be called {consent.id}; choose another id for one of them."
        taken.add(consent.field)
    sections = [section.id for section in questionnaire.sections]
    if len(set(sections)) != len(sections):
        yield "two sections have one id; choose another for one of them."


def _conditions(questionnaire: Questionnaire) -> Iterator[str]:
    before: dict[str, Question] = {}
    for question in questionnaire.questions():
        condition = question.shown_if
        if condition is not None:
            asked = before.get(condition.question)
            offered = set() if asked is None else {option.id for option in asked.options}
            if asked is None:
                yield (
                    f"the question {question.id} is shown if something is chosen in "
                    f"{condition.question}, and no question before it that has choices is called "
                    "so."
                )
            elif missing := sorted(set(condition.options) - offered):
                yield (
                    f"the question {question.id} is shown if {missing[0]} is chosen in "
                    f"{asked.id}, which does not offer it."
                )
            elif not _asked_wherever(question, asked):
                yield (
                    f"the question {question.id} is asked in a language in which the one that it "
                    f"depends on, {asked.id}, is not."
                )
        if question.kind in {Kind.CHOICE, Kind.CHOICES}:
            before[question.id] = question


def _asked_wherever(question: Question, asked: Question) -> bool:
    if asked.languages is None:
        return True
    return question.languages is not None and question.languages <= asked.languages


def _amounts(questionnaire: Questionnaire) -> Iterator[str]:
    identifying = sum(question.identifying for question in questionnaire.questions())
    if questionnaire.most_sent > MOST_SENT:
        yield f"it asks for more than {MOST_SENT} fields, which no form may send; ask less."
    if questionnaire.most_characters > MOST_CHARACTERS:
        yield f"its answers may have more than {MOST_CHARACTERS} characters together; ask less."
    if identifying > MOST_IDENTIFYING:
        yield f"more than {MOST_IDENTIFYING} questions are identifying; join some of them."
