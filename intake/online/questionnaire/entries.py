"""A table of a questionnaire's file, whose entries are taken one by one, none left over."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from intake.errors import SettingsMistaken
from intake.online.questionnaire.model import BODY, TEXTS_CHARACTERS, Texts
from intake.online.witness.languages import BY_TAG

_ID = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
ID_CHARACTERS = "a small letter, then small letters, digits and hyphens, at most 32 in all"


def is_id(text: str) -> bool:
    """Return whether something may be called so: what it is called is a field's name."""
    return _ID.fullmatch(text) is not None


class Entries:
    """The entries of one table. Every mistake gets a sentence that names the place."""

    def __init__(
        self, document: Mapping[str, Any], path: Path, place: str, languages: Sequence[str]
    ) -> None:
        """Take the entries of ``document``, whose texts stand in all of ``languages``."""
        self._left = dict(document)
        self._path = path
        self._place = place
        self._languages = languages

    def id(self) -> str:
        """Take the id, which names the place from here on."""
        found = self.text("id")
        if not is_id(found):
            raise self.mistake("id", ID_CHARACTERS)
        self._place = f"{self._place} {found}"
        return found

    def text(self, name: str) -> str:
        """Take a text that is not empty."""
        value = self._left.pop(name, None)
        if not isinstance(value, str) or not value.strip():
            raise self.mistake(name, "a text in quotes")
        self.short(name, {"": value})
        return value

    def flag(self, name: str) -> bool:
        """Take what is true or false; nothing is false."""
        value = self._left.pop(name, False)
        if not isinstance(value, bool):
            raise self.mistake(name, "true or false")
        return value

    def names(self, name: str) -> tuple[str, ...]:
        """Take a list of texts that is not empty."""
        value = self._left.pop(name, None)
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            raise self.mistake(name, 'a list of texts, such as ["one", "two"]')
        return tuple(value)

    def languages(self) -> frozenset[str] | None:
        """Take the languages to which a question is confined; its texts stand in these alone."""
        if "languages" not in self._left:
            return None
        found = frozenset(self.names("languages"))
        for tag in sorted(found - BY_TAG.keys()):
            raise self.mistake("languages", f"of {', '.join(BY_TAG)}; we know no {tag!r}")
        self._languages = [tag for tag in self._languages if tag in found]
        return found

    def texts(self, name: str, *, optional: bool = False, of_bodies: bool = False) -> Texts:
        """Take a text for each language; those that are not offered are passed over.

        One that is not ``of_bodies`` has no place for their names: nobody would put them there.
        """
        value = self._left.pop(name, {} if optional else None)
        if not isinstance(value, dict) or not all(isinstance(t, str) for t in value.values()):
            raise self.mistake(name, 'a text for each language, such as { en = "Where?" }')
        if optional and not value:
            return {}
        for tag in self._languages:
            if not value.get(tag, "").strip():
                raise self.mistake(name, f"there in every language offered; it lacks {tag}")
        texts = self.short(name, {tag: value[tag] for tag in self._languages})
        return texts if of_bodies else self.of_nobody(name, texts)

    def short(self, name: str, texts: Texts) -> Texts:
        """Check that no text is too long for a page, and return them."""
        if any(len(text) > TEXTS_CHARACTERS for text in texts.values()):
            raise self.mistake(name, f"at most {TEXTS_CHARACTERS} characters long")
        return texts

    def of_nobody(self, name: str, texts: Texts) -> Texts:
        """Check that no text waits for the name of a body, and return them."""
        if any(BODY in text for text in texts.values()):
            expected = f"without {BODY}, which stands in consents alone, whose label has it too"
            raise self.mistake(name, expected)
        return texts

    def table(self, name: str) -> Entries | None:
        """Take a table, if it is there."""
        value = self._left.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.mistake(name, "a table")
        return self._inner(value, name)

    def tables(self, name: str) -> list[Entries]:
        """Take a list of tables, which may be empty."""
        value = self._left.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
            raise self.mistake(name, f"a list of tables: [[{name}]]")
        return [self._inner(table, name) for table in value]

    def end(self) -> None:
        """Refuse what was not taken: it would be passed over unsaid."""
        if self._left:
            raise SettingsMistaken(
                f"{self._path}: {self._place} has an entry that we do not know: {min(self._left)}."
            )

    def mistake(self, name: str, expected: str) -> SettingsMistaken:
        """Return the error that an entry is not what it must be."""
        return SettingsMistaken(
            f"{self._path}: in {self._place}, {name} is missing or wrong; it must be {expected}."
        )

    def _inner(self, document: Mapping[str, Any], name: str) -> Entries:
        return Entries(document, self._path, f"{self._place}, {name}", self._languages)
