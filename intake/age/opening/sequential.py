"""Reading a payload from front to back, from a source that cannot seek.

The rule: no byte leaves before its chunk is verified. Truncation shows only at the end, so who
reads here must read on until nothing comes, and may rely on nothing before that.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from cryptography.exceptions import InvalidTag

from intake.age.opening.source import MAX_BATCH, at_least, fill
from intake.age.payload import CHUNK_SIZE, ENCRYPTED_CHUNK, TAG_SIZE, chunk_nonce
from intake.errors import PayloadBroken

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from typing_extensions import Buffer


class SequentialReader(io.RawIOBase):
    """The plaintext, once, in order. It does not close its source.

    ``read(n)`` gives ``n`` bytes unless the payload ends before; it raises rather than give the
    good part of what it was asked for.

    Args:
        source: stands after the payload's nonce; a binary stream.
        cipher: the payload's.

    Raises:
        PayloadBroken: by any read, from then on by all, once a chunk is not as it was sealed.
    """

    def __init__(self, source: BinaryIO, cipher: ChaCha20Poly1305) -> None:
        super().__init__()
        self._source = source
        self._cipher = cipher
        self._index = 0
        self._last_seen = False
        self._failed = False
        self._left = self._sealed = self._plain = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        target = memoryview(buffer).cast("B")
        data = self.read(len(target))
        target[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        return self.read(-1)

    def read(self, size: int | None = -1, /) -> bytes:
        if self._failed:
            raise PayloadBroken("The file is damaged; what was read of it is not all of it.")
        wanted = None if size is None or size < 0 else size
        parts: list[bytes] = []
        got = 0
        self._failed = True  # until this call has gone well
        while wanted is None or got < wanted:
            if not self._left:
                batch = MAX_BATCH if wanted is None else -(-(wanted - got) // CHUNK_SIZE)
                self._left = self._next_chunks(min(batch, MAX_BATCH))
            if not self._left:
                break
            part = bytes(self._left if wanted is None else self._left[: wanted - got])
            self._left = self._left[len(part) :]
            parts.append(part)
            got += len(part)
        self._failed = False
        return b"".join(parts)

    def _next_chunks(self, count: int) -> memoryview:
        """Return the plaintext of at most ``count`` chunks, or nothing after the last."""
        if self._last_seen:
            # Extension: after a last chunk of full size, whatever follows was appended.
            if self._source.read(1):
                raise PayloadBroken("Something was appended to the file after it was sealed.")
            return memoryview(b"")
        self._sealed = at_least(self._sealed, count * ENCRYPTED_CHUNK)
        sealed = fill(self._source, self._sealed[: count * ENCRYPTED_CHUNK])
        if not sealed:
            # Truncation at a chunk's border: no chunk has said that it is the last.
            raise PayloadBroken("The file is incomplete: its end is missing.")
        # Into a buffer of our own, which nobody can see until every chunk in it has verified.
        opened = self._plain = at_least(self._plain, len(sealed))
        size = 0
        for at in range(0, len(sealed), ENCRYPTED_CHUNK):
            size += self._open(sealed[at : at + ENCRYPTED_CHUNK], opened[size:])
        return opened[:size]

    def _open(self, sealed: memoryview, place: memoryview) -> int:
        """Open the next chunk into ``place``, and return its length in bytes of plaintext."""
        size = len(sealed) - TAG_SIZE
        if self._last_seen:
            raise PayloadBroken("Something was appended to the file after it was sealed.")
        if size < 0 or (size == 0 and self._index):
            raise PayloadBroken("The file is incomplete: its end is cut off.")
        # A full chunk may be the last one or not; a short one is, or the file was cut.
        if size < CHUNK_SIZE or not self._decrypt(sealed, place[:size], last=False):
            self._last_seen = True
            if not self._decrypt(sealed, place[:size], last=True):
                raise PayloadBroken("The file is damaged or incomplete: a part does not open.")
        self._index += 1
        return size

    def _decrypt(self, sealed: memoryview, place: memoryview, *, last: bool) -> bool:
        try:
            nonce = chunk_nonce(self._index, last=last)
            self._cipher.decrypt_into(nonce, sealed, None, place)
        except InvalidTag:
            return False
        return True
