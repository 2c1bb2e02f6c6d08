"""An epoch is closed, or something is committed to it, never both: whatever the clocks say.

Threat 7: once a bundle has called an epoch closed its keys may be destroyed, and an account that
is committed to it then opens for nobody, while its witness holds a receipt.
"""

from __future__ import annotations

import datetime as dt
import functools
import io
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from werkzeug.test import Client, TestResponse

from intake.courier.bundle import read_bundle
from intake.errors import EpochClosed, ManifestRefused
from intake.manifest.model import Epoch, Manifest
from intake.online.courier import Seal, export_bundle
from intake.online.epoch_locks import EpochLocks
from intake.online.refusal import Reason
from intake.online.settings import Limits
from intake.online.store.blobs import FileDraft
from intake.online.witness.app import create_app
from tests.support.deployments import (
    BOUNDARY,
    HEIR,
    NOON,
    TODAY,
    Scene,
    encode,
    hidden_fields,
    send,
)

A_DAY = dt.timedelta(days=1)
NOVEMBER = "2026-11"
#: The first day on which November is closed, where an upload may take a day.
CLOSING = dt.date(2026, 12, 3)
WORDS = "ကျွန်တော် မြင်ခဲ့တယ်။"


def noon_of(day: dt.date) -> float:
    return NOON + (day - TODAY).days * A_DAY.total_seconds()


def with_december(scene: Scene) -> Manifest:
    november = scene.manifest.epochs[0]
    later = Epoch("later", november.ends, dt.date(2027, 6, 1), (HEIR,))
    return replace(scene.manifest, version=2, epochs=(november, later))


@pytest.fixture
def two_epochs(scene: Scene) -> Scene:
    scene.publish(scene.manifest, with_december(scene))
    return scene


def export(scene: Scene, day: dt.date) -> tuple[tuple[str, ...], int]:
    """Export as another process does; return what the bundle calls closed, and how many it has."""
    deployment = scene.deployment(now=noon_of(day))
    deployment.keys.confirm_day(day)
    stick = scene.folder / "stick"
    export_bundle(
        deployment.store, Seal.of(deployment), scene.settings.state, stick, lambda _bytes: None
    )
    bundle = read_bundle(stick).bundle
    return bundle.closed_epochs, len(bundle.submissions)


class Upload(io.BytesIO):
    """A body of which something happens before its last bytes arrive."""

    def __init__(self, body: bytes, meanwhile: Callable[[], object]) -> None:
        super().__init__(body)
        self._left: list[Callable[[], object]] = [meanwhile]
        self._half = len(body) // 2

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() < self._half:
            return super().read(min(size or 0, self._half - self.tell()))
        if self._left:
            self._left.pop()()
        return super().read(size)


def slow_send(client: Client, meanwhile: Callable[[], object]) -> TestResponse:
    """Send an account with a file, and let something happen when half of it has arrived."""
    hidden = hidden_fields(client.get("/en/submit").text)
    fields: list[tuple[str, str | bytes]] = [*hidden.items(), ("account", WORDS)]
    body = encode(fields, [("a.jpg", b"x" * 200_000)])
    return client.post(
        "/en/submit",
        input_stream=Upload(body, meanwhile),
        content_length=len(body),
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
    )


def nothing_was_kept(scene: Scene, answer: TestResponse, reason: Reason) -> None:
    assert answer.status_code == reason.status
    assert reason.sentence in answer.text
    assert WORDS in answer.text
    assert list(scene.settings.blobs.iterdir()) == []
    assert scene.deployment().store.count() == 0


# --- an upload under way -------------------------------------------------------------------------


@dataclass
class Case:
    """When the upload begins and ends by the server's clock; when another closes the epoch."""

    begins: dt.date
    ends: dt.date
    server_hours: int
    export: dt.date


CASES = {
    "the clock jumped ahead, and was put right": Case(TODAY, TODAY, 24, dt.date(2027, 1, 10)),
    "the settings say less than the running server's": Case(
        dt.date(2026, 11, 30), CLOSING, 96, CLOSING
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_upload_under_way_when_its_epoch_is_closed_is_refused_with_its_words(
    two_epochs: Scene, name: str
) -> None:
    scene, case = two_epochs, CASES[name]
    now = noon_of(case.begins)
    limits = Limits(upload_hours=case.server_hours, disk_reserve=0)
    server = replace(scene.deployment(limits=limits), clock=lambda: now)

    def meanwhile() -> None:
        nonlocal now
        assert export(scene, case.export) == ((NOVEMBER,), 0)
        now = noon_of(case.ends)

    answer = slow_send(Client(create_app(server)), meanwhile)
    nothing_was_kept(scene, answer, Reason.TOO_SLOW)


def test_without_a_closing_it_is_kept(two_epochs: Scene) -> None:
    """The same upload, so that what refuses it above is the closing."""
    client = Client(create_app(two_epochs.deployment()))
    assert slow_send(client, lambda: export(two_epochs, TODAY)).status_code == 303
    assert export(two_epochs, CLOSING) == ((NOVEMBER,), 1)


def test_other_epochs_are_taken_as_before(two_epochs: Scene) -> None:
    two_epochs.keys().on(TODAY)
    client = Client(create_app(two_epochs.deployment(now=noon_of(CLOSING))))
    answer = slow_send(client, lambda: export(two_epochs, CLOSING))
    assert answer.status_code == 303
    assert two_epochs.keys().record().closed == (NOVEMBER,)


# --- a commit at this very moment ----------------------------------------------------------------


def test_while_something_is_committed_its_epoch_is_not_called_closed(
    two_epochs: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blob is durable, the row is not there yet: this bundle would not have been all of it."""
    scene = two_epochs
    client, late = (Client(create_app(scene.deployment())) for _ in range(2))
    form, late_form = (hidden_fields(c.get("/en/submit").text) for c in (client, late))
    keep, left = FileDraft.keep, [scene]
    answers: list[TestResponse] = []

    def slow_keep(draft: FileDraft) -> None:
        if left:
            left.pop()
            assert export(scene, CLOSING) == ((), 0)
            # It is noted all the same, so that nothing follows and the next bundle can say it.
            answers.append(send(late, WORDS, lang="en", hidden=late_form))
        keep(draft)

    monkeypatch.setattr(FileDraft, "keep", slow_keep)
    assert send(client, WORDS, lang="en", hidden=form).status_code == 303
    assert [answer.status_code for answer in answers] == [503]
    assert export(scene, CLOSING) == ((NOVEMBER,), 1)


def test_a_commit_keeps_nobody_from_noting_a_day_or_a_new_manifest(two_epochs: Scene) -> None:
    scene = two_epochs
    server, other = scene.keys(), scene.keys()
    epoch = server.on(TODAY).epoch
    third = replace(with_december(scene), version=3)
    data = scene.manifest_file(scene.manifest, with_december(scene), third)

    def others() -> None:
        other.install(data, TODAY)
        other.on(TODAY + A_DAY)
        other.confirm_day(TODAY)

    with server.still_open(epoch, TODAY):
        working = threading.Thread(target=others, daemon=True)
        working.start()
        working.join(20)
        assert not working.is_alive(), "they wait for the commit"
        server.confirm_day(TODAY)
    assert server.on(TODAY).manifest.version == 3


def test_those_who_commit_do_not_wait_for_each_other(two_epochs: Scene) -> None:
    keys = two_epochs.keys()
    epoch = keys.on(TODAY).epoch
    with keys.still_open(epoch, TODAY), two_epochs.keys().still_open(epoch, TODAY):
        pass


def test_of_many_processes_none_commits_after_the_closing(two_epochs: Scene) -> None:
    scene = two_epochs
    epoch = scene.keys().on(TODAY).epoch
    commits = scene.folder / "commits"
    commits.mkdir()

    def child(number: int) -> None:
        keys, n = scene.keys(), 0
        while True:
            try:
                with keys.still_open(epoch, TODAY):
                    time.sleep(0.001)
                    (commits / f"{number}-{n}").touch()
            except EpochClosed:
                return
            n += 1

    children = [in_a_process(functools.partial(child, number)) for number in range(4)]
    deadline = time.monotonic() + 30
    while len(list(commits.iterdir())) < 200:
        assert time.monotonic() < deadline, "the children commit nothing"
        time.sleep(0.01)
    scene.keys().confirm_day(CLOSING)
    while not scene.keys().close(CLOSING, 24):  # as one export after the other would
        assert time.monotonic() < deadline, "a crowd keeps the epoch from being closed"
    all_of_it = len(list(commits.iterdir()))
    for pid in children:
        assert os.waitpid(pid, 0)[1] == 0
    assert len(list(commits.iterdir())) == all_of_it


def in_a_process(work: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return pid


def test_a_lock_is_one_epochs_and_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    ready, leave = os.pipe(), os.pipe()

    def child() -> None:
        with EpochLocks(path).held(NOVEMBER):
            os.write(ready[1], b"x")
            os.read(leave[0], 1)
            os._exit(0)  # as if it were killed: nothing lets go by itself

    pid = in_a_process(child)
    os.read(ready[0], 1)
    locks = EpochLocks(path)
    assert not locks.nobody_holds(NOVEMBER)
    assert locks.nobody_holds("2026-12")
    with locks.held(NOVEMBER):
        pass
    os.write(leave[1], b"x")
    os.waitpid(pid, 0)
    assert locks.nobody_holds(NOVEMBER)
    for end in (*ready, *leave):
        os.close(end)


# --- when it cannot be known ---------------------------------------------------------------------


def damaged(scene: Scene) -> None:
    scene.record.write_bytes(b"{")


def unreadable(scene: Scene) -> None:
    scene.record.unlink()
    scene.record.mkdir()


def no_lock(scene: Scene) -> None:
    lock = scene.settings.state / "high-water.lock"
    lock.unlink()
    lock.mkdir()


@pytest.mark.parametrize("bad_day", [damaged, unreadable, no_lock])
def test_where_nobody_knows_whether_it_was_closed_nothing_is_kept(
    two_epochs: Scene, bad_day: Callable[[Scene], None]
) -> None:
    scene = two_epochs
    answer = slow_send(Client(create_app(scene.deployment())), lambda: bad_day(scene))
    nothing_was_kept(scene, answer, Reason.CANNOT_KEEP)
    epoch = scene.manifest.epochs[0]
    with pytest.raises(ManifestRefused), scene.keys().still_open(epoch, TODAY):
        pytest.fail("it went on")


def test_the_locks_leave_nothing_that_tells_when_somebody_wrote(two_epochs: Scene) -> None:
    """A file made by the first commit of an epoch would tell its hour."""
    scene = two_epochs
    client = Client(create_app(scene.deployment()))
    hidden = hidden_fields(client.get("/en/submit").text)

    def looks() -> dict[str, int]:
        state = scene.settings.state
        return {p.name: p.stat().st_mtime_ns for p in state.iterdir() if "high-water" in p.name}

    before, names = looks(), sorted(path.name for path in scene.settings.state.iterdir())
    assert send(client, WORDS, lang="en", hidden=hidden).status_code == 303
    assert looks() == before
    assert sorted(path.name for path in scene.settings.state.iterdir()) == names
