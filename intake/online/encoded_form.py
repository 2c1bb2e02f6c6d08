"""A form that brings no files, read as it arrives.

Escaped, words take up to three times as much as they are: what is escaped is never held.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from intake.online.receiving import FIELDS_LIMIT, ArrivingFile, Body
from intake.online.refusal import Reason, Refusal

#: How many bytes one byte takes at most in a form that is no multipart one.
ESCAPED = 3
#: How much of such a form is unescaped at once, in bytes.
_PIECE = 64 * 1024
#: All escapes that stand side by side at once: a Burmese letter is three of them.
_ESCAPES = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")
#: What stands between these is no field: millions of them are passed over at once.
_NOTHING = re.compile(rb"&&+")


class EncodedForm:
    """A form without files, as browsers send it where nothing else is asked for (``a=1&b=2``)."""

    def __init__(self, body: Body, *, fields_size: int) -> None:
        """Hold at most ``fields_size`` bytes of fields, unescaped, from ``body``."""
        self.fields: list[tuple[str, bytes]] = []
        self._body = body
        self._room = fields_size
        self._name = bytearray()
        self._value: bytearray | None = None  # until the field's "=" has come

    def read_fields(self) -> None:
        """Read all of it, and hold of it only what is unescaped.

        Raises:
            Refusal: it was cut short, or holds too much. What had arrived is in ``fields``.
        """
        rest = b""
        try:
            for block in self._body.blocks():
                rest = self._read(rest + block)
            self._read_piece(rest)
        finally:
            self._end_field()

    def files(self, _field: str) -> Iterator[ArrivingFile]:
        """Yield none: such a form carries only the names of files."""
        return iter(())

    def _read(self, data: bytes) -> bytes:
        """Read ``data`` but for an escape that is not all there yet, which is returned."""
        at = 0
        while at < len(data):
            end = min(at + _PIECE, len(data))
            cut = data.rfind(b"%", end - 2, end)  # an escape that would be cut in two
            end = cut if cut >= 0 else end
            if end == at:  # one at the very end
                break
            self._read_piece(data[at:end])
            at = end
        return data[at:]

    def _read_piece(self, piece: bytes) -> None:
        first, *others = _NOTHING.sub(b"&", piece).split(b"&")
        self._add(first)
        for pair in others:
            self._end_field()
            self._add(pair)

    def _add(self, part: bytes) -> None:
        """Add to the field what has come of it: first its name, then its value."""
        if self._value is None:
            name, equals, part = part.partition(b"=")
            self._hold(self._name, name)
            if not equals:
                return
            self._value = bytearray()
        self._hold(self._value, part)

    def _hold(self, found: bytearray, escaped: bytes) -> None:
        text = _unescaped(escaped)
        found += text[: self._room]
        self._room -= len(text)
        if self._room < 0:
            raise Refusal(Reason.FORM_TOO_LONG)

    def _end_field(self) -> None:
        if self._name or self._value is not None:
            self.fields.append((self._name.decode("utf-8", "replace"), bytes(self._value or b"")))
        self._name, self._value = bytearray(), None
        if len(self.fields) > FIELDS_LIMIT:
            raise Refusal(Reason.MALFORMED)


def _unescaped(text: bytes) -> bytes:
    """Return what a piece of a form says (WHATWG URL, application/x-www-form-urlencoded)."""
    return _ESCAPES.sub(_bytes_of, text.replace(b"+", b" "))


def _bytes_of(escapes: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escapes[0].replace(b"%", b"").decode("ascii"))
