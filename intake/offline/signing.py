"""An admin's signing identity: Ed25519 and ML-DSA-65, behind a passphrase."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from intake import strict_json
from intake.age.opening.open import open_bytes
from intake.age.opening.passphrase import PassphraseIdentity
from intake.age.sealing.passphrase import PassphraseRecipient
from intake.age.sealing.seal import seal_bytes
from intake.durable import write_file
from intake.errors import AgeError, DocumentMalformed, VaultUnusable, WrongPassphrase
from intake.manifest import dsse
from intake.manifest.model import Admin, SigningKey
from intake.secret import Secret
from intake.strict_json import Fields, octets

_FORMAT = "intake-admin-1"
_SEED_SIZE = 32


@dataclass(frozen=True)
class SigningIdentity:
    """A signer's two private keys, each a 32-byte seed."""

    name: str
    ed25519: Secret
    ml_dsa_65: Secret

    @classmethod
    def generate(cls, name: str) -> SigningIdentity:
        """Make a fresh identity."""
        return cls(name, Secret(os.urandom(_SEED_SIZE)), Secret(os.urandom(_SEED_SIZE)))

    def public(self) -> Admin:
        """Return the public half."""
        ed25519, ml_dsa_65 = self._keys()
        return Admin(
            self.name,
            SigningKey(
                ed25519=ed25519.public_key().public_bytes_raw(),
                ml_dsa_65=ml_dsa_65.public_key().public_bytes_raw(),
            ),
        )

    def sign(self, envelope: dsse.Envelope) -> dsse.Envelope:
        """Return the envelope with both of our signatures added."""
        ed25519, ml_dsa_65 = self._keys()
        key, message = self.public().key, envelope.signed_bytes()
        ours = (
            dsse.Signature(dsse.ed25519_keyid(key), ed25519.sign(message)),
            dsse.Signature(dsse.ml_dsa_65_keyid(key), ml_dsa_65.sign(message)),
        )
        others = tuple(
            s for s in envelope.signatures if s.keyid not in {mine.keyid for mine in ours}
        )
        return dsse.Envelope(envelope.payload_type, envelope.payload, (*others, *ours))

    def save(self, path: Path, passphrase: Secret, *, work_factor: int) -> None:
        """Write the identity, sealed to the passphrase."""
        document = {
            "format": _FORMAT,
            "name": self.name,
            "ed25519": octets(self.ed25519.reveal()),
            "ml-dsa-65": octets(self.ml_dsa_65.reveal()),
        }
        recipient = PassphraseRecipient(passphrase, work_factor)
        write_file(path, seal_bytes(strict_json.dumps(document), [recipient]))

    @classmethod
    def load(cls, path: Path, passphrase: Secret) -> SigningIdentity:
        """Read an identity.

        Raises:
            WrongPassphrase: the passphrase is another.
            VaultUnusable: the file is missing or damaged.
        """
        try:
            plaintext = open_bytes(path.read_bytes(), [PassphraseIdentity(passphrase)])
            fields = Fields(strict_json.loads(plaintext), "admin's key file")
            fields.take("format", str)
            return cls(
                name=fields.take("name", str),
                ed25519=Secret(fields.octets("ed25519", _SEED_SIZE)),
                ml_dsa_65=Secret(fields.octets("ml-dsa-65", _SEED_SIZE)),
            )
        except WrongPassphrase:
            raise WrongPassphrase("This is not the admin's passphrase; try again.") from None
        except (OSError, AgeError, DocumentMalformed) as error:
            raise VaultUnusable(f"{path} is missing or damaged; restore a copy of it.") from error

    def _keys(self) -> tuple[Ed25519PrivateKey, MLDSA65PrivateKey]:
        return (
            Ed25519PrivateKey.from_private_bytes(self.ed25519.reveal()),
            MLDSA65PrivateKey.from_seed_bytes(self.ml_dsa_65.reveal()),
        )
