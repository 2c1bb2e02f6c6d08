"""`intake-keys` as its own process: what an admin types, and what comes of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from intake import command_line
from intake.manifest.acceptance import NOTHING_SEEN, accept_chain, epoch_in_force
from intake.manifest.calendar import EpochLength, periods_from
from intake.manifest.chain import parse_chain
from intake.manifest.fingerprint import (
    manifest_fingerprint,
    recipients_fingerprint,
    root_fingerprint,
    signer_fingerprint,
)
from intake.manifest.model import Epoch
from intake.manifest.payload import parse_root
from intake.manifest.signing import SigningIdentity, serialise_signer
from intake.offline.admin import cli as keys_cli
from intake.offline.recipients_file import RecipientsFile, serialise_recipients
from tests.support.manifests import admin as identity
from tests.support.manifests import epoch, recipient
from tests.support.vaults import PASSPHRASE, Program

TODAY = dt.datetime.now(dt.UTC).date()
PERIOD, NEXT = periods_from(TODAY, 2, EpochLength.MONTH)
THIS_EPOCH = epoch(id=PERIOD.id, begins=PERIOD.begins, ends=PERIOD.ends)
NEXT_EPOCH = epoch(id=NEXT.id, begins=NEXT.begins, ends=NEXT.ends, recipients=(recipient(7),))


@pytest.fixture(autouse=True)
def umask_stays() -> Iterator[None]:
    """The programs set their own; here it is the tests' process too."""
    mask = os.umask(0o022)
    os.umask(mask)
    yield
    os.umask(mask)


def recipients_file(epochs: tuple[Epoch, ...], vault: str | None = None) -> bytes:
    """Return the file that brings these, and the key of the vault of that name."""
    key = None if vault is None else identity(vault).public().key
    return serialise_recipients(RecipientsFile(epochs, key))


def admin(folder: Path, home: str = "home") -> Program:
    passphrase = folder / "passphrase"
    passphrase.write_bytes(PASSPHRASE.reveal())
    options = ("--home", str(folder / home), "--passphrase-file", str(passphrase))
    return Program("intake.offline.admin.cli", options)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    program = admin(tmp_path)
    program.well("init", "--organisation", "မှတ်တမ်း", "--admin", "aye", "--work-factor", "10")
    return program


@pytest.fixture
def recipients(tmp_path: Path) -> Path:
    path = tmp_path / "recipients.json"
    path.write_bytes(recipients_file((THIS_EPOCH,)))
    return path


def test_from_nothing_to_a_manifest_that_a_server_accepts(
    program: Program, recipients: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    assert "version: none\n" in program.well("show")
    added = program.well("add-recipients", recipients)
    words = recipients_fingerprint(recipients.read_bytes())
    assert f"fingerprint: {words}" in added
    waits = json.loads(program.well("show", "--json"))
    assert (waits["version"], waits["fingerprint"], waits["waiting"]) == (None, None, 1)
    assert waits["epochs"] == [PERIOD.id]
    signing = program.well("sign")
    assert words in signing
    assert "Version 1 is complete" in signing
    root = parse_root((home / "root.pub").read_bytes())
    chain = parse_chain((home / "manifest.json").read_bytes())
    manifest = accept_chain(root, chain, today=TODAY, seen=NOTHING_SEEN)
    assert epoch_in_force(manifest, TODAY).recipients == (recipient(),)
    fingerprint = manifest_fingerprint(chain[-1].payload)
    assert f"fingerprint: {fingerprint}" in signing
    shown = json.loads(program.well("show", "--json"))
    assert shown == {
        "organisation": "မှတ်တမ်း",
        "fingerprint": fingerprint,
        "version": 1,
        "expires": manifest.expires.isoformat(),
        "epoch": PERIOD.id,
        "epoch_ends": PERIOD.ends.isoformat(),
        "covered_until": PERIOD.ends.isoformat(),
        "epoch_length": "month",
        "epochs": [PERIOD.id],
        "admins": ["aye"],
        "threshold": 1,
        "vaults": [],
        "acks_required": 1,
        "root_fingerprint": root_fingerprint((home / "root.pub").read_bytes()),
        "waiting": None,
        "signed_by": [],
    }
    assert "version: 1" in program.well("show")
    assert "Nothing waits" in program.fails("sign")


def version(program: Program) -> int:
    return int(json.loads(program.well("show", "--json"))["version"])


def test_a_routine_rotation_says_what_it_opens_and_who_is_missing(
    program: Program, recipients: Path, tmp_path: Path
) -> None:
    program.well("add-recipients", recipients)
    program.well("sign")
    coming = tmp_path / "next.json"
    coming.write_bytes(recipients_file((NEXT_EPOCH,)))
    program.well("add-recipients", coming)
    done = program("rotate")
    assert done.status == 0
    assert f"{PERIOD.id}: reviewers 0\n{NEXT.id}: reviewers 7\n" in done.out
    last = NEXT.ends - dt.timedelta(days=1)
    assert f"The last day on which accounts can be taken: {last}" in done.out
    assert f"reviewers 0 (reviewers) has brought no recipient for epoch {NEXT.id}" in done.err
    assert "Version 2 must be signed" in done.out
    assert json.loads(program.well("show", "--json"))["waiting"] == 2
    program.well("sign")
    assert version(program) == 2


def test_a_rotation_alone_renews(program: Program, recipients: Path) -> None:
    program.well("add-recipients", recipients)
    program.well("sign")
    assert program("rotate").status == 0
    program.well("sign")
    assert version(program) == 2


def test_revoking_the_last_reviewer_is_warned_of(program: Program, recipients: Path) -> None:
    program.well("add-recipients", recipients)
    program.well("sign")
    done = program("revoke", "reviewers 0")
    assert done.status == 0
    assert f"revoked: reviewers 0's recipients of epoch {PERIOD.id}" in done.out
    assert f"nobody is left in epoch {PERIOD.id}" in done.err
    assert "revoked: " in program.well("sign")
    assert "has no epoch, recipient or person" in program.fails("revoke", "chit")


def test_two_people_of_one_name_are_warned_of(
    program: Program, recipients: Path, tmp_path: Path
) -> None:
    program.well("add-recipients", recipients)
    other = tmp_path / "other.json"
    namesake = dataclasses.replace(recipient(8), name=recipient().name)
    other.write_bytes(recipients_file((dataclasses.replace(THIS_EPOCH, recipients=(namesake,)),)))
    done = program("add-recipients", other)
    assert done.status == 0
    assert "are called reviewers 0" in done.err


def test_the_servers_key_is_named(program: Program, recipients: Path, tmp_path: Path) -> None:
    key = tmp_path / "server.pub"
    key.write_bytes(serialise_signer(SigningIdentity.generate("server").public()))
    words = signer_fingerprint(key.read_bytes())
    assert words in program.well("add-server", key)
    program.well("add-recipients", recipients)
    assert f"the server's key: {words}" in program.well("sign")
    assert "server.pub" in program.fails("add-server", recipients)


def test_admins_are_listed_and_changed(program: Program, recipients: Path) -> None:
    program.well("add-recipients", recipients)
    program.well("sign")
    assert program.well("admins") == "admin: aye\nsignatures needed: 1\n"
    assert "admin: ba" in program.well(
        "admins", "--add", "ba", "--threshold", "2", "--work-factor", "10"
    )
    assert "Say who signs with --admin" in program.fails("sign")
    told = program.well("sign", "--admin", "aye")
    assert "new admin ba: " in told
    assert "Signed by aye.\nMore admins must sign: 1 of ba.\n" in told
    assert "Say who signs with --admin: ba." in program.fails("sign")
    assert "Version 2 is complete" in program.well("sign", "--admin", "ba")
    assert "more signatures" in program.fails("admins", "--remove", "ba")
    program.well("admins", "--remove", "aye", "--threshold", "1")
    program.well("sign", "--admin", "aye")
    assert "Version 3 is complete" in program.well("sign", "--admin", "ba")


def test_signatures_that_a_change_makes_void_are_named(program: Program, recipients: Path) -> None:
    program.well("admins", "--add", "ba", "--threshold", "2", "--work-factor", "10")
    program.well("sign", "--admin", "aye")
    assert "signed by: aye\n" in program.well("show")
    done = program("add-recipients", recipients)
    assert "The signatures of aye were for what it said before" in done.out
    assert "signed by: none\n" in program.well("show")


def test_a_mistyped_public_file_makes_no_admin(program: Program, tmp_path: Path) -> None:
    done = program("admins", "--with", tmp_path / "missing.pub")
    assert done.status == 2
    assert "missing.pub" in done.err
    assert program.well("admins") == "admin: aye\nsignatures needed: 1\n"


def test_what_was_changed_by_mistake_is_discarded(program: Program, recipients: Path) -> None:
    program.well("add-recipients", recipients)
    program.well("discard", "--yes")
    assert json.loads(program.well("show", "--json"))["epochs"] == []
    program.well("add-recipients", recipients)
    program.well("sign")
    assert program("revoke", "reviewers 0").status == 0
    assert "Dropped" in program.well("discard", "--yes")
    assert json.loads(program.well("show", "--json"))["waiting"] is None
    assert "Nothing waits" in program.well("discard", "--yes")
    assert "Stopped" in program("discard").err


def test_recipients_that_come_too_late_are_warned_of(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    period = periods_from(dt.date(2020, 1, 1), 1, EpochLength.MONTH)[0]
    path.write_bytes(
        recipients_file((epoch(id=period.id, begins=period.begins, ends=period.ends),))
    )
    assert "over already, and of no use: epoch 2020-01" in program("add-recipients", path).err
    done = program("rotate")
    assert "With this no account can be taken today." in done.out


def test_days_between_epochs_are_warned_of(
    program: Program, recipients: Path, tmp_path: Path
) -> None:
    third = periods_from(TODAY, 3, EpochLength.MONTH)[2]
    path = tmp_path / "third.json"
    path.write_bytes(
        recipients_file(
            (epoch(id=third.id, begins=third.begins, ends=third.ends, recipients=(recipient(9),)),)
        )
    )
    program.well("add-recipients", recipients)
    program.well("add-recipients", path)
    gap = f"from {NEXT.begins} to {NEXT.ends - dt.timedelta(days=1)} nobody can be sealed to"
    assert gap in program("rotate").err


def test_an_epoch_that_is_revoked_is_said_to_be_closed_for_good(
    program: Program, recipients: Path
) -> None:
    program.well("add-recipients", recipients)
    assert "nothing will ever be taken in" in program("revoke", PERIOD.id).err


def test_an_epoch_is_ended_early(program: Program, tmp_path: Path) -> None:
    begun = epoch(begins=PERIOD.begins, ends=PERIOD.ends, id=PERIOD.id)
    path = tmp_path / "recipients.json"
    path.write_bytes(recipients_file((begun,)))
    program.well("add-recipients", path)
    program.well("sign")
    if PERIOD.begins < TODAY:
        assert f"The epoch {PERIOD.id} ends before {TODAY}" in program.well("end", PERIOD.id)
    assert "not one that is running" in program.fails("end", NEXT.id)


def test_admins_with_homes_apart_sign_one_version(tmp_path: Path, recipients: Path) -> None:
    here, away = admin(tmp_path), admin(tmp_path, "away")
    away.well("join", "--admin", "ba", "--work-factor", "10")
    begun = here.well(
        *("init", "--organisation", "x", "--admin", "aye", "--work-factor", "10"),
        *("--with", tmp_path / "away" / "ba.pub", "--threshold", "2"),
    )
    assert "2 of 2 admins must sign" in begun
    here.well("add-recipients", recipients)
    here.well("sign")
    (tmp_path / "away" / "root.pub").write_bytes((tmp_path / "home" / "root.pub").read_bytes())
    carried = tmp_path / "carried.json"
    carried.write_bytes((tmp_path / "home" / "pending.json").read_bytes())
    assert "Version 1 is complete" in away.well("sign", carried)
    assert "Version 1 is complete" in here.well("sign", carried)
    assert (tmp_path / "home" / "manifest.json").read_bytes() == (
        tmp_path / "away" / "manifest.json"
    ).read_bytes()
    assert "Version 1 of" not in here.well("show")


def test_mistakes_are_one_sentence_and_status_1(
    program: Program, recipients: Path, tmp_path: Path
) -> None:
    assert "not empty" in program.fails("init", "--organisation", "x", "--work-factor", "10")
    junk = tmp_path / "junk"
    junk.write_bytes(b"junk")
    assert "JSON" in program.fails("add-recipients", junk)
    program.well("add-recipients", recipients)
    assert "no admin ba" in program.fails("sign", "--admin", "ba")
    (tmp_path / "passphrase").write_text("wrong")
    done = program("sign")
    assert (done.status, len(done.errors)) == (1, 1)
    assert "passphrase" in done.errors[0]
    (tmp_path / "home" / "pending.json").write_bytes(b"junk")
    assert "JSON" in program.fails("sign")


def test_what_is_no_home_is_said(tmp_path: Path, recipients: Path) -> None:
    program = admin(tmp_path)
    for arguments in (
        *(("show",), ("sign",), ("rotate",), ("admins",), ("revoke", "aye")),
        ("add-recipients", str(recipients)),
    ):
        assert "intake-keys init" in program.fails(*arguments)
    assert "INTAKE_ADMIN" in Program("intake.offline.admin.cli").fails("show")


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
        ("revoke",),
        ("rotate", "--epoch-length", "year"),
        ("admins", "--threshold", "0"),
        ("ceremony",),
        ("vaults", "--acks-required", "0"),
        ("open-backup",),
        ("open-backup", "/nonexistent", "x"),
    ],
)
def test_wrong_usage_is_status_2(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.run(keys_cli.keys, arguments)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert "Usage:" in captured.err or "Error: " in captured.err
    assert captured.out == ""
