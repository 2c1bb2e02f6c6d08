"""From a hybrid identity's 32-byte seed to its two private keys.

Both halves need it: sealing computes a recipient from a seed, opening computes the identity. It
stands here so that neither has to import the other. (draft-connolly-cfrg-xwing-kem-06 section
5.2; C2SP age.md, "The mlkem768x25519 recipient type".)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHAKE256, Hash

from intake.errors import KeyMalformed

if TYPE_CHECKING:
    from intake.secret import Secret

SEED_SIZE = 32
"""Bytes of a hybrid identity."""

_MLKEM_SEED_SIZE = 64
_EXPANDED_SIZE = _MLKEM_SEED_SIZE + 32


def expand_seed(seed: Secret) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    """Return the two private keys behind ``seed``.

    Args:
        seed: 32 bytes.

    Raises:
        KeyMalformed: the seed has another length.
    """
    if len(seed) != SEED_SIZE:
        raise KeyMalformed(f"A hybrid identity is {SEED_SIZE} bytes long.")
    shake = Hash(SHAKE256(_EXPANDED_SIZE))
    shake.update(seed.reveal())
    expanded = shake.finalize()
    return (
        MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_SIZE]),
        X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_SIZE:]),
    )
