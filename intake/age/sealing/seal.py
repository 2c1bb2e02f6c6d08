"""Sealing: plaintext goes in, an age file comes out as it arrives, in constant memory.

The rule: only :meth:`SealingWriter.close` writes the last chunk, and nothing calls it by itself.
A file whose making failed has no last chunk, so no reader takes it for a whole one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from intake.age.header import FILE_KEY_SIZE, serialise
from intake.age.payload import (
    CHUNK_SIZE,
    ENCRYPTED_CHUNK,
    NONCE_SIZE,
    TAG_SIZE,
    chunk_nonce,
    payload_cipher,
)
from intake.age.sealing.recipient import Recipient, wrap_file_key
from intake.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Bytes = bytes | bytearray | memoryview


class SealingWriter:
    """An age file in the making, written to as to an unseekable binary file.

    The header and the payload's nonce are handed to the sink at once. A writer whose sink raised
    is dead: it takes nothing more and cannot be closed into a file. One thread at a time.

    Args:
        sink: takes each piece of ciphertext whole, or raises. A large ``write`` makes one call.
        recipients: at least one; all hybrid, all classical, or one passphrase.

    Attributes:
        header_length: bytes of the header; the payload (and its nonce) begins there.
        bytes_written: ciphertext handed to the sink so far, header included.

    Raises:
        KeyMalformed: these recipients may not stand together.
    """

    def __init__(self, sink: Callable[[Bytes], object], recipients: Sequence[Recipient]) -> None:
        file_key = Secret(os.urandom(FILE_KEY_SIZE))
        nonce = os.urandom(NONCE_SIZE)
        header = serialise(wrap_file_key(file_key, recipients), file_key)
        self.header_length = len(header)
        self.bytes_written = 0
        self._sink = sink
        self._cipher = payload_cipher(file_key, nonce)
        self._index = 0
        self._taken = 0
        self._closed = False
        self._dead = False
        # The chunk that may yet turn out to be the last; full only until one more byte comes.
        self._held = bytearray()
        self._hand_over(header + nonce)

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written: the file is whole, or its sink failed."""
        return self._closed or self._dead

    def write(self, data: Bytes) -> int:
        """Seal ``data`` and return its length in bytes.

        Raises:
            ValueError: the writer was closed, or its sink raised before.
        """
        self._check_open()
        view = memoryview(data).cast("B")
        size = len(view)
        missing = CHUNK_SIZE - len(self._held)
        if size <= missing:
            self._held += view
            self._taken += size
            return size
        self._held += view[:missing]
        view = view[missing:]
        # At least one byte stays: what is sealed here is certainly not the last.
        more = (len(view) - 1) // CHUNK_SIZE
        sealed = bytearray((1 + more) * ENCRYPTED_CHUNK)
        target = memoryview(sealed)
        self._seal(self._held, target[:ENCRYPTED_CHUNK], last=False)
        for at in range(more):
            chunk = view[at * CHUNK_SIZE : (at + 1) * CHUNK_SIZE]
            place = target[(at + 1) * ENCRYPTED_CHUNK : (at + 2) * ENCRYPTED_CHUNK]
            self._seal(chunk, place, last=False)
        self._held = bytearray(view[more * CHUNK_SIZE :])
        self._taken += size
        self._hand_over(sealed)
        return size

    def tell(self) -> int:
        """Return how many bytes of plaintext were taken."""
        return self._taken

    def flush(self) -> None:
        """Do nothing: a chunk can be sealed only when it is known whether it is the last."""

    def close(self) -> None:
        """Seal the last chunk, which makes the file whole. Closing twice does nothing more.

        Raises:
            ValueError: the sink raised before: this file can never be whole.
        """
        if self._closed:
            return
        self._check_open()
        sealed = bytearray(len(self._held) + TAG_SIZE)
        self._seal(self._held, memoryview(sealed), last=True)
        self._hand_over(sealed)
        self._held = bytearray()
        self._closed = True

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("This sealed file was closed, or its sink failed.")

    def _seal(self, chunk: Bytes, place: memoryview, *, last: bool) -> None:
        self._cipher.encrypt_into(chunk_nonce(self._index, last=last), chunk, None, place)
        self._index += 1

    def _hand_over(self, sealed: bytes | bytearray) -> None:
        # Dead until the sink has returned: a file with a gap must never be finished.
        self._dead = True
        self._sink(sealed)
        self.bytes_written += len(sealed)
        self._dead = False


def seal_bytes(plaintext: Bytes, recipients: Sequence[Recipient]) -> bytes:
    """Return ``plaintext`` as a whole age file.

    Raises:
        KeyMalformed: these recipients may not stand together.
    """
    sealed: list[Bytes] = []
    writer = SealingWriter(sealed.append, recipients)
    writer.write(plaintext)
    writer.close()
    return b"".join(sealed)


def header_length(recipients: Sequence[Recipient]) -> int:
    """Return how many bytes a header for ``recipients`` takes, by wrapping a key to throw away.

    Raises:
        KeyMalformed: these recipients may not stand together.
    """
    file_key = Secret(os.urandom(FILE_KEY_SIZE))
    return len(serialise(wrap_file_key(file_key, recipients), file_key))
