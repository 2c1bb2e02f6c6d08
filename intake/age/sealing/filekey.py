"""How the X25519 and scrypt stanzas wrap a file key: ChaCha20-Poly1305 under a key used once.

(C2SP age.md, "The X25519 recipient type" and "The scrypt recipient type".)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

if TYPE_CHECKING:
    from intake.secret import Secret

ZERO_NONCE = bytes(12)
"""Safe because every wrapping key is fresh: from an ephemeral key, or a random salt."""


def encrypt_file_key(file_key: Secret, wrapping_key: bytes) -> bytes:
    """Return the 32-byte body of a stanza.

    Args:
        file_key: 16 bytes.
        wrapping_key: 32 bytes, used for nothing else.
    """
    return ChaCha20Poly1305(wrapping_key).encrypt(ZERO_NONCE, file_key.reveal(), None)
