"""Sticks that are full, read-only or pulled out: one sentence, and nothing is lost. Threat 6."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from intake.courier.bundle import read_bundle
from intake.errors import BundleBroken
from intake.online.courier import Seal, export_bundle
from intake.online.stick import Stick
from tests.support.deployments import Scene, submit


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A file system of its own, as a stick is one."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("a small file system could not be mounted: not root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def export(scene: Scene, folder: Path) -> None:
    deployment = scene.deployment()
    state = scene.settings.state
    export_bundle(deployment.store, Seal.of(deployment), state, folder, lambda _bytes: None)


def assert_whole(stick: Path, count: int) -> None:
    """All that the listing names is on the stick."""
    submissions = read_bundle(stick).bundle.submissions
    assert len(submissions) == count
    for submission in submissions:
        data = submission.path(stick).read_bytes()
        assert submission.sha256 == hashlib.sha256(data).hexdigest()


def test_a_stick_that_is_too_small_is_said_before_anything_is_written(
    scene: Scene, tmp_path: Path
) -> None:
    submit(scene, "account")
    with mounted(tmp_path / "stick", "size=2m") as stick:
        with pytest.raises(BundleBroken, match=r"needs \d+ MiB more .* has room for \d MiB"):
            export(scene, stick / "bundle")
        assert list((stick / "bundle" / "submissions").iterdir()) == []


@pytest.mark.parametrize("options", ["size=5m", "size=50m,nr_inodes=9"], ids=["bytes", "inodes"])
def test_a_stick_that_fills_up_meanwhile_leaves_the_bundle_before(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    """Somebody else writes to it: the look at its room comes too early to know."""
    submit(scene, "account")
    with mounted(tmp_path / "stick", options) as stick:
        export(scene, stick)
        monkeypatch.setattr(Stick, "free_bytes", lambda _self: 1 << 40)
        for n in range(30):
            submit(scene, f"account {n}")
        with pytest.raises(BundleBroken, match=r"No space left on device.*still counts"):
            export(scene, stick)
        assert_whole(stick, 1)
        assert len(list((stick / "submissions").iterdir())) == 1, "what was written went again"
    export(scene, tmp_path / "larger")
    assert_whole(tmp_path / "larger", 31)


def test_a_read_only_stick_is_said_and_left_as_it_is(scene: Scene, tmp_path: Path) -> None:
    submit(scene, "account")
    with mounted(tmp_path / "stick", "size=50m") as stick:
        export(scene, stick)
        submit(scene, "another")
        subprocess.run(["mount", "-o", "remount,ro", str(stick)], check=True)
        with pytest.raises(BundleBroken, match=r"Read-only file system.*not locked"):
            export(scene, stick)
        assert_whole(stick, 1)
        with pytest.raises(BundleBroken, match="Read-only file system"):
            export(scene, stick / "new")
