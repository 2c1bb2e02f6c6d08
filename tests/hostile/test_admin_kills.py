"""The admins' commands killed at every step: the home is the old one or the new one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from intake.errors import VaultUnusable
from intake.offline.admin.home import AdminHome
from intake.offline.admin.next_version import rotated
from tests.support.kills import every_kill
from tests.support.manifests import TODAY, epoch, recipient
from tests.support.vaults import PASSPHRASE, WORK_FACTOR

BOTH = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])


def begin(folder: Path) -> None:
    AdminHome(folder).create(
        organisation="Test",
        admins={"aye": PASSPHRASE, "ba": PASSPHRASE},
        threshold=2,
        today=TODAY,
        work_factor=WORK_FACTOR,
    )


def sign(home: AdminHome, name: str) -> None:
    waiting = home.sign(name, PASSPHRASE)
    if waiting.complete:
        home.complete(waiting)


@pytest.fixture
def half_signed(tmp_path: Path) -> Path:
    """A home whose version 2 one of two admins has signed."""
    folder = tmp_path / "template"
    begin(folder)
    home = AdminHome(folder)
    home.add_recipients((epoch(),), TODAY)
    sign(home, "aye")
    sign(home, "ba")
    home.save(rotated(home.pending(TODAY), TODAY).manifest)
    sign(home, "aye")
    return folder


def copied(template: Path, folder: Path) -> AdminHome:
    shutil.copytree(template, folder)
    return AdminHome(folder)


@BOTH
def test_beginning_leaves_a_home_or_none(tmp_path: Path, after: bool) -> None:  # noqa: FBT001
    for step in every_kill(lambda n: lambda: begin(tmp_path / str(n)), after=after):
        home = AdminHome(tmp_path / str(step))
        if not home.root_file.exists():
            begin(tmp_path / str(step))
        assert home.admins() == ("aye", "ba")
        sign(home, "aye")
        sign(home, "ba")
        assert home.current() is not None


@BOTH
def test_joining_leaves_a_home_or_none(tmp_path: Path, after: bool) -> None:  # noqa: FBT001
    def join(step: int) -> Path:
        return AdminHome(tmp_path / str(step)).join("ba", PASSPHRASE, work_factor=WORK_FACTOR)

    for step in every_kill(lambda n: lambda: join(n), after=after):
        try:
            assert join(step).exists()
        except VaultUnusable:  # it had been made
            assert (tmp_path / str(step) / "ba.pub").exists()
        assert AdminHome(tmp_path / str(step)).admins() == ("ba",)


@BOTH
def test_the_last_signature_leaves_the_old_version_or_the_new(
    tmp_path: Path,
    half_signed: Path,
    after: bool,  # noqa: FBT001
) -> None:
    def work(step: int) -> Callable[[], object]:
        home = copied(half_signed, tmp_path / str(step))
        return lambda: sign(home, "ba")

    outcomes = set()
    for step in every_kill(work, after=after):
        home = AdminHome(tmp_path / str(step))
        current = home.current()
        assert current is not None
        outcomes.add(current.version)
        if current.version == 1:
            waiting = home.waiting()
            assert waiting is not None
            assert "aye" in waiting.signed
            sign(home, "ba")
        assert home.waiting() is None
        assert [manifest.version for manifest in home.history()] == [1, 2]
    assert outcomes == {1, 2}


@BOTH
def test_a_change_leaves_the_old_next_version_or_the_new(
    tmp_path: Path,
    half_signed: Path,
    after: bool,  # noqa: FBT001
) -> None:
    more = epoch(recipients=(recipient(5),))

    def work(step: int) -> Callable[[], object]:
        home = copied(half_signed, tmp_path / str(step))
        return lambda: home.add_recipients((more,), TODAY)

    outcomes = set()
    for step in every_kill(work, after=after):
        home = AdminHome(tmp_path / str(step))
        waiting = home.waiting()
        assert waiting is not None
        count = len(waiting.manifest.epochs[0].recipients)
        assert waiting.signed == (("aye",) if count == 1 else ())
        outcomes.add(count)
        home.add_recipients((more,), TODAY)
        sign(home, "aye")
        sign(home, "ba")
    assert outcomes == {1, 2}
