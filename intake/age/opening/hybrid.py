"""Opening as a post-quantum hybrid identity, ``AGE-SECRET-KEY-PQ-1…``.

(C2SP age.md, "The mlkem768x25519 recipient type"; RFC 9180.) HPKE does not know what the age
format adds: exact lengths, and the refusal of X25519 shares of low order. Both are checked here.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from intake.age import base64, bech32
from intake.age.header import WRAPPED_KEY_SIZE
from intake.age.sealing.hybrid import (
    ENCAPSULATED_SIZE,
    INFO,
    STANZA_TYPE,
    SUITE,
    HybridRecipient,
)
from intake.age.seed import SEED_SIZE, expand_seed
from intake.errors import HeaderBroken, KeyMalformed
from intake.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intake.age.header import Stanza

_PREFIX = "AGE-SECRET-KEY-PQ-"
_SHARE_SIZE = 32


@dataclass(frozen=True)
class HybridIdentity:
    """A post-quantum identity.

    Attributes:
        seed: 32 bytes, from which both private keys follow.

    Raises:
        KeyMalformed: the seed has another length.
    """

    seed: Secret

    def __post_init__(self) -> None:
        if len(self.seed) != SEED_SIZE:
            raise KeyMalformed(f"A hybrid identity is {SEED_SIZE} bytes long.")

    @classmethod
    def generate(cls) -> HybridIdentity:
        """Make a new one."""
        return cls(Secret(os.urandom(SEED_SIZE)))

    @classmethod
    def parse(cls, text: str) -> HybridIdentity:
        """Read ``AGE-SECRET-KEY-PQ-1…``, in capitals.

        Raises:
            KeyMalformed: it is not one.
        """
        prefix, seed = bech32.decode(text)
        if prefix != _PREFIX:
            raise KeyMalformed("A hybrid identity begins with AGE-SECRET-KEY-PQ-, in capitals.")
        return cls(Secret(seed))

    def encode(self) -> str:
        """Return the identity as text. It is the secret itself."""
        return bech32.encode(_PREFIX.lower(), self.seed.reveal()).upper()

    def recipient(self) -> HybridRecipient:
        """Return whom to seal to."""
        return self._recipient

    @functools.cached_property
    def _recipient(self) -> HybridRecipient:
        return HybridRecipient.from_seed(self.seed)

    @functools.cached_property
    def _private(self) -> tuple[X25519PrivateKey, MLKEM768X25519PrivateKey]:
        """The private keys. Kept: who opens thousands of files would expand the seed for each."""
        mlkem, x25519 = expand_seed(self.seed)
        return x25519, MLKEM768X25519PrivateKey(mlkem, x25519)

    def unwrap(self, stanzas: Sequence[Stanza]) -> Secret | None:
        x25519, private = self._private
        for stanza in stanzas:
            if stanza.type != STANZA_TYPE:
                continue
            encapsulated = _encapsulated(stanza)
            _check_share(x25519, encapsulated[-_SHARE_SIZE:])
            try:
                return Secret(SUITE.decrypt(encapsulated + stanza.body, private, INFO))
            except InvalidTag:
                continue
        return None


def _encapsulated(stanza: Stanza) -> bytes:
    """Return the stanza's only argument, once its form and all lengths are right."""
    if len(stanza.args) != 1:
        raise HeaderBroken("A hybrid entry in the file's header has the wrong form.")
    encapsulated = base64.decode(stanza.args[0])
    # Partitioning oracle, as for the other types: what is wrapped is 16 bytes and nothing else.
    if len(encapsulated) != ENCAPSULATED_SIZE or len(stanza.body) != WRAPPED_KEY_SIZE:
        raise HeaderBroken("A hybrid entry in the file's header has the wrong length.")
    return encapsulated


def _check_share(private: X25519PrivateKey, share: bytes) -> None:
    """Refuse a share of low order: it would leave ML-KEM alone to keep the secret."""
    try:
        private.exchange(X25519PublicKey.from_public_bytes(share))
    except ValueError:
        raise HeaderBroken("A hybrid entry in the file's header is worthless.") from None
