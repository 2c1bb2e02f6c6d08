"""The two hashes of a sealed file, made while it passes by: of the whole, and of its payload.

A vault seals the header anew when keys change and keeps the payload byte for byte: the second hash
stays true of a submission for as long as it lives.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

from intake.age.header import MAX_HEADER_SIZE, parse_header
from intake.background import Background, Block

#: Bytes of a file's first block: a header always fits.
FIRST_BLOCK = MAX_HEADER_SIZE
#: A file larger than this has its payload hashed by a thread of its own.
_INLINE_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True)
class SealedHashes:
    """SHA-256 of a sealed file, and of what follows its age header, in hex."""

    sha256: str
    payload_sha256: str


class SealedDigest:
    """Hashes a sealed file of ``size`` bytes as its blocks pass by."""

    def __init__(self, size: int) -> None:
        """Begin, with a thread beside if the file is large."""
        self._whole, self._payload = hashlib.sha256(), hashlib.sha256()
        self._background = Background(self._payload.update) if size > _INLINE_LIMIT else None
        self._began = False

    def update(self, block: bytes) -> None:
        """Take the next block, which must not change afterwards; the first holds the header.

        Raises:
            HeaderBroken: it holds none.
        """
        payload: Block = block
        if not self._began:
            payload = memoryview(block)[header_size(block) :]
            self._began = True
        if self._background is None:
            self._payload.update(payload)
        else:
            self._background.put(payload)
        self._whole.update(block)

    def finish(self) -> SealedHashes:
        """Return the hashes; nothing may follow."""
        if self._background is not None:
            self._background.finish()
        return SealedHashes(self._whole.hexdigest(), self._payload.hexdigest())

    def abandon(self) -> None:
        """End the thread, if one was started. Never raises."""
        if self._background is not None:
            self._background.abandon()


def header_size(beginning: bytes) -> int:
    """Return how many bytes the age header takes at the beginning of a file.

    Raises:
        HeaderBroken: there is none.
    """
    stream = io.BytesIO(beginning)
    parse_header(stream)
    return stream.tell()
