"""How long what arrived may stay: the rule, and the sweep that follows it.

    unacknowledged   removed after ``unacknowledged_days``, and at least 21 days after a warning;
                     what was warned of counts no more once its time is longer again
    acknowledged     its file after ``acknowledged_days``; its row, the mark of sameness, 7 days on
    replies          after ``reply_days`` in a slot; what waits for one stays
    withdrawals      their mark after a year

The rule does no I/O and is told the day. Nothing at all is removed while the day itself is in
doubt. Rows go first, durably, and then their files: what is killed in between is found again.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from intake.errors import ManifestRefused, NothingInForce
from intake.online.high_water import Record
from intake.online.keys_in_force import KeysInForce
from intake.online.settings import Retention
from intake.online.store.leaving import Quorum
from intake.online.store.submissions import Store, StoredSubmission

_LOG = logging.getLogger(__name__)

#: How long the mark of an acknowledged submission stays at least, to know the same sent again.
MARK_DAYS = 7
#: A submission that will be removed unacknowledged is warned of this long before.
REMOVAL_WARNING_DAYS = 28
#: It stays at least this long after the warning, however late that came.
GRACE_DAYS = 21
#: No reply is filed in the mailbox of a witness who has withdrawn for this long.
WITHDRAWN_DAYS = 365


@dataclass(frozen=True)
class Due:
    """What the rule says of a day: ids of submissions.

    ``warn`` of those that nobody was warned of yet; ``forget`` the warnings of those whose end is
    far off again, because the settings were raised; ``remove`` those unacknowledged whose time is
    over; ``files`` of acknowledged ones are not needed any more, and neither are the ``marks``.
    """

    warn: tuple[bytes, ...]
    forget: tuple[bytes, ...]
    remove: tuple[bytes, ...]
    files: tuple[bytes, ...]
    marks: tuple[bytes, ...]


@dataclass(frozen=True)
class Swept:
    """What a sweep did: how many of each.

    ``debris`` are files that killed processes left. ``doubt`` says why nothing was removed for its
    age, if nothing was.
    """

    debris: int
    acknowledged: int
    removed: tuple[str, ...]
    replies: int
    warned: int
    doubt: str | None

    def to_json(self) -> dict[str, object]:
        """Return it as JSON's objects."""
        return asdict(self)


def end_of(submission: StoredSubmission, retention: Retention) -> dt.date:
    """Return the first day on which an unacknowledged submission may be removed."""
    end = submission.day + dt.timedelta(days=retention.unacknowledged_days)
    if submission.warned is None:
        return end
    return max(end, submission.warned + dt.timedelta(days=GRACE_DAYS))


def due(submissions: Iterable[StoredSubmission], today: dt.date, retention: Retention) -> Due:
    """Return what is due on ``today``."""
    warn, forget, remove, files, marks = [], [], [], [], []
    for submission in submissions:
        if submission.acknowledged is not None:
            age = (today - submission.acknowledged).days
            if age >= retention.acknowledged_days:
                files.append(submission.id)
            if age > max(MARK_DAYS, retention.acknowledged_days):
                marks.append(submission.id)
            continue
        left = (end_of(submission, retention) - today).days
        if submission.warned is None:
            if left <= REMOVAL_WARNING_DAYS:
                warn.append(submission.id)
        elif left > REMOVAL_WARNING_DAYS:
            forget.append(submission.id)
        elif left <= 0:
            remove.append(submission.id)
    return Due(tuple(warn), tuple(forget), tuple(remove), tuple(files), tuple(marks))


def doubt_about(record: Record, today: dt.date) -> str | None:
    """Return why ``today`` may not be the day, if it may not."""
    if record.seen.day == dt.date.min:
        return "no day was seen here yet on which keys were in force"
    if today < record.seen.day:
        return f"the clock shows {today}, and showed {record.seen.day} before"
    if jump := record.jumped(today):
        return f"the clock went from {jump[0]} to {jump[1]} at once"
    return None


def sweep(store: Store, keys: KeysInForce, retention: Retention, today: dt.date) -> Swept:
    """Remove what is over, what enough vaults have acknowledged, and what killed processes left.

    Raises:
        StoreUnavailable: the database does not answer, or a file stays; the next sweep goes on.
    """
    debris = store.sweep()
    with contextlib.suppress(NothingInForce):  # whom to believe will be known another day
        store.leaving.settle(Quorum.of(keys.history()[-1]), today)
    try:
        doubt = doubt_about(keys.record(), today)
    except ManifestRefused as error:
        doubt = str(error)
    if doubt is not None:
        # What goes at once when it is acknowledged needs no calendar.
        gone = 0 if retention.acknowledged_days else remove_acknowledged(store, dt.date.max)
        return Swept(debris, gone, (), 0, 0, doubt)
    return _sweep_on(store, retention, today, debris)


def _sweep_on(store: Store, retention: Retention, today: dt.date, debris: int) -> Swept:
    found = due(store.rows(), today, retention)
    store.leaving.delete(found.remove, acknowledged=False)
    store.leaving.delete(found.marks, acknowledged=True)
    store.leaving.warn(found.warn, today)
    store.leaving.forget_warnings(found.forget)
    gone = store.remove_files(found.files)
    # Only those whose rows are gone: a vault may have acknowledged one in the meantime.
    left = {row.id for row in store.rows()}
    removed = [i for i in found.remove if i not in left]
    store.remove_files(removed)
    replies = store.replies.sweep(
        filed_before=today - dt.timedelta(days=retention.reply_days),
        withdrawn_before=today - dt.timedelta(days=WITHDRAWN_DAYS),
    )
    for sentence in _log_lines(found, len(removed)):
        _LOG.warning("%s", sentence)
    return Swept(debris, gone, tuple(i.hex() for i in removed), replies, len(found.warn), None)


def _log_lines(found: Due, removed: int) -> Iterator[str]:
    if found.warn:
        yield (
            f"Submissions to be removed in {GRACE_DAYS} days or more, because no vault or too few "
            f"have acknowledged them: {len(found.warn)}. Export, and import what the vaults return."
        )
    if removed:
        yield f"Submissions removed unacknowledged, because their time was over: {removed}."


def remove_acknowledged(store: Store, until: dt.date) -> int:
    """Remove the files of what enough vaults had acknowledged by ``until``; return how many.

    Raises:
        StoreUnavailable: the database does not answer, or one of them stays.
    """
    rows = store.rows()
    return store.remove_files(
        [row.id for row in rows if row.acknowledged is not None and row.acknowledged <= until]
    )
