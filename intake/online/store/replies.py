"""The rows of mailboxes: filing replies, finding the eight of a code, deleting them.

A reply goes into the first free slot of its mailbox. Where all eight are taken it waits at an
address of its own, and moves up when the witness deletes one: only the witness's own request
brings the addresses together again.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Select, bindparam, delete, insert, select, update

from intake.courier.bundle import ReplyState
from intake.online.store.reaching import reading, until_alone, writing
from intake.online.store.rows import ReplyMarkRow, ReplyRow, WithdrawnRow
from intake.receipt.mailbox import SLOTS, MailboxAddresses

# Made once, with a name where an address comes in: SQLAlchemy keeps what it has compiled, and with
# it the values that a statement was first made with.
_AMONG = ReplyRow.address.in_(bindparam("places", expanding=True))
_TAKEN = select(ReplyRow.address).where(_AMONG)
_HELD = (
    select(ReplyRow.address, ReplyRow.id, ReplyRow.sealed, ReplyRow.day)
    .where(_AMONG)
    .order_by(ReplyRow.waiting, ReplyRow.day, ReplyRow.address)
    .limit(SLOTS)
)
_DELETE = delete(ReplyRow).where(_AMONG, ReplyRow.id == bindparam("reply"))
_DELETE_ALL = delete(ReplyRow).where(_AMONG)
_MOVE = (
    update(ReplyRow)
    .where(ReplyRow.address == bindparam("place"))
    .values(address=bindparam("slot"), waiting=False, day=bindparam("moved"))
)
_KNOWN = select(ReplyMarkRow.id).where(ReplyMarkRow.id == bindparam("reply"))
_WITHDRAWN = select(WithdrawnRow.day).where(WithdrawnRow.address == bindparam("mark"))
_REOPEN = delete(WithdrawnRow).where(WithdrawnRow.address == bindparam("mark"))

#: Where a reply is, by whether its row says that it waits, if there is one.
_STATES = {None: ReplyState.GONE, False: ReplyState.FILED, True: ReplyState.WAITING}


class Filing(enum.Enum):
    """What filing a reply came to."""

    FILED = "filed"
    WAITING = "waiting"
    #: It was filed before; the witness may have deleted it since.
    KNOWN = "known"
    #: All slots and all waiting places are taken: it stays with the reviewer.
    FULL = "full"
    #: The witness has withdrawn.
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class HeldReply:
    """A reply in a slot: its id (16 bytes), the sealed file, and the day it came there."""

    id: bytes
    sealed: bytes
    day: dt.date


class Replies:
    """The replies of every mailbox."""

    def __init__(self, engine: Engine) -> None:
        """Keep them with ``engine``."""
        self._engine = engine

    def held(self, mailbox: MailboxAddresses) -> tuple[HeldReply | None, ...]:
        """Return the eight replies that a mailbox shows, in the order of their places.

        What is in its slots, and where some are empty, what waits for them: retention may have
        emptied them, and does not know what they belong to. Where there are fewer than eight,
        ``None`` stands for the others. One query, whatever is there.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        places = (*mailbox.slots, *mailbox.waiting)
        with reading(self._engine) as connection:
            rows = {row.address: row for row in connection.execute(_HELD, {"places": places})}
        there = (rows[place] for place in places if place in rows)
        found = [HeldReply(row.id, row.sealed, row.day) for row in there]
        return (*found, *[None] * (SLOTS - len(found)))

    def is_withdrawn(self, mailbox: MailboxAddresses) -> bool:
        """Return whether the witness of a mailbox has withdrawn, and not written in it since.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        with reading(self._engine) as connection:
            return _is_withdrawn(connection, mailbox)

    def file(
        self, reply_id: bytes, sealed: bytes, mailbox: MailboxAddresses, day: dt.date
    ) -> Filing:
        """File a reply in its mailbox, once and never again; let what waits there move up.

        Raises:
            StoreUnavailable: the database does not answer; nothing was filed.
        """
        return until_alone(lambda: self._file(reply_id, sealed, mailbox, day))

    def _file(
        self, reply_id: bytes, sealed: bytes, mailbox: MailboxAddresses, day: dt.date
    ) -> Filing:
        with writing(self._engine) as connection:
            # What waits goes first: its turn may have come when old replies were swept away.
            move_up(connection, mailbox, day)
            if _is_there(connection, _KNOWN, {"reply": reply_id}):
                return Filing.KNOWN
            if _is_withdrawn(connection, mailbox):
                return Filing.WITHDRAWN
            places = (*mailbox.slots, *mailbox.waiting)
            taken = _taken(connection, places)
            address = next((place for place in places if place not in taken), None)
            if address is None:
                return Filing.FULL
            waiting = address not in mailbox.slots
            values = {"address": address, "id": reply_id, "sealed": sealed, "day": day}
            connection.execute(insert(ReplyRow), {**values, "waiting": waiting})
            connection.execute(insert(ReplyMarkRow), {"id": reply_id})
        return Filing.WAITING if waiting else Filing.FILED

    def delete(self, mailbox: MailboxAddresses, reply_id: bytes, day: dt.date) -> None:
        """Delete a reply of a mailbox, and let the first that waits move into its slot.

        ``day`` is that of the deed: what moves up has its time from then on. Does the same work
        whether it is there or not.

        Raises:
            StoreUnavailable: the database does not answer; nothing was deleted.
        """
        until_alone(lambda: self._delete(mailbox, reply_id, day))

    def _delete(self, mailbox: MailboxAddresses, reply_id: bytes, day: dt.date) -> None:
        with writing(self._engine) as connection:
            places = (*mailbox.slots, *mailbox.waiting)
            connection.execute(_DELETE, {"places": places, "reply": reply_id})
            move_up(connection, mailbox, day)

    def sweep(self, *, filed_before: dt.date, withdrawn_before: dt.date) -> int:
        """Delete replies filed, and marks of withdrawals made, before these days.

        Returns how many replies that were. Whatever waits stays: its time begins when it moves up,
        with the next return that names it, since nobody here knows which belong together.

        Raises:
            StoreUnavailable: the database does not answer; nothing was deleted.
        """
        over = delete(ReplyRow).where(ReplyRow.day < filed_before, ReplyRow.waiting.is_(False))
        marks = delete(WithdrawnRow).where(WithdrawnRow.day < withdrawn_before)
        with writing(self._engine, looks_first=False) as connection:
            connection.execute(marks)
            return connection.execute(over).rowcount

    def reopen(self, mailbox: MailboxAddresses) -> None:
        """Let replies be filed again: the witness has written after a withdrawal.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        with writing(self._engine, looks_first=False) as connection:
            connection.execute(_REOPEN, {"mark": mailbox.withdrawn})

    def states(self) -> Mapping[bytes, ReplyState]:
        """Return where each reply is that was ever filed, by its id.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        same = ReplyRow.id == ReplyMarkRow.id
        marks = select(ReplyMarkRow.id, ReplyRow.waiting).outerjoin(ReplyRow, same)
        with reading(self._engine) as connection:
            rows = connection.execute(marks.order_by(ReplyMarkRow.id)).all()
        return {row.id: _STATES[row.waiting] for row in rows}


def move_up(connection: Connection, mailbox: MailboxAddresses, day: dt.date) -> None:
    """Let replies that wait into the free slots of their mailbox; their time begins on ``day``."""
    taken = _taken(connection, (*mailbox.slots, *mailbox.waiting))
    free = [address for address in mailbox.slots if address not in taken]
    waiting = [address for address in mailbox.waiting if address in taken]
    for slot, place in zip(free, waiting, strict=False):
        connection.execute(_MOVE, {"place": place, "slot": slot, "moved": day})


def withdraw(connection: Connection, mailbox: MailboxAddresses, day: dt.date) -> None:
    """Delete every reply of a mailbox, and note that none is to be filed in it any more."""
    connection.execute(_DELETE_ALL, {"places": mailbox.all})
    connection.execute(_REOPEN, {"mark": mailbox.withdrawn})
    connection.execute(insert(WithdrawnRow), {"address": mailbox.withdrawn, "day": day})


def _taken(connection: Connection, places: Sequence[bytes]) -> frozenset[bytes]:
    return frozenset(connection.execute(_TAKEN, {"places": places}).scalars())


def _is_withdrawn(connection: Connection, mailbox: MailboxAddresses) -> bool:
    return _is_there(connection, _WITHDRAWN, {"mark": mailbox.withdrawn})


def _is_there(connection: Connection, query: Select[Any], values: Mapping[str, bytes]) -> bool:
    return connection.execute(query, values).first() is not None
