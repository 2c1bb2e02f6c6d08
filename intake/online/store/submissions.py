"""The store: rows and blobs together.

Committing is apart from sealing a form: whatever brings a sealed age file and the addresses and
sameness of its code comes in here. A blob is durable before its row is, and gone only after it: a
row whose blob is lost is an account lost. A draft without a row is swept away one day; a blob that
was committed goes only where its row or a note of its removal says so, never because the database
does not know it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from sqlalchemy import Engine, select

from intake.errors import StoreUnavailable, TooManyMessages
from intake.online.store.blobs import Blobs, Draft, FileBlobs
from intake.online.store.committing import Arrival, Outcome, Twin, commit_row
from intake.online.store.database import open_database, vacuum
from intake.online.store.dump import Row, dump
from intake.online.store.leaving import Leaving
from intake.online.store.reaching import CommitUncertain, reading
from intake.online.store.removals import adopt_rows, forget_removals, noted_removals
from intake.online.store.replies import Replies
from intake.online.store.rows import ID_SIZE, SubmissionRow
from intake.online.store.withdrawing import forget_rows, withdraw_rows
from intake.receipt.mailbox import MailboxAddresses

__all__ = ["Arrival", "Outcome", "SealedDraft", "Store", "StoredSubmission"]


@dataclass(frozen=True)
class StoredSubmission:
    """A submission as the courier sees it: what its row tells (:class:`SubmissionRow`)."""

    id: bytes
    epoch: str
    manifest_version: int
    day: dt.date
    size: int
    bundle: int | None
    sha256: bytes | None
    acknowledged: dt.date | None
    warned: dt.date | None


_STORED = select(*(getattr(SubmissionRow, n) for n in StoredSubmission.__dataclass_fields__))


class SealedDraft:
    """A sealed submission on its way in: a blob's draft under a fresh random id."""

    def __init__(self, blob_id: bytes, draft: Draft) -> None:
        """Hold ``draft``, which will be the blob ``blob_id``."""
        self.id = blob_id
        self.write = draft.write
        self.keep = draft.keep
        self.settle = draft.settle
        self.release = draft.release
        self.discard = draft.discard


class Store:
    """Rows and blobs together."""

    def __init__(self, engine: Engine, blobs: Blobs) -> None:
        """Keep rows with ``engine`` and sealed files in ``blobs``."""
        self._engine = engine
        self.replies = Replies(engine)
        self.leaving = Leaving(engine)
        self._blobs = blobs

    @classmethod
    def open(cls, *, database: str, blobs: Path) -> Self:
        """Open the store of a deployment, its schema brought up to date.

        Raises:
            StoreUnavailable: the database or the folder does not answer.
        """
        try:
            blobs.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(
                "The folder of sealed submissions cannot be made; see store.state."
            ) from error
        return cls(open_database(database), FileBlobs(blobs))

    def draft(self) -> SealedDraft:
        """Begin a sealed submission.

        Raises:
            StoreUnavailable: it cannot be kept.
        """
        blob_id = secrets.token_bytes(ID_SIZE)
        return SealedDraft(blob_id, self._blobs.draft(blob_id))

    def free_bytes(self) -> int:
        """Return how many bytes may still be written."""
        return self._blobs.free_bytes()

    def commit(self, draft: SealedDraft, arrival: Arrival) -> Outcome:
        """Keep a sealed submission durably: first the blob, then the row.

        Decides here, once, whether the same was sent before. When this returns, what it says
        survives a power cut; when it raises, nothing is left.

        Raises:
            StoreUnavailable: the disk or the database failed.
            TooManyMessages: the code has ``MOST_PER_CODE`` submissions already.
        """
        with self._keeping(draft):
            outcome = self._commit_row(draft.id, arrival)
        if outcome is Outcome.SAME:
            draft.discard()
        draft.settle()
        return outcome

    def withdraw(self, draft: SealedDraft, arrival: Arrival, mailbox: MailboxAddresses) -> None:
        """Destroy all that stands under a code, and keep a sealed notice of it durably.

        The notice (``draft``, ``arrival``) is kept before anything is destroyed: what has left
        already cannot be called back, and the reviewers must learn of it. The same withdrawal
        again, with nothing written in between, changes nothing.

        Raises:
            StoreUnavailable: the disk or the database failed; nothing was destroyed. Or it was,
                and a sealed file whose removal is noted stays until the next sweep.
        """
        with self._keeping(draft):
            done = withdraw_rows(self._engine, draft.id, arrival, mailbox, self._is_whole)
        if not done.noted:
            draft.discard()
        draft.settle()
        self.remove_files(done.gone)

    def forget(
        self, address: Callable[[int], bytes], mailbox: MailboxAddresses, day: dt.date
    ) -> None:
        """Destroy all that stands under a code, without a notice.

        Raises:
            StoreUnavailable: as :meth:`withdraw`.
        """
        self.remove_files(forget_rows(self._engine, address, mailbox, day))

    def _commit_row(self, blob_id: bytes, arrival: Arrival) -> Outcome:
        return commit_row(self._engine, blob_id, arrival, self._is_whole)

    @contextlib.contextmanager
    def _keeping(self, draft: SealedDraft) -> Iterator[None]:
        """Keep a blob and commit its row within this; what fails leaves nothing behind."""
        try:
            draft.keep()
        except BaseException:
            draft.discard()
            raise
        try:
            yield
        except CommitUncertain:
            self._discard_if_not_committed(draft)
            raise
        except (StoreUnavailable, TooManyMessages):
            draft.discard()
            raise
        except BaseException:
            self._discard_if_not_committed(draft)
            raise

    def _discard_if_not_committed(self, draft: SealedDraft) -> None:
        """Remove a draft whose row could not be committed, but only if that is certain.

        A commit that failed may still have happened: the disk can fail after the database wrote,
        and a connection can break before its answer. A draft too many is swept away one day; a row
        without its blob is an account lost.
        """
        try:
            committed = self._names(draft.id)
        except StoreUnavailable:
            draft.release()
            return
        if committed:
            draft.settle()
        else:
            draft.discard()

    def _names(self, blob_id: bytes) -> bool:
        """Return whether a row names this blob.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        query = select(SubmissionRow.id).where(SubmissionRow.id == blob_id)
        with reading(self._engine) as connection:
            return connection.execute(query).first() is not None

    def count(self) -> int:
        """Return how many submissions the server holds.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        return sum(1 for _ in self.submissions())

    def submissions(self) -> Iterator[StoredSubmission]:
        """Yield every submission that the server holds, in the order of their random ids.

        One whose blob is lost is among them, until enough vaults have acknowledged it.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        return (s for s in self.rows() if s.acknowledged is None or self.holds_all_of(s))

    def rows(self) -> list[StoredSubmission]:
        """Return what every row tells, also those of which only the mark of sameness is left.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        # All at once, and let go: whoever copies the blobs takes long, and a reader that stays
        # keeps SQLite's writers from committing.
        with reading(self._engine) as connection:
            found = connection.execute(_STORED.order_by(SubmissionRow.id)).all()
        return [StoredSubmission(*row) for row in found]

    def dump(self) -> dict[str, Sequence[Row]]:
        """Return every row that a backup holds, as of one moment, by table.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        return dump(self._engine)

    def open_blob(self, blob_id: bytes) -> BinaryIO:
        """Open a sealed submission for reading.

        Raises:
            StoreUnavailable: it is not there.
        """
        return self._blobs.open(blob_id)

    def holds_all_of(self, submission: StoredSubmission) -> bool:
        """Return whether a submission's sealed file is there, in its full length."""
        return self._blobs.size(submission.id) == submission.size

    def _is_whole(self, twin: Twin) -> bool:
        return self._blobs.size(twin.id) == twin.size

    def remove_files(self, ids: Iterable[bytes]) -> int:
        """Remove sealed files, of whose rows it is certain that they will not be needed.

        Returns how many were there. That they were to be removed is noted no more then.

        Raises:
            StoreUnavailable: one of them stays.
        """
        blob_ids = list(ids)
        removed = self._blobs.remove(blob_ids)
        forget_removals(self._engine, blob_ids)
        return removed

    def sweep(self) -> int:
        """Finish what killed processes left: drafts, and removals that were noted.

        Returns how many files were removed. A blob that no row names and no removal notes stays,
        whatever it is: the database may be lost, or another one (:meth:`strays`).

        Raises:
            StoreUnavailable: the database does not answer, or a file stays.
        """
        removed = self._blobs.sweep_drafts(self._names)
        removed += self.remove_files(noted_removals(self._engine))
        vacuum(self._engine)
        return removed

    def strays(self) -> list[bytes]:
        """Return the blobs that were committed once, and that this database knows nothing of.

        Raises:
            StoreUnavailable: the database or the folder does not answer.
        """
        there = list(self._blobs.ids())
        named = {row.id for row in self.rows()} | noted_removals(self._engine)
        # Whatever was removed meanwhile, note and all, is gone by now.
        return sorted(i for i in there if i not in named and self._blobs.size(i) is not None)

    def adopt(self, day: dt.date, manifest_version: int) -> tuple[bytes, ...]:
        """Make rows for all strays that begin as sealed files do, so that they leave; return them.

        Raises:
            StoreUnavailable: the database or the folder does not answer; none was taken in.
        """
        found = {i: self._blobs.size(i) or 0 for i in self.strays() if self._blobs.is_sealed(i)}
        adopt_rows(self._engine, found, day, manifest_version)
        return tuple(found)
