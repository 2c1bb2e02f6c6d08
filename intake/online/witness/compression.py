"""Compressing pages, where the length of what is compressed can tell nothing.

Compressed are answers to GET in which nothing reflects what a visitor can choose: the first page,
an empty form, the keys, leaving, and errors without a form. Never a page that gives words back,
shows a receipt or a mailbox, or asks for a code.

An empty form holds secrets of its visit: the token, the code and its mark, all in hidden fields.
They are put in uncompressed, and what stands before and after them is compressed apart, so that
every form has the same length (RFC 1951, section 3.2.4; RFC 1952).
"""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Iterator

from flask import Request, Response

#: Views whose answers to GET reflect nothing.
SAME_FOR_ALL = frozenset({"front", "submit", "keys"})

#: Marks an answer as an error without a form, which any address may give.
PLAIN_ERROR = "plain_error"

_INPUT = re.compile(rb"<input\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_HIDDEN = re.compile(rb"\btype=[\"']?hidden\b", re.IGNORECASE)
_VALUE = re.compile(rb"\bvalue=\"([^\"]*)\"|\bvalue='([^']*)'", re.IGNORECASE)

_HEADER = bytes((0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 0xFF))
_LAST = b"\x03\x00"
_RAW = -15
_STORED = 0xFFFF
_LEVEL = 9


def compress(request: Request, response: Response, *, plain_error: bool) -> Response:
    """Compress ``response`` if nothing in it reflects what a visitor can choose."""
    reflects = request.endpoint not in SAME_FOR_ALL and not plain_error
    if reflects or request.method not in {"GET", "HEAD"} or response.is_streamed:
        return response
    if response.mimetype != "text/html":
        return response
    response.vary.add("Accept-Encoding")
    if request.accept_encodings.quality("gzip") > 0:
        response.set_data(gzipped(response.get_data()))
        response.headers["Content-Encoding"] = "gzip"
    return response


def gzipped(page: bytes) -> bytes:
    """Return ``page`` as a gzip file, whose length says nothing of its hidden fields' values."""
    pieces = [_HEADER]
    for piece, is_secret in _pieces(page):
        pieces.append(_stored(piece) if is_secret else _deflated(piece))
    check = zlib.crc32(page).to_bytes(4, "little")
    size = (len(page) & 0xFFFFFFFF).to_bytes(4, "little")
    return b"".join((*pieces, _LAST, check, size))


def _pieces(page: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield the parts of ``page`` in order, and whether each is a hidden field's value."""
    done = 0
    for field in _INPUT.finditer(page):
        if not _HIDDEN.search(field[0]):
            continue
        for value in _VALUE.finditer(page, *field.span()):
            begin, end = value.span(1 if value[1] is not None else 2)
            yield page[done:begin], False
            yield page[begin:end], True
            done = end
    yield page[done:], False


# What is public is the same for everybody: it is compressed once.
@functools.lru_cache(maxsize=128)
def _deflated(piece: bytes) -> bytes:
    """Return ``piece`` compressed, referring to nothing before it, and ending on a whole byte."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
    return compressor.compress(piece) + compressor.flush(zlib.Z_FULL_FLUSH)


def _stored(piece: bytes) -> bytes:
    """Return ``piece`` as stored blocks, which say it as it is."""
    blocks = []
    for at in range(0, len(piece), _STORED):
        block = piece[at : at + _STORED]
        length = len(block)
        blocks.append(
            b"\0" + length.to_bytes(2, "little") + (length ^ 0xFFFF).to_bytes(2, "little") + block
        )
    return b"".join(blocks)
