"""Committing sealed submissions, and reading them back for the courier.

Committing is apart from sealing a form: whatever brings a sealed age file and the addresses and
sameness of its code comes in here.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import hmac
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection, Engine, bindparam, func, insert, select
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
_LOOK_UP = select(SubmissionRow.address, SubmissionRow.sameness).where(
    SubmissionRow.address.in_(bindparam("addresses", expanding=True))
)


class Outcome(enum.Enum):
    """What a commit came to."""

    KEPT = "kept"
    #: The very same was here already; what was brought is gone again.
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
            outcome = self._commit_row(draft.id, arrival)
        except SQLAlchemyError as error:
            draft.discard()
            raise StoreUnavailable("The database does not answer; nothing was kept.") from error
        except BaseException:
            draft.discard()
            raise
        if outcome is Outcome.SAME:
            draft.discard()
        draft.release()
        return outcome

    def _commit_row(self, blob_id: bytes, arrival: Arrival) -> Outcome:
        # Nearly every code is new, so its first row is tried before anything is looked up.
        n, same = 0, False
        while not same:
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
                with sqlite.writing(self._engine), self._engine.begin() as connection:
                    connection.execute(_INSERT, row)
            except IntegrityError:
                # Row n is taken, long ago or this moment by somebody with the same code.
                n, same = self._first_free(n, arrival)
            else:
                return Outcome.KEPT
        return Outcome.SAME

    def _first_free(self, start: int, arrival: Arrival) -> tuple[int, bool]:
        """Return the first row of the code that is free, or the row that holds the same."""
        for n in range(start, MOST_PER_CODE, _LOOK_AHEAD):
            ahead = range(n, min(n + _LOOK_AHEAD, MOST_PER_CODE))
            addresses = [arrival.address(i) for i in ahead]
            with self._engine.connect() as connection:
                rows = connection.execute(_LOOK_UP, {"addresses": addresses})
                taken = {row.address: row.sameness for row in rows}
            for i, address in zip(ahead, addresses, strict=True):
                if address not in taken:
                    return i, False
                if hmac.compare_digest(taken[address], arrival.sameness):
                    return i, True
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
        with self._reading() as connection:
            for row in connection.execute(query):
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

    def sweep(self) -> int:
        """Remove what killed processes left: drafts, and blobs whose row was never committed."""
        removed = self._blobs.sweep_drafts()
        kept = list(self._blobs.ids())
        # The rows are read after the blobs: a blob seen here whose row is missing is either an
        # orphan, or its living writer still holds the lock that remove_orphan respects.
        named = {submission.id for submission in self.submissions()}
        return removed + sum(self._blobs.remove_orphan(i) for i in kept if i not in named)
