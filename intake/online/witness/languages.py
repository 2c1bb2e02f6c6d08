"""The languages of the pages: a table of our own, and the standard library's gettext.

Babel reads the catalogues (its list of locales lacks several languages of Myanmar; its reader of
``.po`` files does not mind). English is the language of the sources and needs no catalogue.
"""

from __future__ import annotations

import gettext
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from werkzeug.datastructures import LanguageAccept

CATALOGUES = Path(__file__).parent / "locale"


@dataclass(frozen=True)
class Language:
    """A language of the pages: its BCP 47 tag, its own name, and its digits."""

    tag: str
    name: str
    digits: str = "0123456789"


LANGUAGES = (
    Language("en", "English"),
    Language("my", "မြန်မာ", "၀၁၂၃၄၅၆၇၈၉"),
)

BY_TAG = {language.tag: language for language in LANGUAGES}


def load_translations() -> dict[str, gettext.NullTranslations]:
    """Return the translations of every language, by tag."""
    return {language.tag: _load(language.tag) for language in LANGUAGES}


def _load(tag: str) -> gettext.NullTranslations:
    path = CATALOGUES / f"{tag}.po"
    if not path.exists():
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    with path.open("rb") as catalogue:
        write_mo(compiled, read_po(catalogue, charset="utf-8"))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def choose(accepted: LanguageAccept, offered: Iterable[Language] = LANGUAGES) -> Language:
    """Return the offered language that a browser likes best, the first one if none."""
    tags = [language.tag for language in offered]
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
