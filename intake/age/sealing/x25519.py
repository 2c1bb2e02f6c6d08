"""Sealing to an X25519 recipient, ``age1…`` (C2SP age.md, "The X25519 recipient type")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from intake.age import base64, bech32
from intake.age.header import Stanza
from intake.age.sealing.filekey import encrypt_file_key
from intake.age.sealing.recipient import RecipientKind
from intake.errors import KeyMalformed

if TYPE_CHECKING:
    from intake.secret import Secret

STANZA_TYPE = "X25519"
KEY_SIZE = 32

_PREFIX = "age"
_LABEL = b"age-encryption.org/v1/X25519"


@dataclass(frozen=True)
class X25519Recipient:
    """A classical recipient.

    Attributes:
        public_key: 32 bytes.

    Raises:
        KeyMalformed: the key has another length.
    """

    public_key: bytes

    def __post_init__(self) -> None:
        if len(self.public_key) != KEY_SIZE:
            raise KeyMalformed(f"An X25519 recipient is {KEY_SIZE} bytes long.")

    @classmethod
    def parse(cls, text: str) -> X25519Recipient:
        """Read ``age1…``, in lower case.

        Raises:
            KeyMalformed: it is not one.
        """
        prefix, public_key = bech32.decode(text)
        if prefix != _PREFIX:
            raise KeyMalformed("A recipient's key begins with age1 or age1pq1, in small letters.")
        return cls(public_key)

    @property
    def kind(self) -> RecipientKind:
        return RecipientKind.CLASSICAL

    def wrap(self, file_key: Secret) -> tuple[Stanza, ...]:
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        try:
            secret = ephemeral.exchange(X25519PublicKey.from_public_bytes(self.public_key))
        except ValueError:
            # A key of low order: the secret would be zeros, and anybody could open the file.
            raise KeyMalformed("This recipient's key is worthless: anybody could open.") from None
        key = x25519_wrapping_key(secret, share, self.public_key)
        body = encrypt_file_key(file_key, key)
        return (Stanza(STANZA_TYPE, (base64.encode(share),), body),)

    def __str__(self) -> str:
        return bech32.encode(_PREFIX, self.public_key)


def x25519_wrapping_key(secret: bytes, share: bytes, public_key: bytes) -> bytes:
    """Return the 32-byte key that wraps a file key.

    Args:
        secret: 32 bytes that both sides agreed on, never all zeros.
        share: the 32-byte ephemeral public key, bound in so that no other share gives this key.
        public_key: the recipient's 32 bytes, bound in likewise.
    """
    derive = HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=share + public_key, info=_LABEL)
    return derive.derive(secret)
