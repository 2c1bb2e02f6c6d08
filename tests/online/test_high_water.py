"""What the server must never go back behind: kept whole, never taken for empty, never lowered."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from intake.errors import ManifestRefused
from intake.manifest.acceptance import Seen
from intake.manifest.model import Admin, Root, SigningKey
from intake.online.high_water import JUMP_DAYS, HighWater, Record
from tests.support.kills import every_kill
from tests.support.manifests import root

TODAY = dt.date(2026, 11, 23)
A_DAY = dt.timedelta(days=1)
NEWEST = "5a" * 32


def high_water(state: Path, admin: str = "a") -> HighWater:
    return HighWater(state, root(admin))


def record_file(state: Path) -> Path:
    return high_water(state).path


def accepted(state: Path, version: int) -> None:
    kept = high_water(state)
    with kept.locked():
        kept.raise_to(version, NEWEST)


def filled(state: Path) -> Record:
    """Return a record with something in each of its fields, which now stands in ``state``."""
    accepted(state, 3)
    kept = high_water(state)
    kept.see_day(TODAY - A_DAY * 30)
    kept.see_day(TODAY)
    kept.close(["2026-09", "2026-10"])
    return Record(
        Seen(3, NEWEST, TODAY),
        jump=(TODAY - A_DAY * 30, TODAY),
        closed=("2026-09", "2026-10"),
    )


def test_nothing_is_seen_at_first(tmp_path: Path) -> None:
    assert high_water(tmp_path).read() == Record()
    assert high_water(tmp_path).stamp() is None


def test_all_of_it_survives(tmp_path: Path) -> None:
    record = filled(tmp_path)
    assert high_water(tmp_path).read() == record
    assert record_file(tmp_path).stat().st_mode & 0o777 == 0o600


def test_each_root_has_a_record_of_its_own(tmp_path: Path) -> None:
    """Whoever pins another by mistake, and the right one again, has lost nothing."""
    record = filled(tmp_path)
    other = high_water(tmp_path, "b")
    assert other.read() == Record()
    other.see_day(TODAY - A_DAY)
    assert other.read() == Record(Seen(day=TODAY - A_DAY))
    assert high_water(tmp_path).read() == record


def test_a_record_under_another_roots_name_is_not_taken_for_its_own(tmp_path: Path) -> None:
    filled(tmp_path)
    other = high_water(tmp_path, "b")
    record_file(tmp_path).rename(other.path)
    with pytest.raises(ManifestRefused, match="damaged"):
        other.read()


def test_the_name_of_a_roots_record_never_changes(tmp_path: Path) -> None:
    """A server that is brought up to date must find what the one before it wrote."""
    keys = SigningKey(bytes(32), bytes(1952)), SigningKey(bytes([1]) * 32, bytes([1]) * 1952)
    admins = tuple(
        Admin(name, key, "age1pq1x") for name, key in zip(("aye", "ba"), keys, strict=True)
    )
    path = HighWater(tmp_path, Root("Example", 2, admins)).path
    assert path == tmp_path / "high-water-d9c1fdbf8be48b48.json"


def test_a_version_is_only_ever_raised(tmp_path: Path) -> None:
    for version in (2, 1, 2):
        accepted(tmp_path, version)
        assert high_water(tmp_path).read().seen.version == 2
    accepted(tmp_path, 9)
    assert high_water(tmp_path).read().seen.version == 9


@pytest.mark.parametrize(
    ("days", "first"),
    [((0,), (True,)), ((0, 0), (True, False)), ((0, 1, 0), (True, True, False)), ((0, -1), (1, 0))],
)
def test_a_day_is_new_once_and_never_goes_back(
    tmp_path: Path, days: tuple[int, ...], first: tuple[bool, ...]
) -> None:
    # As several workers, each with its own object.
    seen = [high_water(tmp_path).see_day(TODAY + A_DAY * n) for n in days]
    assert seen == [bool(new) for new in first]
    assert high_water(tmp_path).read().seen.day == TODAY + A_DAY * max(days)


def test_of_many_workers_at_once_one_sees_the_day_first(tmp_path: Path) -> None:
    first: list[bool] = []
    workers = [
        threading.Thread(target=lambda: first.append(high_water(tmp_path).see_day(TODAY)))
        for _ in range(16)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(first) == [False] * 15 + [True]


@pytest.mark.parametrize(
    ("days", "jumped"), [(1, False), (JUMP_DAYS, False), (JUMP_DAYS + 1, True), (400, True)]
)
def test_days_that_went_by_at_once_are_remembered(
    tmp_path: Path,
    days: int,
    jumped: bool,  # noqa: FBT001  # a column of the table
) -> None:
    kept = high_water(tmp_path)
    later = TODAY + A_DAY * days
    kept.see_day(TODAY)
    kept.see_day(later)
    assert kept.read().jump == ((TODAY, later) if jumped else None)
    kept.see_day(later + A_DAY)
    assert kept.read().jump == ((TODAY, later) if jumped else None), "it does not pass by itself"


def test_the_first_day_of_all_is_no_jump(tmp_path: Path) -> None:
    high_water(tmp_path).see_day(TODAY)
    assert high_water(tmp_path).read().jump is None


def test_a_day_that_somebody_confirms_changes_nothing_else(tmp_path: Path) -> None:
    record = filled(tmp_path)
    kept = high_water(tmp_path)
    kept.confirm_day(TODAY - A_DAY * 9)
    seen = Seen(3, record.seen.sha256, TODAY - A_DAY * 9)
    assert kept.read() == Record(seen, closed=record.closed)
    assert kept.see_day(TODAY - A_DAY * 8)
    assert kept.read().jump is None


def test_what_is_closed_stays_closed(tmp_path: Path) -> None:
    kept = high_water(tmp_path)
    for epochs in (["2026-10"], ["2026-10", "2026-11"], [], ["2026-09"]):
        kept.close(epochs)
    assert kept.read().closed == ("2026-10", "2026-11", "2026-09")


def test_the_stamp_changes_with_each_change_and_only_then(tmp_path: Path) -> None:
    stamps = [high_water(tmp_path).stamp()]
    for change in (
        lambda: accepted(tmp_path, 1),
        lambda: high_water(tmp_path).see_day(TODAY),
        lambda: high_water(tmp_path).close(["2026-10"]),
        lambda: high_water(tmp_path).confirm_day(TODAY),
    ):
        change()
        stamps.append(high_water(tmp_path).stamp())
        high_water(tmp_path).close([])
        assert high_water(tmp_path).stamp() == stamps[-1]
    assert len(set(stamps)) == 5


# --- a record that is damaged --------------------------------------------------------------------


def changed(**changes: Any) -> Callable[[bytes], bytes]:
    return lambda data: json.dumps({**json.loads(data), **changes}).encode()


def without(name: str) -> Callable[[bytes], bytes]:
    return lambda data: json.dumps(
        {k: v for k, v in json.loads(data).items() if k != name}
    ).encode()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _data: b"",
    "zeros": lambda data: bytes(len(data)),
    "cut short": lambda data: data[:-9],
    "not JSON": lambda _data: b"version 3",
    "not UTF-8": lambda _data: b"\xff" * 99,
    "null": lambda _data: b"null",
    "an object of nothing": lambda _data: b"{}",
    "a list": lambda _data: b"[]",
    "a version twice": lambda data: data.replace(b'"version"', b'"version": 1, "version"'),
    "another format": changed(format="intake-high-water-2"),
    "an unknown field": changed(extra=1),
    "no root": without("root"),
    "another root": changed(root="cd" * 32),
    "no version": without("version"),
    "no day": without("day"),
    "no jump": without("jump"),
    "no closed epochs": without("closed"),
    "a version that is text": changed(version="3"),
    "a version below nothing": changed(version=-1),
    "a version without its hash": changed(sha256=None),
    "a hash without its version": changed(version=0),
    "a day that is none": changed(day="2026-11-31"),
    "half a jump": changed(jump=["2026-11-23"]),
    "a jump to nowhere": changed(jump=["2026-11-23", "soon"]),
    "closed epochs that are numbers": changed(closed=[11]),
    "closed epochs that are text": changed(closed="2026-11"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_record_is_refused_and_never_taken_for_an_empty_one(
    tmp_path: Path, name: str
) -> None:
    filled(tmp_path)
    path = record_file(tmp_path)
    path.write_bytes(DAMAGES[name](path.read_bytes()))
    damaged = path.read_bytes()
    for attempt in (
        lambda: high_water(tmp_path).read(),
        lambda: accepted(tmp_path, 9),
        lambda: high_water(tmp_path).see_day(TODAY),
        lambda: high_water(tmp_path).close(["2026-11"]),
        lambda: high_water(tmp_path).confirm_day(TODAY),
    ):
        with pytest.raises(ManifestRefused, match=r"is damaged.*backup.*destroyed the keys"):
            attempt()
    assert path.read_bytes() == damaged, "nothing was written over it"


def test_a_record_that_cannot_be_read_is_not_an_empty_one(tmp_path: Path) -> None:
    record_file(tmp_path).mkdir()
    with pytest.raises(IsADirectoryError):
        high_water(tmp_path).read()


# --- killed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_step_the_old_record_stands_or_the_new_one(
    tmp_path: Path, *, after: bool
) -> None:
    def state(step: int) -> Path:
        return tmp_path / str(step)

    def work(step: int) -> Callable[[], object]:
        state(step).mkdir()
        high_water(state(step)).see_day(TODAY)
        return lambda: high_water(state(step)).see_day(TODAY + A_DAY)

    left = 0
    for step in every_kill(work, after=after):
        kept = high_water(state(step))
        assert kept.read().seen.day in {TODAY, TODAY + A_DAY}
        left += len(list(state(step).glob(".*.draft")))
        kept.close(["2026-10"])
        assert kept.read().closed == ("2026-10",)
        assert {path.name for path in state(step).iterdir()} == {
            kept.path.name,
            "high-water.lock",
        }
    assert left, "no kill left a draft: nothing was tried"
