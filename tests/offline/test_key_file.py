from __future__ import annotations

from pathlib import Path

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.errors import VaultUnusable, WrongPassphrase
from intake.offline.key_file import KeyFile
from intake.offline.key_ring import KeyRing
from intake.secret import Secret

ONE, TWO = (KeyRing(HybridIdentity.generate()) for _ in range(2))
PASSPHRASE = Secret(b"demo")


def test_what_another_process_wrote_is_read(tmp_path: Path) -> None:
    ours, theirs = (KeyFile(tmp_path / "keys", PASSPHRASE) for _ in range(2))
    ours.replace(ONE, 10)
    assert theirs.ring() == ONE
    theirs.replace(TWO, 10)
    assert ours.ring() == TWO
    theirs.replace(TWO, 10, Secret(b"another"))
    assert theirs.ring() == TWO
    with pytest.raises(VaultUnusable, match="changed since"):
        ours.ring()
    with pytest.raises(WrongPassphrase):
        KeyFile(tmp_path / "keys", PASSPHRASE).ring()
    (tmp_path / "keys").unlink()
    with pytest.raises(VaultUnusable):
        theirs.ring()


def test_what_stood_there_is_overwritten(tmp_path: Path) -> None:
    path, remains = tmp_path / "keys", tmp_path / "remains"
    file = KeyFile(path, PASSPHRASE)
    file.replace(ONE, 10)
    old = path.read_bytes()
    remains.hardlink_to(path)
    file.replace(TWO, 10)
    assert len(remains.read_bytes()) == len(old)
    assert remains.read_bytes() != old
    assert KeyFile(path, PASSPHRASE).ring() == TWO


def test_a_full_disk_leaves_the_old_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = KeyFile(tmp_path / "keys", PASSPHRASE)
    file.replace(ONE, 10)
    with monkeypatch.context() as patch:
        patch.setattr("intake.offline.key_file.write_file", _full)
        with pytest.raises(OSError, match="full"):
            file.replace(TWO, 10)
    assert file.ring() == KeyFile(tmp_path / "keys", PASSPHRASE).ring() == ONE


def _full(*_arguments: object) -> None:
    raise OSError("full")


def test_drafts_of_killed_processes_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".keys.00aa.draft").write_bytes(b"keys")
    (tmp_path / ".other.00aa.draft").write_bytes(b"kept")
    KeyFile(tmp_path / "keys", PASSPHRASE).replace(ONE, 10)
    assert {path.name for path in tmp_path.iterdir()} == {"keys", ".other.00aa.draft"}


class Overwritten:
    """A key file that others replace under its reader's eyes, so many times."""

    def __init__(self, path: Path, times: int, passphrase: Secret = PASSPHRASE) -> None:
        self._path, self._left, self._passphrase = path, times, passphrase

    def read(self) -> bytes:
        """Open the file, let it be replaced, and read what became of what was opened."""
        with self._path.open("rb") as opened:
            if self._left:
                self._left -= 1
                KeyFile(self._path, PASSPHRASE).replace(TWO, 10, self._passphrase)
            return opened.read()


@pytest.mark.parametrize("times", [1, 3])
def test_a_reader_beside_a_change_sees_the_new_keys(
    times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had opened was overwritten, and is not taken for damage."""
    path = tmp_path / "keys"
    KeyFile(path, PASSPHRASE).replace(ONE, 10)
    reader = KeyFile(path, PASSPHRASE)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", Overwritten(path, times).read)
        assert reader.ring() == TWO


def test_a_reader_beside_a_new_passphrase_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys"
    KeyFile(path, PASSPHRASE).replace(ONE, 10)
    reader = KeyFile(path, PASSPHRASE)
    assert reader.ring() == ONE
    KeyFile(path, PASSPHRASE).replace(ONE, 10)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", Overwritten(path, 1, Secret(b"another")).read)
        with pytest.raises(VaultUnusable, match="changed since"):
            reader.ring()


def test_a_file_that_stays_damaged_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    KeyFile(path, PASSPHRASE).replace(ONE, 10)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(VaultUnusable, match="damaged"):
        KeyFile(path, PASSPHRASE).ring()
