"""Seal a form as it arrives: account, attachments and what a reply needs, into one age file.

This module, and all that it can import, can seal and cannot open.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from intake.age.sealing.hybrid import HybridRecipient
from intake.age.sealing.seal import SealingWriter
from intake.envelope.account import AccountRecord, Attachment
from intake.envelope.identity import identity_document, seal_identity
from intake.envelope.writer import EnvelopeWriter
from intake.errors import EpochClosed
from intake.manifest.model import Epoch
from intake.manifest.outlook import refusing_day
from intake.online.keys_in_force import InForce
from intake.online.receiving import ArrivingFile
from intake.online.refusal import Reason, Refusal
from intake.online.store.submissions import Arrival, Outcome, Store
from intake.receipt.code import Code
from intake.receipt.derivation import derive

#: :meth:`intake.online.keys_in_force.KeysInForce.still_open`.
StillOpen = Callable[[Epoch, dt.date], AbstractContextManager[None]]


@dataclass(frozen=True)
class Words:
    """What a witness wrote: valid Unicode, LF line ends."""

    language: str
    account: str
    #: How the witness can be reached; empty where that was not said.
    reach: str
    #: Fields in which something was no valid Unicode and was replaced.
    repaired: tuple[str, ...]

    def identifying(self) -> dict[str, str]:
        """Return the answers that stand in ``identity.age`` and nowhere else, by field."""
        return {"reach": self.reach} if self.reach else {}


@dataclass(frozen=True)
class Taken:
    """What a receipt may tell: how much arrived."""

    outcome: Outcome
    characters: int
    #: Sizes of the attachments in bytes.
    attachments: tuple[int, ...]


class Sealing:
    """One submission being sealed under the keys that were in force when it began."""

    def __init__(
        self, store: Store, in_force: InForce, *, still_open: StillOpen, upload_hours: int
    ) -> None:
        """Begin a draft in ``store``, which is committed within ``upload_hours`` or not at all.

        It is committed while its epoch is ``still_open``: by the calendar alone, whoever closes
        epochs may have another clock, or other settings, than we had when this began.

        Raises:
            StoreUnavailable: it cannot be kept.
        """
        self._store = store
        self._in_force = in_force
        self._still_open = still_open
        self._refusing_day = refusing_day(in_force.epoch, upload_hours)
        self._draft = store.draft()
        try:
            self._writer = SealingWriter(self._draft.write, in_force.reviewers)
            self._envelope = EnvelopeWriter(self._writer)
        except BaseException:
            self._draft.discard()
            raise
        self._attachments: list[Attachment] = []

    def attach(self, file: ArrivingFile, *, room: int) -> int:
        """Seal a file while it arrives and return its size in bytes.

        Raises:
            Refusal: it is larger than ``room``, malformed or cut short.
            StoreUnavailable: it cannot be kept.
        """
        size = 0
        with self._envelope.attachment() as attachment:
            for chunk in file.chunks:
                size += len(chunk)
                if size > room:
                    raise Refusal(Reason.TOO_LARGE)
                attachment.write(chunk)
        stored = attachment.stored()
        self._attachments.append(
            Attachment(stored.member, file.name, file.type, stored.size, stored.sha256)
        )
        return size

    def commit(self, words: Words, code: Code, *, today: dt.date) -> Taken:
        """Seal the words, close the file and commit it.

        Raises:
            Refusal: its epoch was called closed, or ended so long ago that it may be.
            NothingInForce: whether it was cannot be known.
            StoreUnavailable, TooManyMessages: it is not kept.
        """
        if today >= self._refusing_day:
            raise Refusal(Reason.TOO_SLOW)
        manifest, epoch = self._in_force.manifest, self._in_force.epoch
        keys = derive(code, manifest.receipt)
        text, identifying = words.account.encode("utf-8"), words.identifying()
        record = AccountRecord(
            language=words.language,
            account_bytes=len(text),
            repaired=words.repaired,
            attachments=tuple(self._attachments),
            manifest_version=manifest.version,
            epoch=epoch.id,
            reply_to=str(HybridRecipient.from_seed(keys.reply_seed)),
            reply_key=keys.reply_key.reveal().hex(),
        )
        size = self._envelope.finish(
            account_text=text,
            identity=seal_identity(identifying, self._in_force.custodians),
            account_json=record.to_bytes(),
        )
        arrival = Arrival(
            address=keys.submission_address,
            sameness=keys.sameness(
                _everything_sent(text, identity_document(identifying), self._attachments)
            ),
            epoch=epoch.id,
            manifest_version=manifest.version,
            day=today,
            size=size,
        )
        outcome = self._keep(arrival)
        sizes = tuple(attachment.size for attachment in self._attachments)
        return Taken(outcome, len(words.account), sizes)

    def _keep(self, arrival: Arrival) -> Outcome:
        try:
            with self._still_open(self._in_force.epoch, arrival.day):
                return self._store.commit(self._draft, arrival)
        except EpochClosed as error:
            raise Refusal(Reason.TOO_SLOW) from error

    def abandon(self) -> None:
        """Leave nothing behind. Does nothing to what was committed."""
        self._envelope.abandon()
        self._draft.discard()


@contextmanager
def sealing(
    store: Store, in_force: InForce, *, still_open: StillOpen, upload_hours: int
) -> Iterator[Sealing]:
    """Begin a submission; whatever fails before it is committed leaves nothing behind."""
    submission = Sealing(store, in_force, still_open=still_open, upload_hours=upload_hours)
    try:
        yield submission
    except BaseException:
        submission.abandon()
        raise


def _everything_sent(
    text: bytes, identity: bytes, attachments: Iterable[Attachment]
) -> Iterator[bytes]:
    """Yield what makes two submissions the same: every field and every file, in order."""
    yield text
    yield identity
    for attachment in attachments:
        yield attachment.name.encode("utf-8")
        yield attachment.type.encode("utf-8")
        yield bytes.fromhex(attachment.sha256)
