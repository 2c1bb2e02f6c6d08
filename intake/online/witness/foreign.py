"""Foreign text becoming HTML: all of it goes through here.

Names and the like go through bleach. What a witness typed, and is shown again in the form, is only
escaped: bleach takes time that grows with the square of its entities, and drops control characters,
where the words have to come back to the letter (docs/decisions/0007-typed-words.md).

Replies go through bleach as well, in a way that takes as long whatever they say, and however many
there are: their special characters pass it as others that it does not know, and what they leave of
a fixed amount is filled up with text that nobody sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import bleach
from bleach.sanitizer import Cleaner
from markupsafe import Markup, escape

#: Nothing that is shown by its name is longer; what is, is cut.
NAME_LIMIT = 500


def foreign(text: str | None) -> Markup:
    """Return a name or the like as HTML that shows it and does nothing: no tag is allowed.

    It is escaped first, so that ``&lt;`` in it comes back as ``&lt;``.
    """
    name = (text or "")[:NAME_LIMIT]
    return Markup(bleach.clean(str(escape(name)), tags=frozenset()))  # noqa: S704  # cleaned


def typed(text: str | None) -> Markup:
    """Return what a witness typed as the content of a textarea, to the letter."""
    return escape(text or "")


#: How much bleach is given at once, in characters: far below where its time grows with the square.
_CHUNK = 4000

#: What stands for each special character while bleach goes over a reply: characters of a private
#: use area that no font knows. Each special one would take it a hundred times as long.
_STANDING_IN = {"&": "\U0010ff00", "<": "\U0010ff01", ">": "\U0010ff02"}
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

#: Control characters, which no font shows and bleach drops or stops at, become what it makes of
#: most of them. They are one byte in UTF-8, and part of no other character.
_CONTROLS = bytes.maketrans(
    bytes((*range(0x09), *range(0x0B, 0x20), 0x7F)), b"?" * (0x09 + 0x20 - 0x0B + 1)
)
_REPLACED = "\ufffd"

#: What is cleaned for nobody: most replies are Burmese.
_FILLER = "သင့်စာကို ဖတ်ပြီးပါပြီ။ "


def replies(texts: Sequence[str], amount: int) -> list[Markup]:
    """Return each text as HTML that shows it and does nothing.

    bleach goes over ``amount`` characters in all, or over as many as there are, if those are more.
    """
    everything = "".join(texts)
    filler = _FILLER * (max(0, amount - len(everything)) // len(_FILLER) + 1)
    given = _before(everything + filler[: max(0, amount - len(everything))])
    cleaner = Cleaner(tags=frozenset())
    cleaned = "".join(cleaner.clean(given[at : at + _CHUNK]) for at in range(0, len(given), _CHUNK))
    if len(cleaned) != len(given):
        raise AssertionError("bleach has changed the length of what it cleans")
    borders = [*accumulate((len(text) for text in texts), initial=0), len(cleaned)]
    # The last is the filler: escaped as well, and dropped.
    escaped = [_after(cleaned[begin:end]) for begin, end in pairwise(borders)]
    return [Markup(text) for text in escaped[:-1]]  # noqa: S704  # cleaned


def _before(text: str) -> str:
    """Put the stand-ins in the place of the special characters; the length stays."""
    text = text.replace("\r", "\n").encode("utf-8").translate(_CONTROLS).decode("utf-8")
    for special, stand_in in _STANDING_IN.items():
        text = text.replace(stand_in, _REPLACED).replace(special, stand_in)
    return text


def _after(text: str) -> str:
    """Put the escapes of the special characters in the place of their stand-ins."""
    for special, escape_of in _ESCAPES.items():
        text = text.replace(_STANDING_IN[special], escape_of)
    return text
