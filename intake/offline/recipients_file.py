"""The small public file in which a reviewer brings recipients to the admins.

It also brings the key with which the reviewer's vault signs its acknowledgements and replies; that
of a quorum, which has no vault, brings none.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from intake import strict_json
from intake.age.sealing.hybrid import HybridRecipient
from intake.errors import AgeError, DocumentMalformed
from intake.manifest.model import Epoch, Recipient, Role, SigningKey
from intake.manifest.payload import read_name, read_optional_key, write_key
from intake.strict_json import Fields

RECIPIENTS_FORMAT = "intake-recipients-2"


@dataclass(frozen=True)
class RecipientsFile:
    """What a reviewer brings: epochs with exactly one recipient each, and the vault's key."""

    epochs: tuple[Epoch, ...]
    vault: SigningKey | None

    @property
    def name(self) -> str:
        """Whose recipients they are, and whose vault."""
        return self.epochs[0].recipients[0].name


def serialise_recipients(file: RecipientsFile) -> bytes:
    """Write the file."""
    owner = file.epochs[0].recipients[0]
    return strict_json.dumps(
        {
            "format": RECIPIENTS_FORMAT,
            "name": owner.name,
            "role": owner.role.value,
            "epochs": [
                {
                    "id": epoch.id,
                    "begins": epoch.begins.isoformat(),
                    "ends": epoch.ends.isoformat(),
                    "recipient": epoch.recipients[0].recipient,
                }
                for epoch in file.epochs
            ],
            "vault": None if file.vault is None else write_key(file.vault),
        }
    )


def read_recipients(path: Path) -> RecipientsFile:
    """Read such a file.

    Raises:
        DocumentMalformed: it is not one.
        OSError: it cannot be read.
    """
    fields = Fields(strict_json.loads(path.read_bytes()), "recipients file")
    if fields.take("format", str) != RECIPIENTS_FORMAT:
        raise DocumentMalformed(f"{path} is no file of recipients; make one with 'keys new'.")
    name, role = read_name(fields), fields.take("role", str)
    if role not in {r.value for r in Role}:
        raise DocumentMalformed(f"{path} names a role that we do not know.")
    epochs = fields.each("epochs", lambda element: _read_epoch(element, name, Role(role)))
    vault = read_optional_key(fields.optional("vault", dict))
    fields.end()
    if not epochs:
        raise DocumentMalformed(f"{path} brings no recipients; make it again with 'keys new'.")
    return RecipientsFile(epochs, vault)


def _read_epoch(element: object, name: str, role: Role) -> Epoch:
    fields = Fields(element, "epoch of the recipients file")
    recipient = fields.take("recipient", str)
    epoch = Epoch(
        id=fields.take("id", str),
        begins=fields.day("begins"),
        ends=fields.day("ends"),
        recipients=(Recipient(name, role, recipient),),
    )
    fields.end()
    try:
        HybridRecipient.parse(recipient)
    except AgeError as error:
        raise DocumentMalformed("The file holds something that is no recipient.") from error
    return epoch
