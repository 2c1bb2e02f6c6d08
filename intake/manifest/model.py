"""The manifest: which keys are in force, for whom, and until when.

Plain data, already checked for its shape. Bytes become a :class:`Manifest` in
:mod:`intake.manifest.payload`; whether one is believed is decided in
:mod:`intake.manifest.acceptance`.
"""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

from intake.manifest.calendar import EpochLength

#: What an epoch's id may be, as a regular expression: it stands in key files and listings.
EPOCH_ID = r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}"


#: Characters in the name of a person, a server or an organisation.
NAME_LIMIT = 64


def is_name(text: str) -> bool:
    """Return whether ``text`` may name somebody: 1 to 64 characters, all of which can be seen.

    Names are read out and compared on screens, where a control character, a line end or a change
    of direction would let one pass for something else.
    """
    return 0 < len(text) <= NAME_LIMIT and text.isprintable() and text == text.strip()


class Role(enum.Enum):
    """Whom a recipient belongs to."""

    #: Opens accounts.
    REVIEWERS = "reviewers"
    #: Opens the answers that identify a witness.
    CUSTODIANS = "custodians"


@dataclass(frozen=True)
class SigningKey:
    """A pair of public keys that sign together: Ed25519 (32 bytes) and ML-DSA-65 (1952 bytes)."""

    ed25519: bytes
    ml_dsa_65: bytes


@dataclass(frozen=True)
class Signer:
    """Whoever signs: an admin, the server, a vault."""

    name: str
    key: SigningKey


@dataclass(frozen=True)
class Admin(Signer):
    """A person who signs manifests, and to whose age ``recipient`` the server seals backups."""

    recipient: str


@dataclass(frozen=True)
class Recipient:
    """A recipient of an epoch: who holds its identity, and the age recipient itself."""

    name: str
    role: Role
    recipient: str


@dataclass(frozen=True)
class ReceiptParameters:
    """How a deployment's receipt codes are derived: a salt of 32 bytes, and Argon2id's numbers."""

    salt: bytes
    memory_kib: int
    iterations: int
    lanes: int


@dataclass(frozen=True)
class Epoch:
    """A calendar period: from ``begins`` to the day before ``ends``, in UTC."""

    id: str
    begins: dt.date
    ends: dt.date
    recipients: tuple[Recipient, ...]

    def holds(self, day: dt.date) -> bool:
        """Return whether ``day`` is in this epoch."""
        return self.begins <= day < self.ends

    def of(self, role: Role) -> tuple[Recipient, ...]:
        """Return the recipients with that role."""
        return tuple(r for r in self.recipients if r.role is role)


@dataclass(frozen=True)
class Root:
    """What a fresh server is given: the admins who may sign the first manifest."""

    organisation: str
    threshold: int
    admins: tuple[Admin, ...]


@dataclass(frozen=True)
class Manifest:
    """One version of the manifest.

    ``previous`` is the SHA-256 (hex) of the payload of the version before, ``None`` in the first.
    ``revocations`` name epochs or recipients. ``server``, ``vaults`` and ``acks_required`` belong
    to the courier: the key that signs bundles, the keys that sign acknowledgements, and how many.
    ``epoch_length`` is the deployment's choice, for whoever makes keys; what is in force is said by
    each epoch's own days.
    """

    organisation: str
    version: int
    issued: dt.date
    expires: dt.date
    previous: str | None
    threshold: int
    admins: tuple[Admin, ...]
    epoch_length: EpochLength
    epochs: tuple[Epoch, ...]
    revocations: tuple[str, ...]
    server: SigningKey | None
    vaults: tuple[Signer, ...]
    acks_required: int
    receipt: ReceiptParameters

    def epoch_on(self, day: dt.date) -> Epoch | None:
        """Return the epoch that ``day`` is in, or ``None``."""
        return next((epoch for epoch in self.epochs if epoch.holds(day)), None)

    def recipients_on(self, day: dt.date, role: Role) -> tuple[Recipient, ...]:
        """Return the recipients in force on ``day``: of its epoch, less what is revoked."""
        epoch = self.epoch_on(day)
        return () if epoch is None else self.recipients_in(epoch, role)

    def recipients_in(self, epoch: Epoch, role: Role) -> tuple[Recipient, ...]:
        """Return the recipients of one of our epochs, less what is revoked."""
        if epoch.id in self.revocations:
            return ()
        return tuple(r for r in epoch.of(role) if r.recipient not in self.revocations)
