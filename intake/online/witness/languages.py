"""The languages of the pages: a table of our own, and the standard library's gettext.

Babel reads the catalogues (its list of locales lacks several languages of Myanmar; its reader of
``.po`` files does not mind). English is the language of the sources and needs no catalogue. A
language can be offered when its catalogue is complete.
"""

from __future__ import annotations

import functools
import gettext
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from babel.messages.mofile import write_mo
from werkzeug.datastructures import LanguageAccept

from intake.command_line import counted
from intake.errors import SettingsMistaken
from intake.online.witness.translated import lacking, read_catalogue

CATALOGUES = Path(__file__).parent / "locale"

_SOURCE = "en"

_MYANMAR = "၀၁၂၃၄၅၆၇၈၉"
_SHAN = "႐႑႒႓႔႕႖႗႘႙"
_KAYAH = "꤀꤁꤂꤃꤄꤅꤆꤇꤈꤉"


@dataclass(frozen=True)
class Language:
    """A language of the pages: its BCP 47 tag, its own name, and its digits.

    ``tall`` scripts put marks above and below their letters, and want more room between lines.
    """

    tag: str
    name: str
    digits: str = "0123456789"
    tall: bool = False


#: Every language that the pages are ready for. Those without a catalogue wait for one.
LANGUAGES = (
    Language(_SOURCE, "English"),
    Language("my", "မြန်မာ", _MYANMAR, tall=True),
    Language("shn", "တႆး", _SHAN, tall=True),
    Language("ksw", "ကညီကျိာ်", _MYANMAR, tall=True),
    Language("kac", "Jinghpaw"),
    Language("mnw", "ဘာသာမန်", _MYANMAR, tall=True),
    Language("eky", "ꤊꤢ꤬ꤛꤢ꤭ ꤜꤟꤤ꤬", _KAYAH, tall=True),
    Language("cnh", "Laiholh"),
    Language("rki", "ရခိုင်ဘာသာ", _MYANMAR, tall=True),
)

BY_TAG = {language.tag: language for language in LANGUAGES}


def offered(tags: Sequence[str]) -> tuple[Language, ...]:
    """Return the languages named by ``tags``, in that order; all complete ones if none is named.

    Raises:
        SettingsMistaken: one of them is not known, stands there twice, or is not complete; or a
            catalogue is wrong.
    """
    ready = complete()
    for number, tag in enumerate(tags):
        if BY_TAG.get(tag) not in ready or tag in tags[:number]:
            known = ", ".join(language.tag for language in ready)
            reasons = [f" {reason}" for stem, reason in waiting().items() if stem == tag]
            raise SettingsMistaken(
                f"The setting pages.languages names {tag!r}; each of these can be offered, once: "
                f"{known}.{''.join(reasons)}"
            )
    return tuple(BY_TAG[tag] for tag in tags) or ready


@functools.cache
def complete() -> tuple[Language, ...]:
    """Return the languages in which no sentence is missing or in doubt."""
    return tuple(language for language in LANGUAGES if _is_complete(language.tag))


def _is_complete(tag: str) -> bool:
    if tag == _SOURCE:
        return True
    catalogue = read_catalogue(_path(tag))
    return catalogue is not None and not lacking(catalogue)


def waiting() -> dict[str, str]:
    """Return why a language cannot be offered although there is a catalogue of it, by its tag.

    Raises:
        SettingsMistaken: a catalogue is wrong.
    """
    found: dict[str, str] = {}
    for path in sorted(CATALOGUES.glob("*.po")):
        catalogue = read_catalogue(path)
        if path.stem not in BY_TAG:
            found[path.stem] = f"{path.stem} has a catalogue and no line in our table of languages."
        elif catalogue is not None and (missing := lacking(catalogue)):
            count = counted(len(missing), "sentence", "sentences")
            found[path.stem] = f'{path.stem} lacks {count}, the first: "{missing[0]}"'
    return found


def load_translations(
    chosen: Sequence[Language] = LANGUAGES,
) -> dict[str, gettext.NullTranslations]:
    """Return the translations of the ``chosen`` languages, by tag."""
    return {language.tag: _load(language.tag) for language in chosen}


def _load(tag: str) -> gettext.NullTranslations:
    catalogue = read_catalogue(_path(tag))
    if catalogue is None:
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _path(tag: str) -> Path:
    return CATALOGUES / f"{tag}.po"


def choose(accepted: LanguageAccept, chosen: Sequence[Language]) -> Language:
    """Return the one of the ``chosen`` that a browser likes best, the first one if none."""
    tags = [language.tag for language in chosen]
    return BY_TAG[accepted.best_match(tags, default=tags[0])]


def in_digits(text: str, language: Language) -> str:
    """Return ``text`` with the digits 0-9 written in the language's own."""
    return text.translate({ord("0") + value: digit for value, digit in enumerate(language.digits)})


def in_units(size: int) -> str:
    """Return a number of bytes as people read it: ``3 KB``, ``2.4 MB``, ``1.1 GB``."""
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{-(-size // 1000)} KB"
