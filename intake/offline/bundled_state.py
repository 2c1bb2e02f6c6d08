"""What a bundle says of the state of things: the server's submissions, our returns, replies.

The rule: it is believed only from a bundle that the server signed, that is not older than the
newest one believed before, and whose server was not restored on a day that is still to come. Any
other still brings accounts. Only a person may have it believed all the same: a server that was once
taken over, or whose clock was wrong, must not silence a vault for ever.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass

from intake.courier.bundle import Bundle
from intake.envelope.account import Kind
from intake.manifest import dsse
from intake.manifest.signing import SigningIdentity
from intake.offline.catalogue import Catalogue, Entry, Order

_A_DAY = dt.timedelta(days=1)

#: Returns of a vault that a copy of it may not know of.
_MOST_UNKNOWN = 1_000_000


def is_older(bundle: Bundle, known: Catalogue) -> bool:
    """Return whether a newer bundle was believed before."""
    return known.newest is not None and bundle.order < known.newest


def is_of_a_day_to_come(bundle: Bundle, known: Catalogue, today: dt.date) -> bool:
    """Return whether it says that the server was restored on a day that is still to come.

    A day that was believed before may be. ``today`` is what this machine's clock shows.
    """
    return bundle.order[0] > max(_restored(known), today + _A_DAY)


def was_restored(bundle: Bundle, known: Catalogue) -> bool:
    """Return whether the server was restored from a backup since the newest bundle believed."""
    return bundle.order[0] != _restored(known)


def _restored(known: Catalogue) -> dt.date:
    return dt.date.min if known.newest is None else known.newest[0]


@dataclass(frozen=True)
class Taken:
    """The number of the last return of ours that the server took, and a sentence about it.

    The sentence is for a reviewer, and ``None`` where nothing is wrong with that number.
    """

    sequence: int = 0
    warning: str | None = None


def last_taken(bundle: Bundle, known: Catalogue, signer: SigningIdentity | None) -> Taken:
    """Return which return of ours the server took last; number 0 if none, or none that we believe.

    ``signer`` is what we sign with, if we have signed anything yet.
    """
    if signer is None:
        return Taken()
    taken = bundle.taken.get(dsse.ed25519_keyid(signer.public().key), 0)
    if taken > known.sequence + _MOST_UNKNOWN:
        return Taken(
            warning="The bundle says that the server has taken a return of this vault with a "
            "number far beyond all that it has written; that is not believed. Until that is mended "
            "on the server it refuses what this vault sends: let whoever runs it find out why."
        )
    if taken > known.sequence:
        return Taken(taken, _older_copy(taken, known.sequence))
    return Taken(taken)


def _older_copy(taken: int, ours: int) -> str:
    return (
        f"The server has taken return {taken} of this vault, which knows only of {ours}: this is "
        "an older copy of the vault, or its catalogue was lost. On the word of returns that this "
        "copy does not know, the server may have deleted accounts that are not in it. Look for a "
        "newer copy of the vault, or for the sticks that brought what is missing, and destroy "
        "neither sticks nor copies before."
    )


def believing(known: Catalogue, bundle: Bundle, taken: int) -> Catalogue:
    """Return the catalogue with what ``bundle`` says of the server's submissions and our returns.

    A vault restored from a copy learns from ``taken`` how many returns it had made. Where a person
    has had an older bundle believed, no order after it counts as known.
    """
    listed = {submission.id for submission in bundle.submissions}
    return dataclasses.replace(
        known,
        entries={
            name: _up_to(entry, bundle.order)
            if entry.at_server == (name in listed)
            else dataclasses.replace(_up_to(entry, bundle.order), at_server=name in listed)
            for name, entry in known.entries.items()
        },
        newest=bundle.order,
        sequence=max(known.sequence, taken),
    )


def _up_to(entry: Entry, newest: Order) -> Entry:
    """Return the entry without the order of a bundle that counts no more, unless it is a notice.

    Without one, each notice of its mailbox takes it back: we think of the witness.
    """
    if entry.bundle is None or entry.bundle <= newest or entry.kind is Kind.WITHDRAWAL:
        return entry
    return dataclasses.replace(entry, bundle=None)


def first_listed(entry: Entry, order: Order) -> Entry:
    """Return the entry, listed by a bundle of that order: of several, the first counts."""
    if entry.bundle is not None and entry.bundle <= order:
        return entry
    return dataclasses.replace(entry, bundle=order)
