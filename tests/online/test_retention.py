"""What may stay and for how long: the rule as a table, and the sweep that follows it."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import replace

import pytest
from click.testing import CliRunner

from intake.courier.bundle import ReplyState
from intake.online import daily
from intake.online.cli import intake
from intake.online.daily import DailyLook
from intake.online.high_water import Record
from intake.online.retention import (
    GRACE_DAYS,
    Swept,
    doubt_about,
    due,
    end_of,
    sweep,
)
from intake.online.settings import Retention
from intake.online.store.leaving import Quorum
from intake.online.store.replies import Filing
from intake.online.store.submissions import StoredSubmission
from tests.support.deployments import NOON, TODAY, Scene, submit
from tests.support.returns import Mailbox

VAULT = bytes(32)
QUORUM = Quorum(1, frozenset([VAULT]))
KEEP = Retention(unacknowledged_days=100, acknowledged_days=0, reply_days=30)


def day(n: int) -> dt.date:
    """Return the n-th day after the submission came."""
    return TODAY + dt.timedelta(days=n)


def row(*, acknowledged: int | None = None, warned: int | None = None) -> StoredSubmission:
    return StoredSubmission(
        id=b"i",
        epoch="2026-11",
        manifest_version=1,
        day=TODAY,
        size=5,
        bundle=None,
        sha256=None,
        acknowledged=None if acknowledged is None else day(acknowledged),
        warned=None if warned is None else day(warned),
    )


# --- the rule ------------------------------------------------------------------------------------

#: What is known of a submission, the day, how long acknowledged ones stay, and what is due.
RULE = [
    ("new", row(), 0, 0, ""),
    ("long before its end", row(), 71, 0, ""),
    ("four weeks before its end", row(), 72, 0, "warn"),
    ("warned already", row(warned=72), 73, 0, ""),
    ("the day before its end", row(warned=72), 99, 0, ""),
    ("its end", row(warned=72), 100, 0, "remove"),
    ("long after its end", row(warned=72), 500, 0, "remove"),
    ("its end, never warned of", row(), 100, 0, "warn"),
    ("long after its end, never warned of", row(), 5000, 0, "warn"),
    ("warned of late", row(warned=95), 115, 0, ""),
    ("warned of late, three weeks on", row(warned=95), 116, 0, "remove"),
    ("a clock set back", row(warned=72), -50, 0, "forget"),
    ("warned of, and its time made longer", row(warned=40), 71, 0, "forget"),
    ("warned of, and its end is near again", row(warned=40), 72, 0, ""),
    ("acknowledged, warned of long ago", row(acknowledged=3, warned=2), 3, 30, ""),
    ("acknowledged today", row(acknowledged=3), 3, 0, "files"),
    ("acknowledged, kept a while", row(acknowledged=3), 32, 30, ""),
    ("acknowledged, kept long enough", row(acknowledged=3), 33, 30, "files"),
    ("its mark, on the seventh day", row(acknowledged=3), 10, 0, "files"),
    ("its mark, after seven whole days", row(acknowledged=3), 11, 0, "files marks"),
    ("its mark, kept as long as its file", row(acknowledged=3), 33, 30, "files"),
    ("its mark, after its file", row(acknowledged=3), 34, 30, "files marks"),
    ("acknowledged long after its end", row(acknowledged=500, warned=72), 500, 30, ""),
    ("acknowledged on a later day than this", row(acknowledged=30), 3, 0, ""),
]


@pytest.mark.parametrize(
    ("submission", "today", "kept", "expected"), [r[1:] for r in RULE], ids=[r[0] for r in RULE]
)
def test_what_is_due(submission: StoredSubmission, today: int, kept: int, expected: str) -> None:
    found = due([submission], day(today), replace(KEEP, acknowledged_days=kept))
    named = [n for n in ("warn", "forget", "remove", "files", "marks") if getattr(found, n)]
    assert " ".join(named) == expected


@pytest.mark.parametrize("days", [1, 20, 21, 28, 29, 180, 36_500])
def test_nothing_is_removed_sooner_than_three_weeks_after_its_warning(days: int) -> None:
    retention = Retention(unacknowledged_days=days)
    submission, warned = row(), None
    for n in range(days + 100):
        found = due([submission], day(n), retention)
        if found.warn:
            assert warned is None
            warned = n
            submission = row(warned=n)
        if found.remove:
            assert warned is not None
            assert n - warned >= GRACE_DAYS
            assert n >= days
            assert end_of(submission, retention) == day(n)
            return
    pytest.fail("it was never removed")


@pytest.mark.parametrize(
    ("record", "today", "in_doubt"),
    [
        (Record(), 0, True),
        (_seen := Record(replace(Record().seen, day=TODAY)), 0, False),
        (_seen, 1, False),
        (_seen, 7, False),
        (_seen, 8, True),
        (_seen, -1, True),
        (replace(_seen, jump=(day(-100), TODAY)), 0, True),
    ],
)
def test_days_that_may_not_be_the_day(record: Record, today: int, *, in_doubt: bool) -> None:
    assert (doubt_about(record, day(today)) is not None) == in_doubt


# --- the sweep -----------------------------------------------------------------------------------


def sweep_on(scene: Scene, n: int, retention: Retention = KEEP) -> Swept:
    """Sweep on the n-th day, after a server that was running all the time."""
    scene.keys().confirm_day(day(n))
    return sweep(scene.deployment().store, scene.keys(), retention, day(n))


def test_what_nobody_fetches_is_warned_of_and_then_removed(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    old, young = submit(scene, "old"), submit(scene, "young", day(60))
    assert sweep_on(scene, 71).warned == 0
    with caplog.at_level(logging.WARNING):
        assert sweep_on(scene, 72).warned == 1
    assert "to be removed in 21 days or more" in caplog.text
    assert old.hex() not in caplog.text
    assert sweep_on(scene, 99).removed == ()
    assert sweep_on(scene, 100).removed == (old.hex(),)
    assert [path.stem for path in scene.sealed()] == [young.hex()]
    assert [r.id for r in scene.deployment().store.rows()] == [young]


def test_what_was_not_warned_of_is_not_removed_however_old(scene: Scene) -> None:
    submit(scene, "old")
    assert (sweep_on(scene, 5000).warned, len(scene.sealed())) == (1, 1)
    assert sweep_on(scene, 5000 + GRACE_DAYS - 1).removed == ()
    assert len(sweep_on(scene, 5000 + GRACE_DAYS).removed) == 1


def test_a_warning_counts_only_for_the_time_it_was_given_for(scene: Scene) -> None:
    submit(scene, "account")
    store, longer = scene.deployment().store, replace(KEEP, unacknowledged_days=200)
    assert sweep_on(scene, 72).warned == 1
    assert sweep_on(scene, 73, longer).warned == 0
    assert store.rows()[0].warned is None
    found = sweep_on(scene, 150)
    assert (found.warned, found.removed) == (1, ()), "lowered again: warned of anew"
    assert sweep_on(scene, 150 + GRACE_DAYS - 1).removed == ()
    assert len(sweep_on(scene, 150 + GRACE_DAYS).removed) == 1


def test_the_mark_of_what_was_acknowledged_stays_seven_days(scene: Scene) -> None:
    submitted = submit(scene, "account")
    store = scene.deployment().store
    store.leaving.acknowledge(VAULT, [submitted])
    store.leaving.settle(QUORUM, day(0))
    assert sweep_on(scene, 0).acknowledged == 1
    assert (store.count(), scene.sealed()) == (0, [])
    for n in (1, 7):
        sweep_on(scene, n)
        submit(scene, "account")  # the browser's own repeat, or a patient witness
        assert store.count() == 0
    sweep_on(scene, 8)
    assert store.rows() == []


def test_what_a_kill_left_between_row_and_file_goes_with_the_sweep(scene: Scene) -> None:
    submitted = submit(scene, "account")
    store = scene.deployment().store
    store.leaving.acknowledge(VAULT, [submitted])
    store.leaving.settle(QUORUM, day(0))
    assert len(scene.sealed()) == 1
    sweep_on(scene, 0)
    assert scene.sealed() == []


def test_replies_and_marks_of_withdrawals_have_their_time(scene: Scene) -> None:
    store, mailbox, gone = scene.deployment().store, Mailbox.of(scene), Mailbox.of(scene)
    for n in range(9):
        store.replies.file(bytes([n] * 16), b"sealed", mailbox.addresses, day(n))
    store.forget(gone.keys.submission_address, gone.addresses, day(0))
    assert sweep_on(scene, 30).replies == 0
    assert sweep_on(scene, 31).replies == 1
    assert sweep_on(scene, 38).replies == 7
    states = list(store.replies.states().values())
    assert states == [ReplyState.GONE] * 8 + [ReplyState.WAITING]

    def is_refused() -> bool:
        filing = store.replies.file(bytes([99] * 16), b"x", gone.addresses, day(0))
        return filing.value == "withdrawn"

    sweep_on(scene, 365)
    assert is_refused()
    sweep_on(scene, 366)
    assert not is_refused()


def test_what_waited_outlives_a_sweep_and_has_its_time_from_the_return_that_brings_it_up(
    scene: Scene,
) -> None:
    store, mailbox = scene.deployment().store, Mailbox.of(scene).addresses
    ids = [bytes([n] * 16) for n in range(9)]
    filed = [store.replies.file(i, b"sealed", mailbox, day(0)) for i in ids]
    assert filed == [Filing.FILED] * 8 + [Filing.WAITING]
    assert sweep_on(scene, 400).replies == 8
    assert store.replies.states()[ids[8]] is ReplyState.WAITING
    assert store.replies.file(ids[8], b"sealed", mailbox, day(401)) is Filing.KNOWN
    assert store.replies.states()[ids[8]] is ReplyState.FILED
    (first, *others) = store.replies.held(mailbox)
    assert first is not None
    assert (first.id, first.day, others) == (ids[8], day(401), [None] * 7)
    assert sweep_on(scene, 431).replies == 0
    assert sweep_on(scene, 432).replies == 1
    assert store.replies.file(ids[8], b"sealed", mailbox, day(432)) is Filing.KNOWN
    assert set(store.replies.states().values()) == {ReplyState.GONE}


def test_what_moves_up_when_the_witness_deletes_has_its_time_from_then(scene: Scene) -> None:
    store, mailbox = scene.deployment().store, Mailbox.of(scene).addresses
    for n in range(9):
        store.replies.file(bytes([n] * 16), b"sealed", mailbox, day(0))
    store.replies.delete(mailbox, bytes([3] * 16), day(20))
    assert sweep_on(scene, 50).replies == 7
    assert sweep_on(scene, 51).replies == 1


def set_forward(scene: Scene) -> int:
    scene.keys().confirm_day(day(0))
    return 400


def set_back(scene: Scene) -> int:
    scene.keys().confirm_day(day(900))
    return 400


def forgotten(scene: Scene) -> int:
    scene.keys().confirm_day(day(400))
    scene.record.write_bytes(b"{")
    return 400


def never_known(scene: Scene) -> int:
    scene.record.unlink(missing_ok=True)
    return 400


@pytest.mark.parametrize("bad_day", [set_forward, set_back, forgotten, never_known])
def test_nothing_is_removed_for_its_age_while_the_day_is_in_doubt(
    scene: Scene, bad_day: Callable[[Scene], int]
) -> None:
    submitted, store = submit(scene, "account"), scene.deployment().store
    sweep_on(scene, 80)
    store.replies.file(bytes(16), b"sealed", Mailbox.of(scene).addresses, day(80))
    before = store.rows()
    today = day(bad_day(scene))
    found = sweep(store, scene.keys(), KEEP, today)
    assert found.doubt is not None
    assert (found.removed, found.replies, found.warned) == ((), 0, 0)
    assert store.rows() == before
    assert len(store.replies.states()) == 1
    assert [path.stem for path in scene.sealed()] == [submitted.hex()]


def test_what_enough_have_acknowledged_goes_on_any_day(scene: Scene) -> None:
    submitted, store = submit(scene, "account"), scene.deployment().store
    store.leaving.acknowledge(VAULT, [submitted])
    store.leaving.settle(QUORUM, day(0))
    set_forward(scene)
    assert sweep(store, scene.keys(), KEEP, day(400)).acknowledged == 1
    assert scene.sealed() == []


# --- the command, and the server by itself -------------------------------------------------------


def test_the_command_says_what_it_removed_and_what_is_in_doubt(scene: Scene) -> None:
    arguments = ["--config", str(scene.config), "sweep"]
    done = CliRunner().invoke(intake, arguments)
    assert done.exit_code != 0, "no day was seen yet"
    scene.keys().confirm_day(dt.datetime.now(dt.UTC).date())
    done = CliRunner().invoke(intake, arguments)
    assert done.exit_code == 0, done.output
    assert "Removed 0 submissions whose time was over." in done.output
    assert '"warned": 0' in CliRunner().invoke(intake, [*arguments, "--json"]).output


def test_the_server_sweeps_once_a_day_also_while_nothing_is_in_force(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    days: list[dt.date] = []
    monkeypatch.setattr(daily, "sweep", lambda _s, _k, _r, today: days.append(today))
    scene.settings.manifest.unlink()
    now = [NOON]
    look = DailyLook(replace(scene.deployment(), clock=lambda: now[0]))
    for hours in range(49):
        now[0] = NOON + 3600 * hours
        look._look()
    assert days == [day(0), day(1), day(2)]


def test_a_sweep_that_fails_does_not_end_the_looks(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(daily, "sweep", failing)
    look = DailyLook(scene.deployment())
    look._look()
    look._look()
    assert caplog.text.count("a sweep failed") == 2
