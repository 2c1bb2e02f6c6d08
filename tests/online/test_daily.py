"""A server that nobody visits lives by the calendar all the same."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from intake.online.daily import DailyLook
from intake.online.deployment import Deployment
from intake.online.private_logging import PrivateFormatter
from tests.support.deployments import HEIR, NOON, TODAY, Scene

DAY_SECONDS = 24 * 3600
LAST_OF_NOVEMBER = NOON + 7 * DAY_SECONDS


class Clock:
    """A clock that is set by hand, and knows how often it was looked at."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.now

    def wait(self, looks: int = 3) -> None:
        """Wait until so many more looks were taken, the last but one of them to its end."""
        wanted = self.looks + looks
        until(lambda: self.looks >= wanted)


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def deployment(scene: Scene, clock: Clock) -> Deployment:
    return replace(scene.deployment(), clock=clock)


@contextmanager
def looking(*deployments: Deployment) -> Iterator[None]:
    threads = [DailyLook(found, seconds=0.01) for found in deployments]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.stop()


def test_it_looks_at_once(scene: Scene) -> None:
    look = DailyLook(scene.deployment(), seconds=3600)
    look.start()
    until(lambda: scene.deployment().keys.record().seen.day == TODAY)
    began = time.monotonic()
    look.stop()
    assert time.monotonic() - began < 1, "it does not wait for the next look to end"
    assert not look.is_alive()


def test_it_keeps_no_process_from_ending(scene: Scene) -> None:
    assert DailyLook(scene.deployment()).daemon


def test_it_remembers_each_day_and_goes_from_epoch_to_epoch(scene: Scene) -> None:
    december = replace(
        scene.manifest.epochs[0],
        id="2026-12",
        begins=dt.date(2026, 12, 1),
        ends=dt.date(2027, 1, 1),
        recipients=(HEIR,),
    )
    epochs = (*scene.manifest.epochs, december)
    scene.publish(scene.manifest, replace(scene.manifest, version=2, epochs=epochs))
    clock = Clock(LAST_OF_NOVEMBER)
    found = deployment(scene, clock)
    with looking(found):
        until(lambda: found.keys.record().seen.day == dt.date(2026, 11, 30))
        clock.now += DAY_SECONDS
        until(lambda: found.keys.record().seen.day == dt.date(2026, 12, 1))
    assert found.keys.on(dt.date(2026, 12, 1)).epoch.id == "2026-12"


def test_the_warning_comes_once_a_day_from_all_workers_together(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock(LAST_OF_NOVEMBER - DAY_SECONDS)
    with looking(*(deployment(scene, clock) for _ in range(3))):
        clock.wait(12)
        assert len(caplog.records) == 1
        clock.now += DAY_SECONDS
        clock.wait(12)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


def test_when_nothing_is_in_force_each_worker_says_so_once_a_day(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.settings.manifest.unlink()
    clock = Clock()
    with looking(deployment(scene, clock)):
        clock.wait()
        assert len(caplog.records) == 1
        clock.now += DAY_SECONDS
        clock.wait()
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert all("intake keys install" in message for message in caplog.messages)


def test_another_cause_is_said_on_the_same_day(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    data = scene.settings.manifest.read_bytes()
    scene.settings.manifest.unlink()
    clock = Clock()
    with looking(deployment(scene, clock)):
        clock.wait()
        scene.settings.manifest.write_bytes(data[:-100])
        clock.wait()
        assert len(caplog.records) == 2
        scene.settings.manifest.write_bytes(data)
        clock.wait()
    assert len(caplog.records) == 2 + 1, "and what it warns of when all is well again"


def test_whatever_fails_the_next_look_comes_and_the_log_quotes_nothing(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    looks = []
    secret = "what nobody may read"

    def clock() -> float:
        looks.append(1)
        raise RuntimeError(secret)

    with looking(replace(scene.deployment(), clock=clock)):
        until(lambda: len(looks) > 5)
        assert [thread.name for thread in threading.enumerate()].count("daily look") == 1
    lines = [PrivateFormatter().format(record) for record in caplog.records]
    assert lines
    assert all("RuntimeError" in line and secret not in line for line in lines)
