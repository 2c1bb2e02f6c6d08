"""The catalogue: what a vault knows of its submissions without opening each one.

It is sealed to the vault's own recipient like the submissions, and can be lost: all but the day,
the hashes on arrival and the status stands in the submissions too, and which epochs are closed and
what the server holds is said by every later bundle again. An entry stays when its file is gone: it
is what tells that something is missing.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.age.sealing.hybrid import HybridRecipient
from intake.age.sealing.seal import seal_bytes
from intake.courier.bundle import UNKNOWN_EPOCH
from intake.durable import write_file
from intake.envelope.account import Kind
from intake.errors import AgeError, NotForUs, VaultUnusable

#: The first version said nothing of closed epochs, the second nothing of the courier.
_FORMAT = "intake-catalogue-3"

#: What bundles are ordered by (:attr:`intake.courier.bundle.Bundle.order`).
Order = tuple[dt.date, int]


class Status(Enum):
    """What has become of a submission in this vault."""

    UNREAD = "unread"
    READ = "read"
    #: It opens with our key, but what is inside breaks the format.
    DAMAGED = "damaged"
    #: It was never opened here: it is sealed to a quorum that has not come together since.
    LOCKED = "locked"
    #: Its file is gone from the vault. Never written: the file may come back.
    MISSING = "missing"


_WRONG = (Status.DAMAGED, Status.MISSING)


@dataclass(frozen=True)
class Entry:
    """One submission.

    ``epoch`` is ``UNKNOWN_EPOCH`` of what came damaged, and of which the server does not know it.
    ``day`` is the day it was received, ``received_sha256`` the hash (hex) of the sealed file as
    the bundle brought it and ``payload_sha256`` that of what follows its header, which stands in
    the vault as it came; ``bundle`` is the order of the first bundle that listed it. They are
    ``None`` where the catalogue was lost. ``kind`` and ``mailbox`` (16 bytes in hex: the same for
    all that came under one code, and for nothing else) are ``None`` where it was never opened.

    ``at_server`` says whether the newest bundle lists it, and ``acknowledged`` is the number of the
    first return that told the server that it is here.
    """

    id: str
    epoch: str
    day: dt.date | None
    status: Status
    attachments: int
    language: str
    received_sha256: str | None
    payload_sha256: str | None = None
    kind: Kind | None = None
    mailbox: str | None = None
    bundle: Order | None = None
    at_server: bool = False
    acknowledged: int | None = None

    def to_json(self) -> dict[str, object]:
        """Return the entry as JSON's objects."""
        return {
            **vars(self),
            "day": None if self.day is None else self.day.isoformat(),
            "status": self.status.value,
            "kind": None if self.kind is None else self.kind.value,
            "bundle": _write_order(self.bundle),
        }


@dataclass(frozen=True)
class Catalogue:
    """The entries by id, and the epochs that are closed and all of which is here.

    ``unopened`` are those of them of which this vault, a custodian's and no reviewer's, could open
    some accounts neither to read them nor to keep the answers in them. ``newest`` is the order of
    the newest bundle that was believed, ``sequence`` the number of the vault's last return.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    closed: frozenset[str] = frozenset()
    unopened: frozenset[str] = frozenset()
    newest: Order | None = None
    sequence: int = 0

    def is_whole(self, epoch: str) -> bool:
        """Return whether nothing is known to be wrong with what is here of an epoch."""
        return epoch not in self.unopened and not any(
            entry.epoch in {epoch, UNKNOWN_EPOCH} and entry.status in _WRONG
            for entry in self.entries.values()
        )


def load(path: Path, identities: Sequence[HybridIdentity]) -> Catalogue:
    """Read the catalogue; an empty one where there is none.

    Raises:
        VaultUnusable: it is damaged, or none of these opens it.
    """
    if not path.exists():
        return Catalogue()
    try:
        document = json.loads(open_bytes(path.read_bytes(), identities))
        return Catalogue(
            {fields["id"]: _entry(fields) for fields in document["entries"]},
            frozenset(str(epoch) for epoch in document.get("closed", [])),
            frozenset(str(epoch) for epoch in document.get("unopened", [])),
            _read_order(document.get("newest")),
            int(document.get("sequence", 0)),
        )
    except NotForUs as error:
        raise VaultUnusable(
            f"{path} is sealed to another key than identities.age holds; restore the newest copy "
            "of identities.age. If that is lost, remove it, and import the sticks again: their "
            "accounts are wrapped to the key at hand while the keys of their epochs are here."
        ) from error
    except (AgeError, AttributeError, ValueError, KeyError, TypeError) as error:
        raise VaultUnusable(
            f"{path} is damaged; remove it, and it is made again from the submissions."
        ) from error


def save(path: Path, recipient: HybridRecipient, catalogue: Catalogue) -> None:
    """Write the catalogue, sealed to the vault."""
    document = {
        "format": _FORMAT,
        "closed": sorted(catalogue.closed),
        "unopened": sorted(catalogue.unopened),
        "newest": _write_order(catalogue.newest),
        "sequence": catalogue.sequence,
        "entries": [entry.to_json() for entry in catalogue.entries.values()],
    }
    plaintext = json.dumps(document, ensure_ascii=False).encode("utf-8")
    write_file(path, seal_bytes(plaintext, [recipient]))


def _entry(fields: dict[str, Any]) -> Entry:
    day, kind, acknowledged = fields["day"], fields.get("kind"), fields.get("acknowledged")
    return Entry(
        id=str(fields["id"]),
        epoch=str(fields["epoch"]),
        day=None if day is None else dt.date.fromisoformat(day),
        status=Status(fields["status"]),
        attachments=int(fields["attachments"]),
        language=str(fields["language"]),
        received_sha256=_text(fields["received_sha256"]),
        payload_sha256=_text(fields.get("payload_sha256")),
        kind=None if kind is None else Kind(kind),
        mailbox=_text(fields.get("mailbox")),
        bundle=_read_order(fields.get("bundle")),
        at_server=bool(fields.get("at_server")),
        acknowledged=None if acknowledged is None else int(acknowledged),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _write_order(order: Order | None) -> list[object] | None:
    return None if order is None else [order[0].isoformat(), order[1]]


def _read_order(written: Any) -> Order | None:
    if written is None:
        return None
    day, sequence = written
    return dt.date.fromisoformat(day), int(sequence)
