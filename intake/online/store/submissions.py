"""Committing sealed submissions, and reading them back for the courier.

Committing is apart from sealing a form: whatever brings a sealed age file and the addresses and
sameness of its code comes in here.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import functools
import hmac
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import (
    Connection,
    Engine,
    Executable,
    Row,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from intake.errors import StoreUnavailable, TooManyMessages
from intake.online.store import sqlite
from intake.online.store.blobs import Blobs, Draft, FileBlobs
from intake.online.store.database import open_database
from intake.online.store.rows import ID_SIZE, SubmissionRow

#: How many submissions may stand under one code. Each commit looks at all of them.
MOST_PER_CODE = 512
_LOOK_AHEAD = 16

_INSERT = insert(SubmissionRow)
_LOOK_UP = select(
    SubmissionRow.id,
    SubmissionRow.address,
    SubmissionRow.sameness,
    SubmissionRow.epoch,
    SubmissionRow.manifest_version,
    SubmissionRow.size,
).where(SubmissionRow.address.in_(bindparam("addresses", expanding=True)))

#: What a row tells of its blob.
_OF_THE_BLOB = ("id", "epoch", "manifest_version", "day", "size")
_REPLACE = (
    update(SubmissionRow)
    .where(SubmissionRow.id == bindparam("twin"))
    .values({name: bindparam(f"new_{name}") for name in _OF_THE_BLOB})
)


class CommitUncertain(Exception):
    """The database failed while it committed: nobody knows yet what it did."""


class Outcome(enum.Enum):
    """What a commit came to."""

    KEPT = "kept"
    #: The very same, sealed to the same, was here already; what was brought is gone again.
    SAME = "same"


@dataclass(frozen=True)
class Arrival:
    """What is known of a sealed submission when it is committed.

    ``address`` maps *n* to the address of the code's *n*-th row; ``sameness`` is the keyed hash
    over all that was sent; ``size`` is the sealed file's, in bytes.
    """

    address: Callable[[int], bytes]
    sameness: bytes
    epoch: str
    manifest_version: int
    day: dt.date
    size: int


@dataclass(frozen=True)
class StoredSubmission:
    """A submission as the courier sees it."""

    id: bytes
    epoch: str
    manifest_version: int
    day: dt.date
    size: int


@dataclass(frozen=True)
class _Twin:
    """The row that holds the very same as an arrival: the id and the size of its blob."""

    id: bytes
    size: int


class SealedDraft:
    """A sealed submission on its way in: a blob's draft under a fresh random id."""

    def __init__(self, blob_id: bytes, draft: Draft) -> None:
        """Hold ``draft``, which will be the blob ``blob_id``."""
        self.id = blob_id
        self.write = draft.write
        self.keep = draft.keep
        self.release = draft.release
        self.discard = draft.discard


class Store:
    """Rows and blobs together."""

    def __init__(self, engine: Engine, blobs: Blobs) -> None:
        """Keep rows with ``engine`` and sealed files in ``blobs``."""
        self._engine = engine
        self._blobs = blobs

    @classmethod
    def open(cls, *, database: str, blobs: Path) -> Store:
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
        try:
            draft.keep()
        except BaseException:
            draft.discard()
            raise
        try:
            twin = self._commit_row(draft.id, arrival)
        except TooManyMessages:
            draft.discard()
            raise
        except SQLAlchemyError as error:
            draft.discard()
            raise _unavailable() from error
        except CommitUncertain as error:
            self._discard_if_not_committed(draft)
            raise _unavailable() from error
        except BaseException:
            self._discard_if_not_committed(draft)
            raise
        if twin is not None:
            draft.discard()
        draft.release()
        return Outcome.KEPT if twin is None else Outcome.SAME

    def _discard_if_not_committed(self, draft: SealedDraft) -> None:
        """Remove a draft whose row could not be committed, but only if that is certain.

        A commit that failed may still have happened: the disk can fail after the database wrote,
        and a connection can break before its answer. A blob too many is swept away one day; a row
        without its blob is an account lost.
        """
        try:
            committed = self._names(draft.id)
        except StoreUnavailable:
            committed = True
        if committed:
            draft.release()
        else:
            draft.discard()

    def _names(self, blob_id: bytes) -> bool:
        """Return whether a row names this blob.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        query = select(SubmissionRow.id).where(SubmissionRow.id == blob_id)
        with self._reading() as connection:
            return connection.execute(query).first() is not None

    def _commit_row(self, blob_id: bytes, arrival: Arrival) -> bytes | None:
        """Commit the row; return ``None``, or the id of the twin that was here already."""
        # Nearly every code is new, so its first row is tried before anything is looked up.
        n = 0
        for _ in range(MOST_PER_CODE):
            row = {
                "id": blob_id,
                "address": arrival.address(n),
                "sameness": arrival.sameness,
                "epoch": arrival.epoch,
                "manifest_version": arrival.manifest_version,
                "day": arrival.day,
                "size": arrival.size,
            }
            try:
                self._write(_INSERT, row)
            except IntegrityError:
                # Row n is taken, long ago or this moment by somebody with the same code.
                n, twin = self._first_free(n, arrival)
                if twin is None:
                    continue
                if self._blobs.size(twin.id) == twin.size:
                    return twin.id
                # Its blob is lost or cut short. The witness brings it again: the row tells of it.
                new = {f"new_{name}": row[name] for name in _OF_THE_BLOB}
                self._write(_REPLACE, {"twin": twin.id, **new})
                return None
            else:
                return None
        raise TooManyMessages("Too many messages stand under this code; begin a new account.")

    def _write(self, statement: Executable, values: dict[str, object]) -> None:
        """Execute and commit one statement.

        Raises:
            SQLAlchemyError: it was not done.
            CommitUncertain: it may have been done.
        """
        with sqlite.writing(self._engine), self._engine.connect() as connection:
            connection.execute(statement, values)
            try:
                connection.commit()
            except SQLAlchemyError as error:
                raise CommitUncertain from error

    def _first_free(self, start: int, arrival: Arrival) -> tuple[int, _Twin | None]:
        """Return the first row of the code that is free, or the row of the arrival's twin."""
        for n in range(start, MOST_PER_CODE, _LOOK_AHEAD):
            ahead = range(n, min(n + _LOOK_AHEAD, MOST_PER_CODE))
            addresses = [arrival.address(i) for i in ahead]
            with self._engine.connect() as connection:
                rows = connection.execute(_LOOK_UP, {"addresses": addresses})
                taken = {row.address: row for row in rows}
            for i, address in zip(ahead, addresses, strict=True):
                if address not in taken:
                    return i, None
                if _is_twin(taken[address], arrival):
                    return i, _Twin(taken[address].id, taken[address].size)
        raise TooManyMessages("Too many messages stand under this code; begin a new account.")

    def count(self) -> int:
        """Return how many submissions the server holds.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        with self._reading() as connection:
            return connection.execute(select(func.count()).select_from(SubmissionRow)).scalar_one()

    def submissions(self) -> Iterator[StoredSubmission]:
        """Yield every submission, in the order of their random ids.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        query = select(SubmissionRow).order_by(SubmissionRow.id)
        # All at once, and let go: whoever copies the blobs takes long, and a reader that stays
        # keeps SQLite's writers from committing.
        with self._reading() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            yield StoredSubmission(row.id, row.epoch, row.manifest_version, row.day, row.size)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoreUnavailable("The database does not answer.") from error

    def open_blob(self, blob_id: bytes) -> BinaryIO:
        """Open a sealed submission for reading.

        Raises:
            StoreUnavailable: it is not there.
        """
        return self._blobs.open(blob_id)

    def holds_all_of(self, submission: StoredSubmission) -> bool:
        """Return whether a submission's sealed file is there, in its full length."""
        return self._blobs.size(submission.id) == submission.size

    def sweep(self) -> int:
        """Remove what killed processes left: drafts, and blobs whose row was never committed."""
        removed = self._blobs.sweep_drafts()
        kept = list(self._blobs.ids())
        named = {submission.id for submission in self.submissions()}
        # A row may have been committed since: each blob is looked up again under its lock.
        orphans = (i for i in kept if i not in named)
        return removed + sum(
            self._blobs.remove_orphan(i, functools.partial(self._is_orphan, i)) for i in orphans
        )

    def _is_orphan(self, blob_id: bytes) -> bool:
        return not self._names(blob_id)


def _is_twin(row: Row[*tuple[Any, ...]], arrival: Arrival) -> bool:
    """Return whether a row holds what has arrived, sealed to the same recipients.

    A key may have been lost and revoked between two tries: the second opens where the first does
    not, and must not be dropped for it.
    """
    return (
        hmac.compare_digest(row.sameness, arrival.sameness)
        and row.epoch == arrival.epoch
        and row.manifest_version == arrival.manifest_version
    )


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable("The database does not answer; nothing was kept.")
