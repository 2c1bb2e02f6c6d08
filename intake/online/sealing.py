"""Seal a form as it arrives: account, attachments and what a reply needs, into one age file.

This module, and all that it can import, can seal and cannot open.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from intake.age.sealing.hybrid import HybridRecipient
from intake.age.sealing.seal import SealingWriter
from intake.envelope.account import AccountRecord, Attachment, Kind
from intake.envelope.identity import identity_document, seal_identity
from intake.envelope.writer import EnvelopeWriter
from intake.errors import EpochClosed
from intake.manifest.model import Epoch
from intake.manifest.outlook import refusing_day
from intake.online.deriving import derive
from intake.online.keys_in_force import InForce
from intake.online.receiving import ArrivingFile
from intake.online.refusal import Reason, Refusal
from intake.online.sent import Sent, Taken, Words, digest_of
from intake.online.store.submissions import Arrival, Store
from intake.receipt.code import Code
from intake.receipt.derivation import ReceiptKeys
from intake.receipt.mailbox import MailboxAddresses

#: :meth:`intake.online.keys_in_force.KeysInForce.still_open`.
StillOpen = Callable[[Epoch, dt.date], AbstractContextManager[None]]


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

    def commit(
        self,
        words: Words,
        code: Code,
        *,
        today: dt.date,
        kind: Kind = Kind.ACCOUNT,
        context: bytes = b"",
    ) -> Taken:
        """Seal the words, close the file and commit it.

        The same again in the same ``context`` is kept once; in another it is something new.

        Raises:
            Refusal: its epoch was called closed, or ended so long ago that it may be; or the code
                was withdrawn, and this is no message from its mailbox.
            NothingInForce: whether it was cannot be known.
            StoreUnavailable, TooManyMessages: it is not kept.
        """
        keys = self._keys(code, today)
        arrival = self._finish(words, keys, Sent(kind, context), today)
        mailbox = MailboxAddresses.of(keys.reply_key)
        if kind is not Kind.ACCOUNT:
            # Who writes after a withdrawal wants to be answered again. First: a failure between
            # the two must not say that nothing was kept.
            self._store.replies.reopen(mailbox)
        elif self._store.replies.is_withdrawn(mailbox):
            # A form knows nothing of it, and would bring back what was taken back. Asked only
            # now: it may have been while this arrived.
            raise Refusal(Reason.TAKEN_BACK)
        with self._committing(today):
            outcome = self._store.commit(self._draft, arrival)
        sizes = tuple(attachment.size for attachment in self._attachments)
        return Taken(outcome, len(words.account), sizes, arrival.sameness)

    def withdraw(self, code: Code, *, language: str, today: dt.date) -> None:
        """Destroy what the server holds under a code, and keep a sealed notice for the reviewers.

        Raises:
            Refusal, NothingInForce, StoreUnavailable: as :meth:`commit`; nothing was destroyed.
        """
        keys = self._keys(code, today)
        nothing = Words(language=language, account="")
        arrival = self._finish(nothing, keys, Sent(Kind.WITHDRAWAL), today)
        with self._committing(today):
            self._store.withdraw(self._draft, arrival, MailboxAddresses.of(keys.reply_key))

    def _keys(self, code: Code, today: dt.date) -> ReceiptKeys:
        if today >= self._refusing_day:
            raise Refusal(Reason.TOO_SLOW)
        return derive(code, self._in_force.manifest.receipt)

    def _finish(self, words: Words, keys: ReceiptKeys, sent: Sent, today: dt.date) -> Arrival:
        """Seal the words and close the file, and return what its row is to tell."""
        manifest, epoch = self._in_force.manifest, self._in_force.epoch
        (text, account_bytes), answers = words.text(), words.answers
        record = AccountRecord(
            language=words.language,
            account_bytes=account_bytes,
            repaired=words.repaired,
            attachments=tuple(self._attachments),
            manifest_version=manifest.version,
            epoch=epoch.id,
            reply_to=str(HybridRecipient.from_seed(keys.reply_seed)),
            reply_key=keys.reply_key.reveal().hex(),
            kind=sent.kind,
            questionnaire=answers.shown,
            answers=answers.given,
            sensitive=answers.sensitive,
            consents=answers.consents,
        )
        size = self._envelope.finish(
            account_text=text,
            identity=seal_identity(answers.identifying, self._in_force.custodians),
            account_json=record.to_bytes(),
        )
        sealed_to = digest_of(self._in_force.reviewers, self._in_force.custodians)
        identity = identity_document(answers.identifying)
        everything = sent.parts(sealed_to, record, text[:account_bytes], identity)
        return Arrival(
            address=keys.submission_address,
            sameness=keys.sameness(everything),
            epoch=epoch.id,
            manifest_version=manifest.version,
            day=today,
            size=size,
        )

    @contextmanager
    def _committing(self, today: dt.date) -> Iterator[None]:
        try:
            with self._still_open(self._in_force.epoch, today):
                yield
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
