"""Whoever seizes everything after an epoch's key was destroyed, and knows the passphrase. Threat 7.

With the real files: a stick as the server writes it, and a copy of the whole vault from the day
after. Nothing from the stick's side opens; what the vault keeps does, and is what was received.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from intake.age.header import parse_header
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.identity import Identity
from intake.age.opening.keyfile import parse_identities
from intake.age.opening.open import open_age, open_bytes
from intake.age.opening.passphrase import PassphraseIdentity
from intake.age.opening.rewrap import replace_header
from intake.envelope.identity import seal_identity
from intake.errors import AgeError, NotForUs
from intake.manifest.model import Role
from intake.offline.inbox import import_bundle
from intake.offline.unpacking import Envelope
from intake.offline.vault import Vault
from tests.support.manifests import History, root
from tests.support.submissions import EPOCH, Stick, seal
from tests.support.vaults import PASSPHRASE, SERVER, Program, history_of, make_vault, review

NEXT = "2026-12"
FILES = [("photo.jpg", b"\xff\xd8\xff" * 90_000)]
ANSWERS = {"reach": "ask for the midwife"}


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """A reviewer's and custodian's vault with keys for two epochs."""
    vault = make_vault(tmp_path / "vault", EPOCH, NEXT)
    with vault.exclusive():
        vault.add_epochs({EPOCH: HybridIdentity.generate()}, Role.CUSTODIANS)
    return vault


@pytest.fixture
def stick(vault: Vault, tmp_path: Path) -> Stick:
    """All of an epoch that is closed, and a first account of the next one."""
    keys = vault.keys
    identity = seal_identity(ANSWERS, [keys.custodians[EPOCH].recipient()])
    this, following = keys.epochs[EPOCH].recipient(), keys.epochs[NEXT].recipient()
    stick = Stick.make(
        tmp_path / "stick",
        seal([this], "one", identity=identity),
        seal([this], "two", FILES, identity=identity),
    )
    stick.add(seal([following], "three"), epoch=NEXT)
    stick.sign(SERVER, root(), history_of(vault))
    stick.close(EPOCH)
    return stick


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "passphrase").write_bytes(PASSPHRASE.reveal())
    return review(tmp_path / "vault", tmp_path / "passphrase")


def identities_in(folder: Path) -> tuple[Identity, ...]:
    """Return every identity in whatever file of a seized vault the passphrase opens."""
    found: list[Identity] = []
    for path in folder.rglob("*"):
        try:
            text = open_bytes(path.read_bytes(), [PassphraseIdentity(PASSPHRASE)]).decode()
        except (AgeError, IsADirectoryError):
            continue
        found += parse_identities(text)
    return tuple(found)


def opening(path: Path, identities: Sequence[Identity]) -> list[Identity]:
    """Return those who open a file, each tried alone."""
    who = []
    for identity in identities:
        with path.open("rb") as sealed:
            try:
                open_age(sealed, [identity]).read()
            except NotForUs:
                continue
            who.append(identity)
    return who


def payload(sealed: bytes) -> bytes:
    source = io.BytesIO(sealed)
    parse_header(source)
    return source.read()


def test_nothing_of_a_destroyed_epoch_opens_on_the_sticks_side(
    vault: Vault, stick: Stick, program: Program, tmp_path: Path
) -> None:
    said = program.well("import", stick.folder)
    assert f"Epoch {EPOCH} is closed and all of it is here" in said
    before = identities_in(vault.folder)
    assert [len(opening(stick.path(at), before)) for at in range(3)] == [1, 1, 1]
    # From here on the files are those of the day after.
    program.well("keys", "destroy", EPOCH, "--yes")
    seized = tmp_path / "seized"
    shutil.copytree(vault.folder, seized)
    identities = identities_in(seized)
    assert identities == (vault.keys.vault, vault.keys.epochs[NEXT])
    for at in range(2):
        assert opening(stick.path(at), identities) == []
    assert opening(stick.path(2), identities) == [vault.keys.epochs[NEXT]]


def test_what_the_vault_keeps_opens_and_is_what_was_received(
    vault: Vault, stick: Stick, program: Program
) -> None:
    program.well("import", stick.folder)
    program.well("keys", "destroy", EPOCH, "--yes")
    for at, submission in enumerate(stick.submissions):
        kept, received = vault.path(submission.id).read_bytes(), stick.path(at).read_bytes()
        assert kept != received
        assert payload(kept) == payload(received)
        assert opening(vault.path(submission.id), identities_in(vault.folder)) == [vault.keys.vault]
    shown = program.well("show", stick.submissions[1].id)
    assert "two" in shown
    assert ANSWERS["reach"] in shown
    # Nor is it lost with the catalogue: the stick is recognised without being opened.
    (vault.folder / "catalogue.age").unlink()
    assert "Imported 3; 0 were here already." in program.well("import", stick.folder)
    assert vault.entries()[stick.submissions[0].id].epoch == EPOCH


def test_the_identifying_answers_need_the_vault_as_well(
    vault: Vault, stick: Stick, program: Program
) -> None:
    program.well("import", stick.folder)
    with stick.path(0).open("rb") as sealed:
        inner = Envelope(open_age(sealed, [vault.keys.epochs[EPOCH]])).identity()
    program.well("keys", "destroy", EPOCH, "--yes")
    with pytest.raises(NotForUs):
        open_bytes(inner, identities_in(vault.folder))
    copy = vault.identity_path(stick.submissions[0].id).read_bytes()
    assert payload(copy) == payload(inner)


def test_the_old_key_file_is_overwritten_where_it_stood(
    vault: Vault, stick: Stick, program: Program, tmp_path: Path
) -> None:
    """As far as a file system lets us: another name of the same file shows what became of it."""
    program.well("import", stick.folder)
    remains = tmp_path / "remains"
    os.link(vault.folder / "identities.age", remains)
    old = remains.read_bytes()
    said = program.well("keys", "destroy", EPOCH, "--yes")
    for word in ("overwritten", "flash", "encrypted", "Backups"):
        assert word in said
    assert len(remains.read_bytes()) == len(old)
    assert sum(a == b for a, b in zip(remains.read_bytes(), old, strict=True)) < len(old) / 10


def test_what_a_killed_keys_new_left_behind_goes_as_well(
    vault: Vault, stick: Stick, program: Program
) -> None:
    program.well("import", stick.folder)
    draft = vault.folder / ".identities.age.0123456789ab.draft"
    shutil.copyfile(vault.folder / "identities.age", draft)
    program.well("keys", "destroy", EPOCH, "--yes")
    assert not draft.exists()
    assert len(identities_in(vault.folder)) == 2


def test_what_comes_too_late_is_said_and_a_destroyed_key_is_not_made_again(
    vault: Vault, stick: Stick, program: Program, tmp_path: Path
) -> None:
    late = seal([vault.keys.epochs[EPOCH].recipient()], "late")
    program.well("import", stick.folder)
    program.well("keys", "destroy", EPOCH, "--yes")
    added = stick.add(late)
    done = program("import", stick.folder)
    assert (done.status, len(done.errors)) == (1, 1)
    assert added.id in done.errors[0]
    assert "was destroyed" in done.errors[0]
    for role in Role:
        arguments = ("--from", EPOCH, "--role", role.value, "--out", tmp_path / "r.json")
        assert "was destroyed" in program.fails("keys", "new", *arguments)
    assert "was destroyed" in program.fails("keys", "reveal", EPOCH, "--yes")
    assert (
        program.well("keys", "destroy", EPOCH) == f"The key of the epoch {EPOCH} is gone already.\n"
    )


def test_an_account_kept_in_a_quorums_hands_is_not_silently_lost(
    vault: Vault, stick: Stick, program: Program
) -> None:
    quorum = HybridIdentity.generate()
    source = io.BytesIO(stick.path(0).read_bytes())
    both = [vault.keys.epochs[EPOCH].recipient(), quorum.recipient()]
    header = replace_header(source, [vault.keys.epochs[EPOCH]], both)
    stick.replace(0, header + source.read())
    vault.lend(EPOCH, Role.REVIEWERS, quorum)
    import_bundle(vault, stick.folder, lambda _count: None)
    done = program("keys", "destroy", EPOCH, "--yes")
    assert done.status == 0
    assert "1 of them are sealed to a quorum" in done.out


# --- refused ---------------------------------------------------------------------------------


def unsigned(stick: Stick) -> None:
    for name in ("root.pub", "manifest.json"):
        (stick.folder / name).unlink()
    stick.signer = None
    stick.write()


def no_server_key(stick: Stick) -> None:
    stick.sign(SERVER, root(), History().then())


def not_closed(stick: Stick) -> None:
    stick.close()


def one_missing(stick: Stick) -> None:
    stick.path(1).unlink()


def one_damaged(stick: Stick) -> None:
    data = bytearray(stick.path(1).read_bytes())
    data[-1] ^= 1
    stick.path(1).write_bytes(data)


def closed_before_everything(stick: Stick) -> None:
    """A bundle from before the epoch ended, played again, with the claim put into it."""
    stick.submissions = stick.submissions[:1]
    stick.signer = None
    stick.write()


REFUSED = (unsigned, no_server_key, not_closed, one_missing, one_damaged, closed_before_everything)


@pytest.mark.parametrize("change", REFUSED)
def test_no_key_is_destroyed_before_all_of_its_epoch_is_here(
    change: Callable[[Stick], None], vault: Vault, stick: Stick, program: Program
) -> None:
    change(stick)
    program("import", stick.folder)
    keys = vault.keys
    assert "not known to be closed" in program.fails("keys", "destroy", EPOCH, "--yes")
    assert vault.keys == keys


def test_it_is_asked_first_and_the_words_are_shown(
    vault: Vault, stick: Stick, program: Program
) -> None:
    program.well("import", stick.folder)
    for answer in ("n\n", "\n", ""):
        done = program("keys", "destroy", EPOCH, stdin=answer)
        assert done.status == 1
        assert "same words: " in done.out
        assert "2 accounts of it" in done.out
        assert "Destroyed" not in done.out
    assert EPOCH in vault.keys.epochs
    assert "Destroyed" in program("keys", "destroy", EPOCH, stdin="y\n").out
    assert EPOCH not in vault.keys.epochs
    assert "has no key for the epoch" in program.fails("keys", "destroy", "1999-01", "--yes")
