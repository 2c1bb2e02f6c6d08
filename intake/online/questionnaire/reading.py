"""Reading a questionnaire from TOML. Every mistake gets a sentence that names the place.

docs/guides/questionnaire.md tells deployments how to write one.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from intake.errors import SettingsMistaken
from intake.online.questionnaire.model import (
    CONSENT_PREFIX,
    Condition,
    Consent,
    Kind,
    Option,
    Question,
    Questionnaire,
    Section,
    Texts,
)

FORMAT = "intake-questionnaire-1"

DEFAULT = Path(__file__).parent / "default.toml"

_ID = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
#: Names of fields that every form has.
RESERVED = frozenset({"account", "attachments", "code", "code-mac", "csrf-token", "submit"})

#: Kinds whose answers may be sealed to the custodians: those that are one text.
_IDENTIFYING_KINDS = {Kind.TEXT, Kind.LONG_TEXT}
_KINDS_WITH_OPTIONS = {Kind.CHOICE, Kind.CHOICES, Kind.PLACE}

#: Stands in the label of a consent for each of those that the deployment shares with.
BODY = "%(body)s"


def read_questionnaire(
    path: Path, languages: Sequence[str], bodies: Mapping[str, Texts]
) -> Questionnaire:
    """Read the questionnaire at ``path``.

    ``languages`` are those that the pages are offered in; ``bodies`` the names, by id, of those
    that the deployment shares accounts with: a consent that speaks of ``%(body)s`` stands there
    once for each of them.

    Raises:
        SettingsMistaken: it cannot be read, or something in it is wrong or missing.
    """
    try:
        data = path.read_bytes()
        document = tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise SettingsMistaken(f"Cannot read {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsMistaken(f"{path} is not TOML: {error}.") from error
    top = _Table(document, path, "the questionnaire", languages)
    if top.text("format") != FORMAT:
        raise top.mistake("format", f'"{FORMAT}"')
    questionnaire = Questionnaire(
        id=top.id(),
        version=top.text("version"),
        sections=tuple(_section(table) for table in top.tables("section")),
        consents=tuple(c for table in top.tables("consent") for c in _consents(table, bodies)),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    top.end()
    _check_names(questionnaire, path)
    return questionnaire


def _section(table: _Table) -> Section:
    section = Section(
        id=table.id(),  # first: it names the place of every mistake below
        title=table.texts("title"),
        hint=table.texts("hint", optional=True),
        questions=tuple(_question(t) for t in table.tables("question")),
    )
    table.end()
    return section


def _question(table: _Table) -> Question:
    found = table.id()
    name = table.text("kind")
    if name not in {kind.value for kind in Kind}:
        raise table.mistake("kind", "one of " + ", ".join(kind.value for kind in Kind))
    kind = Kind(name)
    languages = table.languages()
    options = _options(table)
    if bool(options) is not (kind in _KINDS_WITH_OPTIONS):
        raise table.mistake("options", f"there for a choice or a place only, and this is {name}")
    identifying = table.flag("identifying")
    if identifying and kind not in _IDENTIFYING_KINDS:
        raise table.mistake("identifying", "false, or the kind text or long-text")
    question = Question(
        id=found,
        kind=kind,
        label=table.texts("label"),
        hint=table.texts("hint", optional=True),
        options=options,
        shown_if=_condition(table),
        languages=languages,
        identifying=identifying,
        sensitive=table.flag("sensitive"),
    )
    table.end()
    return question


def _options(table: _Table) -> tuple[Option, ...]:
    options = []
    for option in table.tables("options"):
        options.append(Option(option.id(), option.texts("label")))
        option.end()
    if len({option.id for option in options}) != len(options):
        raise table.mistake("options", "a list in which no id stands twice")
    return tuple(options)


def _condition(table: _Table) -> Condition | None:
    condition = table.table("shown_if")
    if condition is None:
        return None
    read = Condition(condition.text("question"), condition.names("any"))
    condition.end()
    return read


def _consents(table: _Table, bodies: Mapping[str, Texts]) -> Iterator[Consent]:
    """Yield the consent, or one for each body if its label speaks of them."""
    consent = Consent(
        table.id(), table.texts("label"), table.texts("hint", optional=True), _options(table)
    )
    table.end()
    if not any(BODY in label for label in consent.label.values()):
        yield consent
        return
    for body, names in bodies.items():
        label = {tag: text.replace(BODY, names[tag]) for tag, text in consent.label.items()}
        yield Consent(f"{consent.id}-{body}", label, consent.hint, consent.options)


def _check_names(questionnaire: Questionnaire, path: Path) -> None:
    """Check that no field stands for two things, and that conditions speak of what comes before."""
    taken = set(RESERVED)
    choices: dict[str, set[str]] = {}
    for question in (q for section in questionnaire.sections for q in section.questions):
        if question.id.startswith(CONSENT_PREFIX):
            raise SettingsMistaken(f"{path}: no question's id may begin with {CONSENT_PREFIX}.")
        for field in question.fields:
            _take(field, taken, path)
        condition = question.shown_if
        if condition and not set(condition.options) <= choices.get(condition.question, set()):
            raise SettingsMistaken(
                f"{path}: {question.id} is shown if something is chosen that no question before "
                "it offers."
            )
        if question.kind in {Kind.CHOICE, Kind.CHOICES}:
            choices[question.id] = {option.id for option in question.options}
    for consent in questionnaire.consents:
        _take(consent.field, taken, path)
    sections = [section.id for section in questionnaire.sections]
    if len(set(sections)) != len(sections):
        raise SettingsMistaken(f"{path}: two sections have one id.")


def _take(field: str, taken: set[str], path: Path) -> None:
    if field in taken:
        raise SettingsMistaken(f"{path}: two things would be sent as the field {field}.")
    taken.add(field)


class _Table:
    """A table of the file, whose entries are taken one by one, none left over."""

    def __init__(
        self, document: Mapping[str, Any], path: Path, place: str, languages: Sequence[str]
    ) -> None:
        self._left = dict(document)
        self._path = path
        self._place = place
        self._languages = languages

    def id(self) -> str:
        found = self.text("id")
        if _ID.fullmatch(found) is None:
            raise self.mistake("id", "small letters, digits and hyphens, at most 32")
        self._place = f"{self._place} {found}"
        return found

    def text(self, name: str) -> str:
        value = self._left.pop(name, None)
        if not isinstance(value, str) or not value:
            raise self.mistake(name, "a text in quotes")
        return value

    def flag(self, name: str) -> bool:
        value = self._left.pop(name, False)
        if not isinstance(value, bool):
            raise self.mistake(name, "true or false")
        return value

    def names(self, name: str) -> tuple[str, ...]:
        value = self._left.pop(name, None)
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            raise self.mistake(name, 'a list of texts, such as ["one", "two"]')
        return tuple(value)

    def languages(self) -> frozenset[str] | None:
        """Return the languages to which a question is confined; its texts stand in these alone."""
        if "languages" not in self._left:
            return None
        found = frozenset(self.names("languages"))
        self._languages = [tag for tag in self._languages if tag in found]
        return found

    def texts(self, name: str, *, optional: bool = False) -> Texts:
        value = self._left.pop(name, {} if optional else None)
        if not isinstance(value, dict) or not all(isinstance(t, str) for t in value.values()):
            raise self.mistake(name, 'a text for each language, such as { en = "Where?" }')
        missing = [tag for tag in self._languages if not value.get(tag)]
        if missing and not (optional and not value):
            raise self.mistake(name, f"there in every language offered; it lacks {missing[0]}")
        return value

    def table(self, name: str) -> _Table | None:
        value = self._left.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.mistake(name, "a table")
        return self._inner(value, name)

    def tables(self, name: str) -> list[_Table]:
        value = self._left.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
            raise self.mistake(name, f"a list of tables: [[{name}]]")
        return [self._inner(table, name) for table in value]

    def end(self) -> None:
        if self._left:
            raise SettingsMistaken(
                f"{self._path}: {self._place} has an entry that we do not know: {min(self._left)}."
            )

    def mistake(self, name: str, expected: str) -> SettingsMistaken:
        return SettingsMistaken(
            f"{self._path}: in {self._place}, {name} is missing or wrong; it must be {expected}."
        )

    def _inner(self, document: Mapping[str, Any], name: str) -> _Table:
        return _Table(document, self._path, f"{self._place}, {name}", self._languages)
