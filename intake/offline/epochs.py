"""Epochs by the calendar: days, ISO weeks or months, in UTC."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import Enum

_WEEK = 7


class EpochLength(Enum):
    """How long an epoch is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True)
class Period:
    """An epoch's id, its first day, and the day after its last."""

    id: str
    begins: dt.date
    ends: dt.date


def period_of(day: dt.date, length: EpochLength) -> Period:
    """Return the epoch that ``day`` is in: ``2026-11-23``, ``2026-W48`` or ``2026-11``."""
    if length is EpochLength.DAY:
        return Period(day.isoformat(), day, day + dt.timedelta(days=1))
    if length is EpochLength.WEEK:
        year, week, _ = day.isocalendar()
        begins = dt.date.fromisocalendar(year, week, 1)
        return Period(f"{year}-W{week:02d}", begins, begins + dt.timedelta(days=_WEEK))
    begins = day.replace(day=1)
    # The 28th and four days are always in the next month.
    ends = (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    return Period(f"{begins:%Y-%m}", begins, ends)


def periods_from(day: dt.date, count: int, length: EpochLength) -> tuple[Period, ...]:
    """Return ``count`` epochs in a row, the first being the one that ``day`` is in."""
    periods = [period_of(day, length)]
    while len(periods) < count:
        periods.append(period_of(periods[-1].ends, length))
    return tuple(periods)
