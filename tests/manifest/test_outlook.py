"""What a manifest means for days to come and days gone by: coverage, closing, exposure."""

from __future__ import annotations

import datetime as dt

import pytest

from intake.manifest.model import Epoch, Manifest, Recipient, Role
from intake.manifest.outlook import (
    Exposure,
    closed_epochs,
    closing_day,
    covered_until,
    exposures,
)
from tests.support.manifests import TODAY, epoch, manifest, recipient

D = dt.date
LAST_DAY = dt.date.max

AYE, BA = recipient(1), recipient(2)
CUSTODIAN = recipient(3, Role.CUSTODIANS)


def month(number: int, *recipients: Recipient, year: int = 2026) -> Epoch:
    """Return a month of the year as an epoch; the 13th is January."""
    begins = D(year + (number - 1) // 12, (number - 1) % 12 + 1, 1)
    ends = (begins + dt.timedelta(days=32)).replace(day=1)
    return Epoch(f"{begins:%Y-%m}", begins, ends, recipients or (recipient(),))


NOVEMBER, DECEMBER, JANUARY, FEBRUARY = (month(number) for number in (11, 12, 13, 14))

# --- until when there is somebody to seal to -----------------------------------------------------

COVERED: dict[str, tuple[Manifest, dt.date]] = {
    "one epoch": (manifest(), D(2026, 12, 1)),
    "three in a row": (manifest(epochs=(NOVEMBER, DECEMBER, JANUARY)), D(2027, 2, 1)),
    "no epochs": (manifest(epochs=()), TODAY),
    "only past epochs": (manifest(epochs=(month(9), month(10))), TODAY),
    "only epochs to come": (manifest(epochs=(DECEMBER, JANUARY)), TODAY),
    "a month is missing": (manifest(epochs=(NOVEMBER, JANUARY)), D(2026, 12, 1)),
    "a day is missing": (
        manifest(epochs=(epoch(ends=D(2026, 11, 30)), DECEMBER)),
        D(2026, 11, 30),
    ),
    "this epoch is revoked": (
        manifest(epochs=(NOVEMBER, DECEMBER), revocations=("2026-11",)),
        TODAY,
    ),
    "the next epoch is revoked": (
        manifest(epochs=(NOVEMBER, DECEMBER, JANUARY), revocations=("2026-12",)),
        D(2026, 12, 1),
    ),
    "a past epoch is revoked": (
        manifest(epochs=(month(10), NOVEMBER), revocations=("2026-10",)),
        D(2026, 12, 1),
    ),
    "the only reviewer of the next is revoked": (
        manifest(epochs=(NOVEMBER, month(12, AYE)), revocations=(AYE.recipient,)),
        D(2026, 12, 1),
    ),
    "one of two reviewers of the next is revoked": (
        manifest(epochs=(NOVEMBER, month(12, AYE, BA)), revocations=(AYE.recipient,)),
        D(2027, 1, 1),
    ),
    "the next has only custodians": (
        manifest(epochs=(NOVEMBER, month(12, CUSTODIAN))),
        D(2026, 12, 1),
    ),
    "the next has nobody": (
        manifest(epochs=(NOVEMBER, epoch(id="2026-12", begins=D(2026, 12, 1), recipients=()))),
        D(2026, 12, 1),
    ),
    "the manifest expires first, on a day that is still good": (
        manifest(epochs=(NOVEMBER, DECEMBER), expires=D(2026, 12, 5)),
        D(2026, 12, 6),
    ),
    "the manifest expires today": (manifest(expires=TODAY), TODAY + dt.timedelta(days=1)),
    "the manifest has expired": (manifest(expires=D(2026, 11, 1)), TODAY),
    "it never expires": (manifest(expires=LAST_DAY), D(2026, 12, 1)),
    "nothing ever ends": (manifest(expires=LAST_DAY, epochs=(epoch(ends=LAST_DAY),)), LAST_DAY),
}


@pytest.mark.parametrize("name", COVERED)
def test_accounts_can_be_taken_until(name: str) -> None:
    known, until = COVERED[name]
    assert covered_until(known, TODAY) == until


def test_on_every_day_before_it_somebody_is_sealed_to_and_on_that_day_nobody() -> None:
    for known, until in COVERED.values():
        days = min((until - TODAY).days, 100)
        for day in (TODAY + dt.timedelta(days=n) for n in range(days)):
            assert known.recipients_on(day, Role.REVIEWERS)
            assert day <= known.expires
        if until < LAST_DAY:
            assert not known.recipients_on(until, Role.REVIEWERS) or until > known.expires


# --- when an epoch is closed ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("upload_hours", "closes"),
    [
        (1, D(2026, 12, 3)),
        (23, D(2026, 12, 3)),
        (24, D(2026, 12, 3)),
        (25, D(2026, 12, 4)),
        (48, D(2026, 12, 4)),
        (240, D(2026, 12, 12)),
    ],
)
def test_an_epoch_closes_after_the_longest_upload_and_a_day(
    upload_hours: int, closes: dt.date
) -> None:
    assert closing_day(NOVEMBER, upload_hours) == closes
    last_upload = dt.datetime(2026, 11, 30, 23, 59, 59) + dt.timedelta(hours=upload_hours)  # noqa: DTZ001
    assert dt.datetime(closes.year, closes.month, closes.day) - last_upload >= dt.timedelta(days=1)  # noqa: DTZ001
    for day, closed in ((closes - dt.timedelta(days=1), ()), (closes, ("2026-11",))):
        assert closed_epochs([manifest()], day, upload_hours, seen=day) == closed


def test_uploads_without_an_end_leave_every_epoch_open() -> None:
    assert closing_day(NOVEMBER, 10**15) == LAST_DAY


SHORTER = epoch(ends=D(2026, 11, 10))
LONGER = epoch(ends=D(2026, 12, 15))

CLOSED: dict[str, tuple[list[Manifest], dt.date, tuple[str, ...]]] = {
    "nothing yet": ([manifest(epochs=(NOVEMBER, DECEMBER))], D(2026, 12, 2), ()),
    "the first": ([manifest(epochs=(NOVEMBER, DECEMBER))], D(2026, 12, 3), ("2026-11",)),
    "both, oldest first": (
        [manifest(epochs=(NOVEMBER, DECEMBER))],
        D(2027, 1, 3),
        ("2026-11", "2026-12"),
    ),
    "a later version dropped it": (
        [manifest(), manifest(epochs=(DECEMBER,))],
        D(2026, 12, 3),
        ("2026-11",),
    ),
    "a later version dropped it, and it is not over": (
        [manifest(), manifest(epochs=(DECEMBER,))],
        D(2026, 12, 2),
        (),
    ),
    "a later version made it shorter": ([manifest(), manifest(epochs=(SHORTER,))], TODAY, ()),
    "a later version made it longer": (
        [manifest(), manifest(epochs=(LONGER,))],
        D(2026, 12, 16),
        (),
    ),
    "a version between made it longer": (
        [manifest(), manifest(epochs=(LONGER,)), manifest()],
        D(2026, 12, 16),
        (),
    ),
    "the longest is over": (
        [manifest(), manifest(epochs=(LONGER,)), manifest(epochs=(SHORTER,))],
        D(2026, 12, 17),
        ("2026-11",),
    ),
    "revoked, and closed as any other": (
        [manifest(), manifest(revocations=("2026-11",))],
        D(2026, 12, 3),
        ("2026-11",),
    ),
    "revoked, and uploads may be under way": (
        [manifest(), manifest(revocations=("2026-11",))],
        D(2026, 12, 2),
        (),
    ),
    "it never ends": ([manifest(epochs=(epoch(ends=LAST_DAY),))], D(2999, 1, 1), ()),
    "no epochs at all": ([manifest(epochs=())], D(2999, 1, 1), ()),
}


@pytest.mark.parametrize("name", CLOSED)
def test_closed_is_what_nothing_can_arrive_for_under_any_version(name: str) -> None:
    history, today, closed = CLOSED[name]
    assert closed_epochs(history, today, 24, seen=today) == closed


@pytest.mark.parametrize(
    ("seen", "closed"),
    [
        (dt.date.min, ()),
        (D(2026, 10, 31), ()),
        (D(2026, 11, 1), ("2026-11",)),
        (D(2026, 11, 30), ("2026-11",)),
        (D(2026, 12, 1), ("2026-11", "2026-12")),
    ],
)
def test_a_clock_set_far_ahead_closes_no_epoch_that_is_still_to_come(
    seen: dt.date, closed: tuple[str, ...]
) -> None:
    history = [manifest(epochs=(NOVEMBER, DECEMBER))]
    assert closed_epochs(history, D(2040, 1, 1), 24, seen=seen) == closed


# --- what was sealed to somebody revoked ---------------------------------------------------------

EARLIER = D(2026, 10, 15)
BOTH = epoch(recipients=(AYE, BA, CUSTODIAN))
FIRST = manifest(epochs=(BOTH, month(12, AYE, BA)), issued=EARLIER)


def second(*revocations: str) -> Manifest:
    return manifest(version=2, epochs=FIRST.epochs, revocations=revocations)


EXPOSED: dict[str, tuple[list[Manifest], tuple[Exposure, ...]]] = {
    "nobody is revoked": ([FIRST], ()),
    "a recipient": (
        [FIRST, second(AYE.recipient)],
        (Exposure("2026-11", 1, (AYE.name,)),),
    ),
    "a custodian": (
        [FIRST, second(CUSTODIAN.recipient)],
        (Exposure("2026-11", 1, (CUSTODIAN.name,)),),
    ),
    "an epoch": (
        [FIRST, second("2026-11")],
        (Exposure("2026-11", 1, (AYE.name, BA.name, CUSTODIAN.name)),),
    ),
    "an epoch to come": ([FIRST, second("2026-12")], ()),
    "someone who is not there": ([FIRST, second("2031-01", recipient(9).recipient)], ()),
    "revoked in the third version": (
        [FIRST, second(), manifest(version=3, epochs=FIRST.epochs, revocations=(BA.recipient,))],
        (Exposure("2026-11", 1, (BA.name,)), Exposure("2026-11", 2, (BA.name,))),
    ),
    "revoked, and then dropped from the list": (
        [FIRST, second(AYE.recipient), manifest(version=3, epochs=(DECEMBER,))],
        (Exposure("2026-11", 1, (AYE.name,)),),
    ),
    "one after the other": (
        [
            FIRST,
            second(AYE.recipient),
            manifest(version=3, epochs=(BOTH,), revocations=(AYE.recipient, BA.recipient)),
        ],
        (Exposure("2026-11", 1, (AYE.name, BA.name)), Exposure("2026-11", 2, (BA.name,))),
    ),
    "an epoch that was over when the version was made": (
        [
            manifest(epochs=(month(9, AYE), BOTH), issued=EARLIER),
            manifest(version=2, epochs=(BOTH,), revocations=(AYE.recipient,)),
        ],
        (Exposure("2026-11", 1, (AYE.name,)),),
    ),
}


@pytest.mark.parametrize("name", EXPOSED)
def test_exposed_is_what_may_have_been_sealed_before(name: str) -> None:
    history, exposed = EXPOSED[name]
    assert exposures(history, TODAY) == exposed
