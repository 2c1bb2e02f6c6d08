"""`intake-keys` as its own process: what an admin types, and what comes of it."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from intake import command_line
from intake.manifest.acceptance import NOTHING_SEEN, accept_chain, epoch_in_force
from intake.manifest.chain import parse_chain
from intake.manifest.payload import parse_root
from intake.offline import keys_cli
from intake.offline.recipients_file import serialise_recipients
from tests.support.manifests import epoch, recipient
from tests.support.vaults import PASSPHRASE, Program

TODAY = dt.datetime.now(dt.UTC).date()
THIS_EPOCH = epoch(id="now", begins=TODAY, ends=TODAY + dt.timedelta(days=30))


@pytest.fixture(autouse=True)
def umask_stays() -> Iterator[None]:
    """The programs set their own; here it is the tests' process too."""
    mask = os.umask(0o022)
    os.umask(mask)
    yield
    os.umask(mask)


def admin(folder: Path) -> Program:
    passphrase = folder / "passphrase"
    passphrase.write_bytes(PASSPHRASE.reveal())
    options = ("--home", str(folder / "home"), "--passphrase-file", str(passphrase))
    return Program("intake.offline.keys_cli", options)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    program = admin(tmp_path)
    program.well("init", "--organisation", "မှတ်တမ်း", "--admin", "aye", "--work-factor", "10")
    return program


@pytest.fixture
def recipients(tmp_path: Path) -> Path:
    path = tmp_path / "recipients.json"
    path.write_bytes(serialise_recipients((THIS_EPOCH,)))
    return path


def test_from_nothing_to_a_manifest_that_a_server_accepts(
    program: Program, recipients: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    assert "No version" in program.fails("show")
    program.well("add-recipients", recipients)
    assert "No version" in program.fails("show", "--json")
    assert "Version 1 is complete" in program.well("sign")
    root = parse_root((home / "root.pub").read_bytes())
    chain = parse_chain((home / "manifest.json").read_bytes())
    manifest = accept_chain(root, chain, today=TODAY, seen=NOTHING_SEEN)
    assert epoch_in_force(manifest, TODAY).recipients == (recipient(),)
    shown = json.loads(program.well("show", "--json"))
    assert shown == {
        "organisation": "မှတ်တမ်း",
        "version": 1,
        "expires": manifest.expires.isoformat(),
        "epoch": "now",
        "epoch_ends": THIS_EPOCH.ends.isoformat(),
        "epochs": ["now"],
    }
    assert "version: 1" in program.well("show")
    assert "Nothing waits" in program.fails("sign")


def test_mistakes_are_one_sentence_and_status_1(
    program: Program, recipients: Path, tmp_path: Path
) -> None:
    assert "not empty" in program.fails("init", "--organisation", "x", "--work-factor", "10")
    junk = tmp_path / "junk"
    junk.write_bytes(b"junk")
    assert "JSON" in program.fails("add-recipients", junk)
    program.well("add-recipients", recipients)
    assert "twice" in program.fails("add-recipients", recipients)
    assert "missing" in program.fails("sign", "--admin", "ba")
    (tmp_path / "passphrase").write_text("wrong")
    assert "passphrase" in program.fails("sign")
    (tmp_path / "home" / "pending.json").write_bytes(b"junk")
    assert "JSON" in program.fails("sign")


def test_what_is_no_home_is_said(tmp_path: Path, recipients: Path) -> None:
    program = admin(tmp_path)
    for arguments in (("show",), ("sign",), ("add-recipients", str(recipients))):
        assert "intake-keys init" in program.fails(*arguments)
    assert "INTAKE_ADMIN" in Program("intake.offline.keys_cli").fails("show")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("init",),
        ("init", "--organisation", "x", "--work-factor", "9"),
        ("add-recipients",),
        ("add-recipients", "/nonexistent"),
        ("sign", "--admin"),
    ],
)
def test_wrong_usage_is_status_2(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.run(keys_cli.keys, arguments)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert "Usage:" in captured.err or captured.err.startswith("Error: ")
    assert captured.out == ""
