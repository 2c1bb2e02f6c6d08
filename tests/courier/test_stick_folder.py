from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from intake.courier.bundle import LISTING, read_bundle
from intake.courier.returns import (
    REPLIES,
    RETURN,
    RETURNS,
    read_return,
    return_folder,
    return_folders,
)
from intake.courier.stick_folder import StickFolder
from intake.errors import BundleBroken
from intake.manifest.signing import SigningIdentity

ID = "0f" * 16
VAULT, OTHER = (SigningIdentity.generate(name).public() for name in ("ko", "ma"))


def test_what_is_written_is_there_whole_and_reads_back(tmp_path: Path) -> None:
    with StickFolder.opened(tmp_path / "a" / "b") as stick, stick.subfolder(REPLIES) as slots:
        slots.write(f"{ID}.age", b"slot")
        slots.write(f"{ID}.age", b"another")
        stick.write(RETURN, b"listing")
        stick.sync()
        assert slots.sha256(f"{ID}.age") == hashlib.sha256(b"another").hexdigest()
        assert slots.names() == {f"{ID}.age"}
    assert (tmp_path / "a" / "b" / REPLIES / f"{ID}.age").read_bytes() == b"another"
    assert (tmp_path / "a" / "b" / RETURN).read_bytes() == b"listing"


def test_a_write_that_fails_leaves_what_stood_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with StickFolder.opened(tmp_path) as stick:
        stick.write(RETURN, b"before")
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            stick.write(RETURN, b"after")
        assert stick.names() == {RETURN}
    assert (tmp_path / RETURN).read_bytes() == b"before"


NOBODYS = [
    *("lost+found", "System Volume Information", "$RECYCLE.BIN", "FOUND.000"),
    *(".Trash-1000", ".Trashes", ".fseventsd", ".Spotlight-V100", ".TemporaryItems"),
]


@pytest.mark.parametrize("name", NOBODYS)
def test_what_file_systems_put_there_is_nobodys(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with StickFolder.opened(tmp_path) as stick, stick.return_of(VAULT) as own:
        own.write(RETURN, b"listing")
    assert (tmp_path / name).is_dir()


def modes(folder: Path) -> dict[str, int]:
    """Return the mode of everything at and below a folder, by its path there."""
    paths = (folder, *folder.rglob("*"))
    return {str(p.relative_to(folder)): stat.S_IMODE(p.stat().st_mode) for p in paths}


@pytest.fixture
def narrow() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("narrow")
def test_what_is_written_is_for_every_reader_whatever_the_umask(tmp_path: Path) -> None:
    way = tmp_path / "a" / "stick"
    with (
        StickFolder.opened(way) as stick,
        stick.return_of(VAULT) as own,
        own.subfolder(REPLIES) as slots,
    ):
        slots.write(f"{ID}.age", b"slot")
        own.write(RETURN, b"listing")
    found = modes(tmp_path / "a")
    files = {path for path in found if path.endswith((".age", RETURN))}
    assert len(files) == 2
    assert {found[path] for path in files} == {0o644}
    assert {mode for path, mode in found.items() if path not in files} == {0o755}


@pytest.mark.usefixtures("narrow")
def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with StickFolder.opened(tmp_path / "mine" / "stick"):
        pass
    with StickFolder.opened(tmp_path / "mine" / "stick"):
        pass
    assert modes(tmp_path / "mine") == {".": 0o700, "stick": 0o755}


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP])
def test_a_file_system_without_modes_is_written_all_the_same(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_descriptor: int, _mode: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fchmod", refused)
    with StickFolder.opened(tmp_path / "stick") as stick, stick.return_of(VAULT) as own:
        own.write(RETURN, b"listing")


def test_a_stick_that_another_user_wrote_for_nobody_else_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_arguments: object, **_more: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(BundleBroken, match="may not be read by this user"):
        StickFolder.opened(tmp_path).__enter__()
    for look in (return_folders, read_return, read_bundle):
        with pytest.raises(BundleBroken, match="may not be read by this user"):
            look(tmp_path)


def test_a_path_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(BundleBroken, match=r"cannot be made \(Not a directory\)"),
        StickFolder.opened(tmp_path / "file" / "stick"),
    ):
        pass


@pytest.mark.parametrize("ours", [LISTING, RETURNS])
def test_beside_ours_other_files_may_stand(ours: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"x")
    with pytest.raises(BundleBroken, match="other files"), StickFolder.opened(tmp_path):
        pass
    (tmp_path / ours).write_bytes(b"{}")
    with StickFolder.opened(tmp_path) as stick:
        assert stick.names() == {"notes.txt", ours}


def test_drafts_of_a_killed_writer_are_ours_and_go(tmp_path: Path) -> None:
    drafts = [f".{name}.0123456789ab.draft" for name in (RETURN, LISTING, f"{ID}.age")]
    for name in drafts:
        (tmp_path / name).write_bytes(b"half")
    with StickFolder.opened(tmp_path) as stick:
        stick.remove_drafts()
        assert stick.names() == set()
    (tmp_path / ".thesis.odt.0123456789ab.draft").write_bytes(b"mine")
    with pytest.raises(BundleBroken), StickFolder.opened(tmp_path):
        pass


def test_nothing_is_read_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"mine")
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / LISTING).symlink_to(tmp_path / "secret")
    with StickFolder.opened(tmp_path / "stick") as stick:
        with pytest.raises(OSError, match="symbolic links"):
            stick.sha256(LISTING)
        stick.remove(LISTING)
        stick.remove(LISTING)
    assert (tmp_path / "secret").read_bytes() == b"mine"


def test_each_vault_has_a_folder_of_its_own(tmp_path: Path) -> None:
    with StickFolder.opened(tmp_path) as stick:
        for vault in (VAULT, OTHER):
            with stick.return_of(vault) as own:
                own.write(RETURN, vault.name.encode())
    for vault in (VAULT, OTHER):
        assert (return_folder(tmp_path, vault) / RETURN).read_bytes() == vault.name.encode()


def put_file(folder: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    folder.write_bytes(b"mine")


def put_link(folder: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    (folder.parents[1] / "elsewhere").mkdir()
    folder.symlink_to(folder.parents[1] / "elsewhere")


def put_foreign(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "2025.pdf").write_bytes(b"mine")


@pytest.mark.parametrize("put", [put_file, put_link, put_foreign])
@pytest.mark.parametrize("inner", [False, True], ids=["returns", "one of them"])
def test_what_stands_in_the_way_of_a_return_is_left_alone(
    put: Callable[[Path], None], tmp_path: Path, *, inner: bool
) -> None:
    way = return_folder(tmp_path / "stick", VAULT)
    (tmp_path / "stick").mkdir()
    put(way if inner else way.parent)
    before = sorted(tmp_path.rglob("*"))
    with (
        pytest.raises(BundleBroken, match=r"is a link or no folder|holds other files"),
        StickFolder.opened(tmp_path / "stick") as stick,
        stick.return_of(VAULT),
    ):
        pass
    assert sorted(tmp_path.rglob("*")) == before


def test_beside_another_vaults_folder_other_files_may_stand(tmp_path: Path) -> None:
    return_folder(tmp_path, OTHER).mkdir(parents=True)
    (tmp_path / RETURNS / "notes.txt").write_bytes(b"x")
    with StickFolder.opened(tmp_path) as stick, stick.return_of(VAULT) as own:
        assert own.names() == set()
