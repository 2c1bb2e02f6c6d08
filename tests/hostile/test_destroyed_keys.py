"""Whoever seizes everything after an epoch's key was destroyed, and knows the passphrase. Threat 7.

With the real files: a stick as the server writes it, and a copy of the whole vault from the day
after. Nothing from the stick's side opens; what the vault keeps does, and is what was received.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from werkzeug.test import Client

from intake.age.header import parse_header
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.identity import Identity
from intake.age.opening.keyfile import parse_identities
from intake.age.opening.open import open_age, open_bytes
from intake.age.opening.passphrase import PassphraseIdentity
from intake.age.opening.rewrap import replace_header
from intake.age.seed import SEED_SIZE
from intake.envelope.identity import seal_identity
from intake.errors import AgeError, NotForUs, VaultUnusable
from intake.manifest.model import Role
from intake.offline.destroying import destroy, survey
from intake.offline.inbox import import_bundle
from intake.offline.unpacking import Envelope, ignore
from intake.offline.vault import Vault
from intake.online.courier import Seal, export_bundle
from intake.online.signing_key import load_signing_key
from intake.online.witness.app import create_app
from intake.secret import Secret
from tests.support.deployments import Scene, make_scene, send
from tests.support.manifests import History, root
from tests.support.submissions import EPOCH, LATER, Stick, seal
from tests.support.vaults import (
    PASSPHRASE,
    SERVER,
    Program,
    history_of,
    make_vault,
    november,
    review,
)

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


def server_of(vault: Vault, folder: Path) -> Scene:
    """Make a server that seals to the vault's key of the epoch, and whose bundles are believed."""
    scene = make_scene(folder)
    with vault.exclusive():
        vault.add_epochs({EPOCH: scene.reviewer})
    ours = load_signing_key(scene.settings.state).public().key
    scene.publish(dataclasses.replace(scene.manifest, server=ours))
    return scene


def exported(scene: Scene, stick: Path, day: dt.date) -> tuple[str, ...]:
    """Export on a day; return the epochs that are closed by then."""
    now = dt.datetime.combine(day, dt.time(12), dt.UTC).timestamp()
    deployment = scene.deployment(now=now)
    deployment.keys.confirm_day(day)
    seal = Seal.of(deployment)
    state = scene.settings.state
    return export_bundle(deployment.store, seal, state, stick, ignore).bundle.closed_epochs


def test_nothing_opens_in_a_copy_of_server_stick_and_vault_from_the_day_after(
    tmp_path: Path, program: Program
) -> None:
    """Sent through the form, exported, imported, destroyed; then all three are seized."""
    scene = server_of(make_vault(tmp_path / "vault", NEXT), tmp_path / "server")
    client = Client(create_app(scene.deployment()))
    for files in ([], FILES):
        assert send(client, "what the thief wants", files).status_code == 303
    stick = tmp_path / "stick"
    assert exported(scene, stick, dt.date(2026, 12, 3)) == (EPOCH,)
    program.well("import", stick)
    sealed = [*scene.sealed(), *(stick / "submissions").iterdir()]
    assert [opening(path, [scene.reviewer]) for path in sealed] == [[scene.reviewer]] * 4
    program.well("keys", "destroy", EPOCH, "--yes")

    identities = [*identities_in(tmp_path), *seeds_in(scene.settings.state)]
    assert len(identities) > 4
    assert [opening(path, identities) for path in sealed] == [[]] * 4
    seed, text = scene.reviewer.seed.reveal(), scene.reviewer.encode().encode()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert seed not in data, path
            assert text not in data, path
            assert b"what the thief wants" not in data, path
    kept = Vault.unlock(tmp_path / "vault", PASSPHRASE)
    for name in kept.ids():
        with kept.envelope(name) as envelope:
            assert envelope.account_text() == "what the thief wants"


def seeds_in(state: Path) -> list[Identity]:
    """Return the identities that a thief could make of the server's own secrets."""
    secrets = [(state / name).read_bytes() for name in ("server.key", "signing.key")]
    return [
        HybridIdentity(Secret(data[at : at + SEED_SIZE]))
        for data in secrets
        for at in range(0, len(data), SEED_SIZE)
    ]


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


QUORUM = HybridIdentity.generate()


@pytest.fixture
def quorums(vault: Vault, stick: Stick) -> str:
    """A third account of the epoch, that a quorum alone opens; imported while it was together."""
    identity = seal_identity(ANSWERS, [vault.keys.custodians[EPOCH].recipient()])
    added = stick.add(seal([QUORUM.recipient()], "quorum", identity=identity))
    there = Vault.unlock(vault.folder, PASSPHRASE)
    there.lend(EPOCH, Role.REVIEWERS, QUORUM)
    assert import_bundle(there, stick.folder, lambda _count: None, LATER).refused == ()
    return added.id


def test_a_quorums_account_is_none_that_the_passphrase_opens(
    vault: Vault, quorums: str, program: Program
) -> None:
    done = program("keys", "destroy", EPOCH, "--yes")
    assert done.status == 0
    assert "2 accounts of it are in this vault" in done.out
    assert "1 more are sealed to a quorum and open with its shares alone." in done.out
    with vault.path(quorums).open("rb") as sealed:
        assert Envelope(open_age(sealed, [QUORUM])).account_text() == "quorum"
    assert open_bytes(vault.identity_path(quorums).read_bytes(), [vault.keys.vault])


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


# --- what is not whole in the vault itself, whatever the catalogue says -----------------------


def nothing(vault: Vault, name: str) -> None:
    del vault, name


def file_missing(vault: Vault, name: str) -> None:
    vault.path(name).unlink()


def header_changed(vault: Vault, name: str) -> None:
    data = vault.path(name).read_bytes()
    at = data.index(b"-> ") + 60
    other = b"B" if data[at : at + 1] == b"A" else b"A"
    vault.path(name).write_bytes(data[:at] + other + data[at + 1 :])


def header_broken(vault: Vault, name: str) -> None:
    vault.path(name).write_bytes(vault.path(name).read_bytes().replace(b"->", b"~>", 1))


def payload_changed(at: int) -> Callable[[Vault, str], None]:
    def change(vault: Vault, name: str) -> None:
        data = bytearray(vault.path(name).read_bytes())
        data[at] ^= 1
        vault.path(name).write_bytes(data)

    return change


def cut(vault: Vault, name: str) -> None:
    data = vault.path(name).read_bytes()
    vault.path(name).write_bytes(data[: len(data) // 2])


def wrapped_to_a_lost_key(vault: Vault, name: str) -> None:
    source = io.BytesIO(vault.path(name).read_bytes())
    lost = [HybridIdentity.generate().recipient()]
    header = replace_header(source, [vault.keys.vault], lost)
    vault.path(name).write_bytes(header + source.read())


SPOILED = {
    "missing": file_missing,
    "a changed header": header_changed,
    "a broken header": header_broken,
    "a changed payload": payload_changed(150_000),
    "a changed end": payload_changed(-1),
    "cut": cut,
    "wrapped to a lost key": wrapped_to_a_lost_key,
}


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("name", SPOILED)
def test_no_key_is_destroyed_while_a_file_of_its_epoch_would_open_nowhere(
    name: str, at: int, vault: Vault, stick: Stick, program: Program
) -> None:
    """And the stick mends it, because the key is still there."""
    program.well("import", stick.folder)
    account = stick.submissions[at].id
    SPOILED[name](vault, account)
    keys = vault.keys
    for _ in range(2):
        sentence = program.fails("keys", "destroy", EPOCH, "--yes")
        assert account in sentence
        assert "the epoch 2026-11, accounts would open nowhere (1 of them): " in sentence
        assert "--lose-damaged" in sentence
    assert vault.keys == keys
    assert "Imported 1; 2 were here already." in program.well("import", stick.folder)
    program.well("keys", "destroy", EPOCH, "--yes")
    with vault.envelope(account) as envelope:
        assert envelope.account_text() == ("one", "two")[at]


@pytest.mark.parametrize("name", [*SPOILED])
def test_a_quorums_account_that_is_not_as_it_came_holds_the_key(
    name: str, vault: Vault, quorums: str, program: Program
) -> None:
    if name == "wrapped to a lost key":
        vault.path(quorums).write_bytes(seal([HybridIdentity.generate().recipient()]))
    else:
        SPOILED[name](vault, quorums)
    assert quorums in program.fails("keys", "destroy", EPOCH, "--yes")
    assert EPOCH in vault.keys.epochs


def test_what_the_catalogue_has_lost_holds_the_key(
    vault: Vault, quorums: str, stick: Stick, program: Program
) -> None:
    """With the catalogue gone, nothing shows that a file is as it came."""
    (vault.folder / "catalogue.age").unlink()
    assert "not known to be closed" in program.fails("keys", "destroy", EPOCH, "--yes")
    program.well("import", stick.folder)
    (vault.path("0" * 32)).write_bytes(b"somebody put it there")
    assert "0" * 32 in program.fails("keys", "destroy", EPOCH, "--yes")
    vault.path("0" * 32).unlink()
    program.well("keys", "destroy", EPOCH, "--yes")
    assert vault.path(quorums).exists()


@pytest.mark.parametrize("copy", [None, b"", b"words", bytes(100_000), seal_identity({}, [])])
def test_answers_that_only_the_custodians_key_opens_are_copied_first(
    copy: bytes | None, vault: Vault, stick: Stick, program: Program
) -> None:
    program.well("import", stick.folder)
    name = stick.submissions[0].id
    vault.identity_path(name).unlink()
    if copy is not None:
        vault.identity_path(name).write_bytes(copy)
    program.well("keys", "destroy", EPOCH, "--yes")
    assert ANSWERS["reach"] in program.well("show", name)


def test_answers_in_a_quorums_account_hold_the_custodians_key(
    vault: Vault, quorums: str, stick: Stick, program: Program
) -> None:
    vault.identity_path(quorums).unlink()
    sentence = program.fails("keys", "destroy", EPOCH, "--yes")
    assert f"{quorums} has answers that only the custodian's key opens" in sentence
    there = Vault.unlock(vault.folder, PASSPHRASE)
    there.lend(EPOCH, Role.REVIEWERS, QUORUM)
    import_bundle(there, stick.folder, lambda _count: None, LATER)
    program.well("keys", "destroy", EPOCH, "--yes")


def test_what_came_damaged_holds_the_key_until_it_is_given_up(
    vault: Vault, stick: Stick, program: Program
) -> None:
    one_damaged(stick)
    stick.replace(1, stick.path(1).read_bytes())
    name = stick.submissions[1].id
    done = program("import", stick.folder)
    assert (done.status, done.errors, len(done.warnings)) == (0, [], 1)
    assert f"The account {name} came damaged" in done.warnings[0]
    assert "is closed" not in done.out
    assert "not all of it is whole" in program.well("keys", "show")
    assert f"{name} is damaged" in program.fails("keys", "destroy", EPOCH, "--yes")
    assert EPOCH in vault.keys.epochs
    # It is its own word, and asked all the same.
    done = program("keys", "destroy", EPOCH, "--lose-damaged", stdin="n\n")
    assert (done.status, EPOCH in vault.keys.epochs) == (1, True)
    said = program.well("keys", "destroy", EPOCH, "--lose-damaged", "--yes")
    assert f"Given up: {name} is damaged." in said
    assert "1 accounts of it are in this vault" in said
    assert EPOCH not in vault.keys.epochs
    assert program("import", stick.folder).warnings == []


def test_a_custodian_who_reviews_nothing_gives_the_answers_up_by_a_word_of_its_own(
    tmp_path: Path, program: Program
) -> None:
    vault = make_vault(tmp_path / "vault", NEXT)
    with vault.exclusive():
        vault.add_epochs({EPOCH: HybridIdentity.generate()}, Role.CUSTODIANS)
    named = november(QUORUM, custodians=[vault.keys.custodians[EPOCH]])
    stick = Stick.make(tmp_path / "stick", seal([QUORUM.recipient()]))
    stick.sign(SERVER, root(), History().then(server=SERVER.public().key, epochs=(named,)))
    stick.close(EPOCH)
    assert "A custodian must review as well" in program("import", stick.folder).err
    sentence = program.fails("keys", "destroy", EPOCH, "--yes")
    assert "the answers in them would open nowhere" in sentence
    said = program.well("keys", "destroy", EPOCH, "--yes", "--lose-damaged")
    assert "Given up: the answers" in said
    assert vault.keys.destroyed == (EPOCH,)


@pytest.mark.parametrize("day", [dt.date(1970, 1, 1), dt.date(2026, 11, 30)])
def test_no_key_is_destroyed_before_its_epoch_is_over(
    day: dt.date, vault: Vault, stick: Stick, program: Program, tmp_path: Path
) -> None:
    """A server whose clock was far ahead calls an epoch closed in which accounts still arrive."""
    program.well("import", stick.folder)
    early = review(tmp_path / "vault", tmp_path / "passphrase", today=day)
    sentence = early.fails("keys", "destroy", EPOCH, "--yes")
    assert f"ends on 2026-11-30, and this machine's clock shows {day}" in sentence
    assert EPOCH in vault.keys.epochs


def test_what_changes_while_it_is_asked_keeps_the_key(vault: Vault, stick: Stick) -> None:
    import_bundle(vault, stick.folder, lambda _count: None, LATER)
    seen = survey(vault, EPOCH, LATER, lambda _count: None)
    file_missing(vault, stick.submissions[0].id)
    with vault.exclusive(), pytest.raises(VaultUnusable, match="changed meanwhile"):
        destroy(vault, seen, LATER)
    assert EPOCH in vault.keys.epochs


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
