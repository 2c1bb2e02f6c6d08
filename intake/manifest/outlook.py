"""What a manifest means for the days to come and the days gone by. Pure functions, no clock.

Until when there is somebody to seal to, when an epoch is closed for good, and what was sealed to
a recipient that is revoked by now.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from intake.manifest.model import Epoch, Manifest, Role

#: How many days before nobody can be sealed to any more the admins are warned.
WARNING_DAYS = 14

#: Days between the day from which an upload is refused and the closing of its epoch: for a commit
#: that was judged a moment before, and a clock that is a little off.
CLOSING_MARGIN_DAYS = 1

_A_DAY = dt.timedelta(days=1)
_DAY_HOURS = 24


def covered_until(manifest: Manifest, today: dt.date) -> dt.date:
    """Return the first day, from ``today`` on, on which nothing could be taken."""
    day = today
    for epoch in manifest.epochs:
        if epoch.holds(day) and manifest.recipients_in(epoch, Role.REVIEWERS):
            day = epoch.ends
    # The manifest's last day is still a good one.
    return max(today, min(day, _later(manifest.expires, 1)))


def refusing_day(epoch: Epoch, upload_hours: int) -> dt.date:
    """Return the first day on which what was sealed to ``epoch`` is no longer taken.

    Args:
        epoch: the epoch.
        upload_hours: how long an upload may take: one that began in the last minute of the epoch
            ends under the manifest it began with.
    """
    return _later(epoch.ends, -(-upload_hours // _DAY_HOURS))


def closing_day(epoch: Epoch, upload_hours: int) -> dt.date:
    """Return the first day on which nothing sealed to ``epoch`` can arrive any more."""
    return _later(refusing_day(epoch, upload_hours), CLOSING_MARGIN_DAYS)


def closed_epochs(
    history: Sequence[Manifest], today: dt.date, upload_hours: int, *, seen: dt.date
) -> tuple[str, ...]:
    """Return the ids of all epochs that any version named and that are closed on ``today``.

    ``seen`` is the latest day on which keys were in force. An epoch that begins later is not called
    closed, whatever the clock says: set far ahead, it would close all that are to come.
    """
    # Whatever a later version says: uploads may have begun while an earlier one was in force.
    last: dict[str, Epoch] = {}
    for epoch in (epoch for manifest in history for epoch in manifest.epochs):
        last[epoch.id] = max(last.get(epoch.id, epoch), epoch, key=lambda e: e.ends)
    in_order = sorted(last.values(), key=lambda epoch: epoch.begins)
    return tuple(
        e.id for e in in_order if e.begins <= seen and closing_day(e, upload_hours) <= today
    )


def _later(day: dt.date, days: int) -> dt.date:
    """Return the day so many days later: the calendar's last, where it comes to its end."""
    return day + min(days, (dt.date.max - day).days) * _A_DAY


@dataclass(frozen=True)
class Exposure:
    """Accounts of one epoch, taken under one version, that somebody revoked can open.

    ``names`` are those whose recipients are revoked by now.
    """

    epoch: str
    version: int
    names: tuple[str, ...]


def exposures(
    history: Sequence[Manifest], today: dt.date, held: Collection[tuple[str, int]] = ()
) -> tuple[Exposure, ...]:
    """Return what may have been sealed to recipients before they were revoked, oldest first.

    Args:
        history: every version since the root.
        today: the day.
        held: epoch and version of whatever the server still holds: certain, where the days of the
            versions only tell what is likely. A version is in force from when it was made until the
            next one was, which may have been installed a little later.
    """
    revoked = {name for manifest in history for name in manifest.revocations}
    superseded = [*(later.issued for later in history[1:]), today][: len(history)]
    return tuple(
        Exposure(epoch.id, manifest.version, names)
        for manifest, until in zip(history, superseded, strict=True)
        for epoch in manifest.epochs
        if (epoch.id, manifest.version) in held
        or (epoch.begins <= until and epoch.ends > manifest.issued)
        if (names := _exposed(manifest, epoch, revoked))
    )


def _exposed(manifest: Manifest, epoch: Epoch, revoked: Iterable[str]) -> tuple[str, ...]:
    """Return whose recipients were in force in ``epoch`` then, and are revoked by now."""
    in_force = [r for role in Role for r in manifest.recipients_in(epoch, role)]
    whole = epoch.id in revoked
    return tuple(dict.fromkeys(r.name for r in in_force if whole or r.recipient in revoked))
