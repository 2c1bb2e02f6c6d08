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

from sqlalchemy import Connection, Engine, Select, delete, insert, select, update

from intake.courier.bundle import ReplyState
from intake.online.store.reaching import reading, until_alone, writing
from intake.online.store.rows import ReplyMarkRow, ReplyRow, WithdrawnRow
from intake.receipt.mailbox import MailboxAddresses


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
    """A reply in a slot: its id (16 bytes), the sealed file, and the day it was filed."""

    id: bytes
    sealed: bytes
    day: dt.date


class Replies:
    """The replies of every mailbox."""

    def __init__(self, engine: Engine) -> None:
        """Keep them with ``engine``."""
        self._engine = engine

    def held(self, mailbox: MailboxAddresses) -> tuple[HeldReply | None, ...]:
        """Return what is in each of a mailbox's eight slots: one query, whatever is there.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        query = select(ReplyRow.address, ReplyRow.id, ReplyRow.sealed, ReplyRow.day).where(
            ReplyRow.address.in_(mailbox.slots)
        )
        with reading(self._engine) as connection:
            rows = {row.address: row for row in connection.execute(query)}
        found = (rows.get(address) for address in mailbox.slots)
        return tuple(row and HeldReply(row.id, row.sealed, row.day) for row in found)

    def file(
        self, reply_id: bytes, sealed: bytes, mailbox: MailboxAddresses, day: dt.date
    ) -> Filing:
        """File a reply in its mailbox, once and never again.

        Raises:
            StoreUnavailable: the database does not answer; nothing was filed.
        """
        return until_alone(lambda: self._file(reply_id, sealed, mailbox, day))

    def _file(
        self, reply_id: bytes, sealed: bytes, mailbox: MailboxAddresses, day: dt.date
    ) -> Filing:
        with writing(self._engine) as connection:
            # What waits goes first: its turn may have come when old replies were swept away.
            move_up(connection, mailbox)
            if _is_there(connection, select(ReplyMarkRow.id).where(ReplyMarkRow.id == reply_id)):
                return Filing.KNOWN
            withdrawn = select(WithdrawnRow.day).where(WithdrawnRow.address == mailbox.withdrawn)
            if _is_there(connection, withdrawn):
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

    def delete(self, mailbox: MailboxAddresses, reply_id: bytes) -> None:
        """Delete a reply of a mailbox, and let the first that waits move into its slot.

        Does the same work whether it is there or not.

        Raises:
            StoreUnavailable: the database does not answer; nothing was deleted.
        """
        until_alone(lambda: self._delete(mailbox, reply_id))

    def _delete(self, mailbox: MailboxAddresses, reply_id: bytes) -> None:
        with writing(self._engine) as connection:
            places = (*mailbox.slots, *mailbox.waiting)
            connection.execute(
                delete(ReplyRow).where(ReplyRow.address.in_(places), ReplyRow.id == reply_id)
            )
            move_up(connection, mailbox)

    def sweep(self, *, filed_before: dt.date, withdrawn_before: dt.date) -> int:
        """Delete replies filed, and marks of withdrawals made, before these days.

        Returns how many replies that were. Whatever waits for their slots moves up when something
        is filed next: nobody here knows which belong together.

        Raises:
            StoreUnavailable: the database does not answer; nothing was deleted.
        """
        over = delete(ReplyRow).where(ReplyRow.day < filed_before)
        marks = delete(WithdrawnRow).where(WithdrawnRow.day < withdrawn_before)
        with writing(self._engine, looks_first=False) as connection:
            connection.execute(marks)
            return connection.execute(over).rowcount

    def reopen(self, mailbox: MailboxAddresses) -> None:
        """Let replies be filed again: the witness has written after a withdrawal.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        mark = delete(WithdrawnRow).where(WithdrawnRow.address == mailbox.withdrawn)
        with writing(self._engine, looks_first=False) as connection:
            connection.execute(mark)

    def states(self) -> Mapping[bytes, ReplyState]:
        """Return where each reply is that the server holds, by its id.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        query = select(ReplyRow.id, ReplyRow.waiting).order_by(ReplyRow.id)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return {row.id: ReplyState.WAITING if row.waiting else ReplyState.FILED for row in rows}


def move_up(connection: Connection, mailbox: MailboxAddresses) -> None:
    """Let replies that wait into the free slots of their mailbox."""
    taken = _taken(connection, (*mailbox.slots, *mailbox.waiting))
    free = [address for address in mailbox.slots if address not in taken]
    waiting = [address for address in mailbox.waiting if address in taken]
    for slot, place in zip(free, waiting, strict=False):
        connection.execute(
            update(ReplyRow).where(ReplyRow.address == place).values(address=slot, waiting=False)
        )


def withdraw(connection: Connection, mailbox: MailboxAddresses, day: dt.date) -> None:
    """Delete every reply of a mailbox, and note that none is to be filed in it any more."""
    connection.execute(delete(ReplyRow).where(ReplyRow.address.in_(mailbox.all)))
    connection.execute(delete(WithdrawnRow).where(WithdrawnRow.address == mailbox.withdrawn))
    connection.execute(insert(WithdrawnRow), {"address": mailbox.withdrawn, "day": day})


def _taken(connection: Connection, places: Sequence[bytes]) -> frozenset[bytes]:
    query = select(ReplyRow.address).where(ReplyRow.address.in_(places))
    return frozenset(connection.execute(query).scalars())


def _is_there(connection: Connection, query: Select[Any]) -> bool:
    return connection.execute(query).first() is not None
