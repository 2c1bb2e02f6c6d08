"""Committing the row of a sealed submission, exactly once.

Nearly every submission is new, so one INSERT is tried first. Where it fails, the same may have
been sent before: its row, the twin, is found by its sameness, which is unique. Addresses are never
walked for that: rows disappear, and a later one may stand behind a hole.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, bindparam, delete, insert, select, update

from intake.errors import TooManyMessages
from intake.online.store.reaching import Collided, reading, until_alone, writing
from intake.online.store.removals import note_removals
from intake.online.store.rows import AcknowledgementRow, SubmissionRow

#: How many submissions may stand under one code.
MOST_PER_CODE = 512
#: How many addresses are looked at in one query.
_LOOK_AHEAD = 16

_INSERT = insert(SubmissionRow)
_TAKEN = select(SubmissionRow.address).where(
    SubmissionRow.address.in_(bindparam("addresses", expanding=True))
)


class Outcome(enum.Enum):
    """What a commit came to."""

    KEPT = "kept"
    #: The very same, sealed to the same, was here already; what was brought is gone again.
    SAME = "same"


@dataclass(frozen=True)
class Arrival:
    """What is known of a sealed submission when it is committed.

    ``address`` maps *n* to the address of the code's *n*-th row, below ``MOST_PER_CODE``;
    ``sameness`` is the keyed hash over all that was sent and what it was sealed to; ``size`` is the
    sealed file's, in bytes.
    """

    address: Callable[[int], bytes]
    sameness: bytes
    epoch: str
    manifest_version: int
    day: dt.date
    size: int

    def row(self, blob_id: bytes, n: int) -> dict[str, object]:
        """Return the values of the row at the ``n``-th address."""
        return {"id": blob_id, "address": self.address(n), "sameness": self.sameness} | self.told()

    def told(self) -> dict[str, object]:
        """Return what a row tells of its blob."""
        return {
            "epoch": self.epoch,
            "manifest_version": self.manifest_version,
            "day": self.day,
            "size": self.size,
        }


@dataclass(frozen=True)
class Twin:
    """The row that holds the very same as an arrival."""

    id: bytes
    size: int
    acknowledged: bool


def commit_row(
    engine: Engine, blob_id: bytes, arrival: Arrival, is_whole: Callable[[Twin], bool]
) -> Outcome:
    """Commit the row of the blob ``blob_id``, unless a twin says that the same is here already.

    A twin whose blob is lost, as ``is_whole`` tells, is given the new one.

    Raises:
        StoreUnavailable: the database does not answer; nothing was done.
        CommitUncertain: it may have been done.
        TooManyMessages: the code has ``MOST_PER_CODE`` submissions already.
    """
    n = 0
    for _ in range(MOST_PER_CODE):
        try:
            with writing(engine, looks_first=False) as connection:
                connection.execute(_INSERT, arrival.row(blob_id, n))
        except Collided:
            # Its address is taken, or the same was sent; long ago, or this very moment.
            twin = find_twin(engine, arrival.sameness)
        else:
            return Outcome.KEPT
        if twin is None:
            n = _first_free(engine, arrival, n)
        elif twin.acknowledged or is_whole(twin):
            return Outcome.SAME
        elif _mend(engine, twin, blob_id, arrival):
            return Outcome.KEPT
    raise _too_many()


def find_twin(engine: Engine, sameness: bytes) -> Twin | None:
    """Return the row of this sameness, if there is one.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    query = select(SubmissionRow.id, SubmissionRow.size, SubmissionRow.acknowledged)
    with reading(engine) as connection:
        row = connection.execute(query.where(SubmissionRow.sameness == sameness)).first()
    return row and Twin(row.id, row.size, row.acknowledged is not None)


def _first_free(engine: Engine, arrival: Arrival, start: int) -> int:
    """Return the first *n*, from ``start`` on, whose address is free now."""
    for first in range(start, MOST_PER_CODE, _LOOK_AHEAD):
        ahead = range(first, min(first + _LOOK_AHEAD, MOST_PER_CODE))
        addresses = {n: arrival.address(n) for n in ahead}
        with reading(engine) as connection:
            found = connection.execute(_TAKEN, {"addresses": list(addresses.values())})
            taken = frozenset(found.scalars())
        free = (n for n, address in addresses.items() if address not in taken)
        if (n := next(free, None)) is not None:
            return n
    raise _too_many()


def _mend(engine: Engine, twin: Twin, blob_id: bytes, arrival: Arrival) -> bool:
    """Let the twin's row tell of the new blob in all it tells; return whether it was still there.

    What was known of the lost one's way out is forgotten with it: the new one has yet to leave.
    """
    mended = (
        update(SubmissionRow)
        .where(SubmissionRow.id == twin.id, SubmissionRow.acknowledged.is_(None))
        .values(**arrival.told(), id=blob_id, bundle=None, sha256=None, warned=None)
    )

    def transaction() -> bool:
        with writing(engine) as connection:
            connection.execute(
                delete(AcknowledgementRow).where(AcknowledgementRow.submission == twin.id)
            )
            if connection.execute(mended).rowcount != 1:
                return False
            # What is left of the lost one; the sweep removes it.
            note_removals(connection, [twin.id])
            return True

    return until_alone(transaction)


def _too_many() -> TooManyMessages:
    return TooManyMessages("Too many messages stand under this code; begin a new account.")
