"""What came under one code, and what the witness has taken back of it.

A notice of withdrawal takes back all that stood on the server when it was made, and all that had
left it before: whatever a bundle listed before any listed the notice. What was written under the
same code afterwards is listed with the notice or later, and is not taken back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from intake.envelope.account import Kind
from intake.offline.catalogue import Catalogue, Entry, Status

TO_ACKNOWLEDGE = "to acknowledge"
ON_THE_WAY = "acknowledged, on the way"
GONE = "gone from the server"

#: What a vault cannot show to be whole is not acknowledged: the server's file may be the last.
_HELD = (Status.UNREAD, Status.READ)


@dataclass(frozen=True)
class Withdrawal:
    """That a witness has taken something back, on a day (``None`` where the catalogue was lost)."""

    day: dt.date | None

    def sentence(self) -> str:
        """Return it as a reviewer reads it."""
        when = "" if self.day is None else f" on {self.day}"
        return f"The witness has taken this back{when}."

    def to_json(self) -> str:
        """Return the day, or that nobody knows it."""
        return "unknown" if self.day is None else self.day.isoformat()


def withdrawals(entries: Mapping[str, Entry]) -> dict[str, Withdrawal]:
    """Return what has been taken back, by id."""
    found = {}
    for mailbox in _mailboxes(entries.values()):
        notices = [entry for entry in mailbox if entry.kind is Kind.WITHDRAWAL]
        for entry in mailbox if notices else ():
            by = [notice for notice in notices if _takes_back(notice, entry)]
            if entry.kind is not Kind.WITHDRAWAL and by:
                days = [notice.day for notice in by if notice.day is not None]
                found[entry.id] = Withdrawal(min(days, default=None))
    return found


def _mailboxes(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    by_mailbox: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.mailbox is not None:
            by_mailbox.setdefault(entry.mailbox, []).append(entry)
    yield from by_mailbox.values()


def _takes_back(notice: Entry, entry: Entry) -> bool:
    """Return whether an entry was there before a notice.

    Where the catalogue was lost, we do not know and think of the witness.
    """
    if entry.day is not None and notice.day is not None and entry.day > notice.day:
        return False
    return entry.bundle is None or (notice.bundle is not None and entry.bundle < notice.bundle)


def same_mailbox(entries: Mapping[str, Entry], submission_id: str) -> tuple[Entry, ...]:
    """Return what else came under the code of a submission, in the order of their days."""
    entry = entries.get(submission_id)
    if entry is None or entry.mailbox is None:
        return ()
    others = (e for e in entries.values() if e.mailbox == entry.mailbox and e.id != submission_id)
    return tuple(sorted(others, key=lambda e: (e.day or dt.date.min, e.id)))


def on_the_way(known: Catalogue, entry: Entry) -> str | None:
    """Return where an account stands between this vault and the server, if that is known."""
    if known.newest is None or entry.received_sha256 is None:
        return None
    if not entry.at_server:
        return GONE
    if entry.acknowledged is not None:
        return ON_THE_WAY
    return TO_ACKNOWLEDGE if entry.status in _HELD else None
