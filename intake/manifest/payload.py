"""A manifest's bytes and the model, both ways. Field by field as in docs/formats.md."""

from __future__ import annotations

from intake import strict_json
from intake.age.sealing.hybrid import HybridRecipient
from intake.errors import DocumentMalformed, KeyMalformed
from intake.manifest.calendar import EpochLength
from intake.manifest.model import (
    NAME_LIMIT,
    Admin,
    Epoch,
    Manifest,
    ReceiptParameters,
    Recipient,
    Role,
    Root,
    Signer,
    SigningKey,
    is_name,
)
from intake.strict_json import Fields, octets

MANIFEST_FORMAT = "intake-manifest-1"
ROOT_FORMAT = "intake-root-1"

ED25519_SIZE = 32
ML_DSA_65_SIZE = 1952
SALT_SIZE = 32

# What Argon2id takes (RFC 9106, 3.1) and a server can give to every submission: with other
# numbers, or with a gibibyte for each, a signed manifest would stop its server.
MOST_MEMORY_KIB = 1024 * 1024
MOST_ITERATIONS = 1000
MOST_LANES = 64
_LEAST_KIB_PER_LANE = 8


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest's payload, whose signatures have been verified.

    Raises:
        DocumentMalformed: a field is missing, unknown, of the wrong type or out of range.
    """
    fields = Fields(strict_json.loads(data), "manifest")
    _expect_format(fields, MANIFEST_FORMAT)
    manifest = Manifest(
        organisation=read_name(fields, "organisation"),
        version=fields.positive("version"),
        issued=fields.day("issued"),
        expires=fields.day("expires"),
        previous=fields.optional("previous", str),
        threshold=fields.positive("threshold"),
        admins=fields.each("admins", read_admin),
        epoch_length=_read_length(fields.take("epoch_length", str)),
        epochs=fields.each("epochs", _read_epoch),
        revocations=fields.each("revocations", _read_text),
        server=read_optional_key(fields.optional("server", dict)),
        vaults=fields.each("vaults", read_signer),
        acks_required=fields.positive("acks_required"),
        receipt=_read_receipt(fields.take("receipt", dict)),
    )
    fields.end()
    return manifest


def serialise_manifest(manifest: Manifest) -> bytes:
    """Write a manifest's payload: the bytes that are signed."""
    return strict_json.dumps(
        {
            "format": MANIFEST_FORMAT,
            "organisation": manifest.organisation,
            "version": manifest.version,
            "issued": manifest.issued.isoformat(),
            "expires": manifest.expires.isoformat(),
            "previous": manifest.previous,
            "threshold": manifest.threshold,
            "admins": [write_admin(admin) for admin in manifest.admins],
            "epoch_length": manifest.epoch_length.value,
            "epochs": [_write_epoch(epoch) for epoch in manifest.epochs],
            "revocations": list(manifest.revocations),
            "server": None if manifest.server is None else write_key(manifest.server),
            "vaults": [write_signer(vault) for vault in manifest.vaults],
            "acks_required": manifest.acks_required,
            "receipt": {
                "salt": octets(manifest.receipt.salt),
                "argon2id": {
                    "memory_kib": manifest.receipt.memory_kib,
                    "iterations": manifest.receipt.iterations,
                    "lanes": manifest.receipt.lanes,
                },
            },
        }
    )


def parse_root(data: bytes) -> Root:
    """Read ``root.pub``.

    Raises:
        DocumentMalformed: it is not one.
    """
    fields = Fields(strict_json.loads(data), "root file")
    _expect_format(fields, ROOT_FORMAT)
    root = Root(
        organisation=read_name(fields, "organisation"),
        threshold=fields.positive("threshold"),
        admins=fields.each("admins", read_admin),
    )
    fields.end()
    return root


def serialise_root(root: Root) -> bytes:
    """Write ``root.pub``."""
    return strict_json.dumps(
        {
            "format": ROOT_FORMAT,
            "organisation": root.organisation,
            "threshold": root.threshold,
            "admins": [write_admin(admin) for admin in root.admins],
        }
    )


def _expect_format(fields: Fields, expected: str) -> None:
    if fields.take("format", str) != expected:
        raise DocumentMalformed(f"The file is not in the format {expected}; update the program.")


def read_name(fields: Fields, field: str = "name") -> str:
    """Return a name from a document.

    Raises:
        DocumentMalformed: it is none (:func:`intake.manifest.model.is_name`).
    """
    name = fields.take(field, str)
    if not is_name(name):
        raise DocumentMalformed(
            f"A {field} in the file is none: it must be 1 to {NAME_LIMIT} characters that can be "
            "seen."
        )
    return name


def _read_text(element: object) -> str:
    if not isinstance(element, str):
        raise DocumentMalformed("A revocation in the manifest is no text.")
    return element


def _read_key(fields: Fields) -> SigningKey:
    return SigningKey(
        ed25519=fields.octets("ed25519", ED25519_SIZE),
        ml_dsa_65=fields.octets("ml-dsa-65", ML_DSA_65_SIZE),
    )


def read_optional_key(element: object) -> SigningKey | None:
    """Read a pair of keys from parsed JSON, or nothing from ``null``.

    Raises:
        DocumentMalformed: it is neither.
    """
    if element is None:
        return None
    fields = Fields(element, "signer's key")
    key = _read_key(fields)
    fields.end()
    return key


def write_key(key: SigningKey) -> dict[str, object]:
    """Return a pair of keys as JSON's objects."""
    return {"ed25519": octets(key.ed25519), "ml-dsa-65": octets(key.ml_dsa_65)}


def _read_length(text: str) -> EpochLength:
    if text not in {length.value for length in EpochLength}:
        raise DocumentMalformed("The manifest's epochs have a length that we do not know.")
    return EpochLength(text)


def read_signer(element: object) -> Signer:
    """Read whoever signs (the server, a vault) from parsed JSON.

    Raises:
        DocumentMalformed: it is none.
    """
    fields = Fields(element, "signer")
    signer = Signer(name=read_name(fields), key=_read_key(fields))
    fields.end()
    return signer


def write_signer(signer: Signer) -> dict[str, object]:
    """Return whoever signs as JSON's objects."""
    return {"name": signer.name, **write_key(signer.key)}


def read_admin(element: object) -> Admin:
    """Read an admin from parsed JSON.

    Raises:
        DocumentMalformed: it is none.
    """
    fields = Fields(element, "admin")
    name, key, recipient = read_name(fields), _read_key(fields), fields.take("recipient", str)
    fields.end()
    try:
        HybridRecipient.parse(recipient)
    except KeyMalformed as error:
        raise DocumentMalformed("An admin's recipient for backups is none.") from error
    return Admin(name, key, recipient)


def write_admin(admin: Admin) -> dict[str, object]:
    """Return an admin as JSON's objects."""
    return {**write_signer(admin), "recipient": admin.recipient}


def _read_epoch(element: object) -> Epoch:
    fields = Fields(element, "epoch")
    epoch = Epoch(
        id=fields.take("id", str),
        begins=fields.day("begins"),
        ends=fields.day("ends"),
        recipients=fields.each("recipients", _read_recipient),
    )
    fields.end()
    return epoch


def _write_epoch(epoch: Epoch) -> dict[str, object]:
    return {
        "id": epoch.id,
        "begins": epoch.begins.isoformat(),
        "ends": epoch.ends.isoformat(),
        "recipients": [
            {"name": r.name, "role": r.role.value, "recipient": r.recipient}
            for r in epoch.recipients
        ],
    }


def _read_recipient(element: object) -> Recipient:
    fields = Fields(element, "recipient")
    name = read_name(fields)
    role = fields.take("role", str)
    recipient = fields.take("recipient", str)
    fields.end()
    if role not in {r.value for r in Role}:
        raise DocumentMalformed("A recipient of the manifest has a role that we do not know.")
    return Recipient(name=name, role=Role(role), recipient=recipient)


def _read_receipt(element: object) -> ReceiptParameters:
    fields = Fields(element, "receipt's parameters")
    salt = fields.octets("salt", SALT_SIZE)
    argon2id = Fields(fields.take("argon2id", dict), "Argon2id parameters")
    parameters = ReceiptParameters(
        salt=salt,
        memory_kib=argon2id.positive("memory_kib"),
        iterations=argon2id.positive("iterations"),
        lanes=argon2id.positive("lanes"),
    )
    argon2id.end()
    fields.end()
    if (
        not _LEAST_KIB_PER_LANE * parameters.lanes <= parameters.memory_kib <= MOST_MEMORY_KIB
        or parameters.iterations > MOST_ITERATIONS
        or parameters.lanes > MOST_LANES
    ):
        raise DocumentMalformed("The receipt's parameters are ones that Argon2id cannot take.")
    return parameters
