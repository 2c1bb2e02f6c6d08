"""ASCII armor: an age file as lines of base64 between a first and a last line, for e-mail.

A strict subset of PEM (C2SP age.md, "ASCII armor"; RFC 7468, section 3): 64 columns, canonical
padding, no headers; line ends may be LF or CRLF, blank lines may stand around it. One file has
one armored text, up to line ends, so nothing can be hidden in the difference.
"""

from __future__ import annotations

import binascii
import io
from typing import TYPE_CHECKING, BinaryIO

from intake.errors import ArmorBroken

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

BEGIN = b"-----BEGIN AGE ENCRYPTED FILE-----"
END = b"-----END AGE ENCRYPTED FILE-----"
MAX_WHITESPACE = 1024
"""Bytes of blank lines that may stand before or after: a mail's, not a stream without an end."""

_COLUMNS = 64
_LINE_BYTES = 48
_LONGEST_LINE = _COLUMNS + len(b"\r\n")


class ArmorReader(io.RawIOBase):
    """The binary age file inside an armored one, read as a stream.

    It does not close ``source``.

    Args:
        source: a binary stream with ``readline``, best a buffered one.

    Raises:
        ArmorBroken: by any read, once the text breaks a rule.
    """

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self._begun = False
        self._ended = False
        self._short = False
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        target = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(target):
            if not self._left:
                self._left = self._next_line()
            if not self._left:
                break
            piece = self._left[: len(target) - filled]
            target[filled : filled + len(piece)] = piece
            self._left = self._left[len(piece) :]
            filled += len(piece)
        return filled

    def _next_line(self) -> bytes:
        """Return the bytes in the next line, or none at all at the end."""
        if self._ended:
            return b""
        if not self._begun:
            self._skip_to_begin()
        line = self._line()
        if line == END:
            self._check_rest()
            return b""
        if self._short or not line or len(line) > _COLUMNS:
            raise ArmorBroken("A line of the armored file has the wrong length; copy it again.")
        self._short = len(line) < _COLUMNS or line.endswith(b"=")
        try:
            data = binascii.a2b_base64(line, strict_mode=True)
        except ValueError:
            raise ArmorBroken("A line of the armored file is damaged; copy it again.") from None
        # Malleability: unused bits in the last character must be zero.
        if binascii.b2a_base64(data, newline=False) != line:
            raise ArmorBroken("A line of the armored file is not canonical; copy it again.")
        return data

    def _line(self) -> bytes:
        line = self._source.readline(_LONGEST_LINE + 1)
        ended = line.removesuffix(b"\n")
        return ended.removesuffix(b"\r") if ended != line else line

    def _skip_to_begin(self) -> None:
        skipped = 0
        while (line := self._source.readline(MAX_WHITESPACE)) and not line.strip():
            skipped += len(line)
            if skipped > MAX_WHITESPACE:
                break
        if line not in (BEGIN + b"\n", BEGIN + b"\r\n"):
            raise ArmorBroken("The armored file has no proper first line; copy it again, whole.")
        self._begun = True

    def _check_rest(self) -> None:
        rest = self._source.read(MAX_WHITESPACE + 1)
        if rest.strip() or len(rest) > MAX_WHITESPACE:
            raise ArmorBroken("Something stands after the armored file's last line; remove it.")
        self._ended = True


class ArmorWriter:
    """Puts what is written to it into armor, as a sink for sealing.

    Args:
        sink: takes each piece of text, as ASCII bytes, or raises.
    """

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        self._sink = sink
        self._held = b""
        sink(BEGIN + b"\n")

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Write whole lines, hold what is left, and return the length of ``data``."""
        held = self._held + data
        whole = len(held) - len(held) % _LINE_BYTES
        self._held = held[whole:]
        if whole:
            self._sink(_lines(held[:whole]))
        return len(data)

    def close(self) -> None:
        """Write the rest and the last line."""
        self._sink(_lines(self._held) + END + b"\n")


def armor(data: bytes) -> bytes:
    """Return a binary age file as an armored one."""
    return BEGIN + b"\n" + _lines(data) + END + b"\n"


def dearmor(text: bytes) -> bytes:
    """Return the binary age file inside an armored one.

    Raises:
        ArmorBroken: the text breaks a rule.
    """
    return ArmorReader(io.BytesIO(text)).readall()


def _lines(data: bytes) -> bytes:
    starts = range(0, len(data), _LINE_BYTES)
    return b"".join(binascii.b2a_base64(data[at : at + _LINE_BYTES]) for at in starts)
