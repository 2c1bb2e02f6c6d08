"""DSSE envelopes with hybrid signatures.

An envelope holds a payload's bytes and signatures over DSSE's pre-authentication encoding of them
(https://github.com/secure-systems-lab/dsse, protocol.md). Each signer signs twice, with Ed25519
and with ML-DSA-65, and counts only where both verify: a forger must break both.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey

from intake import strict_json
from intake.errors import DocumentMalformed
from intake.manifest.model import Signer, SigningKey
from intake.strict_json import Fields, octets

_Signer = TypeVar("_Signer", bound=Signer)

MANIFEST_TYPE = "application/vnd.intake.manifest+json"


@dataclass(frozen=True)
class Signature:
    """One signature: ``keyid`` says which key made it, and is trusted for nothing."""

    keyid: str
    sig: bytes


@dataclass(frozen=True)
class Envelope:
    """A payload, its type and the signatures over both."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    def signed_bytes(self) -> bytes:
        """Return what every signature is over: DSSE's PAE."""
        kind = self.payload_type.encode("utf-8")
        return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(self.payload), self.payload)

    def digest(self) -> str:
        """Return the SHA-256 (hex) of the payload: what the next version names as its past."""
        return hashlib.sha256(self.payload).hexdigest()


def ed25519_keyid(key: SigningKey) -> str:
    """Return the id of a signer's Ed25519 key: SHA-256 (hex) of ``ed25519:`` and the key."""
    return hashlib.sha256(b"ed25519:" + key.ed25519).hexdigest()


def ml_dsa_65_keyid(key: SigningKey) -> str:
    """Return the id of a signer's ML-DSA-65 key: SHA-256 (hex) of ``ml-dsa-65:`` and the key."""
    return hashlib.sha256(b"ml-dsa-65:" + key.ml_dsa_65).hexdigest()


def signers(envelope: Envelope, candidates: Iterable[_Signer]) -> tuple[_Signer, ...]:
    """Return those of ``candidates`` who signed the envelope, with both keys."""
    return tuple(signer for signer in candidates if _signed_by(envelope, signer.key))


def _signed_by(envelope: Envelope, key: SigningKey) -> bool:
    message = envelope.signed_bytes()
    return _any_verifies(
        envelope, ed25519_keyid(key), Ed25519PublicKey.from_public_bytes(key.ed25519), message
    ) and _any_verifies(
        envelope, ml_dsa_65_keyid(key), MLDSA65PublicKey.from_public_bytes(key.ml_dsa_65), message
    )


def _any_verifies(
    envelope: Envelope, keyid: str, key: Ed25519PublicKey | MLDSA65PublicKey, message: bytes
) -> bool:
    for signature in envelope.signatures:
        if signature.keyid == keyid:
            try:
                key.verify(signature.sig, message)
            except InvalidSignature:
                continue
            return True
    return False


def read_envelope(document: object) -> Envelope:
    """Read an envelope from parsed JSON.

    Raises:
        DocumentMalformed: it is not one.
    """
    fields = Fields(document, "signed envelope")
    envelope = Envelope(
        payload_type=fields.take("payloadType", str),
        payload=_base64(fields.take("payload", str)),
        signatures=fields.each("signatures", _read_signature),
    )
    fields.end()
    return envelope


def write_envelope(envelope: Envelope) -> dict[str, object]:
    """Return the envelope as JSON's objects."""
    return {
        "payloadType": envelope.payload_type,
        "payload": octets(envelope.payload),
        "signatures": [{"keyid": s.keyid, "sig": octets(s.sig)} for s in envelope.signatures],
    }


def envelope_bytes(envelope: Envelope) -> bytes:
    """Return one envelope as a file of its own."""
    return strict_json.dumps(write_envelope(envelope))


def _read_signature(element: object) -> Signature:
    fields = Fields(element, "signature")
    signature = Signature(keyid=fields.take("keyid", str), sig=_base64(fields.take("sig", str)))
    fields.end()
    return signature


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DocumentMalformed("A signed envelope holds something that is not base64.") from error
