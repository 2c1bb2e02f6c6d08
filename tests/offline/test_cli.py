"""`intake-review` as its own process: what a reviewer types, and what comes of it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from intake import command_line
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.keyfile import parse_identities
from intake.age.opening.open import open_bytes
from intake.age.sealing.hybrid import HybridRecipient
from intake.envelope.account import Kind
from intake.offline import cli
from intake.offline.admin import cli as keys_cli
from intake.offline.recipients_file import read_recipients
from intake.offline.vault import Vault
from tests.support.manifests import History, root
from tests.support.submissions import ACCOUNT, EPOCH, Stick, seal
from tests.support.vaults import (
    PASSPHRASE,
    SERVER,
    Program,
    history_of,
    make_vault,
    november,
    review,
)

PHOTO = ("ဓာတ်ပုံ ၁.jpg", b"\xff\xd8\xff not really a picture")
NOTES = ("notes.txt", b"")


@pytest.fixture(autouse=True)
def umask_stays() -> Iterator[None]:
    """The programs set their own; here it is the tests' process too."""
    mask = os.umask(0o022)
    os.umask(mask)
    yield
    os.umask(mask)


@dataclass(frozen=True)
class Room:
    """A reviewer's desk: a vault, its passphrase, and a stick that was imported."""

    folder: Path
    vault: Vault
    passphrase: Path
    stick: Stick

    @property
    def program(self) -> Program:
        return review(self.folder / "vault", self.passphrase)

    @property
    def with_files(self) -> str:
        return self.stick.submissions[1].id

    @property
    def text_only(self) -> str:
        return self.stick.submissions[0].id


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    folder = tmp_path_factory.mktemp("room")
    passphrase = folder / "passphrase"
    passphrase.write_bytes(PASSPHRASE.reveal() + b"\n")
    vault = make_vault(folder / "vault")
    recipient = [vault.keys.epochs[EPOCH].recipient()]
    stick = Stick.make(folder / "stick", seal(recipient), seal(recipient, "two", [PHOTO, NOTES]))
    room = Room(folder, vault, passphrase, stick)
    assert room.program.well("import", stick.folder) == "Imported 2; 0 were here already.\n"
    return room


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_bytes(PASSPHRASE.reveal())
    return path


# --- help ------------------------------------------------------------------------------------


def every_command(
    group: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, group
    if isinstance(group, click.Group):
        for name, command in group.commands.items():
            yield from every_command(command, (*path, name))


COMMANDS = [
    (program, *found)
    for program, group in (("intake-review", cli.review), ("intake-keys", keys_cli.keys))
    for found in every_command(group)
]


@pytest.mark.parametrize(
    ("program", "path", "command"), COMMANDS, ids=lambda value: str(value)[:40]
)
def test_every_command_explains_itself(
    program: str, path: tuple[str, ...], command: click.Command
) -> None:
    group = {"intake-review": cli.review, "intake-keys": keys_cli.keys}[program]
    for flag in ("--help", "-h"):
        shown = CliRunner().invoke(group, [*path, flag])
        assert shown.exit_code == 0
        assert "Usage:" in shown.output
        assert command.get_short_help_str()
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.help is None:
            # An option without words must at least be named after what it takes.
            assert parameter.metavar or isinstance(parameter.type, click.Choice | click.IntRange)


def test_help_needs_neither_vault_nor_passphrase() -> None:
    done = Program("intake.offline.cli")("import", "--help")
    assert done.status == 0
    assert "bundle" in done.out


# --- the first time --------------------------------------------------------------------------


def test_init_and_keys_new(tmp_path: Path, passphrase: Path) -> None:
    program = review(tmp_path / "vault", passphrase)
    assert "Made a vault" in program.well("init", "--name", "မေ", "--work-factor", "10")
    out = tmp_path / "recipients.json"
    program.well("keys", "new", "--from", "2026-11-23", "--count", "3", "--out", out)
    epochs = read_recipients(out).epochs
    assert [epoch.id for epoch in epochs] == ["2026-11", "2026-12", "2027-01"]
    assert {epoch.recipients[0].name for epoch in epochs} == {"မေ"}
    assert stat.S_IMODE((tmp_path / "vault").stat().st_mode) == 0o700
    vault = Vault.unlock(tmp_path / "vault", PASSPHRASE)
    for epoch in epochs:
        recipient = HybridRecipient.parse(epoch.recipients[0].recipient)
        assert vault.keys.epochs[epoch.id].recipient() == recipient
    assert "not empty" in program.fails("init", "--work-factor", "10")


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (("--from", "2026-12"), ["2026-12"]),
        (("--from", "2026-12-31", "--epoch-length", "week"), ["2026-W53"]),
        (
            ("--from", "2026-12-31", "--epoch-length", "day", "--count", "2"),
            ["2026-12-31", "2027-01-01"],
        ),
    ],
)
def test_any_date_in_the_first_epoch_will_do(
    options: tuple[str, ...], ids: list[str], tmp_path: Path, passphrase: Path
) -> None:
    make_vault(tmp_path / "vault", "2020-01")
    out = tmp_path / "recipients.json"
    review(tmp_path / "vault", passphrase).well("keys", "new", *options, "--out", out)
    assert [epoch.id for epoch in read_recipients(out).epochs] == ids


def test_keys_are_made_once(tmp_path: Path, passphrase: Path) -> None:
    vault = make_vault(tmp_path / "vault")
    program = review(tmp_path / "vault", passphrase)
    out = tmp_path / "r.json"
    sentence = program.fails("keys", "new", "--from", "2026-10", "--count", "2", "--out", out)
    assert EPOCH in sentence
    assert not out.exists()
    assert Vault.unlock(tmp_path / "vault", PASSPHRASE).keys == vault.keys


@pytest.mark.parametrize("out", ["missing/r.json", "."])
def test_no_keys_are_made_whose_recipients_cannot_be_written(
    out: str, tmp_path: Path, passphrase: Path
) -> None:
    vault = make_vault(tmp_path / "vault")
    program = review(tmp_path / "vault", passphrase)
    sentence = program.fails("keys", "new", "--from", "2027-01", "--out", tmp_path / out)
    assert "--out" in sentence
    assert Vault.unlock(tmp_path / "vault", PASSPHRASE).keys == vault.keys


# --- reading ---------------------------------------------------------------------------------


def test_list_as_json_keeps_its_contract(room: Room) -> None:
    listed = json.loads(room.program.well("list", "--json"))
    assert [entry["id"] for entry in listed] == sorted(room.stick.ids())
    for entry in listed:
        assert list(entry)[:6] == ["id", "epoch", "day", "status", "attachments", "language"]
        assert (entry["kind"], entry["withdrawn"], entry["courier"]) == ("account", None, None)
        assert (entry["epoch"], entry["day"], entry["language"]) == (EPOCH, "2026-11-23", "my")
        assert entry["attachments"] == (2 if entry["id"] == room.with_files else 0)
        assert entry["status"] in {"unread", "read"}


def test_list_for_people_has_a_line_each(room: Room) -> None:
    lines = room.program.well("list").splitlines()
    assert {line.split()[0] for line in lines} == room.stick.ids()
    assert all(EPOCH in line and "2026-11-23" in line for line in lines)


def test_an_empty_vault_says_what_to_do(tmp_path: Path, passphrase: Path) -> None:
    make_vault(tmp_path / "vault")
    program = review(tmp_path / "vault", passphrase)
    assert "import" in program.well("list")
    assert json.loads(program.well("list", "--json")) == []


def test_show_as_json_keeps_its_contract(room: Room) -> None:
    shown = json.loads(room.program.well("show", room.with_files, "--json"))
    assert shown["id"] == room.with_files
    assert shown["account"] == "two"
    assert shown["identity"] is None
    assert shown["attachments"] == [
        {
            "name": name,
            "type": "image/jpeg",
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        for name, content in (PHOTO, NOTES)
    ]
    assert shown["format"] == "intake-account-1"
    assert {"language", "questionnaire", "answers", "consents", "epoch", "manifest_version"} <= set(
        shown
    )


def test_show_for_people_has_the_account_and_the_names(room: Room) -> None:
    assert ACCOUNT in room.program.well("show", room.text_only[:12])
    shown = room.program.well("show", room.with_files.upper())
    assert PHOTO[0] in shown
    assert NOTES[0] in shown


def test_what_was_shown_is_read(room: Room) -> None:
    room.program.well("show", room.text_only)
    listed = json.loads(room.program.well("list", "--json"))
    assert {e["id"]: e["status"] for e in listed}[room.text_only] == "read"


def test_extract_writes_the_account_and_the_files(room: Room, tmp_path: Path) -> None:
    target = tmp_path / "out"
    assert "4 files" in room.program.well("extract", room.with_files, target)
    assert (target / "account.txt").read_text() == "two"
    document = json.loads((target / "account.json").read_bytes())
    assert [a["name"] for a in document["attachments"]] == [PHOTO[0], NOTES[0]]
    contents = {
        path.read_bytes()
        for path in target.iterdir()
        if path.name not in {"account.txt", "account.json"}
    }
    assert contents == {PHOTO[1], NOTES[1]}
    for path in target.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(target) in room.program.fails("extract", room.with_files, target)


def test_import_again_finds_everything_known(room: Room) -> None:
    said = room.program.well("import", room.stick.folder)
    assert said == "Imported 0; 2 were here already.\n"


def test_what_is_refused_is_said_and_the_rest_is_taken(tmp_path: Path, passphrase: Path) -> None:
    vault = make_vault(tmp_path / "vault")
    mine = [vault.keys.epochs[EPOCH].recipient()]
    foreign = [HybridIdentity.generate().recipient()]
    stick = Stick.make(tmp_path / "stick", seal(foreign), seal(mine), seal(mine))
    stick.path(2).unlink()
    done = review(tmp_path / "vault", passphrase)("import", stick.folder)
    assert done.status == 1
    assert done.out == "Imported 1; 0 were here already.\n"
    assert len(done.errors) == 2
    for line in done.errors:
        assert line.startswith("Error: ")
    for at in (0, 2):
        assert any(stick.submissions[at].id in line for line in done.errors)


def test_what_is_sealed_to_others_is_one_line_and_no_error(
    tmp_path: Path, passphrase: Path
) -> None:
    vault = make_vault(tmp_path / "vault")
    others = HybridIdentity.generate()
    named = {"server": SERVER.public().key}
    both = november(others, vault.keys.epochs[EPOCH])
    history = History().then(**named, epochs=(november(others),)).then(**named, epochs=(both,))
    sealed = [seal([others.recipient()]) for _ in range(3)]
    stick = Stick.make(tmp_path / "stick", *sealed)
    stick.add(seal([vault.keys.epochs[EPOCH].recipient()]), manifest_version=2)
    stick.sign(SERVER, root(), history)
    said = review(tmp_path / "vault", passphrase).well("import", stick.folder).splitlines()
    assert said[0] == "Imported 1; 0 were here already."
    assert said[1].startswith("Passed over, because sealed to others: 3.")
    assert f"unlock --epoch {EPOCH}" in said[1]


# --- taken back ------------------------------------------------------------------------------


def test_what_was_taken_back_is_said_before_all_else(tmp_path: Path, passphrase: Path) -> None:
    vault = make_vault(tmp_path / "vault")
    program = review(tmp_path / "vault", passphrase)
    mine = [vault.keys.epochs[EPOCH].recipient()]
    stick = Stick.make(tmp_path / "stick", seal(mine))
    stick.sign(SERVER, root(), history_of(vault))
    program.well("import", stick.folder)
    account = stick.submissions[0].id
    stick.submissions, stick.sequence = (), 2
    notice = stick.add(seal(mine, "", kind=Kind.WITHDRAWAL))
    assert notice.id in program.well("import", stick.folder)
    lines = {line.split()[0]: line for line in program.well("list").splitlines()}
    assert f"taken back on {notice.day}; gone from the server" in lines[account]
    assert "withdrawal" in lines[notice.id]
    listed = {entry["id"]: entry for entry in json.loads(program.well("list", "--json"))}
    assert (listed[account]["withdrawn"], listed[notice.id]["withdrawn"]) == ("2026-11-23", None)
    assert listed[account]["mailbox"] == listed[notice.id]["mailbox"]
    sentence = "The witness has taken this back on 2026-11-23."
    shown = program.well("show", account)
    assert shown.startswith(sentence)
    assert notice.id in shown
    assert json.loads(program.well("show", account, "--json"))["withdrawn"] == "2026-11-23"
    assert program.well("extract", account, tmp_path / "out").startswith(sentence)
    assert program.well("show", notice.id).startswith("This is a notice")


# --- keys reveal -----------------------------------------------------------------------------


def test_keys_reveal_prints_an_identity_that_opens_the_accounts(room: Room) -> None:
    done = room.program("keys", "reveal", EPOCH, "--yes")
    assert done.status == 0
    assert "Warning" in done.err
    assert "SECRET" not in done.err
    [identity] = parse_identities(done.out)
    for at in range(2):
        assert open_bytes(room.stick.path(at).read_bytes(), [identity]).startswith(b"PK")


def test_keys_reveal_asks_first(room: Room) -> None:
    for answer in ("n\n", "\n", ""):
        done = room.program("keys", "reveal", EPOCH, stdin=answer)
        assert (done.status, done.out) == (1, "")
        assert "SECRET" not in done.err
    assert room.program("keys", "reveal", EPOCH, stdin="y\n").out.startswith("AGE-SECRET-KEY-PQ-1")


def age_version() -> tuple[int, ...]:
    if shutil.which("age") is None:
        return (0,)
    done = subprocess.run(["age", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"(\d+)\.(\d+)", done.stdout)
    return tuple(map(int, found.groups())) if found else (0,)


@pytest.mark.skipif(age_version() < (1, 3), reason="age 1.3 or later is not installed")
def test_the_plain_age_program_opens_an_account_with_it(room: Room, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(room.program("keys", "reveal", EPOCH, "--yes").out)
    opened = subprocess.run(
        ["age", "-d", "-i", tmp_path / "key", room.stick.path(0)], capture_output=True, check=True
    )
    (tmp_path / "account.zip").write_bytes(opened.stdout)
    text = subprocess.run(
        ["unzip", "-p", tmp_path / "account.zip", "account.txt"], capture_output=True, check=True
    )
    assert text.stdout.decode() == ACCOUNT


# --- mistakes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "ffffffffffffffffffffffffffffffff"), "no submission"),
        (("show", ""), "no submission"),
        (("extract", "zz", "out"), "no submission"),
        (("import", "/nonexistent"), "holds no bundle"),
        (("keys", "reveal", "1999-01"), "1999-01"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_1(
    arguments: tuple[str, ...], sentence: str, room: Room
) -> None:
    assert sentence in room.program.fails(*arguments)


@pytest.mark.parametrize("command", [("list",), ("list", "--json"), ("show", "0")])
def test_a_wrong_passphrase_is_said(command: tuple[str, ...], room: Room, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong")
    program = review(room.folder / "vault", tmp_path / "wrong")
    assert "passphrase" in program.fails(*command)


def test_what_is_no_vault_is_said_before_a_passphrase_is_asked(
    tmp_path: Path, passphrase: Path
) -> None:
    assert "not a vault" in review(tmp_path / "missing", passphrase).fails("list")
    assert "not a vault" in Program("intake.offline.cli", ("--vault", str(tmp_path))).fails("list")
    assert "INTAKE_VAULT" in Program("intake.offline.cli").fails("list")


def test_a_missing_passphrase_file_is_said(room: Room, tmp_path: Path) -> None:
    assert "passphrase file" in review(room.folder / "vault", tmp_path / "missing").fails("list")


def test_the_environment_names_vault_and_passphrase_too(room: Room) -> None:
    done = Program("intake.offline.cli")(
        "list",
        "--json",
        INTAKE_VAULT=str(room.folder / "vault"),
        INTAKE_PASSPHRASE_FILE=str(room.passphrase),
    )
    assert done.status == 0
    assert len(json.loads(done.out)) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("list", "--nonsense"),
        ("show",),
        ("extract", "0"),
        ("import",),
        ("keys", "nonsense"),
        ("keys", "destroy"),
        ("keys", "new", "--role", "admins"),
        ("keys", "new", "--from", "yesterday"),
        ("keys", "new", "--from", "2026-13"),
        ("keys", "new", "--from", "2026-11", "--count", "0"),
        ("keys", "new", "--from", "2026-11", "--epoch-length", "year"),
        ("init", "--work-factor", "30"),
        ("init", "--root", "/nonexistent"),
    ],
)
def test_wrong_usage_is_status_2(
    arguments: tuple[str, ...], room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--vault", str(room.folder / "vault"), "--passphrase-file", str(room.passphrase)]
    with pytest.raises(SystemExit) as ended:
        command_line.run(cli.review, [*options, *arguments])
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert "Usage:" in captured.err or captured.err.startswith("Error: ")
    assert captured.out == ""


def test_a_traceback_is_for_those_who_ask(room: Room) -> None:
    plain = room.program("show", "ff")
    asked = room.program("show", "ff", "--debug")
    assert "Traceback" not in plain.err
    assert "Traceback" in asked.err
    assert plain.status == asked.status == 1


BROKEN = "import intake.offline.vault as v; v.Vault.catalogue = lambda self: 1 / 0"


def test_even_what_nobody_foresaw_is_a_sentence(room: Room) -> None:
    sentence = replace(room.program, before=BROKEN).fails("list")
    assert "ZeroDivisionError" in sentence
    assert "--debug" in sentence


def test_nobody_else_can_read_what_is_written(tmp_path: Path, passphrase: Path) -> None:
    program = review(tmp_path / "vault", passphrase, "import os; os.umask(0)")
    program.well("init", "--work-factor", "10")
    today = dt.date(2026, 11, 23).isoformat()
    program.well("keys", "new", "--from", today, "--out", tmp_path / "r.json")
    for path in (tmp_path / "vault").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
