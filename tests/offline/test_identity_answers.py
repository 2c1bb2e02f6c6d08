from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from intake.age.header import parse_header
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.age.sealing.hybrid import HybridRecipient
from intake.age.sealing.seal import seal_bytes
from intake.envelope import members
from intake.envelope.identity import seal_identity
from intake.errors import NotForUs
from intake.manifest.model import Role
from intake.offline.identity_answers import read_answers
from intake.offline.inbox import import_bundle
from intake.offline.vault import Vault
from tests.support.submissions import ACCOUNT, EPOCH, LATER, Stick, seal
from tests.support.vaults import PASSPHRASE, make_vault

ANSWERS = {"reach": "မေးပါ ask for the midwife\nat the river", "name": "Ma —"}


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    vault = make_vault(tmp_path / "vault")
    with vault.exclusive():
        vault.add_epochs({EPOCH: HybridIdentity.generate()}, Role.CUSTODIANS)
    return vault


def custodian(vault: Vault) -> HybridIdentity:
    return vault.keys.custodians[EPOCH]


def sealed_to(vault: Vault, identity: bytes) -> bytes:
    return seal([vault.keys.epochs[EPOCH].recipient()], identity=identity)


def take(vault: Vault, stick: Stick) -> str:
    assert import_bundle(vault, stick.folder, lambda _count: None, LATER).refused == ()
    return stick.submissions[0].id


def read(vault: Vault, name: str) -> dict[str, str] | None:
    with vault.envelope(name) as envelope:
        assert envelope.account_text() == ACCOUNT
        return read_answers(vault, name, envelope)


def payload(sealed: bytes) -> bytes:
    source = io.BytesIO(sealed)
    parse_header(source)
    return source.read()


def test_a_custodian_keeps_a_copy_that_the_vault_opens(vault: Vault, tmp_path: Path) -> None:
    identity = seal_identity(ANSWERS, [custodian(vault).recipient()])
    name = take(vault, Stick.make(tmp_path / "stick", sealed_to(vault, identity)))
    assert read(vault, name) == ANSWERS
    copy = vault.identity_path(name).read_bytes()
    assert payload(copy) == payload(identity)
    with pytest.raises(NotForUs):
        open_bytes(copy, [custodian(vault)])
    assert vault.ids() == (name,)
    with vault.exclusive():
        vault.replace_keys(vault.keys.without(EPOCH))
    assert read(vault, name) == ANSWERS


def test_without_a_copy_the_custodians_key_opens_them(vault: Vault, tmp_path: Path) -> None:
    identity = seal_identity(ANSWERS, [custodian(vault).recipient()])
    stick = Stick.make(tmp_path / "stick", sealed_to(vault, identity))
    name = take(vault, stick)
    vault.identity_path(name).unlink()
    assert read(vault, name) == ANSWERS
    # And the next import makes it again, though the account is known.
    take(vault, stick)
    assert vault.identity_path(name).exists()


@pytest.mark.parametrize("custodians", [(), (HybridIdentity.generate().recipient(),)])
def test_who_is_no_custodian_reads_nothing(
    custodians: Sequence[HybridRecipient], vault: Vault, tmp_path: Path
) -> None:
    identity = seal_identity(ANSWERS if custodians else {}, custodians)
    name = take(vault, Stick.make(tmp_path / "stick", sealed_to(vault, identity)))
    assert read(vault, name) is None
    assert not vault.identity_path(name).exists()


def test_a_reviewers_vault_reads_nothing(tmp_path: Path) -> None:
    vault, stranger = make_vault(tmp_path / "vault"), HybridIdentity.generate()
    identity = seal_identity(ANSWERS, [stranger.recipient()])
    name = take(vault, Stick.make(tmp_path / "stick", sealed_to(vault, identity)))
    assert read(vault, name) is None
    # Unless a quorum of custodians comes together: then it is read, and nothing is kept.
    vault.lend(EPOCH, Role.CUSTODIANS, stranger)
    assert read(vault, name) == ANSWERS
    assert not vault.identity_path(name).exists()
    assert read(Vault.unlock(vault.folder, PASSPHRASE), name) is None


def test_a_key_for_reviewers_does_not_open_them_nor_the_other_way_round(
    vault: Vault, tmp_path: Path
) -> None:
    identity = seal_identity(ANSWERS, [vault.keys.epochs[EPOCH].recipient()])
    stick = Stick.make(tmp_path / "stick", sealed_to(vault, identity))
    assert read(vault, take(vault, stick)) is None
    sealed = seal([custodian(vault).recipient()])
    other = Stick.make(tmp_path / "other", sealed)
    assert len(import_bundle(vault, other.folder, lambda _count: None, LATER).refused) == 1


# --- sealed by an attacker -------------------------------------------------------------------


def document(**changes: Any) -> bytes:
    return json.dumps({"format": members.IDENTITY_FORMAT, "answers": ANSWERS, **changes}).encode()


PLAINTEXTS: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"words",
    "not UTF-8": b"\xff",
    "another format": document(format="intake-identity-9"),
    "no object": b"[]",
    "nested without end": b"[" * 20_000,
    "a list of answers": document(answers=["x"]),
    "an answer that is a list": document(answers={"reach": ["x"]}),
    "an answer that is a number": document(answers={"reach": 1}),
    "half a surrogate pair": document(answers={"reach": "\ud800"}),
    "a field more": document(more=1),
    "one key twice": b'{"format": "intake-identity-1", "answers": {"a": "1", "a": "2"}}',
    "something behind it": document() + b"x",
}


def filled(sealed: bytes) -> bytes:
    """Return an ``identity.age`` of the right size, whatever stands in it."""
    assert len(sealed) <= members.IDENTITY_SIZE
    return sealed.ljust(members.IDENTITY_SIZE, b"\0")


def damaged(change: Callable[[bytes], bytes]) -> Callable[[HybridRecipient], bytes]:
    return lambda recipient: filled(change(seal_identity(ANSWERS, [recipient])))


FILES: dict[str, Callable[[HybridRecipient], bytes]] = {
    "zeros": lambda _recipient: bytes(members.IDENTITY_SIZE),
    "a changed header": damaged(lambda data: data.replace(b"---", b"-> x\n\n---", 1)[:-7]),
    "a changed payload": damaged(lambda data: data[:-1] + bytes([data[-1] ^ 1])),
    "cut": damaged(lambda data: data[:-100]),
    "thousands of stanzas": lambda _recipient: filled(
        b"age-encryption.org/v1\n" + b"-> a\n\n" * 5000
    ),
    "armored": lambda recipient: filled(
        b"-----BEGIN AGE ENCRYPTED FILE-----\n" + seal_bytes(document(), [recipient])
    ),
}


def crafted(plaintext: bytes, recipient: HybridRecipient) -> bytes:
    """Seal any plaintext, padded to the right size."""
    room = members.IDENTITY_SIZE - len(seal_bytes(b"", [recipient]))
    return seal_bytes(plaintext.ljust(room), [recipient])


@pytest.mark.parametrize("name", PLAINTEXTS)
def test_answers_that_break_the_format_are_passed_over(
    name: str, vault: Vault, tmp_path: Path
) -> None:
    identity = crafted(PLAINTEXTS[name], custodian(vault).recipient())
    assert read(vault, take(vault, Stick.make(tmp_path / "s", sealed_to(vault, identity)))) is None


@pytest.mark.parametrize("name", FILES)
def test_no_identity_of_an_attackers_making_keeps_an_account_out(
    name: str, vault: Vault, tmp_path: Path
) -> None:
    identity = FILES[name](custodian(vault).recipient())
    assert read(vault, take(vault, Stick.make(tmp_path / "s", sealed_to(vault, identity)))) is None


def test_another_file_in_the_copys_place_names_nobody(vault: Vault, tmp_path: Path) -> None:
    """Anybody who reads vault.json can seal to the vault."""
    identity = seal_identity(ANSWERS, [custodian(vault).recipient()])
    name = take(vault, Stick.make(tmp_path / "stick", sealed_to(vault, identity)))
    forged = seal_identity({"reach": "the police"}, [vault.keys.vault.recipient()])
    for data in (forged, b"", b"words", bytes(100_000)):
        vault.identity_path(name).write_bytes(data)
        assert read(vault, name) in (ANSWERS, None)
