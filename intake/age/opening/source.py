"""Reading sealed bytes from whatever the caller has: raw files, buffered ones, pipes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAX_BATCH = 16
"""Chunks read from a source at once: 1 MiB saves calls and costs little memory."""


def read_exactly(source: BinaryIO, size: int) -> bytes:
    """Return ``size`` bytes, or fewer at the end: raw files may give less than they are asked."""
    data = source.read(size)
    if len(data) == size:
        return data
    parts = [data]
    while data and (size := size - len(data)):
        data = source.read(size)
        parts.append(data)
    return b"".join(parts)


def fill(source: BinaryIO, target: memoryview) -> memoryview:
    """Read into ``target``, and return the part of it that was filled: all, but at the end."""
    filled = 0
    read_into = getattr(source, "readinto", None)
    while filled < len(target):
        if read_into is None:
            data = source.read(len(target) - filled)
            got = len(data)
            target[filled : filled + got] = data
        else:
            got = read_into(target[filled:])
        if not got:
            break
        filled += got
    return target[:filled]


def at_least(buffer: memoryview, size: int) -> memoryview:
    """Return ``buffer`` if it has ``size`` bytes, else a new one: fresh pages cost real time."""
    return buffer if len(buffer) >= size else memoryview(bytearray(size))


class FilledReader(io.RawIOBase):
    """A source as a raw file that fills every buffer up to its end; it does not close it."""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        return len(fill(self._source, memoryview(buffer).cast("B")))
