"""`intake-review keys` and `rekey` as processes of their own: what a reviewer types over a year."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.keyfile import parse_identities
from intake.age.sealing.hybrid import HybridRecipient
from intake.envelope.identity import seal_identity
from intake.manifest.calendar import EpochLength
from intake.manifest.fingerprint import (
    recipients_fingerprint,
    root_fingerprint,
    signer_fingerprint,
)
from intake.manifest.model import Role
from intake.manifest.payload import serialise_root
from intake.manifest.signing import serialise_signer
from intake.offline.recipients_file import read_recipients
from intake.offline.vault import Vault
from tests.support.manifests import History, root
from tests.support.submissions import ACCOUNT, EPOCH, Stick, seal
from tests.support.vaults import PASSPHRASE, SERVER, Program, history_of, make_vault, review

WORDS = root_fingerprint(serialise_root(root()))


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return make_vault(tmp_path / "vault")


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "passphrase").write_bytes(PASSPHRASE.reveal())
    return review(tmp_path / "vault", tmp_path / "passphrase")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "recipients.json"


@pytest.fixture
def stick(vault: Vault, tmp_path: Path) -> Stick:
    """A closed epoch with one account."""
    stick = Stick.make(tmp_path / "stick", seal([vault.keys.epochs[EPOCH].recipient()]))
    stick.sign(SERVER, root(), history_of(vault))
    stick.close(EPOCH)
    return stick


def ids(out: Path) -> list[str]:
    return [epoch.id for epoch in read_recipients(out).epochs]


# --- new -------------------------------------------------------------------------------------


def test_new_keys_follow_the_last(vault: Vault, program: Program, out: Path) -> None:
    program.well("keys", "new", "--count", "2", "--out", out)
    assert ids(out) == ["2026-12", "2027-01"]
    program.well("keys", "new", "--out", out)
    assert ids(out) == ["2027-02"]
    assert list(vault.keys.epochs) == [EPOCH, "2026-12", "2027-01", "2027-02"]
    with vault.exclusive():
        for epoch in vault.keys.epochs:
            vault.replace_keys(vault.keys.without(epoch))
    program.well("keys", "new", "--out", out)
    assert ids(out) == ["2027-03"]


def test_without_any_keys_it_has_to_be_said_from_when(
    tmp_path: Path, program: Program, out: Path
) -> None:
    Vault.create(tmp_path / "vault", "reviewer", PASSPHRASE, work_factor=10)
    assert "--from" in program.fails("keys", "new", "--out", out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("manifest", "options", "expected"),
    [
        (EpochLength.WEEK, (), "2026-W50"),
        (EpochLength.DAY, (), "2026-12-10"),
        (EpochLength.WEEK, ("--epoch-length", "month"), "2026-12"),
        (None, (), "2026-12"),
    ],
)
def test_an_epoch_is_as_long_as_the_manifest_says(
    manifest: EpochLength | None,
    options: tuple[str, ...],
    expected: str,
    vault: Vault,
    program: Program,
    out: Path,
    stick: Stick,
) -> None:
    if manifest is not None:
        changes = {"epochs": (), "server": SERVER.public().key, "epoch_length": manifest}
        stick.sign(SERVER, root(), History().then(**changes))
        program.well("import", stick.folder)
    program.well("keys", "new", *options, "--out", out)
    assert ids(out) == [expected]
    assert expected in vault.keys.epochs


def test_without_a_manifest_they_are_as_long_as_they_were(
    tmp_path: Path, program: Program, out: Path
) -> None:
    make_vault(tmp_path / "vault", "2026-W49")
    program.well("keys", "new", "--out", out)
    assert ids(out) == ["2026-W50"]


def test_custodians_have_keys_of_their_own(vault: Vault, program: Program, out: Path) -> None:
    program.well("keys", "new", "--from", EPOCH, "--role", "custodians", "--out", out)
    [epoch] = read_recipients(out).epochs
    assert epoch.recipients[0].role is Role.CUSTODIANS
    recipient = HybridRecipient.parse(epoch.recipients[0].recipient)
    assert vault.keys.custodians[EPOCH].recipient() == recipient
    assert vault.keys.epochs[EPOCH].recipient() != recipient
    for role, ring in (("custodians", vault.keys.custodians), ("reviewers", vault.keys.epochs)):
        done = program("keys", "reveal", EPOCH, "--role", role, "--yes")
        assert list(parse_identities(done.out)) == [ring[EPOCH]]


@pytest.mark.parametrize("role", [role.value for role in Role])
def test_the_file_brings_the_key_that_the_vault_signs_with(
    role: str, vault: Vault, program: Program, out: Path
) -> None:
    program.well("keys", "new", "--from", "2027-01", "--role", role, "--out", out)
    with vault.exclusive():
        ours = vault.signing().public().key
    assert read_recipients(out).vault == ours
    # The manifest names it: it stays when the key that wraps accounts is renewed.
    program.well("rekey")
    program.well("keys", "show", "--role", role, "--out", out)
    assert read_recipients(out).vault == ours


def test_who_does_not_review_brings_no_key_to_acknowledge_with(
    tmp_path: Path, program: Program, out: Path
) -> None:
    vault = Vault.create(tmp_path / "vault", "reviewer", PASSPHRASE, work_factor=10)
    custodians = ("--role", "custodians", "--out", out)
    said = program.well("keys", "new", "--from", "2027-01", *custodians)
    assert "acknowledges nothing" in said
    assert read_recipients(out).vault is None
    program.well("keys", "show", *custodians)
    assert read_recipients(out).vault is None
    # From the day on which it reviews, each of its files brings the key.
    program.well("keys", "new", "--from", "2027-01", "--out", out)
    signer = vault.signer()
    assert signer is not None
    assert read_recipients(out).vault == signer.public().key
    program.well("keys", "show", *custodians)
    assert read_recipients(out).vault == signer.public().key


def test_a_key_that_the_manifest_names_stays_in_the_files(
    vault: Vault, program: Program, stick: Stick, out: Path
) -> None:
    """Also of a vault whose reviewers' keys were all destroyed: the name is taken."""
    stick.sign(SERVER, root(), history_of(vault))
    program.well("import", stick.folder)
    with vault.exclusive():
        vault.replace_keys(vault.keys.without(EPOCH))
    program.well("keys", "new", "--from", "2027-01", "--role", "custodians", "--out", out)
    signer = vault.signer()
    assert signer is not None
    assert read_recipients(out).vault == signer.public().key


def test_a_vault_from_before_gets_its_key_once(vault: Vault, program: Program, out: Path) -> None:
    with vault.exclusive():
        vault.replace_keys(replace(vault.keys, signing=None))
    program.well("keys", "show", "--out", out)
    first = read_recipients(out).vault
    assert first is not None
    program.well("keys", "show", "--out", out)
    assert read_recipients(out).vault == first


def test_the_words_are_those_of_the_file(vault: Vault, program: Program, out: Path) -> None:
    said = program.well("keys", "new", "--from", "2027-01", "--out", out).splitlines()
    assert said == [
        f"Made keys for 1 epoch, 2027-01 to 2027-01. Bring {out} to the admins.",
        "Its fingerprint, which they must read out to you: "
        + recipients_fingerprint(out.read_bytes()),
    ]
    assert "2027-01" in vault.keys.epochs


@pytest.mark.usefixtures("vault")
def test_a_second_time_it_says_how_to_write_the_file_again(program: Program, out: Path) -> None:
    for role in Role:
        new = ("keys", "new", "--from", "2027-01", "--role", role.value, "--out", out)
        program.well(*new)
        sentence = program.fails(*new)
        assert sentence == (
            "The vault has a key for the epoch 2027-01 already; 'intake-review keys show --role "
            f"{role.value} --out FILE' writes the file for the admins again."
        )
        program.well("keys", "show", "--role", role.value, "--out", out)
        assert "2027-01" in ids(out)


@pytest.mark.usefixtures("vault")
def test_a_custodian_is_told_to_review_as_well(program: Program, out: Path) -> None:
    new = ("keys", "new", "--role", "custodians", "--out", out)
    said = program.well(*new, "--from", "2027-01", "--count", "2").splitlines()
    assert said[2:] == [
        "A custodian must review as well, because the answers lie inside the accounts: make "
        "reviewers' keys of the same epochs in this vault too, unless a quorum reviews them."
    ]
    assert len(program.well(*new, "--from", EPOCH).splitlines()) == 2


@pytest.mark.parametrize(
    "options",
    [
        ("--from", "9999-12"),
        ("--from", "9999-12-30", "--epoch-length", "day", "--count", "2"),
        ("--from", "9999-12-31", "--epoch-length", "week"),
        ("--from", "9999-11", "--count", "2"),
    ],
)
def test_beyond_the_calendars_end_no_key_is_made(
    options: tuple[str, ...], vault: Vault, program: Program, out: Path
) -> None:
    keys = vault.keys
    assert "9999" in program.fails("keys", "new", *options, "--out", out)
    assert vault.keys == keys
    assert not out.exists()


@pytest.mark.usefixtures("vault")
def test_after_the_calendars_last_epoch_no_key_follows(program: Program, out: Path) -> None:
    program.well("keys", "new", "--from", "9999-12-30", "--epoch-length", "day", "--out", out)
    assert "9999" in program.fails("keys", "new", "--count", "1", "--out", out)


KILLED = "import os, intake.offline.vault_keys_cli as c; c.write_file = lambda *a, **b: os._exit(9)"


def test_killed_before_the_file_was_written_it_is_written_again(
    vault: Vault, program: Program, out: Path
) -> None:
    killed = replace(program, before=KILLED)
    assert killed("keys", "new", "--count", "2", "--out", out).status == 9
    assert list(vault.keys.epochs) == [EPOCH, "2026-12", "2027-01"]
    said = program.well("keys", "show", "--out", out)
    assert recipients_fingerprint(out.read_bytes()) in said
    assert ids(out) == [EPOCH, "2026-12", "2027-01"]
    for epoch in read_recipients(out).epochs:
        recipient = str(vault.keys.epochs[epoch.id].recipient())
        assert epoch.recipients[0].recipient == recipient
    sentence = program.fails("keys", "show", "--role", "custodians", "--out", out)
    assert "custodians" in sentence


# --- show ------------------------------------------------------------------------------------


def test_show_lists_epochs_and_the_deployment(
    vault: Vault, program: Program, stick: Stick, out: Path
) -> None:
    signer = vault.signer()
    assert signer is not None
    words = signer_fingerprint(serialise_signer(signer.public()))
    assert program.well("keys", "show").splitlines() == [
        "Root: not known yet; an import brings it",
        "Manifest: not known yet",
        f"This vault's signing key: {words}",
        "2026-11     2026-11-01 to 2026-11-30  reviewers",
    ]
    program.well("import", stick.folder)
    program.well("keys", "new", "--out", out)
    program.well("keys", "new", "--from", "2026-12", "--role", "custodians", "--out", out)
    assert program.well("keys", "show").splitlines() == [
        f"Root: {WORDS}",
        "Manifest: version 1",
        f"This vault's signing key: {words}",
        "2026-11     2026-11-01 to 2026-11-30  reviewers              "
        "closed, and all of it is here: its key can be destroyed",
        "2026-12     2026-12-01 to 2026-12-31  reviewers, custodians",
    ]
    program.well("keys", "destroy", EPOCH, "--yes")
    shown = json.loads(program.well("keys", "show", "--json"))
    november = {"epoch": EPOCH, "begins": "2026-11-01", "ends": "2026-12-01"}
    december = {"epoch": "2026-12", "begins": "2026-12-01", "ends": "2027-01-01"}
    assert shown == {
        "root": WORDS,
        "manifest_version": 1,
        "vault": words,
        "epochs": [
            {**november, "roles": [], "state": "destroyed"},
            {**december, "roles": ["reviewers", "custodians"], "state": "open"},
        ],
        "rekey_unfinished": False,
    }
    assert "key destroyed" in program.well("keys", "show")
    assert "SECRET" not in program.well("keys", "show")
    program.well("keys", "show", "--out", out)
    assert ids(out) == ["2026-12"]
    with vault.exclusive():
        ring = vault.keys
        vault.replace_keys(replace(ring, vault=HybridIdentity.generate(), older=(ring.vault,)))
    assert "'intake-review rekey' finishes it" in program.well("keys", "show")


def test_show_tells_what_is_not_whole(vault: Vault, program: Program, stick: Stick) -> None:
    program.well("import", stick.folder)
    vault.path(stick.submissions[0].id).unlink()
    assert "closed, but not all of it is whole" in program.well("keys", "show")
    assert json.loads(program.well("keys", "show", "--json"))["epochs"][0]["state"] == "damaged"
    [entry] = json.loads(program.well("list", "--json"))
    assert entry["status"] == "missing"


# --- init and import -------------------------------------------------------------------------


def test_init_pins_a_root(tmp_path: Path, program: Program, stick: Stick) -> None:
    (tmp_path / "root.pub").write_bytes(serialise_root(root()))
    here = review(tmp_path / "new", tmp_path / "passphrase")
    options = ("--work-factor", "10", "--root", tmp_path / "root.pub")
    assert WORDS in here.well("init", *options)
    assert json.loads(here.well("keys", "show", "--json"))["root"] == WORDS
    stick.sign(SERVER, root("b"), History().then("b", admins=root("b").admins))
    assert "another deployment" in here.fails("import", stick.folder)
    (tmp_path / "none.pub").write_bytes(b"{}")
    there = review(tmp_path / "none", tmp_path / "passphrase")
    assert "no root.pub" in there.fails("init", "--root", tmp_path / "none.pub")
    assert not (tmp_path / "none").exists()
    del program


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\x1b[2Jb", "two\nlines", "\u202eayb"])
def test_a_vaults_name_is_one_that_can_be_read_out(name: str, tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_bytes(PASSPHRASE.reveal())
    here = review(tmp_path / "new", tmp_path / "passphrase")
    assert "--name" in here.fails("init", "--name", name, "--work-factor", "10")
    assert not (tmp_path / "new").exists()
    here.well("init", "--name", "အေးအေး", "--work-factor", "10")


def test_import_says_which_deployment_it_is_and_which_epoch_is_closed(
    program: Program, stick: Stick
) -> None:
    done = program("import", stick.folder)
    assert (done.status, done.warnings) == (0, [])
    closed = (
        "Epoch 2026-11 is closed and all of it is here: 'intake-review keys destroy 2026-11' "
        "removes its key."
    )
    assert done.out.splitlines() == [
        "Imported 1; 0 were here already.",
        closed,
        "This vault belongs from now on to the deployment whose root has this fingerprint; make "
        f"sure that the admins read out the same words: {WORDS}",
    ]
    # Said again until it is done; the root only once.
    assert program.well("import", stick.folder).splitlines() == [
        "Imported 0; 1 was here already.",
        closed,
    ]
    program.well("keys", "destroy", EPOCH, "--yes")
    assert program.well("import", stick.folder) == "Imported 0; 1 was here already.\n"


def test_import_warns_where_nothing_shows_whose_bundle_it_is(
    vault: Vault, program: Program, tmp_path: Path
) -> None:
    sealed = seal([vault.keys.epochs[EPOCH].recipient()])
    done = program("import", Stick.make(tmp_path / "unsigned", sealed).folder)
    assert (done.status, done.out) == (0, "Imported 1; 0 were here already.\n")
    [warning] = done.warnings
    assert "Nothing shows that this bundle is the server's" in warning


# --- what custodians read --------------------------------------------------------------------


def test_show_gives_the_identity_to_a_custodian_alone(
    vault: Vault, program: Program, tmp_path: Path
) -> None:
    custodian, keys = HybridIdentity.generate(), vault.keys
    answers = {"reach": "ask for\n\x1b[2Jthe midwife"}
    identity = seal_identity(answers, [custodian.recipient()])
    stick = Stick.make(
        tmp_path / "stick", seal([keys.epochs[EPOCH].recipient()], identity=identity)
    )
    name = stick.submissions[0].id
    program.well("import", stick.folder)
    assert json.loads(program.well("show", name, "--json"))["identity"] is None
    assert "reach" not in program.well("show", name)
    with vault.exclusive():
        vault.add_epochs({EPOCH: custodian}, Role.CUSTODIANS)
    assert json.loads(program.well("show", name, "--json"))["identity"] == answers
    shown = program.well("show", name)
    assert "Identifying answers:\n  reach: ask for\\x0a\\x1b[2Jthe midwife\n" in shown
    assert ACCOUNT in shown


def test_extract_writes_how_to_reach_the_witness_for_a_custodian_alone(
    vault: Vault, program: Program, tmp_path: Path
) -> None:
    custodian, answers = HybridIdentity.generate(), {"reach": "မီးဖွားဆရာမကို မေးပါ"}
    identity = seal_identity(answers, [custodian.recipient()])
    files = [("identity.json", b"a file of the witness's")]
    sealed = seal([vault.keys.epochs[EPOCH].recipient()], files=files, identity=identity)
    stick = Stick.make(tmp_path / "stick", sealed)
    name = stick.submissions[0].id
    program.well("import", stick.folder)
    assert "3 files" in program.well("extract", name, tmp_path / "without")
    assert not (tmp_path / "without" / "identity.json").exists()
    with vault.exclusive():
        vault.add_epochs({EPOCH: custodian}, Role.CUSTODIANS)
    assert "4 files" in program.well("extract", name, tmp_path / "with")
    assert json.loads((tmp_path / "with" / "identity.json").read_bytes()) == answers
    # No file of the witness's passes for it.
    assert (tmp_path / "with" / "identity (2).json").read_bytes() == files[0][1]


# --- rekey -----------------------------------------------------------------------------------


def test_rekey_renews_key_and_passphrase(
    vault: Vault, program: Program, stick: Stick, tmp_path: Path
) -> None:
    program.well("import", stick.folder)
    old = vault.keys.vault
    assert program.well("rekey").splitlines() == [
        "Wrapped 1 files to a new vault key.",
        "Copies of the vault made before still open with the old key and the old passphrase: "
        "destroy them.",
    ]
    assert vault.keys.vault != old
    new = tmp_path / "new"
    new.write_text("another\n")
    program.well("rekey", "--new-passphrase-file", new)
    assert "passphrase" in program.fails("list")
    [entry] = json.loads(review(tmp_path / "vault", new).well("list", "--json"))
    assert entry["id"] == stick.submissions[0].id
    empty = tmp_path / "empty"
    empty.write_text("")
    here = review(tmp_path / "vault", new)
    assert "empty" in here.fails("rekey", "--new-passphrase-file", empty)
    assert "another" not in "".join(
        path.read_text(errors="ignore") for path in (tmp_path / "vault").iterdir() if path.is_file()
    )
