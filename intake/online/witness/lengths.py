"""How long pages are, in bytes on the wire: what a watcher of the line is to learn of them.

A page is padded behind its end, and nothing is compressed: the length of what is compressed tells
of its content. The padding is spaces, and stands where no browser shows anything.
"""

from __future__ import annotations

from flask import Response, make_response

from intake.envelope.reply import TEXT_SIZE

KIB = 1024

#: What the replies on one page may take, as UTF-8 with HTML's escapes: the longest reply, as long
#: as few of its characters need an escape, and one thing more.
REPLIES_ROOM = TEXT_SIZE + 2 * KIB
#: What a reply takes beside its text: its day, its button, a sentence on what is missing of it.
REPLY_FRAME = 1 * KIB

#: Every page of an open mailbox, in every language and state: what the replies may take, the page
#: around them (at most 13 KiB, in Burmese), and a little for sentences to come.
MAILBOX_PAGE = 80 * KIB
#: Every page that asks for a code.
DOOR_PAGE = 8 * KIB
#: Pages that give words back are as long as the words: rounded up to this.
ERROR_STEP = 16 * KIB


def padded(page: str, step: int, status: int = 200) -> Response:
    """Answer with ``page``, padded to ``step`` bytes; to a multiple of it, if it is longer."""
    data = page.encode("utf-8")
    missing = -len(data) % step
    response = make_response(data + b" " * missing, status)
    response.headers["Content-Length"] = str(len(data) + missing)
    return response
