"""The payload of an age file: a nonce, then STREAM, 64 KiB chunks under ChaCha20-Poly1305.

Each chunk's nonce counts, so chunks cannot change places; the last one says that it is the last,
so a payload cannot end early or go on. (C2SP age.md, "Payload"; Hoang et al., CRYPTO 2015.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from intake.errors import PayloadBroken

if TYPE_CHECKING:
    from intake.secret import Secret

CHUNK_SIZE = 64 * 1024
"""Bytes of plaintext in every chunk but the last."""
TAG_SIZE = 16
"""Bytes that Poly1305 adds to a chunk."""
ENCRYPTED_CHUNK = CHUNK_SIZE + TAG_SIZE
NONCE_SIZE = 16
"""Bytes of the nonce at the payload's start, from which with the file key its key is derived."""

_KEY_SIZE = 32
_COUNTER_AND_FLAG = 12


def payload_cipher(file_key: Secret, nonce: bytes) -> ChaCha20Poly1305:
    """Return the cipher of one payload.

    Args:
        file_key: 16 bytes.
        nonce: the payload's first 16 bytes; fresh for every payload.
    """
    key = HKDF(algorithm=SHA256(), length=_KEY_SIZE, salt=nonce, info=b"payload")
    return ChaCha20Poly1305(key.derive(file_key.reveal()))


def chunk_nonce(index: int, *, last: bool) -> bytes:
    """Return the 12 bytes under which chunk ``index`` (from 0) is sealed.

    Eleven bytes count, big-endian, and stop reordering; the twelfth is 1 in the last chunk alone
    and stops truncation and extension.
    """
    return (index << 8 | last).to_bytes(_COUNTER_AND_FLAG, "big")


def sealed_length(plaintext: int) -> int:
    """Return how many bytes a payload of ``plaintext`` bytes takes, its nonce included."""
    chunks = max(1, -(-plaintext // CHUNK_SIZE))
    return NONCE_SIZE + plaintext + chunks * TAG_SIZE


def plaintext_length(sealed: int) -> int:
    """Return how many bytes are inside a payload of ``sealed`` bytes, its nonce included.

    Raises:
        PayloadBroken: no payload has this length: it was cut or something was appended.
    """
    whole, rest = divmod(sealed - NONCE_SIZE, ENCRYPTED_CHUNK)
    # An empty last chunk is for an empty payload only; elsewhere it would give one plaintext two
    # sealings.
    least = TAG_SIZE + 1 if whole else TAG_SIZE
    if whole < 0 or (rest < least and (rest or not whole)):
        raise PayloadBroken("The file is incomplete: no sealed file has this length.")
    return whole * CHUNK_SIZE + max(0, rest - TAG_SIZE)
