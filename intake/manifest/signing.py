"""Signing with a pair of private keys: Ed25519 and ML-DSA-65, as whoever signs here does.

Where the seeds are kept is another matter: an admin's stand behind a passphrase, offline; the
server's, which sign bundles and nothing else, in its state folder.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from intake import strict_json
from intake.age.sealing.hybrid import HybridRecipient
from intake.errors import DocumentMalformed
from intake.manifest import dsse
from intake.manifest.model import Admin, Signer, SigningKey
from intake.manifest.payload import read_admin, read_signer, write_admin, write_signer
from intake.secret import Secret

#: Bytes of each private key.
SEED_SIZE = 32

SIGNER_FORMAT = "intake-signer-1"
ADMIN_FORMAT = "intake-admin-public-1"

_BACKUPS = b"intake/admin/1/backups"


@dataclass(frozen=True)
class SigningIdentity:
    """A signer's two private keys, each a 32-byte seed."""

    name: str
    ed25519: Secret
    ml_dsa_65: Secret

    @classmethod
    def generate(cls, name: str) -> SigningIdentity:
        """Make a fresh identity."""
        return cls(name, Secret(os.urandom(SEED_SIZE)), Secret(os.urandom(SEED_SIZE)))

    def public(self) -> Signer:
        """Return the public half."""
        ed25519, ml_dsa_65 = self._keys()
        return Signer(
            self.name,
            SigningKey(
                ed25519=ed25519.public_key().public_bytes_raw(),
                ml_dsa_65=ml_dsa_65.public_key().public_bytes_raw(),
            ),
        )

    def admin(self) -> Admin:
        """Return the public half of an admin: who signs, and opens what the server backs up."""
        signer = self.public()
        return Admin(signer.name, signer.key, str(HybridRecipient.from_seed(self.backup_seed())))

    def backup_seed(self) -> Secret:
        """Return the seed (32 bytes) of the hybrid identity to which an admin's backups are sealed.

        It is derived from both private keys (RFC 5869), so that an admin has one file to keep.
        """
        hkdf = HKDF(algorithm=SHA256(), length=SEED_SIZE, salt=None, info=_BACKUPS)
        return Secret(hkdf.derive(self.ed25519.reveal() + self.ml_dsa_65.reveal()))

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

    def _keys(self) -> tuple[Ed25519PrivateKey, MLDSA65PrivateKey]:
        return (
            Ed25519PrivateKey.from_private_bytes(self.ed25519.reveal()),
            MLDSA65PrivateKey.from_seed_bytes(self.ml_dsa_65.reveal()),
        )


def serialise_signer(signer: Signer) -> bytes:
    """Write a signer's public file, which the admins take into the manifest."""
    return strict_json.dumps({"format": SIGNER_FORMAT, **write_signer(signer)})


def parse_signer(data: bytes) -> Signer:
    """Read a signer's public file.

    Raises:
        DocumentMalformed: it is not one.
    """
    return read_signer(_of_format(data, SIGNER_FORMAT, "the server.pub of 'intake keys server'"))


def serialise_admin(admin: Admin) -> bytes:
    """Write an admin's public file, which the other admins take into the manifest."""
    return strict_json.dumps({"format": ADMIN_FORMAT, **write_admin(admin)})


def parse_admin(data: bytes) -> Admin:
    """Read an admin's public file.

    Raises:
        DocumentMalformed: it is not one.
    """
    return read_admin(_of_format(data, ADMIN_FORMAT, "the NAME.pub of 'intake-keys join'"))


def _of_format(data: bytes, expected: str, wanted: str) -> dict[str, object]:
    document = strict_json.loads(data)
    if not isinstance(document, dict) or document.pop("format", None) != expected:
        raise DocumentMalformed(
            f"The file is another than the one that is wanted here ({expected}): name {wanted}."
        )
    return document
