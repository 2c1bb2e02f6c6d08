"""What is on the way between the server and the reviewers, as far as the server knows."""

from __future__ import annotations

import collections
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from intake.command_line import counted
from intake.courier.bundle import ReplyState
from intake.online.retention import end_of
from intake.online.settings import Retention
from intake.online.store.leaving import Quorum
from intake.online.store.submissions import Store, StoredSubmission


@dataclass(frozen=True)
class Carried:
    """Submissions that first left with one bundle, and are not acknowledged yet."""

    bundle: int
    submissions: int


@dataclass(frozen=True)
class OnTheWay:
    """Counts of submissions and replies; days as ``YYYY-MM-DD``.

    ``acknowledged_by_some`` are those that fewer vaults have acknowledged than are asked for;
    ``acknowledged_here`` those that stay for a while after enough have. ``removal`` is the first
    day on which something will be removed unacknowledged, of ``warned`` that the admins were
    warned of.
    """

    never_left: int
    carried: tuple[Carried, ...]
    acknowledged_by_some: int
    acknowledged_here: int
    replies_filed: int
    replies_waiting: int
    warned: int
    removal: str | None

    def problems(self) -> list[str]:
        """Return what the admins have to do soon, a sentence each."""
        if self.removal is None:
            return []
        sentence = (
            f"{counted(self.warned, 'submission', 'submissions')} will be removed from "
            f"{self.removal} on, although too few vaults have acknowledged "
            f"{'it' if self.warned == 1 else 'them'}: run 'intake export DIR', let the reviewers "
            "import it, and run 'intake import DIR' with what they return."
        )
        return [sentence]


def on_the_way(
    store: Store, held: Sequence[StoredSubmission], quorum: Quorum | None, retention: Retention
) -> OnTheWay:
    """Return what is on the way of the submissions ``held``.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    waiting = [s for s in held if s.acknowledged is None]
    carried = collections.Counter(s.bundle for s in waiting if s.bundle is not None)
    warned = [end_of(s, retention) for s in waiting if s.warned is not None]
    states = collections.Counter(store.replies.states().values())
    return OnTheWay(
        never_left=sum(s.bundle is None for s in waiting),
        carried=tuple(Carried(bundle, count) for bundle, count in sorted(carried.items())),
        acknowledged_by_some=_by_some(store, quorum),
        acknowledged_here=len(held) - len(waiting),
        replies_filed=states[ReplyState.FILED],
        replies_waiting=states[ReplyState.WAITING],
        warned=len(warned),
        removal=_first(warned),
    )


def _by_some(store: Store, quorum: Quorum | None) -> int:
    if quorum is None:
        return 0
    return sum(bool(vaults & quorum.vaults) for vaults in store.leaving.acknowledgements().values())


def _first(days: Sequence[dt.date]) -> str | None:
    return min(days).isoformat() if days else None
