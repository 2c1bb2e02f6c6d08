"""Pages that give words back, within bounded memory.

Escaped, a word takes up to five times as many characters, and one character from far out makes
every other of its text four bytes wide. So such a page is made in pieces, each encoded at once, and
only few of the large ones are made at a time.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from flask import current_app

#: From how many bytes on a form waits for a turn to be answered.
_LARGE = 1024 * 1024
#: How many such answers one worker makes at a time.
_AT_ONCE = 2
_TURNS = threading.BoundedSemaphore(_AT_ONCE)

#: How many characters of a text become HTML at once.
_PIECE = 64 * 1024


def turn(size: int) -> contextlib.AbstractContextManager[object]:
    """Return what waits for a turn to give ``size`` bytes back, where that many need one."""
    return _TURNS if size > _LARGE else contextlib.nullcontext()


def pieces(text: str | None) -> Iterator[str]:
    """Yield ``text`` in pieces, for a template that writes them one after the other."""
    text = text or ""
    for at in range(0, len(text), _PIECE):
        yield text[at : at + _PIECE]


def page(template: str, *, step: int = 1, **context: object) -> bytes:
    """Return a page as UTF-8, with spaces behind it up to a multiple of ``step`` bytes."""
    current_app.update_template_context(context)
    written = current_app.jinja_env.get_template(template).generate(context)
    encoded = [piece.encode("utf-8") for piece in written]
    encoded.append(b" " * (-sum(map(len, encoded)) % step))
    return b"".join(encoded)
