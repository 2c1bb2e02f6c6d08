"""Sealed submissions and bundles of them, made from the formats alone: no server is needed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import io
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intake.age.header import parse_header
from intake.age.opening.hybrid import HybridIdentity
from intake.age.sealing.recipient import Recipient
from intake.age.sealing.seal import SealingWriter
from intake.courier.bundle import (
    LISTING,
    MANIFEST,
    ROOT,
    SUBMISSIONS,
    Bundle,
    BundledSubmission,
    ReplyState,
    serialise_bundle,
)
from intake.envelope.account import AccountRecord, Attachment
from intake.envelope.identity import seal_identity
from intake.envelope.writer import EnvelopeWriter
from intake.errors import AgeError
from intake.manifest.chain import serialise_chain
from intake.manifest.model import Root
from intake.manifest.payload import serialise_root
from intake.manifest.signing import SigningIdentity
from tests.support.manifests import History

DAY = dt.date(2026, 11, 23)
EPOCH = "2026-11"
#: A day on which that epoch is over and closed.
LATER = dt.date(2026, 12, 10)
ACCOUNT = "ကျွန်တော် မြင်ခဲ့ရတာတွေကို ပြောပြချင်ပါတယ်။\nသူတို့ ရွာကို မီးရှို့ခဲ့တယ်။"
MAILBOX = HybridIdentity.generate()

Files = Sequence[tuple[str, bytes]]


def record(attachments: Sequence[Attachment] = (), account: str = ACCOUNT) -> AccountRecord:
    """Return what `account.json` says of an account."""
    return AccountRecord(
        language="my",
        account_bytes=len(account.encode()),
        repaired=(),
        attachments=tuple(attachments),
        manifest_version=1,
        epoch=EPOCH,
        reply_to=str(MAILBOX.recipient()),
        reply_key="5a" * 32,
    )


def seal(
    recipients: Sequence[Recipient],
    account: str = ACCOUNT,
    files: Files = (),
    identity: bytes | None = None,
    **changes: Any,
) -> bytes:
    """Seal a submission as the server does; ``identity`` is its ``identity.age``."""
    sealed = io.BytesIO()
    envelope = EnvelopeWriter(SealingWriter(sealed.write, recipients))
    listed = []
    for name, content in files:
        with envelope.attachment() as attachment:
            attachment.write(content)
        stored = attachment.stored()
        listed.append(Attachment(stored.member, name, "image/jpeg", stored.size, stored.sha256))
    envelope.finish(
        account_text=account.encode(),
        identity=seal_identity({}, []) if identity is None else identity,
        account_json=dataclasses.replace(record(listed, account), **changes).to_bytes(),
    )
    return sealed.getvalue()


def payload_sha256(data: bytes) -> str:
    """Return the hash of what follows the age header; of all, where there is no header."""
    source = io.BytesIO(data)
    try:
        parse_header(source)
    except AgeError:
        source.seek(0)
    return hashlib.sha256(source.read()).hexdigest()


@dataclass
class Stick:
    """A bundle in a folder, which can be changed as whoever carries it could."""

    folder: Path
    submissions: tuple[BundledSubmission, ...]
    sequence: int = 1
    closed: tuple[str, ...] = ()
    signer: SigningIdentity | None = None
    restored: dt.date | None = None
    taken: Mapping[str, int] = field(default_factory=dict)
    replies: Mapping[str, ReplyState] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, *sealed: bytes) -> Stick:
        """Write a bundle of these sealed files, each under a random id."""
        (folder / SUBMISSIONS).mkdir(parents=True)
        stick = cls(folder, ())
        for data in sealed:
            stick.add(data)
        return stick

    def add(
        self, data: bytes, submission_id: str | None = None, **changes: Any
    ) -> BundledSubmission:
        """Put one more sealed file on it; ``changes`` are to what the listing says of it."""
        added = BundledSubmission(
            id=submission_id or secrets.token_hex(16),
            epoch=EPOCH,
            manifest_version=1,
            day=DAY,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            payload_sha256=payload_sha256(data),
        )
        added = dataclasses.replace(added, **changes)
        added.path(self.folder).write_bytes(data)
        self.submissions += (added,)
        self.write()
        return added

    def replace(self, at: int, data: bytes) -> None:
        """Put another sealed file in the place of file ``at``, listed as it is."""
        self.path(at).write_bytes(data)
        self.change(
            at,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            payload_sha256=payload_sha256(data),
        )

    def change(self, at: int, **changes: Any) -> None:
        """Say something else of submission ``at`` in the listing."""
        listed = list(self.submissions)
        listed[at] = dataclasses.replace(listed[at], **changes)
        self.submissions = tuple(listed)
        self.write()

    def write(self) -> None:
        """Write the listing, signed if there is a signer."""
        bundle = Bundle(
            self.sequence, self.closed, self.submissions, self.restored, self.taken, self.replies
        )
        (self.folder / LISTING).write_bytes(serialise_bundle(bundle, self.signer))

    def close(self, *epochs: str) -> None:
        """Say that these epochs are closed."""
        self.closed = epochs
        self.write()

    def sign(self, signer: SigningIdentity | None, root: Root, history: History) -> None:
        """Bring what a server believes, and sign with its key."""
        (self.folder / ROOT).write_bytes(serialise_root(root))
        (self.folder / MANIFEST).write_bytes(serialise_chain(history.chain))
        self.signer = signer
        self.write()

    def path(self, at: int) -> Path:
        """Return where sealed file ``at`` lies."""
        return self.submissions[at].path(self.folder)

    def ids(self) -> set[str]:
        """Return the ids of all of it."""
        return {submission.id for submission in self.submissions}
