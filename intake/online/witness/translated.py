"""Reading a catalogue: the sentences of the pages in one language, as a translator left them.

Every mistake in it gets a sentence that names the file and the place, so that whoever translates
can mend it and no witness meets it.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import PoFileError, read_po

from intake.errors import SettingsMistaken

#: Where a number or a name is put into a sentence.
_NAMED = re.compile(r"%\(\w+\)s")

#: A line with a text: Babel would take the last letter for the mark that is missing.
_QUOTED = re.compile(r'(?:msg[a-z]+(?:\[\d\])?\s*)?"(?:[^"\\]|\\.)*"')


def read_catalogue(path: Path) -> Catalog | None:
    """Return the catalogue at ``path``, if there is one.

    Raises:
        SettingsMistaken: it is no catalogue, or a translation in it cannot be shown.
    """
    if not path.exists():
        return None
    text = _read(path)
    try:
        catalogue = read_po(io.StringIO(text), abort_invalid=True)
    except PoFileError as error:
        raise SettingsMistaken(f"{path}, line {error.lineno + 1}, is wrong: {error}.") from error
    for message in catalogue:
        if message.id and message.string and not _fits(str(message.string), str(message.id)):
            raise SettingsMistaken(
                f'{path}: the translation of "{message.id}" must have the same %(…)s in it as that '
                "sentence, and no other %; a per cent sign is written %%."
            )
    return catalogue


def _read(path: Path) -> str:
    """Return the text of a catalogue in which every line with quotes has both of them."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = error.object[: error.start].count(b"\n") + 1
        raise SettingsMistaken(f"{path}, line {place}, is not UTF-8: save it as that.") from error
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith(("msg", '"')) and _QUOTED.fullmatch(line.rstrip()) is None:
            raise SettingsMistaken(
                f'{path}, line {number}, is wrong: a text stands between two ", and a " in it is '
                'written \\".'
            )
    return text


def lacking(catalogue: Catalog) -> list[str]:
    """Return the English sentences whose translation is missing or in doubt.

    That a catalogue has every sentence of the pages, the tests see to.
    """
    messages = (message for message in catalogue if message.id)
    return [str(m.id) for m in messages if not m.string or m.fuzzy]


def _fits(translation: str, sentence: str) -> bool:
    """Return whether the same is put into both, and nothing else would be taken for a place."""
    rest = translation.replace("%%", "")
    named = set(_NAMED.findall(rest))
    return "%" not in _NAMED.sub("", rest) and named == set(_NAMED.findall(sentence))
