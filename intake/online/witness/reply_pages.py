"""Laying replies out on pages that are all of one length.

Nearly always one page holds all of them. Where it does not, the newest stand on the first, and a
reply goes on on the next page only where no page could hold it whole: that takes thousands of
characters that HTML escapes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from intake.online.mailbox import OpenedReply
from intake.online.store.rows import ID_SIZE
from intake.online.witness.lengths import REPLIES_ROOM, REPLY_FRAME
from intake.receipt.mailbox import SLOTS

#: How much of a reply is measured at a time where it has to be cut, in characters.
_PIECE = 128


@dataclass(frozen=True)
class Part:
    """What of a reply stands on one page: all of it, unless it ``goes_on`` or is ``continued``."""

    reply: OpenedReply
    text: str
    continued: bool = False
    goes_on: bool = False

    @property
    def room(self) -> int:
        """Bytes that this takes on its page, at most."""
        return escaped_size(self.text) + REPLY_FRAME


def lay_out(replies: Sequence[OpenedReply], room: int = REPLIES_ROOM) -> list[list[Part]]:
    """Return what stands on each page; there is always one, and each takes at most ``room`` bytes.

    ``room`` must hold a frame and a piece of text.
    """
    pages: list[list[Part]] = [[]]
    left = room
    for reply in replies:
        for part in _parts(reply, room - REPLY_FRAME):
            if part.room > left:
                pages.append([])
                left = room
            pages[-1].append(part)
            left -= part.room
    return pages


def unseen(parts: Sequence[Part]) -> list[Part]:
    """Return what makes ``parts`` up to as many as a mailbox has slots, for nobody to see."""
    nothing = OpenedReply(bytes(ID_SIZE), dt.date.min, "", whole=True)
    return [Part(nothing, "")] * (SLOTS - len(parts))


def _parts(reply: OpenedReply, most: int) -> Iterator[Part]:
    """Cut a reply into parts of at most ``most`` bytes each: one, nearly always."""
    rest, continued = reply.text, False
    while escaped_size(rest) > most:
        at = _fitting(rest, most)
        yield Part(reply, rest[:at], continued=continued, goes_on=True)
        rest, continued = rest[at:], True
    yield Part(reply, rest, continued=continued)


def _fitting(text: str, most: int) -> int:
    """Return how many characters of ``text``, in whole pieces, take at most ``most`` bytes."""
    at = size = 0
    while (size := size + escaped_size(text[at : at + _PIECE])) <= most:
        at += _PIECE
    return at


def escaped_size(text: str) -> int:
    """Return how many bytes ``text`` takes as UTF-8 with ``&``, ``<`` and ``>`` escaped."""
    escapes = 4 * text.count("&") + 3 * (text.count("<") + text.count(">"))
    return len(text.encode("utf-8")) + escapes
