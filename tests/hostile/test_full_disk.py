"""A disk that is really full, and one without a single inode left. Threat 5."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import Client

from intake.online.deployment import Deployment
from intake.online.refusal import Reason
from intake.online.store.submissions import Store
from intake.online.witness.app import create_app
from tests.support.deployments import NOON, Scene, make_scene, send

WORDS = "ရွာကို မီးရှို့ခဲ့တယ်။"


@pytest.fixture(params=["size=4m", "size=64m,nr_inodes=16"], ids=["bytes", "inodes"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    """A deployment whose state lies on a file system that is soon full."""
    scene = make_scene(tmp_path / "deployment")
    state = scene.folder / "state"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", request.param, "none", str(state)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a small file system could not be mounted: not root")
    try:
        yield scene
    finally:
        subprocess.run(["umount", "-l", str(state)], check=True)


def deployment(scene: Scene) -> Deployment:
    return replace(Deployment.open(scene.settings), clock=lambda: NOON)


def fill(folder: Path) -> None:
    """Take every byte and every inode that is left."""
    for n in range(1000):
        try:
            with (folder / f"filler-{n}").open("wb", buffering=0) as file:
                file.write(b"x" * (200 << 20))
        except OSError:
            status = os.statvfs(folder)
            if not status.f_bavail or not status.f_favail:
                return


def test_a_full_disk_keeps_nothing_gives_the_words_back_and_recovers(small: Scene) -> None:
    client = Client(create_app(deployment(small)))
    assert send(client, "before", lang="en").status_code == 303
    before = small.sealed()
    state = small.folder / "state"
    fill(state)
    for files in ([], [("a.jpg", b"x" * 3_000_000)]):
        answer = send(client, WORDS, files, lang="en")
        assert answer.status_code in {Reason.CANNOT_KEEP.status, Reason.NO_ROOM_FOR_FILES.status}
        assert WORDS in answer.text
        assert small.sealed() == before
        assert list((state / "blobs").glob("*.draft")) == []
    for filler in state.glob("filler-*"):
        filler.unlink()
    assert send(client, WORDS, lang="en").status_code == 303
    assert small.accounts() == sorted(["before", WORDS])


def test_a_disk_that_fills_while_a_file_arrives_keeps_nothing(
    small: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "free_bytes", lambda _self: 1 << 40)  # others take it meanwhile
    client = Client(create_app(deployment(small)))
    answer = send(client, WORDS, [("video.mp4", os.urandom(70_000_000))], lang="en")
    assert answer.status_code == Reason.CANNOT_KEEP.status
    assert WORDS in answer.text
    assert list((small.folder / "state" / "blobs").iterdir()) == []
    assert send(client, WORDS, lang="en").status_code == 303
