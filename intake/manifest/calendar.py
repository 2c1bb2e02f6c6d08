"""Epochs by the calendar: days, ISO weeks (ISO 8601) or months, in UTC."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass
from enum import Enum

from intake.errors import ManifestRefused

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
    """Return the epoch that ``day`` is in: ``2026-11-23``, ``2026-W48`` or ``2026-11``.

    Raises:
        ManifestRefused: the calendar, which ends with the year 9999, has no day after its end.
    """
    try:
        return _period_of(day, length)
    except OverflowError:
        raise ManifestRefused(
            "The calendar ends with the year 9999, and an epoch must end before it; name an "
            "earlier day."
        ) from None


def _period_of(day: dt.date, length: EpochLength) -> Period:
    if length is EpochLength.DAY:
        return Period(day.isoformat(), day, day + dt.timedelta(days=1))
    if length is EpochLength.WEEK:
        year, week, _ = day.isocalendar()
        begins = dt.date.fromisocalendar(year, week, 1)
        return Period(f"{year:04d}-W{week:02d}", begins, begins + dt.timedelta(days=_WEEK))
    begins = day.replace(day=1)
    # The 28th and four days are always in the next month.
    ends = (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    # Not strftime: it writes the year 987 with three digits, which no reader takes.
    return Period(begins.isoformat()[: len("0987-06")], begins, ends)


def periods_from(day: dt.date, count: int, length: EpochLength) -> tuple[Period, ...]:
    """Return ``count`` epochs in a row, the first being the one that ``day`` is in.

    Raises:
        ManifestRefused: they go beyond the calendar's end.
    """
    periods = [period_of(day, length)]
    while len(periods) < count:
        periods.append(period_of(periods[-1].ends, length))
    return tuple(periods)


def period_named(period_id: str) -> Period:
    """Return the epoch of that id: ``2026-11-23``, ``2026-W48`` or ``2026-11``.

    Raises:
        ManifestRefused: no epoch of the calendar has this id.
    """
    for length, first_day in (
        (EpochLength.DAY, period_id),
        (EpochLength.WEEK, f"{period_id}-1"),
        (EpochLength.MONTH, f"{period_id}-01"),
    ):
        # The calendar's very last period has no day after its end.
        with contextlib.suppress(ValueError, ManifestRefused):
            period = period_of(dt.date.fromisoformat(first_day), length)
            if period.id == period_id:
                return period
    raise ManifestRefused(
        f"{period_id} is no epoch; write a month (2026-12), a week (2026-W49) or a day."
    )


def length_of(period: Period) -> EpochLength | None:
    """Return how long an epoch is, or ``None`` if it is not one of the calendar's."""
    for length in EpochLength:
        with contextlib.suppress(ManifestRefused):
            if period_of(period.begins, length) == period:
                return length
    return None
