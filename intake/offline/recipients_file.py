"""The small public file in which a reviewer brings recipients to the admins."""

from __future__ import annotations

from pathlib import Path

from intake import strict_json
from intake.age.sealing.hybrid import HybridRecipient
from intake.errors import AgeError, DocumentMalformed
from intake.manifest.model import Epoch, Recipient, Role
from intake.manifest.payload import read_name
from intake.strict_json import Fields

RECIPIENTS_FORMAT = "intake-recipients-1"


def serialise_recipients(epochs: tuple[Epoch, ...]) -> bytes:
    """Write the file: each epoch with exactly one recipient, the reviewer's own."""
    owner = epochs[0].recipients[0]
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
                for epoch in epochs
            ],
        }
    )


def read_recipients(path: Path) -> tuple[Epoch, ...]:
    """Read such a file: epochs with one recipient each.

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
    fields.end()
    if not epochs:
        raise DocumentMalformed(f"{path} brings no recipients; make it again with 'keys new'.")
    return epochs


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
