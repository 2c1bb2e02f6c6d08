from __future__ import annotations

import io
import json
import threading
from pathlib import Path

import pytest

from intake.age.header import parse_header
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.envelope.identity import seal_identity
from intake.errors import NotForUs, VaultUnusable, WrongPassphrase
from intake.manifest.model import Role
from intake.offline.identity_answers import read_answers
from intake.offline.inbox import import_bundle
from intake.offline.rekeying import RekeyReport, rekey, total_size
from intake.offline.vault import Vault
from intake.secret import Secret
from tests.support.submissions import EPOCH, LATER, Stick, seal
from tests.support.vaults import PASSPHRASE, make_vault

ANSWERS = {"reach": "ask for the midwife"}
QUORUM = HybridIdentity.generate()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """A custodian's vault with two accounts of its own and one of a quorum's."""
    vault = make_vault(tmp_path / "vault")
    with vault.exclusive():
        vault.add_epochs({EPOCH: HybridIdentity.generate()}, Role.CUSTODIANS)
    identity = seal_identity(ANSWERS, [vault.keys.custodians[EPOCH].recipient()])
    own = [vault.keys.epochs[EPOCH].recipient()]
    stick = Stick.make(
        tmp_path / "stick",
        seal(own, "one", identity=identity),
        seal(own, "two", [("a.jpg", bytes(300_000))]),
        seal([QUORUM.recipient()], "three"),
    )
    vault.lend(EPOCH, Role.REVIEWERS, QUORUM)
    assert import_bundle(vault, stick.folder, lambda _count: None, LATER).refused == ()
    return Vault.unlock(vault.folder, PASSPHRASE)


def texts(vault: Vault) -> set[str]:
    found = set()
    for name in vault.ids():
        try:
            with vault.envelope(name) as envelope:
                found.add(envelope.account_text())
        except NotForUs:
            continue
    return found


def payloads(vault: Vault) -> dict[str, bytes]:
    found = {}
    for path in vault.submissions_folder.iterdir():
        source = io.BytesIO(path.read_bytes())
        parse_header(source)
        found[path.name] = source.read()
    return found


def test_every_header_is_new_and_no_payload(vault: Vault) -> None:
    old, before = vault.keys, payloads(vault)
    told: list[int] = []
    assert rekey(vault, told.append) == RekeyReport(rewrapped=3, left=1)
    assert abs(sum(told) - total_size(vault)) < 100
    assert payloads(vault) == before
    assert vault.keys.vault != old.vault
    assert (vault.keys.epochs, vault.keys.custodians) == (old.epochs, old.custodians)
    assert texts(vault) == texts(Vault.unlock(vault.folder, PASSPHRASE)) == {"one", "two"}
    for path in vault.folder.rglob("*.age"):
        with pytest.raises(NotForUs):
            open_bytes(path.read_bytes(), [old.vault])
    described = json.loads((vault.folder / "vault.json").read_bytes())
    assert described["recipient"] == str(vault.keys.vault.recipient())
    assert len(vault.entries()) == 3


def test_the_answers_and_the_quorums_accounts_are_there_after_it(vault: Vault) -> None:
    before = {path.name: path.read_bytes() for path in vault.submissions_folder.iterdir()}
    rekey(vault, lambda _count: None)
    unchanged = [
        path
        for path in vault.submissions_folder.iterdir()
        if path.read_bytes() == before[path.name]
    ]
    assert len(unchanged) == 1
    found = []
    for name in vault.ids():
        if vault.is_ours(name):
            with vault.envelope(name) as envelope:
                found.append(read_answers(vault, name, envelope))
    assert ANSWERS in found
    vault.lend(EPOCH, Role.REVIEWERS, QUORUM)
    assert texts(vault) == {"one", "two", "three"}


def test_a_new_passphrase_takes_the_place_of_the_old(vault: Vault) -> None:
    other = Vault.unlock(vault.folder, PASSPHRASE)
    new = Secret(b"another")
    rekey(vault, lambda _count: None, new)
    assert texts(Vault.unlock(vault.folder, new)) == texts(vault) == {"one", "two"}
    with pytest.raises(WrongPassphrase):
        Vault.unlock(vault.folder, PASSPHRASE)
    with pytest.raises(VaultUnusable, match="changed since"):
        texts(other)


def test_who_unlocked_before_goes_on_with_the_new_key(vault: Vault, tmp_path: Path) -> None:
    """Else an import that waited meanwhile would wrap accounts to a key that is gone."""
    other = Vault.unlock(vault.folder, PASSPHRASE)
    stick = Stick.make(tmp_path / "later", seal([vault.keys.epochs[EPOCH].recipient()], "four"))
    waiting = threading.Thread(
        target=lambda: import_bundle(other, stick.folder, lambda _count: None, LATER)
    )

    def begin(_count: int) -> None:
        if not waiting.ident:
            waiting.start()

    rekey(vault, begin)
    waiting.join()
    assert texts(Vault.unlock(vault.folder, PASSPHRASE)) == {"one", "two", "four"}
    assert len(vault.entries()) == 4


def test_an_empty_vault_is_renewed_too(tmp_path: Path) -> None:
    vault = make_vault(tmp_path / "empty")
    old = vault.keys.vault
    assert rekey(vault, lambda _count: None) == RekeyReport(0, 0)
    assert vault.keys.vault != old
