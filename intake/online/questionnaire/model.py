"""What a form asks beside the account: sections of questions, and what a witness may consent to.

Nothing here is ever required. Every text stands in each language in which it is shown.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from intake.envelope.identity import ANSWERS_CHARACTERS

#: A text by the tag of its language.
Texts = Mapping[str, str]

#: The most characters of an answer in one line, and of one in several.
TEXT_CHARACTERS = 500
LONG_TEXT_CHARACTERS = 10_000
#: The most characters of a part of a date, a number, or an option's id.
PART_CHARACTERS = 40
#: The most characters of a text of the questionnaire itself. Those of consents are sealed with
#: every account, and all are sent with every form.
TEXTS_CHARACTERS = 2_000

#: Stands in the texts of a consent for each of those that the deployment shares with.
BODY = "%(body)s"


class Kind(enum.Enum):
    """What an answer may be."""

    TEXT = "text"
    LONG_TEXT = "long-text"
    #: One of the options.
    CHOICE = "choice"
    #: Any number of the options.
    CHOICES = "choices"
    #: A year, a month, a day: as much of it as is known.
    DATE = "date"
    #: A place in words, and how precise that is: one of the options.
    PLACE = "place"
    #: From so many to so many.
    NUMBERS = "number-range"


@dataclass(frozen=True)
class Option:
    """Something that can be chosen."""

    id: str
    label: Texts


@dataclass(frozen=True)
class Condition:
    """A question is shown where any of ``options`` was chosen in another ``question``."""

    question: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """One question. ``languages`` are those it is asked in, ``None`` if it is asked in all.

    The answer to an ``identifying`` one is sealed to the custodians alone. A ``sensitive`` one is
    told to be so, to the witness and to the reviewers.
    """

    id: str
    kind: Kind
    label: Texts
    hint: Texts
    options: tuple[Option, ...] = ()
    shown_if: Condition | None = None
    languages: frozenset[str] | None = None
    identifying: bool = False
    sensitive: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of its fields in the form."""
        return tuple(f"{self.id}-{part}" if part else self.id for part in _PARTS[self.kind])

    @property
    def most_characters(self) -> int:
        """The most characters that the text of an answer may have."""
        if self.identifying:
            return ANSWERS_CHARACTERS
        return LONG_TEXT_CHARACTERS if self.kind is Kind.LONG_TEXT else TEXT_CHARACTERS

    @property
    def most_sent(self) -> int:
        """How many fields a form sends for it at most: a tick is a field of its own."""
        return len(self.options) if self.kind is Kind.CHOICES else len(self.fields)

    def is_asked_in(self, language: str) -> bool:
        """Return whether the form of a language has it."""
        return self.languages is None or language in self.languages


#: What follows a question's id in the names of its fields; nothing for the answer itself.
_PARTS: Mapping[Kind, tuple[str, ...]] = {
    Kind.TEXT: ("",),
    Kind.LONG_TEXT: ("",),
    Kind.CHOICE: ("",),
    Kind.CHOICES: ("",),
    Kind.DATE: ("year", "month", "day", "about"),
    Kind.PLACE: ("", "precision"),
    Kind.NUMBERS: ("from", "to"),
}


@dataclass(frozen=True)
class Section:
    """Questions that belong together, folded under a ``title``."""

    id: str
    title: Texts
    hint: Texts
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Consent:
    """Something that a witness may consent to: a tick, or one of ``options``. None is preset."""

    id: str
    label: Texts
    hint: Texts
    options: tuple[Option, ...] = ()

    @property
    def field(self) -> str:
        """The name of its field in the form."""
        return CONSENT_PREFIX + self.id


#: No question's id begins like this.
CONSENT_PREFIX = "consent-"


@dataclass(frozen=True)
class Questionnaire:
    """A questionnaire. ``sha256`` (hex) is that of the file that defines it."""

    id: str
    version: str
    sections: tuple[Section, ...]
    consents: tuple[Consent, ...]
    sha256: str

    def questions(self) -> Iterator[Question]:
        """Yield every question in order, in whatever language it is asked."""
        for section in self.sections:
            yield from section.questions

    def fields(self) -> frozenset[str]:
        """Return the name of every field, in whatever language it is asked."""
        names = (name for question in self.questions() for name in question.fields)
        return frozenset((*names, *(consent.field for consent in self.consents)))

    @property
    def most_characters(self) -> int:
        """The most characters that all answers together may have."""
        return sum(q.most_characters + q.most_sent * PART_CHARACTERS for q in self.questions())

    @property
    def most_sent(self) -> int:
        """How many fields a form sends at most beside those that every form has."""
        return sum(question.most_sent for question in self.questions()) + len(self.consents)
