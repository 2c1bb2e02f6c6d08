"""Keys that change under a running server: real workers, real sockets, the real command."""

from __future__ import annotations

import contextlib
import datetime as dt
import html
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_age
from intake.errors import NotForUs
from intake.manifest.chain import parse_chain
from intake.manifest.fingerprint import manifest_fingerprint
from intake.manifest.model import Manifest, Recipient, Role
from intake.online.courier import Seal
from intake.online.refusal import Reason
from tests.support.deployments import Scene
from tests.support.servers import Answer, Browser, Server
from tests.support.vaults import Program

PIECE = b"x" * 400_000


def rotated(scene: Scene, *reviewers: HybridIdentity, revoked: tuple[str, ...] = ()) -> Manifest:
    """Return the second version, in which today's epoch has other reviewers."""
    recipients = tuple(
        Recipient(f"reviewer {n}", Role.REVIEWERS, str(identity.recipient()))
        for n, identity in enumerate(reviewers)
    )
    epoch = replace(scene.manifest.epochs[0], recipients=recipients)
    return replace(scene.manifest, version=2, epochs=(epoch,), revocations=revoked)


def install(scene: Scene, manifest: Manifest) -> None:
    """Install it as an admin does."""
    file = scene.folder / "stick.json"
    file.write_bytes(scene.manifest_file(scene.manifest, manifest))
    intake = Program("intake.online.cli", ("--config", str(scene.config)))
    assert intake("keys", "install", file).status == 0


def both_workers(server: Server) -> list[int]:
    deadline = time.monotonic() + 20
    while len(server.workers()) < 2:
        assert time.monotonic() < deadline, "the second worker did not start"
        time.sleep(0.05)
    return server.workers()


@contextlib.contextmanager
def only(server: Server, worker: int) -> Iterator[None]:
    """Let one worker answer alone."""
    others = [pid for pid in server.workers() if pid != worker]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def slow_upload(
    scene: Scene, server: Server, account: str, answers: list[Answer]
) -> Iterator[Browser]:
    """Send the fields and half of a file, and the rest when the block ends."""
    browser = Browser(server)
    browser.open_form("en")
    body = browser.form_body(account, [("a.jpg", PIECE)])
    with server.connect() as connection:
        connection.sendall(browser.form_head(len(body), "en").encode() + body[:-200_000])
        deadline = time.monotonic() + 20
        while not list(scene.settings.blobs.glob("*.draft")):
            assert time.monotonic() < deadline, "the upload did not begin"
            time.sleep(0.02)
        yield browser
        connection.sendall(body[-200_000:])
        answers.append(browser.read(connection))


def opens(path: Path, identity: HybridIdentity) -> bool:
    with path.open("rb") as sealed:
        try:
            open_age(sealed, [identity])
        except NotForUs:
            return False
    return True


def by_version(scene: Scene) -> dict[int, list[Path]]:
    """Return the sealed files by the manifest version that their rows tell."""
    found: dict[int, list[Path]] = {}
    for row in scene.deployment().store.submissions():
        found.setdefault(row.manifest_version, []).append(
            scene.settings.blobs / f"{row.id.hex()}.age"
        )
    return found


def test_the_next_request_uses_a_new_manifest_in_every_worker(
    served: tuple[Scene, Server],
) -> None:
    scene, server = served
    workers = both_workers(server)
    file = scene.settings.manifest.read_bytes()
    for worker in workers:
        with only(server, worker):
            assert Browser(server).get("/keys/manifest.json").body == file
    heir = HybridIdentity.generate()
    install(scene, rotated(scene, heir))
    for worker in workers:
        with only(server, worker):
            page = Browser(server).get("/keys/recipients.txt").text
            assert str(heir.recipient()) in page
            assert str(scene.reviewer.recipient()) not in page
            assert Browser(server).send(f"to worker {worker}").status == 303
    assert server.workers() == workers, "nothing was restarted"
    sealed = by_version(scene)
    assert {version: len(paths) for version, paths in sealed.items()} == {2: 2}
    for path in sealed[2]:
        assert opens(path, heir)
        assert not opens(path, scene.reviewer)


def test_an_upload_under_way_ends_under_the_manifest_it_began_with(
    served: tuple[Scene, Server],
) -> None:
    scene, server = served
    heir = HybridIdentity.generate()
    lost = (str(scene.reviewer.recipient()),)
    answers: list[Answer] = []
    with slow_upload(scene, server, "began before", answers):
        install(scene, rotated(scene, scene.reviewer, heir, revoked=lost))
        # Begun after the revocation, on whichever worker: never sealed to whom it names.
        assert [Browser(server).send(f"began after, {n}").status for n in range(6)] == [303] * 6
    assert [answer.status for answer in answers] == [303]
    sealed = by_version(scene)
    assert {version: len(paths) for version, paths in sealed.items()} == {1: 1, 2: 6}
    [before] = sealed[1]
    assert opens(before, scene.reviewer)
    assert not opens(before, heir)
    with scene.opened(before) as envelope:
        assert envelope.account_text() == "began before"
        assert envelope.record.manifest_version == 1
    for path in sealed[2]:
        assert opens(path, heir)
        assert not opens(path, scene.reviewer)


@pytest.mark.parametrize("revoke", ["epoch", "recipient"])
def test_when_all_is_revoked_nothing_more_is_taken_and_no_upload_is_lost(
    served: tuple[Scene, Server], revoke: str
) -> None:
    scene, server = served
    lost = scene.manifest.epochs[0].id if revoke == "epoch" else str(scene.reviewer.recipient())
    answers: list[Answer] = []
    late = Browser(server)
    late.open_form("en")
    with slow_upload(scene, server, "began before", answers):
        install(scene, rotated(scene, scene.reviewer, revoked=(lost,)))
        answer = late.send("began after")
        assert answer.status == 503
        assert "began after" in answer.text
        assert Reason.NO_KEYS.sentence in Browser(server).get("/en/submit").text
    assert [answer.status for answer in answers] == [303]
    assert {version: len(paths) for version, paths in by_version(scene).items()} == {1: 1}
    assert scene.accounts() == ["began before"]


def test_an_upload_under_way_when_its_epoch_is_called_closed_gets_no_receipt(
    served: tuple[Scene, Server],
) -> None:
    """The admin's clock is a month ahead, or the settings were changed under the running server."""
    scene, server = served
    [epoch] = scene.manifest.epochs
    later = dt.datetime.combine(epoch.ends + dt.timedelta(days=9), dt.time(12), dt.UTC)
    courier = scene.deployment(now=later.timestamp())
    answers: list[Answer] = []
    with slow_upload(scene, server, "began before", answers):
        courier.keys.confirm_day(later.date())
        assert Seal.of(courier).closed_epochs == (epoch.id,)
    [answer] = answers
    assert answer.status == Reason.TOO_SLOW.status
    assert Reason.TOO_SLOW.sentence in html.unescape(answer.text)
    assert "began before" in answer.text
    assert list(scene.settings.blobs.iterdir()) == []
    assert courier.store.count() == 0


def test_a_file_put_there_by_hand_is_used_as_well(served: tuple[Scene, Server]) -> None:
    scene, server = served
    heir = HybridIdentity.generate()
    second = rotated(scene, heir)
    data = scene.manifest_file(scene.manifest, second)
    scene.settings.manifest.write_bytes(data)
    page = Browser(server).get("/en/keys").text
    for word in manifest_fingerprint(parse_chain(data)[-1].payload).split():
        assert f">{word}<" in page


def test_a_server_that_nobody_visits_also_looks_at_its_keys(
    served: tuple[Scene, Server],
) -> None:
    """And it ends at once all the same: nothing waits for the next look."""
    scene, server = served
    record = scene.record
    today = dt.datetime.now(dt.UTC).date()
    assert today.isoformat() in record.read_text()
    began = time.monotonic()
    server.process.terminate()
    server.process.wait(20)
    assert time.monotonic() - began < 10
    log = server.log.read_text()
    assert "Traceback" not in log
