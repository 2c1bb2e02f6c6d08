"""Sealing to a post-quantum hybrid recipient, ``age1pq1…``: ML-KEM-768 with X25519 through HPKE.

(C2SP age.md, "The mlkem768x25519 recipient type"; RFC 9180; draft-ietf-hpke-pq.) Whoever records
a file today opens it later only by breaking both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PublicKey, Suite

from intake.age import base64, bech32
from intake.age.header import Stanza
from intake.age.sealing.recipient import RecipientKind
from intake.age.seed import expand_seed
from intake.errors import KeyMalformed

if TYPE_CHECKING:
    from intake.secret import Secret

STANZA_TYPE = "mlkem768x25519"
SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
INFO = b"age-encryption.org/mlkem768x25519"
ENCAPSULATED_SIZE = 1088 + 32
"""Bytes of a stanza's only argument: ML-KEM-768's ciphertext and an X25519 share."""

_PREFIX = "age1pq"
_MLKEM_SIZE = 1184
_KEY_SIZE = _MLKEM_SIZE + 32

_P = 2**255 - 19
#: The X25519 public keys with which every exchange gives zero: the points whose order divides
#: eight, modulo p (https://cr.yp.to/ecdh.html#validate). Sealing to one leaves ML-KEM alone.
_LOW_ORDER = frozenset(
    {
        0,
        1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
        _P - 1,
    }
)


@dataclass(frozen=True)
class HybridRecipient:
    """A post-quantum recipient.

    Attributes:
        public_key: 1,216 bytes: ML-KEM-768's encapsulation key, then X25519's public key.

    Raises:
        KeyMalformed: the key has another length, ML-KEM refuses it (FIPS 203, section 7.2), or
            its X25519 half has a low order.
    """

    public_key: bytes

    def __post_init__(self) -> None:
        if len(self.public_key) != _KEY_SIZE:
            raise KeyMalformed(f"A hybrid recipient is {_KEY_SIZE} bytes long.")
        try:
            MLKEM768PublicKey.from_public_bytes(self.public_key[:_MLKEM_SIZE])
        except ValueError:
            raise KeyMalformed("This is not the key of a hybrid recipient.") from None
        # The top bit is no part of the number (RFC 7748, section 5).
        share = int.from_bytes(self.public_key[_MLKEM_SIZE:], "little") % 2**255
        if share % _P in _LOW_ORDER:
            raise KeyMalformed("This hybrid recipient is worthless: half of it hides nothing.")

    @classmethod
    def parse(cls, text: str) -> HybridRecipient:
        """Read ``age1pq1…``, in lower case.

        Raises:
            KeyMalformed: it is not one.
        """
        prefix, public_key = bech32.decode(text)
        if prefix != _PREFIX:
            raise KeyMalformed("A hybrid recipient's key begins with age1pq1, in small letters.")
        return cls(public_key)

    @classmethod
    def from_seed(cls, seed: Secret) -> HybridRecipient:
        """Compute the recipient of the identity whose seed this is.

        Args:
            seed: 32 bytes.

        Raises:
            KeyMalformed: the seed has another length.
        """
        mlkem, x25519 = expand_seed(seed)
        return cls(mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw())

    @property
    def kind(self) -> RecipientKind:
        return RecipientKind.POST_QUANTUM

    def wrap(self, file_key: Secret) -> tuple[Stanza, ...]:
        sealed = SUITE.encrypt(file_key.reveal(), self._agreement_key(), INFO)
        encapsulated, body = sealed[:ENCAPSULATED_SIZE], sealed[ENCAPSULATED_SIZE:]
        return (Stanza(STANZA_TYPE, (base64.encode(encapsulated),), body),)

    def __str__(self) -> str:
        return bech32.encode(_PREFIX, self.public_key)

    def _agreement_key(self) -> MLKEM768X25519PublicKey:
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(self.public_key[:_MLKEM_SIZE]),
            X25519PublicKey.from_public_bytes(self.public_key[_MLKEM_SIZE:]),
        )
