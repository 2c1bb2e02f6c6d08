"""`intake-keys open-backup`: what a server sealed to its admins, opened for a fresh one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.age.sealing.hybrid import HybridRecipient
from intake.age.sealing.passphrase import PassphraseRecipient
from intake.age.sealing.seal import seal_bytes
from intake.errors import DocumentMalformed, IntakeError, NotForUs
from intake.manifest.payload import parse_root
from intake.offline.admin.backups import open_backup
from tests.offline.admin.test_cli import admin as program_at
from tests.support.kills import every_kill
from tests.support.manifests import admin, public
from tests.support.vaults import PASSPHRASE, Program

INSIDE = os.urandom(300_000)
AYE = HybridIdentity(admin("aye").backup_seed())


def sealed_to(*recipients: str) -> bytes:
    return seal_bytes(INSIDE, [HybridRecipient.parse(text) for text in recipients])


SEALED = sealed_to(*(person.recipient for person in public("aye", "ba")))


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    file = tmp_path / "backup.age"
    file.write_bytes(SEALED)
    return file


def opened(file: Path, out: Path, whose: str = "aye") -> bytes:
    identity = HybridIdentity(admin(whose).backup_seed())
    open_backup(file, identity, out, whose=whose, progress=lambda _: None)
    return out.read_bytes()


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("whose", ["aye", "ba"])
def test_every_admin_opens_it_alone(backup: Path, tmp_path: Path, whose: str) -> None:
    out = tmp_path / "opened.zip"
    assert opened(backup, out, whose) == INSIDE
    assert out.stat().st_mode & 0o777 == 0o600
    assert left(tmp_path) == ["backup.age", "opened.zip"]


def test_it_is_told_how_far_it_is(backup: Path, tmp_path: Path) -> None:
    told: list[int] = []
    open_backup(backup, AYE, tmp_path / "out", whose="aye", progress=told.append)
    assert sum(told) == len(INSIDE)


def cut(size: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:size]


def flipped(at: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[at] ^= 1
        return bytes(changed)

    return change


HEADER = SEALED.index(b"\n--- ")

DAMAGED: dict[str, tuple[Callable[[bytes], bytes], type[IntakeError], str]] = {
    "another admin's": (
        lambda _: sealed_to(public("chit")[0].recipient),
        NotForUs,
        "not sealed to aye.*--admin",
    ),
    "behind a passphrase": (
        lambda _: seal_bytes(INSIDE, [PassphraseRecipient(PASSPHRASE, 10)]),
        IntakeError,
        "not sealed to aye|no backup",
    ),
    "empty": (lambda _: b"", DocumentMalformed, "no backup"),
    "a zip": (lambda _: b"PK\3\4" + bytes(1000), DocumentMalformed, "no backup"),
    "a manifest": (lambda _: b"{}\n", DocumentMalformed, "no backup"),
    "broken armor": (lambda _: b"-----BEGIN AGE\n", DocumentMalformed, "no backup"),
    "cut in its header": (cut(HEADER // 2), DocumentMalformed, "no backup"),
    "cut after its header": (cut(HEADER + 60), DocumentMalformed, "no backup|damaged"),
    "cut at a chunk's end": (
        lambda data: data[: -(len(INSIDE) % 65536 + 16)],
        DocumentMalformed,
        "damaged or incomplete",
    ),
    "cut in a chunk": (cut(len(SEALED) - 1000), DocumentMalformed, "damaged or incomplete"),
    "a byte too many": (lambda data: data + b"x", DocumentMalformed, "damaged or incomplete"),
    "changed in its MAC": (flipped(HEADER + 10), DocumentMalformed, "damaged"),
    "changed at its beginning": (flipped(HEADER + 1000), DocumentMalformed, "damaged"),
    "changed at its end": (flipped(-1), DocumentMalformed, "damaged or incomplete"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_cannot_be_opened_is_one_sentence_and_leaves_nothing(
    backup: Path, tmp_path: Path, name: str
) -> None:
    change, kind, says = DAMAGED[name]
    backup.write_bytes(change(SEALED))
    with pytest.raises(kind, match=says):
        opened(backup, tmp_path / "out")
    assert left(tmp_path) == ["backup.age"]


def test_what_stands_at_the_name_stays(backup: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"mine")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    for taken in (out, link, backup, tmp_path):
        with pytest.raises(IntakeError, match="there already"):
            opened(backup, taken)
    assert out.read_bytes() == b"mine"
    assert backup.read_bytes() == SEALED
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_leaves_all_of_it_or_nothing(
    backup: Path,
    tmp_path: Path,
    after: bool,  # noqa: FBT001
) -> None:
    def run(step: int) -> Callable[[], object]:
        folder = tmp_path / str(step)
        folder.mkdir()
        return lambda: opened(backup, folder / "out")

    for step in every_kill(run, after=after):
        out = tmp_path / str(step) / "out"
        if out.exists():
            assert out.read_bytes() == INSIDE
        else:
            assert opened(backup, out) == INSIDE
        # What a killed one was writing, with the server's keys in it, is swept by the next.
        assert left(out.parent) == ["out"]


# --- as it is typed --------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path) -> Program:
    program = program_at(tmp_path)
    program.well(
        *("init", "--organisation", "Example", "--work-factor", "10"),
        *("--admin", "aye", "--admin", "ba"),
    )
    return program


@pytest.fixture
def ours(program: Program, tmp_path: Path) -> Path:
    """A backup sealed to the admins of that home."""
    del program
    root = parse_root((tmp_path / "home" / "root.pub").read_bytes())
    file = tmp_path / "ours.age"
    file.write_bytes(sealed_to(*(person.recipient for person in root.admins)))
    return file


@pytest.mark.parametrize("name", ["aye", "ba"])
def test_an_admin_opens_a_backup_and_is_told_what_to_do_with_it(
    program: Program, ours: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / "opened.zip"
    told = program.well("open-backup", ours, out, "--admin", name)
    assert out.read_bytes() == INSIDE
    assert "'intake restore opened.zip'" in told
    assert "destroy the stick" in told


def test_a_joined_admin_opens_it_in_a_home_with_nothing_else(tmp_path: Path) -> None:
    away = program_at(tmp_path, "away")
    away.well("join", "--admin", "chit", "--work-factor", "10")
    words = "not sealed to chit"
    (tmp_path / "other.age").write_bytes(SEALED)
    assert words in away.fails("open-backup", tmp_path / "other.age", tmp_path / "out")


def test_mistakes_are_one_sentence(
    program: Program, ours: Path, backup: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert "Say who opens it with --admin: aye, ba." in program.fails("open-backup", ours, out)
    as_aye = ("--admin", "aye")
    assert "no admin chit here" in program.fails("open-backup", ours, out, "--admin", "chit")
    assert "not sealed to aye" in program.fails("open-backup", backup, out, *as_aye)
    assert "cannot be written" in program.fails(
        "open-backup", ours, tmp_path / "none" / "out", *as_aye
    )
    assert "there already" in program.fails("open-backup", ours, ours, *as_aye)
    root = tmp_path / "home" / "root.pub"
    assert "no backup" in program.fails("open-backup", root, out, *as_aye)
    (tmp_path / "passphrase").write_text("wrong")
    assert "passphrase" in program.fails("open-backup", ours, out, *as_aye)
    assert not out.exists()
    empty = program_at(tmp_path, "empty")
    assert "holds no admin's keys" in empty.fails("open-backup", ours, out)


def test_a_full_stick_is_said_and_keeps_nothing(
    program: Program, ours: Path, tmp_path: Path
) -> None:
    full = Program(
        program.module,
        program.options,
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))",
    )
    stick = tmp_path / "stick"
    stick.mkdir()
    assert full.fails("open-backup", ours, stick / "out", "--admin", "aye")
    assert left(stick) == []
