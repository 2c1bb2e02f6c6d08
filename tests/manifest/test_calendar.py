from __future__ import annotations

import datetime as dt
import itertools
import re

import pytest

from intake.errors import ManifestRefused
from intake.manifest.calendar import (
    EpochLength,
    Period,
    length_of,
    period_named,
    period_of,
    periods_from,
)
from intake.manifest.model import EPOCH_ID

D = dt.date


@pytest.mark.parametrize(
    ("day", "length", "period_id", "begins", "ends"),
    [
        (D(2026, 11, 23), EpochLength.DAY, "2026-11-23", D(2026, 11, 23), D(2026, 11, 24)),
        (D(2026, 12, 31), EpochLength.DAY, "2026-12-31", D(2026, 12, 31), D(2027, 1, 1)),
        (D(2028, 2, 28), EpochLength.DAY, "2028-02-28", D(2028, 2, 28), D(2028, 2, 29)),
        (D(2026, 11, 23), EpochLength.WEEK, "2026-W48", D(2026, 11, 23), D(2026, 11, 30)),
        (D(2026, 11, 29), EpochLength.WEEK, "2026-W48", D(2026, 11, 23), D(2026, 11, 30)),
        # ISO 8601: a week belongs to the year that its Thursday is in.
        (D(2027, 1, 1), EpochLength.WEEK, "2026-W53", D(2026, 12, 28), D(2027, 1, 4)),
        (D(2024, 12, 30), EpochLength.WEEK, "2025-W01", D(2024, 12, 30), D(2025, 1, 6)),
        (D(2026, 11, 1), EpochLength.MONTH, "2026-11", D(2026, 11, 1), D(2026, 12, 1)),
        (D(2026, 11, 30), EpochLength.MONTH, "2026-11", D(2026, 11, 1), D(2026, 12, 1)),
        (D(2026, 12, 31), EpochLength.MONTH, "2026-12", D(2026, 12, 1), D(2027, 1, 1)),
        (D(2028, 2, 29), EpochLength.MONTH, "2028-02", D(2028, 2, 1), D(2028, 3, 1)),
        (D(2027, 1, 31), EpochLength.MONTH, "2027-01", D(2027, 1, 1), D(2027, 2, 1)),
    ],
)
def test_the_epoch_a_day_is_in(
    day: dt.date, length: EpochLength, period_id: str, begins: dt.date, ends: dt.date
) -> None:
    period = period_of(day, length)
    assert (period.id, period.begins, period.ends) == (period_id, begins, ends)


@pytest.mark.parametrize("length", EpochLength)
def test_every_day_of_ten_years_is_in_exactly_one_epoch(length: EpochLength) -> None:
    days = [D(2026, 1, 1) + dt.timedelta(days=n) for n in range(3653)]
    for day in days:
        period = period_of(day, length)
        assert period.begins <= day < period.ends
        assert re.fullmatch(EPOCH_ID, period.id)
        assert period_of(period.begins, length) == period
        assert period_of(period.ends, length) != period


@pytest.mark.parametrize("length", EpochLength)
def test_epochs_in_a_row_leave_no_day_out(length: EpochLength) -> None:
    periods = periods_from(D(2026, 11, 23), 100, length)
    assert len(periods) == len({period.id for period in periods}) == 100
    assert periods[0] == period_of(D(2026, 11, 23), length)
    for earlier, later in itertools.pairwise(periods):
        assert earlier.ends == later.begins


@pytest.mark.parametrize("length", EpochLength)
def test_an_epoch_is_found_again_by_its_name_and_by_its_days(length: EpochLength) -> None:
    for period in periods_from(D(2023, 12, 28), 1500, length):
        assert period_named(period.id) == period
        assert length_of(period) is length


@pytest.mark.parametrize(
    ("day", "count", "length"),
    [
        (D(9999, 12, 31), 1, EpochLength.DAY),
        (D(9999, 12, 30), 2, EpochLength.DAY),
        (D(9999, 12, 27), 1, EpochLength.WEEK),
        (D(9999, 12, 31), 1, EpochLength.WEEK),
        (D(9999, 12, 20), 2, EpochLength.WEEK),
        (D(9999, 12, 1), 1, EpochLength.MONTH),
        (D(9999, 11, 1), 2, EpochLength.MONTH),
        (D(9999, 1, 1), 400, EpochLength.DAY),
    ],
)
def test_beyond_the_calendars_end_there_is_no_epoch(
    day: dt.date, count: int, length: EpochLength
) -> None:
    with pytest.raises(ManifestRefused, match="9999"):
        periods_from(day, count, length)


@pytest.mark.parametrize("length", EpochLength)
def test_the_calendars_first_epochs_are_found_again_by_their_names(length: EpochLength) -> None:
    for period in periods_from(D(1, 1, 1), 50, length):
        assert period_named(period.id) == period


@pytest.mark.parametrize(
    "name",
    [
        "",
        "2026",
        "2026-13",
        "2026-00",
        "2026-1",
        "202611",
        "2026-11-",
        "2026-11-31",
        "2026-11-1",
        "20261123",
        "2026-W54",
        "2027-W53",
        "2026-W00",
        "2026-W5",
        "2026W48",
        "2026-w48",
        "2026-W48-1",
        " 2026-11",
        "2026-11\n",
        "၂၀၂၆-၁၁",
        "9999-12",
        "9999-12-31",
        "../x",
        "quorum",
    ],
)
def test_what_names_no_epoch_is_refused_with_how_to_write_one(name: str) -> None:
    with pytest.raises(ManifestRefused, match="2026-12"):
        period_named(name)


@pytest.mark.parametrize(
    "period",
    [
        Period("2026-11", D(2026, 11, 1), D(2026, 11, 30)),
        Period("2026-11", D(2026, 11, 2), D(2026, 12, 1)),
        Period("november", D(2026, 11, 1), D(2026, 12, 1)),
        Period("2026-W48", D(2026, 11, 22), D(2026, 11, 29)),
        Period("2026-11-23", D(2026, 11, 23), D(2026, 11, 25)),
        Period("9999-12", D(9999, 12, 1), dt.date.max),
    ],
)
def test_an_epoch_of_somebodys_own_has_no_length_of_the_calendars(period: Period) -> None:
    assert length_of(period) is None
