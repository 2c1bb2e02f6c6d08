"""What an export leaves on a stick for the next user and machine, and what it says of bad ones."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from intake import command_line
from intake.courier.bundle import read_bundle
from intake.errors import BundleBroken, StoreUnavailable
from intake.online.bundle_count import COUNT, last_sequence
from intake.online.cli import intake
from intake.online.courier import Export, Seal, export_bundle
from intake.online.retention import remove_acknowledged
from intake.online.store.leaving import Quorum
from tests.support.deployments import TODAY, Scene, submit
from tests.support.returns import Mailbox

DAY_MAX = TODAY.max
VAULT = bytes(32)


def export(
    scene: Scene, folder: Path, progress: Callable[[int], object] = lambda _bytes: None
) -> Export:
    deployment = scene.deployment()
    state = scene.settings.state
    return export_bundle(deployment.store, Seal.of(deployment), state, folder, progress)


def run(scene: Scene, *arguments: str) -> int:
    """Run ``intake`` as a person does; return the exit status."""
    with pytest.raises(SystemExit) as left:
        command_line.run(intake, ["--config", str(scene.config), *arguments])
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


# --- modes ---------------------------------------------------------------------------------------


def test_what_is_written_is_for_every_reader_whatever_the_umask(
    scene: Scene, tmp_path: Path
) -> None:
    submit(scene, "account")
    export(scene, tmp_path / "new" / "stick")
    paths = list((tmp_path / "new").rglob("*"))
    found = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "new", *paths)}
    (sealed,) = scene.sealed()
    files = {"bundle.json", "root.pub", "manifest.json", sealed.name}
    assert found == dict.fromkeys(files, 0o644) | dict.fromkeys(
        ("new", "stick", "submissions"), 0o755
    )


def test_a_folder_that_was_there_keeps_its_mode(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    export(scene, tmp_path / "mine")
    assert stat.S_IMODE((tmp_path / "mine").stat().st_mode) == 0o700


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP])
def test_a_file_system_without_modes_is_written_all_the_same(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(_descriptor: int, _mode: int) -> None:
        raise OSError(number, os.strerror(number))

    submit(scene, "account")
    monkeypatch.setattr(os, "fchmod", refused)
    assert len(export(scene, tmp_path / "stick").bundle.submissions) == 1


# --- whose stick it is ---------------------------------------------------------------------------


def test_what_file_systems_put_there_is_nobodys(scene: Scene, tmp_path: Path) -> None:
    for name in ("lost+found", "$RECYCLE.BIN", ".Trash-1000", ".Spotlight-V100", "FOUND.000"):
        (tmp_path / "stick" / name).mkdir(parents=True)
    export(scene, tmp_path / "stick")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "FOUND.txt").write_bytes(b"mine")
    with pytest.raises(BundleBroken, match="other files"):
        export(scene, tmp_path / "other")


def refuse_to_open(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Make a folder one of another user's, also for root."""
    opened, may = os.open, os.access

    def open_(path: Any, *arguments: Any, **more: Any) -> int:
        if str(path).startswith(str(folder)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *arguments, **more)

    monkeypatch.setattr(os, "open", open_)
    monkeypatch.setattr(os, "access", lambda path, *a, **m: path != folder and may(path, *a, **m))


@pytest.mark.parametrize("command", ["import", "export"])
def test_a_stick_that_cannot_be_read_is_one_sentence(
    scene: Scene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    stick = tmp_path / "stick"
    (stick / "returns").mkdir(parents=True)
    refuse_to_open(monkeypatch, stick)
    assert run(scene, command, str(stick)) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"Error: {stick}")
    assert "may not be read by this user" in said
    assert said.count("\n") == 1


def test_a_path_that_cannot_be_made_is_said(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert run(scene, "export", str(tmp_path / "file" / "stick")) == 1
    assert "cannot be made (Not a directory): see that the stick" in capsys.readouterr().err


# --- what goes meanwhile -------------------------------------------------------------------------


def withdrawn(scene: Scene) -> None:
    def address(n: int) -> bytes:
        return hashlib.sha256(f"second {n}".encode()).digest()

    scene.deployment().store.forget(address, Mailbox.of(scene).addresses, TODAY)


def acknowledged(scene: Scene) -> None:
    store = scene.deployment().store
    (second,) = (row.id for row in store.rows() if row.bundle is None)
    store.leaving.acknowledge(VAULT, [second])
    store.leaving.settle(Quorum(1, frozenset([VAULT])), TODAY)
    assert remove_acknowledged(store, DAY_MAX) == 1


def lost(scene: Scene) -> None:
    store = scene.deployment().store
    (second,) = (row.id for row in store.rows() if row.bundle is None)
    (scene.settings.blobs / f"{second.hex()}.age").unlink()


@pytest.mark.parametrize(("goes", "said"), [(withdrawn, 0), (acknowledged, 0), (lost, 1)])
def test_what_goes_while_an_export_runs_is_left_out_and_only_a_loss_is_said(
    scene: Scene, tmp_path: Path, goes: Callable[[Scene], None], said: int
) -> None:
    first = submit(scene, "first")
    export(scene, tmp_path / "stick")
    second = submit(scene, "second")
    deployment, state = scene.deployment(), scene.settings.state
    opened = deployment.store.open_blob

    def gone_before_it_is_opened(blob_id: bytes) -> Any:
        if blob_id == second:
            goes(scene)
        return opened(blob_id)

    deployment.store.open_blob = gone_before_it_is_opened  # type: ignore[method-assign]
    seal = Seal.of(deployment)
    found = export_bundle(deployment.store, seal, state, tmp_path / "stick", lambda _bytes: None)
    assert found.unreadable == (second.hex(),) * said
    assert [s.id for s in read_bundle(tmp_path / "stick").bundle.submissions] == [first.hex()]


# --- the count -----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [None, b'{"sequence": 1}'])
def test_a_count_that_was_lost_or_put_back_goes_on_after_what_the_rows_name(
    scene: Scene, tmp_path: Path, count: bytes | None
) -> None:
    for n in range(3):
        submit(scene, f"account {n}")
        export(scene, tmp_path / "stick")
    path = scene.settings.state / COUNT
    if count is None:
        path.unlink()
    else:
        path.write_bytes(count)
    assert export(scene, tmp_path / "stick").bundle.sequence == 4
    assert last_sequence(scene.settings.state) == 4


def test_nobody_counts_further_than_databases_do(scene: Scene) -> None:
    assert last_sequence(scene.settings.state, 2**31 - 2) == 2**31 - 2
    with pytest.raises(StoreUnavailable, match="counts the bundles"):
        last_sequence(scene.settings.state, 2**31 - 1)
