"""The number of the next bundle, and the day of the last restoration: together they order bundles.

Both stand in the state folder. A vault believes of the server's state only what comes from a
bundle that is not older than its newest, so neither may go back.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from intake import strict_json
from intake.courier.bundle import MOST
from intake.durable import remove_drafts, write_file
from intake.errors import DocumentMalformed, StoreUnavailable
from intake.strict_json import Fields

#: The count, in the state folder.
COUNT = "courier.json"
#: The day on which the state was restored from a backup, in the state folder, if it ever was.
RESTORED = "restored.json"
_LOCK = "courier.lock"


@contextlib.contextmanager
def locked_count(state: Path) -> Iterator[None]:
    """Keep other exports from taking a number meanwhile."""
    descriptor = os.open(state / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def next_sequence(state: Path, noted: int) -> int:
    """Take the next number, also after ``noted``. Only within :func:`locked_count`.

    Raises:
        StoreUnavailable: nobody knows it.
    """
    path = state / COUNT
    remove_drafts(path)
    sequence = 1 + last_sequence(state, noted)
    write_file(path, strict_json.dumps({"sequence": sequence}))
    return sequence


def last_sequence(state: Path, noted: int = 0) -> int:
    """Return the number of the last bundle, 0 before the first.

    ``noted`` is the largest number that the rows name: the file may have been lost or put back.

    Raises:
        StoreUnavailable: nobody knows it. To begin anew would give one number to two bundles, so
            a person has to say so.
    """
    path = state / COUNT
    try:
        fields = Fields(strict_json.loads(path.read_bytes()), "count of bundles")
        last = fields.positive("sequence")
        fields.end()
    except FileNotFoundError:
        last = 0
    except DocumentMalformed as error:
        raise _miscounted(path) from error
    if max(last, noted) >= MOST:
        raise _miscounted(path)
    return max(last, noted)


def restored_day(state: Path) -> dt.date | None:
    """Return the day on which this state was restored from a backup, if it was.

    Raises:
        StoreUnavailable: nobody knows it.
    """
    path = state / RESTORED
    try:
        fields = Fields(strict_json.loads(path.read_bytes()), "note of a restoration")
        day = fields.day("day")
        fields.end()
    except FileNotFoundError:
        return None
    except DocumentMalformed as error:
        raise StoreUnavailable(
            f'{path} is damaged: write {{"day": "YYYY-MM-DD"}} into it, with the day on which this '
            "server was last restored from a backup, or a later one."
        ) from error
    return day


def note_restored(state: Path, day: dt.date) -> None:
    """Note that this state was restored on ``day``: its bundles come after all before."""
    write_file(state / RESTORED, strict_json.dumps({"day": day.isoformat()}))


def _miscounted(path: Path) -> StoreUnavailable:
    return StoreUnavailable(
        f'{path} is damaged. It only counts the bundles: write {{"sequence": N}} into it, with the '
        "number of the last bundle as N ('intake-review list' shows it, and a larger number does "
        "no harm); then export again."
    )
