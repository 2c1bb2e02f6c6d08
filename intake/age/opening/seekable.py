"""Reading a payload anywhere, from a source that can seek.

The rule: no byte leaves before its chunk is verified, and none at all before the length is one
that sealing gives and the last chunk has shown that it is the last. So truncation and extension
are known before the first byte.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO

from cryptography.exceptions import InvalidTag

from intake.age.opening.source import MAX_BATCH, at_least, fill
from intake.age.payload import (
    CHUNK_SIZE,
    ENCRYPTED_CHUNK,
    NONCE_SIZE,
    TAG_SIZE,
    chunk_nonce,
    plaintext_length,
)
from intake.errors import PayloadBroken

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from typing_extensions import Buffer


class SeekableReader(io.RawIOBase):
    """The plaintext, as a seekable file. It does not close its source, which it alone may move.

    ``read(n)`` gives ``n`` bytes unless the payload ends before; it raises rather than give the
    good part of what it was asked for. Memory: the last ``MAX_BATCH`` chunks opened are kept.

    Args:
        source: stands after the payload's nonce.
        cipher: the payload's.

    Attributes:
        size: bytes of plaintext.

    Raises:
        PayloadBroken: at once if the payload was cut or extended; by a read if a chunk of it is
            not as it was sealed.
    """

    def __init__(self, source: BinaryIO, cipher: ChaCha20Poly1305) -> None:
        super().__init__()
        self._source = source
        self._cipher = cipher
        self._start = source.tell()
        self.size = plaintext_length(source.seek(0, os.SEEK_END) - self._start + NONCE_SIZE)
        self._last = max(0, self.size - 1) // CHUNK_SIZE
        self._position = 0
        self._sealed = self._plain = memoryview(b"")
        self._opened = self._last * CHUNK_SIZE
        self._cache = self._open_chunks(self._last, 1)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}.get(whence)
        if base is None or base + offset < 0:
            raise ValueError("A file has no such place.")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Buffer, /) -> int:
        target = memoryview(buffer).cast("B")
        data = self.read(len(target))
        target[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        return self.read(-1)

    def read(self, size: int | None = -1, /) -> bytes:
        end = self.size
        if size is not None and size >= 0:
            end = min(end, self._position + size)
        parts: list[bytes] = []
        at = self._position
        while at < end:
            if not self._opened <= at < self._opened + len(self._cache):
                first, last = at // CHUNK_SIZE, (end - 1) // CHUNK_SIZE
                self._cache = self._open_chunks(first, min(last - first + 1, MAX_BATCH))
                self._opened = first * CHUNK_SIZE
            part = bytes(self._cache[at - self._opened : end - self._opened])
            parts.append(part)
            at += len(part)
        self._position = at
        return b"".join(parts)

    def _open_chunks(self, first: int, count: int) -> memoryview:
        """Return the plaintext of ``count`` chunks from ``first`` on, every one verified."""
        self._source.seek(self._start + first * ENCRYPTED_CHUNK)
        # Into a buffer of our own, which nobody can see until every chunk in it has verified.
        self._cache = memoryview(b"")
        self._sealed = at_least(self._sealed, count * ENCRYPTED_CHUNK)
        self._plain = at_least(self._plain, count * CHUNK_SIZE)
        sealed = fill(self._source, self._sealed[: count * ENCRYPTED_CHUNK])
        opened = self._plain[: max(0, len(sealed) - count * TAG_SIZE)]
        try:
            for at in range(count):
                self._cipher.decrypt_into(
                    chunk_nonce(first + at, last=first + at == self._last),
                    sealed[at * ENCRYPTED_CHUNK : (at + 1) * ENCRYPTED_CHUNK],
                    None,
                    opened[at * CHUNK_SIZE : (at + 1) * CHUNK_SIZE],
                )
        except (InvalidTag, ValueError):  # ValueError: the source has become shorter meanwhile
            raise PayloadBroken(
                "The file is damaged or incomplete: a part of it does not open."
            ) from None
        return opened
