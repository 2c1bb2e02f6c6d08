"""Which deployment a vault belongs to: a table of what it knows, what comes, and the outcome."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from intake.courier.bundle import MANIFEST, ROOT, read_bundle
from intake.errors import BundleBroken, VaultUnusable
from intake.manifest import dsse
from intake.manifest.chain import serialise_chain
from intake.manifest.fingerprint import root_fingerprint
from intake.manifest.model import Role
from intake.manifest.payload import serialise_root
from intake.manifest.signing import SigningIdentity
from intake.offline import trust
from intake.offline.trust import Belief, Judgement
from tests.support.manifests import History, epoch, recipient, root
from tests.support.submissions import EPOCH, Stick
from tests.support.vaults import SERVER

KEY = SERVER.public().key
OTHER = SigningIdentity.generate("server")
ONE = History().then(server=KEY)
TWO = ONE.then(server=KEY)
NO_SERVER = History().then()


@pytest.fixture
def stick(tmp_path: Path) -> Stick:
    stick = Stick.make(tmp_path / "stick")
    stick.write()
    return stick


def judge(known: Belief, stick: Stick) -> Judgement:
    return trust.judge(known, stick.folder, read_bundle(stick.folder))


def believing(history: History) -> Belief:
    chain = serialise_chain(history.chain)
    return trust._believe(serialise_root(root()), root(), chain)


def versions(belief: Belief) -> int:
    return len(belief.history)


# --- what is believed ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "brought", "believed"),
    [
        (None, ONE, 1),
        (None, TWO, 2),
        (ONE, ONE, 1),
        (ONE, TWO, 2),
        (TWO, ONE, 2),
        (TWO, TWO, 2),
    ],
)
def test_the_longest_chain_is_believed(
    known: History | None, brought: History, believed: int, stick: Stick
) -> None:
    stick.sign(SERVER, root(), brought)
    judgement = judge(believing(known) if known else Belief(), stick)
    assert (versions(judgement.belief), judgement.signed) == (believed, True)
    assert judgement.warnings == ()
    assert judgement.belief.fingerprint == root_fingerprint(serialise_root(root()))


def test_an_expired_manifest_is_believed_all_the_same(stick: Stick) -> None:
    history = History()
    for _ in range(2):
        history = history.then(server=KEY, expires=epoch().begins)
    stick.sign(SERVER, root(), history)
    assert versions(judge(Belief(), stick).belief) == 2


def test_without_a_manifest_on_the_stick_the_one_that_is_known_holds(stick: Stick) -> None:
    stick.signer = SERVER
    stick.write()
    judgement = judge(believing(TWO), stick)
    assert (versions(judgement.belief), judgement.signed) == (2, True)
    stick.signer = None
    stick.write()
    with pytest.raises(BundleBroken, match="not signed by the server's key"):
        judge(believing(TWO), stick)


def test_a_pinned_root_needs_none_on_the_stick(stick: Stick) -> None:
    stick.sign(SERVER, root(), ONE)
    (stick.folder / ROOT).unlink()
    assert versions(judge(Belief(serialise_root(root())), stick).belief) == 1
    # With no root at all the manifest proves nothing.
    assert judge(Belief(), stick).belief == Belief()


@pytest.mark.parametrize("history", [None, NO_SERVER])
def test_where_nothing_names_the_servers_key_that_is_said(
    history: History | None, stick: Stick
) -> None:
    if history is not None:
        stick.sign(SERVER, root(), history)
    judgement = judge(Belief(), stick)
    assert not judgement.signed
    assert len(judgement.warnings) == 1
    assert "Nothing shows that this bundle is the server's" in judgement.warnings[0]


def damage(name: str, data: bytes) -> Callable[[Stick], object]:
    return lambda stick: (stick.folder / name).write_bytes(data)


def link(name: str) -> Callable[[Stick], object]:
    def change(stick: Stick) -> None:
        (stick.folder / name).rename(stick.folder.parent / name)
        (stick.folder / name).symlink_to(stick.folder.parent / name)

    return change


def unsigned_by_admins(stick: Stick) -> None:
    chain = [dataclasses.replace(envelope, signatures=()) for envelope in TWO.chain]
    (stick.folder / MANIFEST).write_bytes(serialise_chain(chain))


DOUBTS: dict[str, Callable[[Stick], object]] = {
    "no JSON": damage(MANIFEST, b"words"),
    "truncated": lambda s: (s.folder / MANIFEST).write_bytes(serialise_chain(TWO.chain)[:-9]),
    "no version": damage(MANIFEST, serialise_chain([])),
    "signed by nobody": unsigned_by_admins,
    "signed by somebody else": lambda s: s.sign(SERVER, root(), TWO.then("b", server=KEY)),
    "far too large": lambda s: os.truncate(s.folder / MANIFEST, 2**26),
    "a link": link(MANIFEST),
    "a root that is none": damage(ROOT, b"{}"),
}


@pytest.mark.parametrize("name", DOUBTS)
def test_a_manifest_that_does_not_verify_changes_nothing_and_is_said(
    name: str, stick: Stick
) -> None:
    stick.sign(SERVER, root(), TWO)
    DOUBTS[name](stick)
    judgement = judge(believing(ONE), stick)
    assert (versions(judgement.belief), judgement.signed) == (1, True)
    assert "not believed" in judgement.warnings[0]
    first = judge(Belief(), stick)
    assert (first.belief, first.signed) == (Belief(), False)


def test_another_deployments_bundle_is_refused(stick: Stick) -> None:
    stick.sign(SERVER, root("b"), History().then("b", admins=root("b").admins, server=KEY))
    with pytest.raises(BundleBroken, match="another deployment"):
        judge(believing(ONE), stick)
    (stick.folder / MANIFEST).unlink()
    with pytest.raises(BundleBroken, match="another deployment"):
        judge(believing(ONE), stick)


@pytest.mark.parametrize("later", [0, 1, 5])
def test_a_history_that_forks_is_refused(later: int, stick: Stick) -> None:
    forked = ONE.then(server=KEY, acks_required=1, revocations=("2026-11",))
    for _ in range(later):
        forked = forked.then(server=KEY)
    stick.sign(SERVER, root(), forked)
    with pytest.raises(BundleBroken, match="contradicts"):
        judge(believing(TWO), stick)


# --- who signed ------------------------------------------------------------------------------


def half(at: int) -> Callable[[Stick], object]:
    """Sign, and put another signature in the place of one half."""

    def change(stick: Stick) -> None:
        envelope = read_bundle(stick.folder).envelope
        forged = list(envelope.signatures)
        forged[at] = dataclasses.replace(forged[at], sig=bytes(len(forged[at].sig)))
        signed = dataclasses.replace(envelope, signatures=tuple(forged))
        (stick.folder / "bundle.json").write_bytes(dsse.envelope_bytes(signed))

    return change


def changed(stick: Stick) -> None:
    """Change what was signed, and keep the signatures."""
    envelope = read_bundle(stick.folder).envelope
    payload = envelope.payload.replace(b'"sequence": 1', b'"sequence": 2')
    signed = dataclasses.replace(envelope, payload=payload)
    (stick.folder / "bundle.json").write_bytes(dsse.envelope_bytes(signed))


SIGNATURES: dict[str, Callable[[Stick], object]] = {
    "none": lambda stick: stick.sign(None, root(), ONE),
    "by another key": lambda stick: stick.sign(OTHER, root(), ONE),
    "a forged Ed25519": half(0),
    "a forged ML-DSA": half(1),
    "over another listing": changed,
    "by a key that was replaced": lambda s: s.sign(
        SERVER, root(), ONE.then(server=OTHER.public().key)
    ),
    "by the key of another version of the manifest": lambda s: s.sign(OTHER, root(), TWO),
}


@pytest.mark.parametrize("name", SIGNATURES)
@pytest.mark.parametrize("known", [Belief(), believing(ONE)], ids=["first", "later"])
def test_a_bundle_that_the_servers_key_has_not_signed_is_refused(
    name: str, known: Belief, stick: Stick
) -> None:
    stick.sign(SERVER, root(), ONE)
    assert judge(known, stick).signed
    SIGNATURES[name](stick)
    with pytest.raises(BundleBroken, match="not signed by the server's key"):
        judge(known, stick)


# --- kept ------------------------------------------------------------------------------------


def test_what_is_believed_is_kept(tmp_path: Path) -> None:
    assert trust.load(tmp_path) == Belief()
    for history in (ONE, TWO):
        trust.save(tmp_path, believing(history))
        assert trust.load(tmp_path) == believing(history)
    assert {path.name for path in tmp_path.iterdir()} == {ROOT, MANIFEST}
    (tmp_path / MANIFEST).unlink()
    assert trust.load(tmp_path) == Belief(serialise_root(root()))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (ROOT, b""),
        (ROOT, serialise_root(root("b"))),
        (MANIFEST, b"words"),
        (MANIFEST, serialise_chain(TWO.chain)[:-9]),
        (MANIFEST, serialise_chain([])),
    ],
)
def test_what_is_damaged_is_said_with_the_way_out(name: str, data: bytes, tmp_path: Path) -> None:
    trust.save(tmp_path, believing(ONE))
    (tmp_path / name).write_bytes(data)
    with pytest.raises(VaultUnusable, match="remove both"):
        trust.load(tmp_path)


# --- whom a server sealed to -----------------------------------------------------------------


def test_the_recipients_are_those_of_that_version() -> None:
    def with_recipients(*numbers: int, **changes: Any) -> dict[str, Any]:
        return {"epochs": (epoch(recipients=tuple(map(recipient, numbers))),), **changes}

    def keys(*numbers: int) -> frozenset[str]:
        return frozenset(recipient(number).recipient for number in numbers)

    belief = believing(
        History()
        .then(**with_recipients(1))
        .then(**with_recipients(1, 2))
        .then(**with_recipients(1, 2, revocations=(recipient(1).recipient,)))
    )
    found = [belief.recipients(EPOCH, version, Role.REVIEWERS) for version in range(5)]
    assert found == [None, keys(1), keys(1, 2), keys(2), None]
    assert belief.recipients(EPOCH, 1, Role.CUSTODIANS) == frozenset()
    assert belief.recipients("2026-12", 1, Role.REVIEWERS) is None
    assert belief.recipients_ever(EPOCH, Role.REVIEWERS) == keys(1, 2)
    assert belief.recipients_ever("2026-12", Role.REVIEWERS) == frozenset()
