"""Opening as an X25519 identity, ``AGE-SECRET-KEY-1…`` (C2SP age.md, "X25519")."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from intake.age import base64, bech32
from intake.age.opening.filekey import decrypt_file_key
from intake.age.sealing.x25519 import (
    KEY_SIZE,
    STANZA_TYPE,
    X25519Recipient,
    x25519_wrapping_key,
)
from intake.errors import HeaderBroken, KeyMalformed
from intake.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intake.age.header import Stanza

_PREFIX = "AGE-SECRET-KEY-"


@dataclass(frozen=True)
class X25519Identity:
    """A classical identity.

    Attributes:
        seed: 32 bytes, the X25519 private key (RFC 7748, section 5).

    Raises:
        KeyMalformed: the key has another length.
    """

    seed: Secret

    def __post_init__(self) -> None:
        if len(self.seed) != KEY_SIZE:
            raise KeyMalformed(f"An X25519 identity is {KEY_SIZE} bytes long.")

    @classmethod
    def generate(cls) -> X25519Identity:
        """Make a new one."""
        return cls(Secret(os.urandom(KEY_SIZE)))

    @classmethod
    def parse(cls, text: str) -> X25519Identity:
        """Read ``AGE-SECRET-KEY-1…``, in capitals.

        Raises:
            KeyMalformed: it is not one.
        """
        prefix, seed = bech32.decode(text)
        if prefix != _PREFIX:
            raise KeyMalformed("An identity begins with AGE-SECRET-KEY-, in capitals.")
        return cls(Secret(seed))

    def encode(self) -> str:
        """Return the identity as text. It is the secret itself."""
        return bech32.encode(_PREFIX.lower(), self.seed.reveal()).upper()

    def recipient(self) -> X25519Recipient:
        """Return whom to seal to."""
        return X25519Recipient(self._private_key().public_key().public_bytes_raw())

    def unwrap(self, stanzas: Sequence[Stanza]) -> Secret | None:
        for stanza in stanzas:
            if stanza.type != STANZA_TYPE:
                continue
            file_key = self._unwrap_one(stanza)
            if file_key is not None:
                return file_key
        return None

    def _unwrap_one(self, stanza: Stanza) -> Secret | None:
        if len(stanza.args) != 1:
            raise HeaderBroken("An X25519 entry in the file's header has the wrong form.")
        share = base64.decode(stanza.args[0])
        if len(share) != KEY_SIZE:
            raise HeaderBroken("An X25519 entry in the file's header has the wrong length.")
        private = self._private_key()
        try:
            secret = private.exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError:
            # A share of low order gives zeros with every key: a file that opens for everybody
            # proves nothing about whom it was sealed to.
            raise HeaderBroken("An X25519 entry in the file's header is worthless.") from None
        public_key = private.public_key().public_bytes_raw()
        return decrypt_file_key(stanza.body, x25519_wrapping_key(secret, share, public_key))

    def _private_key(self) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(self.seed.reveal())
