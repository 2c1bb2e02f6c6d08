"""Destroying what stands under a code, because its witness says so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select

from intake.online.store import replies
from intake.online.store.committing import MOST_PER_CODE, Arrival, Twin
from intake.online.store.reaching import until_alone, writing
from intake.online.store.removals import note_removals
from intake.online.store.rows import SubmissionRow, WithdrawnRow
from intake.receipt.mailbox import MailboxAddresses

# Made once, with names where addresses come in: SQLAlchemy keeps what it has compiled, and with it
# the values that a statement was first made with.
_MINE = SubmissionRow.address.in_(bindparam("addresses", expanding=True))
_DESTROY = delete(SubmissionRow).where(_MINE).returning(SubmissionRow.id)
_STANDING = select(
    SubmissionRow.id, SubmissionRow.sameness, SubmissionRow.size, SubmissionRow.acknowledged
).where(_MINE)
_MARK = select(WithdrawnRow.day).where(WithdrawnRow.address == bindparam("mark"))


@dataclass(frozen=True)
class Withdrawal:
    """What a withdrawal came to.

    ``gone`` are the ids of the submissions whose rows it destroyed. ``noted`` says whether a new
    notice is kept: the same withdrawal again has the notice of the first.
    """

    gone: tuple[bytes, ...]
    noted: bool


def withdraw_rows(
    engine: Engine,
    notice_id: bytes,
    notice: Arrival,
    mailbox: MailboxAddresses,
    is_whole: Callable[[Twin], bool],
) -> Withdrawal:
    """Destroy every row of a code and keep the one of a sealed notice, in one transaction.

    Raises:
        StoreUnavailable: the database does not answer; nothing was done.
        CommitUncertain: it may have been done.
    """

    def transaction() -> Withdrawal:
        with writing(engine) as connection:
            done = _same_notice(connection, notice, mailbox)
            if done is not None and (done.acknowledged or is_whole(done)):
                return Withdrawal((), noted=False)
            gone = _destroy(connection, notice.address, mailbox, notice.day)
            connection.execute(insert(SubmissionRow), notice.row(notice_id, 0))
        return Withdrawal(gone, noted=True)

    return until_alone(transaction)


def forget_rows(
    engine: Engine, address: Callable[[int], bytes], mailbox: MailboxAddresses, day: dt.date
) -> tuple[bytes, ...]:
    """Destroy every row of a code, and return the ids of its submissions.

    Raises:
        StoreUnavailable: the database does not answer; nothing was done.
        CommitUncertain: it may have been done.
    """

    def transaction() -> tuple[bytes, ...]:
        with writing(engine) as connection:
            return _destroy(connection, address, mailbox, day)

    return until_alone(transaction)


def _destroy(
    connection: Connection, address: Callable[[int], bytes], mailbox: MailboxAddresses, day: dt.date
) -> tuple[bytes, ...]:
    addresses = [address(n) for n in range(MOST_PER_CODE)]
    gone = connection.execute(_DESTROY, {"addresses": addresses})
    ids = tuple(gone.scalars())
    note_removals(connection, ids)
    replies.withdraw(connection, mailbox, day)
    return ids


def _same_notice(connection: Connection, notice: Arrival, mailbox: MailboxAddresses) -> Twin | None:
    """Return the notice of this very withdrawal, if nothing was written under the code since."""
    if connection.execute(_MARK, {"mark": mailbox.withdrawn}).first() is None:
        return None
    addresses = [notice.address(n) for n in range(MOST_PER_CODE)]
    rows = connection.execute(_STANDING, {"addresses": addresses}).all()
    if [row.sameness for row in rows] != [notice.sameness]:
        return None
    return Twin(rows[0].id, rows[0].size, rows[0].acknowledged is not None)
