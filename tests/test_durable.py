from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from intake.durable import remove_drafts, sync_folder, write_file


def test_a_file_is_written_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_file(path, b"one")
    assert path.read_bytes() == b"one"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    write_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_public_file_may_be_read_by_others(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        write_file(tmp_path / "file", b"", mode=0o644)
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def fail(*_arguments: object, **_options: object) -> None:
    raise OSError("pulled out")


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.rename"])
def test_what_stood_there_still_stands_when_a_step_fails(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_file(path, b"old")
    monkeypatch.setattr(step, fail)
    with pytest.raises(OSError, match="pulled out"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_steps_come_in_the_order_that_survives_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, rename = os.fsync, Path.rename

    def noted_sync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        steps.append(f"sync {kind}")
        sync(descriptor)

    def noted_rename(path: Path, target: Path) -> Path:
        steps.append("rename")
        assert path.read_bytes() == b"whole"
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    write_file(tmp_path / "file", b"whole")
    assert steps == ["sync file", "rename", "sync folder"]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"kept")
    link.symlink_to(target)
    write_file(link, b"new")
    assert (target.read_bytes(), link.read_bytes()) == (b"kept", b"new")
    assert not link.is_symlink()


@pytest.mark.parametrize(
    "write", [lambda path: write_file(path / "file", b""), sync_folder], ids=["write", "sync"]
)
def test_a_folder_that_is_not_there_is_an_error(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "missing")
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        sync_folder(tmp_path / "plain")


@pytest.mark.parametrize("name", ["manifest.json", "odd [1]* name"])
def test_of_what_killed_writers_left_only_their_drafts_are_removed(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    write_file(path, b"whole")
    others = [tmp_path / other for other in (f".{name}.swp", f"{name}.draft", ".other.0.draft")]
    for other in (*others, tmp_path / f".{name}.0123456789ab.draft"):
        other.write_bytes(b"")
    remove_drafts(path)
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])
    remove_drafts(tmp_path / "nowhere" / name)
