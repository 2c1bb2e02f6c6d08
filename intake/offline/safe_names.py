"""File names that do nothing but name a file, and text that does nothing but stand there.

The rule: a name that a person gave, in any script, survives letter by letter; whatever makes a
name act (on a path, a shell, a desktop, a terminal, the reader's eye) does not. The name as it
came still stands in ``account.json``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import count

from intake.envelope import members

#: What is put behind a type that a desktop would run: nothing opens such a file by a click.
UNTRUSTED = ".untrusted"

#: Bytes of UTF-8 a name may have before a number and ``UNTRUSTED`` are added. File systems take
#: 255; the rest is for those two, and for what other programs append (``.part``, ``~``). A name of
#: seventy Burmese letters fits whole.
NAME_LIMIT = 220

#: Bytes an extension may have to be kept when the name before it is cut.
EXTENSION_LIMIT = 20

#: How to reach the witness, in the extracted folder of whoever may know it.
IDENTITY_JSON = "identity.json"

#: Names the extracted folder has already.
RESERVED = (members.ACCOUNT_TEXT, members.ACCOUNT_JSON, IDENTITY_JSON)

_PROGRAMS_AND_PACKAGES = """
    exe com scr pif cpl dll sys drv ocx msi msp mst msix msixbundle appx appxbundle appinstaller
    application appref-ms gadget run bin elf out appimage deb rpm apk xapk aab snap flatpak
    flatpakref flatpakrepo app pkg mpkg kext prefpane jar jnlp class war air xpi crx
"""
_SCRIPTS = """
    bat cmd btm ps1 ps1xml ps2 psm1 psd1 psc1 vb vbs vbe js jse mjs cjs ws wsf wsh wsc sct hta
    htc sh bash zsh csh ksh fish command tool workflow action scpt scptd applescript terminal
    py pyc pyw pyz pyo pl rb php lua tcl ahk
"""
_LINKS_AND_SETTINGS = """
    desktop lnk url website webloc inetloc fileloc mapimail scf inf reg msc rdp theme themepack
    deskthemepack library-ms search-ms searchconnector-ms settingcontent-ms diagcab service
"""
_DISKS_THAT_MOUNT = "iso img dmg vhd vhdx wim"
_PAGES_WITH_SCRIPTS = """
    html htm xhtml xht shtml mht mhtml svg svgz xml xsl xslt swf chm hlp
"""
_OFFICE_WITH_PROGRAMS = "docm dotm xlsm xltm xlam xll xlsb pptm potm ppam ppsm sldm iqy slk odb"

#: Extensions that Windows, macOS or a Linux desktop runs, installs, mounts or follows on a click,
#: or that a browser or an office program would take as permission to run scripts. A photo, a
#: video, a recording or a plain document is none of them.
DANGEROUS = frozenset(
    f"{_PROGRAMS_AND_PACKAGES} {_SCRIPTS} {_LINKS_AND_SETTINGS} {_DISKS_THAT_MOUNT} "
    f"{_PAGES_WITH_SCRIPTS} {_OFFICE_WITH_PROGRAMS}".split()
)

#: ``name.com`` inside a name is nearly always the site that a video came from.
_ONLY_AT_THE_END = frozenset({"com"})

#: Names Windows takes for devices, whatever their extension (Microsoft, "Naming Files").
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"]
)

# Everything that turns the direction of text (UAX #9), and the deprecated controls beside it.
_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_BIDI += "\u206a\u206b\u206c\u206d\u206e\u206f"

#: Burmese and its neighbours need them between letters (word ends, stacked and unstacked forms),
#: emoji to make one picture of several. Between ASCII letters they only hide.
_JOINERS = "\u200b\u200c\u200d\u2060"
_NEEDLESS_JOINERS = re.compile(
    rf"(?<=[{_JOINERS}])[{_JOINERS}]+|(?<![^\x00-\x7f])[{_JOINERS}]+|[{_JOINERS}]+(?![^\x00-\x7f])"
)

# Letters that show nothing: names made of them look empty or alike.
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"
_BLANK_BRAILLE = "\u2800"
# Signs of category Cf that are seen: Arabic and Syriac number signs, Egyptian joiners and so on.
_VISIBLE_FORMAT = re.compile(r"[\u0600-\u0605\u06dd\u0890\u0891\u08e2\U000110bd\U000110cd]")
# Unicode's own means to hide any text behind a letter.
_HIDING_SELECTORS = range(0xE0100, 0xE01F0)
_FORBIDDEN = '/\\<>:"|?*'
_LEADING = " .-~"
_TRAILING = " ."

_SEEN_AS_NOTHING = re.compile(rf"[{_JOINERS}\u034f\u180b-\u180d\ufe00-\ufe0f]")
_REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)
_EMOJI_MODIFIERS = range(0x1F3FB, 0x1F400)
_JAMO_THAT_FOLLOW = range(0x1160, 0x1200)
_THAI_AND_LAO_AM = "\u0e33\u0eb3"
_VIRAMA_CLASS = 9
#: Of the same class, but it ends a syllable and stacks nothing.
_ASAT = "\u103a"
#: A family of four with their skins takes eleven characters; a letter under a hundred marks is
#: nobody's, and is broken.
_LONGEST_SIGN = 16


def safe_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return one safe, unique file name for each of ``names``, in order.

    Names that some file system takes for one (by case, by normalisation, by signs that are not
    seen) count as the same, and all but the first get a number: ``name (2).jpg``.
    """
    taken = {_sameness(name) for name in RESERVED}
    following: dict[str, int] = {}
    result = []
    for position, original in enumerate(names, 1):
        stem, extension = _parts(_cleaned(original) or f"attachment-{position:03d}")
        ending = extension + (UNTRUSTED if _is_dangerous(stem + extension) else "")
        name = stem + ending
        wanted = _sameness(name)
        if wanted in taken:
            # Counting goes on where it stopped: ten thousand names alike take no longer.
            for number in count(following.get(wanted, 2)):
                name = f"{stem} ({number}){ending}"
                if _sameness(name) not in taken:
                    following[wanted] = number + 1
                    break
        taken.add(_sameness(name))
        result.append(name)
    return tuple(result)


def printable(text: str, *, keep: str = "") -> str:
    r"""Return ``text`` as it may go to a terminal: nothing in it moves, colours, hides or turns.

    Controls (C0, DEL, C1), controls of direction, line and paragraph separators, and half
    surrogate pairs, which no terminal could be sent, become visible: ``\x1b``, ``\u202e``.
    Everything else stays.

    Args:
        text: any text at all.
        keep: controls that may stay, such as ``"\n\t"``.
    """
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0] in keep else _visible(found), text)


_UNPRINTABLE = re.compile(rf"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_BIDI}]")


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004  # a byte


class _Replacements(dict[int, str]):
    """What stands for each character in a name, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = replacement = _replacement(chr(code))
        return replacement


def _replacement(char: str) -> str:
    """Return what stands for ``char``: itself, ``_`` where it was seen, nothing where not."""
    code, category = ord(char), unicodedata.category(char)
    if category in {"Cc", "Cs", "Zl", "Zp"} or char in _FORBIDDEN or _is_noncharacter(code):
        return "_"
    if category == "Zs" or char == _BLANK_BRAILLE:
        return " "
    if char in _BLANK_LETTERS or code in _HIDING_SELECTORS:
        return ""
    if category == "Cf" and char not in _JOINERS and not _VISIBLE_FORMAT.match(char):
        return ""
    # What is not assigned stays: tomorrow's emoji and scripts are among it.
    return char


def _is_noncharacter(code: int) -> bool:
    """Return whether this is one of the 66 codes that will never be a character (23.7)."""
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF  # noqa: PLR2004


_REPLACEMENTS = _Replacements()


def _cleaned(original: str) -> str:
    """Return ``original`` without all that acts; empty if nothing is left. Of any length yet."""
    name = original.translate(_REPLACEMENTS)
    name = _NEEDLESS_JOINERS.sub("", name)
    # A row of spaces pushes the end of a name out of sight.
    name = re.sub(" {2,}", " ", name)
    return name.lstrip(_LEADING).rstrip(_TRAILING)


def _parts(name: str) -> tuple[str, str]:
    """Return the name cut to ``NAME_LIMIT`` bytes, as what stands before its extension, and it."""
    stem, dot, extension = name.rpartition(".")
    extension = dot + extension
    if not stem or len(extension) == 1 or len(extension.encode("utf-8")) > EXTENSION_LIMIT:
        stem, extension = name, ""
    stem = _cut(stem, NAME_LIMIT - len(extension.encode("utf-8")))
    if not extension:
        stem = stem.rstrip(_TRAILING)
    if stem.split(".", 1)[0].rstrip().casefold() in _DEVICES:
        stem = "_" + stem
    return stem, extension


def _cut(text: str, limit: int) -> str:
    """Return as much of ``text`` as fits ``limit`` bytes without breaking a written sign."""
    if text.isascii() or len(text.encode("utf-8")) <= limit:
        return text[:limit]
    kept, size = "", 0
    for sign in _signs(text[:limit]):
        size += len(sign.encode("utf-8"))
        if size > limit:
            break
        kept += sign
    return kept


def _signs(text: str) -> Iterator[str]:
    """Yield what a person sees as one sign each: nearly UAX #29, erring towards longer ones."""
    sign = ""
    for char in text:
        if sign and (len(sign) == _LONGEST_SIGN or not _continues(sign, char)):
            yield sign
            sign = ""
        sign += char
    if sign:
        yield sign


def _continues(sign: str, char: str) -> bool:
    """Return whether ``char`` belongs to the sign begun."""
    code, last = ord(char), sign[-1]
    return (
        unicodedata.category(char) in {"Mn", "Mc", "Me"}
        or char in _JOINERS
        or char in _THAI_AND_LAO_AM
        or code in _EMOJI_MODIFIERS
        or code in _JAMO_THAT_FOLLOW
        or last == "\u200d"
        # A virama stacks the next consonant under this one: U+1039 in Burmese, Shan and Mon.
        or (unicodedata.combining(last) == _VIRAMA_CLASS and last != _ASAT)
        or (code in _REGIONAL_INDICATORS and len(sign) == 1 and ord(last) in _REGIONAL_INDICATORS)
    )


def _is_dangerous(name: str) -> bool:
    # Folded, as a desktop may: small letters, and full-width ones as the plain ones.
    _, *extensions = unicodedata.normalize("NFKC", name).casefold().split(".")
    extensions = [extension.strip() for extension in extensions]
    return bool(
        DANGEROUS.intersection(extensions[-1:])
        or (DANGEROUS - _ONLY_AT_THE_END).intersection(extensions[:-1])
    )


def _sameness(name: str) -> str:
    """Return what two names share if any file system, or the eye, may take them for one."""
    seen = _SEEN_AS_NOTHING.sub("", name)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).upper().casefold())
