"""What a bundle says of the state of things: the server's submissions, our returns, replies.

The rule: it is believed only from a bundle that the server signed and that is not older than the
newest one believed before. An older one still brings accounts; what it says of the rest was true
once.
"""

from __future__ import annotations

import dataclasses
import datetime as dt

from intake.courier.bundle import Bundle
from intake.manifest import dsse
from intake.manifest.signing import SigningIdentity
from intake.offline.catalogue import Catalogue, Entry, Order

#: The largest whole number that every reader of JSON has.
_MOST_RETURNS = 2**53 - 1


def is_older(bundle: Bundle, known: Catalogue) -> bool:
    """Return whether a newer bundle was believed before."""
    return known.newest is not None and bundle.order < known.newest


def was_restored(bundle: Bundle, known: Catalogue) -> bool:
    """Return whether the server was restored from a backup since the newest bundle believed."""
    before = dt.date.min if known.newest is None else known.newest[0]
    return bundle.order[0] > before


def last_taken(bundle: Bundle, signer: SigningIdentity | None) -> int:
    """Return the number of the last return of ours that the server took; 0 if none.

    ``signer`` is what we sign with, if we have signed anything yet.
    """
    if signer is None:
        return 0
    taken = bundle.taken.get(dsse.ed25519_keyid(signer.public().key), 0)
    return taken if taken < _MOST_RETURNS else 0


def believing(known: Catalogue, bundle: Bundle, taken: int) -> Catalogue:
    """Return the catalogue with what ``bundle`` says of the server's submissions and our returns.

    A vault restored from a copy learns from ``taken`` how many returns it had made.
    """
    listed = {submission.id for submission in bundle.submissions}
    return dataclasses.replace(
        known,
        entries={
            name: dataclasses.replace(entry, at_server=name in listed)
            if entry.at_server != (name in listed)
            else entry
            for name, entry in known.entries.items()
        },
        newest=bundle.order,
        sequence=max(known.sequence, taken),
    )


def first_listed(entry: Entry, order: Order) -> Entry:
    """Return the entry, listed by a bundle of that order: of several, the first counts."""
    if entry.bundle is not None and entry.bundle <= order:
        return entry
    return dataclasses.replace(entry, bundle=order)
