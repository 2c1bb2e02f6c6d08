"""How the X25519 and scrypt stanzas give up a file key; see `intake.age.sealing.filekey`."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from intake.age.header import WRAPPED_KEY_SIZE
from intake.age.sealing.filekey import ZERO_NONCE
from intake.errors import HeaderBroken
from intake.secret import Secret


def decrypt_file_key(body: bytes, wrapping_key: bytes) -> Secret | None:
    """Return the file key in a stanza's body, or None when this key does not open it.

    Args:
        body: the stanza's body.
        wrapping_key: 32 bytes.

    Raises:
        HeaderBroken: the body has another length than 32 bytes.
    """
    # Partitioning oracle: a longer body could be made to open under several keys at once, and
    # whether it opens would then tell which key its reader holds.
    if len(body) != WRAPPED_KEY_SIZE:
        raise HeaderBroken("A recipient's entry in the file's header has the wrong length.")
    try:
        return Secret(ChaCha20Poly1305(wrapping_key).decrypt(ZERO_NONCE, body, None))
    except InvalidTag:
        return None
