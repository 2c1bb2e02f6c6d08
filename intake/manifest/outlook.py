"""What a manifest means for the days to come and the days gone by. Pure functions, no clock.

Until when there is somebody to seal to, when an epoch is closed for good, and what was sealed to
a recipient that is revoked by now.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from intake.manifest.model import Epoch, Manifest, Role

#: How many days before nobody can be sealed to any more the admins are warned.
WARNING_DAYS = 14

#: Days that pass between the end of the longest upload and the closing of its epoch.
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
    return max(today, min(day, manifest.expires + _A_DAY))


def closing_day(epoch: Epoch, upload_hours: int) -> dt.date:
    """Return the first day on which nothing sealed to ``epoch`` can arrive any more.

    Args:
        epoch: the epoch.
        upload_hours: how long an upload may take: one that began in the last minute of the epoch
            ends under the manifest it began with.
    """
    upload_days = -(-upload_hours // _DAY_HOURS)
    return epoch.ends + (upload_days + CLOSING_MARGIN_DAYS) * _A_DAY


def closed_epochs(
    history: Sequence[Manifest], today: dt.date, upload_hours: int
) -> tuple[str, ...]:
    """Return the ids of all epochs that any version named and that are closed on ``today``."""
    # Whatever a later version says: uploads may have begun while an earlier one was in force.
    last: dict[str, Epoch] = {}
    for epoch in (epoch for manifest in history for epoch in manifest.epochs):
        last[epoch.id] = max(last.get(epoch.id, epoch), epoch, key=lambda e: e.ends)
    in_order = sorted(last.values(), key=lambda epoch: epoch.begins)
    return tuple(e.id for e in in_order if closing_day(e, upload_hours) <= today)


@dataclass(frozen=True)
class Exposure:
    """Accounts of one epoch, taken under one version, that somebody revoked can open.

    ``names`` are those whose recipients are revoked by now.
    """

    epoch: str
    version: int
    names: tuple[str, ...]


def exposures(history: Sequence[Manifest], today: dt.date) -> tuple[Exposure, ...]:
    """Return what may have been sealed to recipients before they were revoked, oldest first."""
    revoked = {name for manifest in history for name in manifest.revocations}
    return tuple(
        Exposure(epoch.id, manifest.version, names)
        for manifest in history
        for epoch in manifest.epochs
        if epoch.begins <= today and epoch.ends > manifest.issued
        if (names := _exposed(manifest, epoch, revoked))
    )


def _exposed(manifest: Manifest, epoch: Epoch, revoked: Iterable[str]) -> tuple[str, ...]:
    """Return whose recipients were in force in ``epoch`` then, and are revoked by now."""
    in_force = [r for role in Role for r in manifest.recipients_in(epoch, role)]
    whole = epoch.id in revoked
    return tuple(dict.fromkeys(r.name for r in in_force if whole or r.recipient in revoked))
