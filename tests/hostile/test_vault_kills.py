"""A vault's commands killed at every step: it is the old vault or the new one. Threats 5 and 22.

A child process does the work and kills itself, with SIGKILL and no warning, right before or right
after its n-th system call that changes the disk. Whatever n is: the passphrase unlocks the vault,
every account in it opens, every other command works, and the same command run again ends the work.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.age.opening.passphrase import PassphraseIdentity
from intake.courier.bundle import ReplyState
from intake.courier.returns import Return, read_return, return_folder
from intake.envelope.identity import seal_identity
from intake.errors import AgeError, BundleBroken, IntakeError, NotInVault, WrongPassphrase
from intake.manifest.model import Role, Signer
from intake.offline import replies
from intake.offline.answering import again, queue
from intake.offline.destroying import destroy, survey
from intake.offline.identity_answers import read_answers
from intake.offline.inbox import import_bundle
from intake.offline.rekeying import rekey
from intake.offline.replies import State
from intake.offline.returning import write_return
from intake.offline.vault import Vault
from intake.secret import Secret
from tests.support.kills import killed_at
from tests.support.manifests import root
from tests.support.submissions import EPOCH, LATER, Stick, seal
from tests.support.vaults import PASSPHRASE, SERVER, WORK_FACTOR, history_of, make_vault

BOTH = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
ACCOUNTS = {"one", "two"}
ANSWERS = {"reach": "ask for the midwife"}


def every_death(
    tmp_path: Path, template: Path, work: Callable[[Path], object], *, after: bool, least: int
) -> Iterator[Path]:
    """Give a folder for each step at which ``work`` was killed in a copy of ``template``."""
    killed, step = True, 0
    while killed:
        step += 1
        assert step < 300, "the work never came to its end"
        folder = tmp_path / str(step)
        shutil.copytree(template, folder)
        killed = killed_at(step, lambda folder=folder: work(folder), after=after)  # type: ignore[misc]
        yield folder
    assert step > least, "hardly any step was tried"


def unlocked(folder: Path, *passphrases: Secret) -> Vault:
    """Unlock with whichever passphrase is in force."""
    for passphrase in passphrases or (PASSPHRASE,):
        with contextlib.suppress(WrongPassphrase):
            return Vault.unlock(folder, passphrase)
    raise AssertionError("nothing unlocks it")


def accounts(vault: Vault) -> set[str]:
    found = set()
    for name in vault.ids():
        with vault.envelope(name) as envelope:
            found.add(envelope.account_text())
            if name in vault.entries():
                assert read_answers(vault, name, envelope) == ANSWERS
    return found


def take(vault: Vault, stick: Stick) -> tuple[str, ...]:
    report = import_bundle(vault, stick.folder, lambda _count: None, LATER)
    assert report.refused == ()
    return report.closed


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """A custodian's vault, empty."""
    vault = make_vault(tmp_path / "template")
    with vault.exclusive():
        vault.add_epochs({EPOCH: HybridIdentity.generate()}, Role.CUSTODIANS)
    return vault


def sealed(vault: Vault, account: str) -> bytes:
    identity = seal_identity(ANSWERS, [vault.keys.custodians[EPOCH].recipient()])
    return seal([vault.keys.epochs[EPOCH].recipient()], account, identity=identity)


@pytest.fixture
def stick(vault: Vault, tmp_path: Path) -> Stick:
    """All of a closed epoch."""
    stick = Stick.make(tmp_path / "stick", *(sealed(vault, a) for a in sorted(ACCOUNTS)))
    stick.sign(SERVER, root(), history_of(vault))
    stick.close(EPOCH)
    return stick


@BOTH
@pytest.mark.parametrize("there", [False, True], ids=["new", "empty"])
def test_init_leaves_a_vault_or_none(tmp_path: Path, *, there: bool, after: bool) -> None:
    template = tmp_path / "template"
    template.mkdir()
    if there:
        (template / "vault").mkdir()

    def init(folder: Path) -> Vault:
        return Vault.create(folder / "vault", "reviewer", PASSPHRASE, work_factor=WORK_FACTOR)

    for folder in every_death(tmp_path, template, init, after=after, least=10):
        made = folder / "vault"
        if not made.exists() or not any(made.iterdir()):
            init(folder)
        assert unlocked(made).ids() == ()


@BOTH
def test_an_import_is_made_whole_by_the_next(
    vault: Vault, stick: Stick, tmp_path: Path, *, after: bool
) -> None:
    def work(folder: Path) -> object:
        return take(unlocked(folder), stick)

    for folder in every_death(tmp_path, vault.folder, work, after=after, least=20):
        found = unlocked(folder)
        # Nothing is called whole that is not here, and nothing is here without its answers.
        if found.closed_epochs():
            assert set(found.ids()) == stick.ids()
        assert accounts(found) <= ACCOUNTS
        assert take(found, stick) == (EPOCH,)
        assert accounts(found) == ACCOUNTS
        assert {path.name for path in found.submissions_folder.iterdir()} == {
            f"{name}{end}" for name in stick.ids() for end in (".age", ".identity.age")
        }


@BOTH
def test_destroying_leaves_the_key_or_not(
    vault: Vault, stick: Stick, tmp_path: Path, *, after: bool
) -> None:
    take(vault, stick)
    destroyed = vault.keys.epochs[EPOCH].encode().encode()

    def work(folder: Path) -> None:
        found = unlocked(folder)
        seen = survey(found, EPOCH, LATER, lambda _count: None)
        with found.exclusive():
            destroy(found, seen, LATER)

    for folder in every_death(tmp_path, vault.folder, work, after=after, least=6):
        found = unlocked(folder)
        ring = found.keys
        gone = EPOCH in ring.destroyed
        assert gone is (EPOCH not in ring.epochs) is (EPOCH not in ring.custodians)
        assert ring.vault == vault.keys.vault
        assert accounts(found) == ACCOUNTS
        if not gone:
            work(folder)
        assert found.keys.destroyed == (EPOCH,)
        assert accounts(found) == ACCOUNTS
        for path in found.folder.iterdir():
            with contextlib.suppress(AgeError, IsADirectoryError):
                text = open_bytes(path.read_bytes(), [PassphraseIdentity(PASSPHRASE)])
                assert destroyed not in text


def words(vault: Vault) -> list[str]:
    kept = replies.load(vault)
    assert kept.damaged == ()
    return [reply.text for reply in kept.replies.values()]


@BOTH
def test_a_reply_is_queued_once_or_not_yet(
    vault: Vault, stick: Stick, tmp_path: Path, *, after: bool
) -> None:
    take(vault, stick)
    name = stick.submissions[0].id

    def work(folder: Path) -> object:
        return queue(unlocked(folder), name, "when?", LATER)

    for folder in every_death(tmp_path, vault.folder, work, after=after, least=8):
        found = unlocked(folder)
        assert words(found) in ([], ["when?"])
        assert accounts(found) == ACCOUNTS
        work(folder)
        assert words(found) == ["when?"]
        assert not list(folder.rglob("*.draft"))


@BOTH
def test_what_was_lost_is_queued_again_once(
    vault: Vault, stick: Stick, tmp_path: Path, *, after: bool
) -> None:
    take(vault, stick)
    reply = queue(vault, stick.submissions[0].id, "when?", LATER)
    with vault.exclusive():
        replies.save(vault, replace(reply, state=State.LOST))

    def work(folder: Path) -> None:
        with contextlib.suppress(NotInVault):
            again(unlocked(folder), reply.id)

    for folder in every_death(tmp_path, vault.folder, work, after=after, least=8):
        work(folder)
        [queued] = replies.load(unlocked(folder)).replies.values()
        assert (queued.id, queued.state) == (reply.again().id, State.QUEUED)


@BOTH
def test_a_return_is_whole_on_the_stick_or_the_one_before_is(
    vault: Vault, stick: Stick, tmp_path: Path, *, after: bool
) -> None:
    take(vault, stick)
    template = tmp_path / "both"
    (template / "stick").mkdir(parents=True)
    shutil.copytree(vault.folder, template / "vault")
    reply = queue(Vault.unlock(template / "vault", PASSPHRASE), vault.ids()[0], "when?", LATER)
    signer = vault.signer()
    assert signer is not None
    public = signer.public()

    def work(folder: Path) -> Return:
        found = unlocked(folder / "vault")
        return write_return(found, folder / "stick", lambda _count: None).content

    def check(folder: Path) -> Return:
        return check_return(return_folder(folder / "stick", public), public)

    # Once onto an empty stick, once over the return before.
    for stands_before in (False, True):
        for folder in every_death(tmp_path, template, work, after=after, least=20):
            with contextlib.nullcontext() if stands_before else contextlib.suppress(BundleBroken):
                check(folder)
            found = unlocked(folder / "vault")
            assert (words(found), accounts(found)) == (["when?"], ACCOUNTS)
            content = work(folder)
            assert content.sequence in {1, 2, 3, 4}
            assert {a.submission for a in content.acknowledgements} == stick.ids()
            assert [carried.id for carried in content.replies] == [reply.id]
            assert check(folder) == content
            assert not list(folder.rglob("*.draft"))
            shutil.rmtree(folder)
        work(template)


def check_return(folder: Path, signer: Signer) -> Return:
    """Return the return in a vault's folder, whose every file is the one that it lists."""
    signed = read_return(folder)
    assert signed.signer([signer]) == signer
    for carried in signed.content.replies:
        slot = carried.path(folder).read_bytes()
        assert hashlib.sha256(slot).hexdigest() == carried.sha256
    return signed.content


@BOTH
def test_what_became_of_replies_is_known_by_the_next_import(
    vault: Vault, stick: Stick, tmp_path: Path, *, after: bool
) -> None:
    """Lost in a restore, whenever the import that says so is killed; and never merely gone."""
    take(vault, stick)
    one, two = (queue(vault, stick.submissions[0].id, text, LATER) for text in ("one", "two"))
    with vault.exclusive():
        replies.save(vault, replace(one, state=State.FILED))
    stick.sequence, stick.restored, stick.replies = 2, LATER, {two.id: ReplyState.WAITING}
    stick.write()

    def work(folder: Path) -> object:
        return take(unlocked(folder), stick)

    for folder in every_death(tmp_path, vault.folder, work, after=after, least=8):
        work(folder)
        found = replies.load(unlocked(folder)).replies
        assert [found[reply.id].state for reply in (one, two)] == [State.LOST, State.WAITING]


@BOTH
@pytest.mark.parametrize("passphrase", [None, Secret(b"another")], ids=["key", "passphrase too"])
def test_rekeying_is_finished_by_running_it_again(
    passphrase: Secret | None, vault: Vault, stick: Stick, tmp_path: Path, *, after: bool
) -> None:
    take(vault, stick)
    queue(vault, stick.submissions[0].id, "when?", LATER)
    later = Stick.make(tmp_path / "later", sealed(vault, "three"))
    later.sign(SERVER, root(), history_of(vault))
    either = tuple(secret for secret in (PASSPHRASE, passphrase) if secret)

    def work(folder: Path) -> object:
        return rekey(unlocked(folder, *either), lambda _count: None, passphrase)

    for folder in every_death(tmp_path, vault.folder, work, after=after, least=40):
        found = unlocked(folder, *either)
        assert (accounts(found), words(found)) == (ACCOUNTS, ["when?"])
        assert found.closed_epochs() == {EPOCH}
        take(found, later)
        assert accounts(found) == {*ACCOUNTS, "three"}
        work(folder)
        found = unlocked(folder, *either[-1:])
        assert (found.keys.older, found.keys.epochs) == ((), vault.keys.epochs)
        assert (found.keys.signing, words(found)) == (vault.keys.signing, ["when?"])
        assert accounts(found) == {*ACCOUNTS, "three"}
        assert len(found.entries()) == 3
        assert [
            path.name for path in folder.rglob("*") if path.suffix in {".partial", ".draft"}
        ] == []
        for path in folder.rglob("*.age"):
            with pytest.raises(IntakeError):
                open_bytes(path.read_bytes(), [vault.keys.vault])
