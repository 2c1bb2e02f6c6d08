"""Reading a questionnaire from TOML. Every mistake gets a sentence that names the place.

docs/guides/questionnaire.md tells deployments how to write one.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from intake.errors import SettingsMistaken
from intake.online.questionnaire.checks import check
from intake.online.questionnaire.entries import ID_CHARACTERS, Entries, is_id
from intake.online.questionnaire.model import (
    BODY,
    TEXTS_CHARACTERS,
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

_KINDS = {kind.value: kind for kind in Kind}
#: Kinds whose answers may be sealed to the custodians: those that are one text.
_IDENTIFYING_KINDS = {Kind.TEXT, Kind.LONG_TEXT}
_KINDS_WITH_OPTIONS = {Kind.CHOICE, Kind.CHOICES, Kind.PLACE}


def read_questionnaire(
    path: Path, languages: Sequence[str], bodies: Mapping[str, Texts]
) -> Questionnaire:
    """Read the questionnaire at ``path``.

    ``languages`` are those that the pages are offered in; ``bodies`` the names, by id, of those
    that the deployment shares accounts with: a consent that speaks of ``%(body)s`` stands there
    once for each of them, and not at all where there is none.

    Raises:
        SettingsMistaken: it cannot be read, or something in it is wrong or missing.
    """
    try:
        data = path.read_bytes()
        document = tomllib.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise SettingsMistaken(f"Cannot read {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsMistaken(f"{path} is not TOML: {error}.") from error
    _check_bodies(bodies, languages)
    top = Entries(document, path, "the questionnaire", languages)
    if top.text("format") != FORMAT:
        raise top.mistake("format", f'"{FORMAT}"')
    questionnaire = Questionnaire(
        id=top.id(),
        version=top.text("version"),
        sections=tuple(_section(entries) for entries in top.tables("section")),
        consents=tuple(c for entries in top.tables("consent") for c in _consents(entries, bodies)),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    top.end()
    check(questionnaire, path)
    return questionnaire


def _check_bodies(bodies: Mapping[str, Texts], languages: Sequence[str]) -> None:
    for body, names in bodies.items():
        if not is_id(body):
            raise SettingsMistaken(
                f"The setting pages.shared_with has the id {body!r}; it must be {ID_CHARACTERS}."
            )
        for tag in languages:
            if not names.get(tag, "").strip():
                raise SettingsMistaken(
                    f"The setting pages.shared_with.{body} must be there in every language "
                    f"offered; it lacks {tag}."
                )
            if len(names[tag]) > TEXTS_CHARACTERS:
                raise SettingsMistaken(
                    f"The setting pages.shared_with.{body} is too long; it may have at most "
                    f"{TEXTS_CHARACTERS} characters."
                )


def _section(entries: Entries) -> Section:
    section = Section(
        id=entries.id(),  # first: it names the place of every mistake below
        title=entries.texts("title"),
        hint=entries.texts("hint", optional=True),
        questions=tuple(_question(inner) for inner in entries.tables("question")),
    )
    entries.end()
    return section


def _question(entries: Entries) -> Question:
    found = entries.id()
    kind = _KINDS.get(entries.text("kind"))
    if kind is None:
        raise entries.mistake("kind", "one of " + ", ".join(_KINDS))
    languages = entries.languages()
    options = _options(entries)
    if kind in _KINDS_WITH_OPTIONS and not options:
        raise entries.mistake("options", f"a list of options, as the kind is {kind.value}")
    if kind not in _KINDS_WITH_OPTIONS and options:
        raise entries.mistake("options", f"left out, as the kind is {kind.value}")
    identifying = entries.flag("identifying")
    if identifying and kind not in _IDENTIFYING_KINDS:
        raise entries.mistake("identifying", "left out, or the kind text or long-text")
    question = Question(
        id=found,
        kind=kind,
        label=entries.texts("label"),
        hint=entries.texts("hint", optional=True),
        options=options,
        shown_if=_condition(entries),
        languages=languages,
        identifying=identifying,
        sensitive=entries.flag("sensitive"),
    )
    entries.end()
    return question


def _options(entries: Entries) -> tuple[Option, ...]:
    options = []
    for inner in entries.tables("options"):
        options.append(Option(inner.id(), inner.texts("label")))
        inner.end()
    if len({option.id for option in options}) != len(options):
        raise entries.mistake("options", "a list in which no id stands twice")
    return tuple(options)


def _condition(entries: Entries) -> Condition | None:
    condition = entries.table("shown_if")
    if condition is None:
        return None
    read = Condition(condition.text("question"), condition.names("any"))
    condition.end()
    return read


def _consents(entries: Entries, bodies: Mapping[str, Texts]) -> Iterator[Consent]:
    """Yield the consent, or one for each body if its label speaks of them."""
    consent = Consent(
        id=entries.id(),
        label=entries.texts("label", of_bodies=True),
        hint=entries.texts("hint", optional=True, of_bodies=True),
        options=_options(entries),
    )
    spoken = [BODY in label for label in consent.label.values()]
    if any(spoken) and not all(spoken):
        raise entries.mistake("label", f"with {BODY} in every language or in none")
    entries.end()
    if not any(spoken):
        entries.of_nobody("hint", consent.hint)
        yield consent
        return
    for body, names in bodies.items():
        yield Consent(
            id=f"{consent.id}-{body}",
            label=entries.short("label", _with(names, consent.label)),
            hint=entries.short("hint", _with(names, consent.hint)),
            options=consent.options,
        )


def _with(names: Texts, texts: Texts) -> Texts:
    return {tag: text.replace(BODY, names[tag]) for tag, text in texts.items()}
