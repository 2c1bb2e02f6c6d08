"""Files cross between this package and typage, the npm package age-encryption, both ways."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest

from intake.age.armor import armor
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.identity import parse_identity
from intake.age.opening.open import open_bytes
from intake.age.opening.passphrase import PassphraseIdentity
from intake.age.opening.rewrap import replace_header
from intake.age.opening.x25519 import X25519Identity
from intake.age.payload import CHUNK_SIZE
from intake.age.sealing.passphrase import PassphraseRecipient
from intake.age.sealing.recipient import parse_recipient
from intake.age.sealing.seal import seal_bytes
from intake.secret import Secret

if TYPE_CHECKING:
    from tests.interop.conftest import Typage

KINDS: dict[str, type[HybridIdentity | X25519Identity]] = {
    "hybrid": HybridIdentity,
    "x25519": X25519Identity,
}
SIZES = [0, 1, CHUNK_SIZE, 3 * CHUNK_SIZE + 17]
PASSPHRASE = "ထမင်းစားပြီးပြီလား"
WORK = 10


@pytest.mark.parametrize("armored", [False, True], ids=["binary", "armored"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_ours_opens_there(typage: Typage, kind: str, size: int, *, armored: bool) -> None:
    identity = KINDS[kind].generate()
    plaintext = os.urandom(size)
    file = seal_bytes(plaintext, [identity.recipient()])
    file = armor(file) if armored else file
    assert typage.open(file, identities=[identity.encode()], armored=armored) == plaintext


@pytest.mark.parametrize("armored", [False, True], ids=["binary", "armored"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_theirs_opens_here(typage: Typage, kind: str, size: int, *, armored: bool) -> None:
    identity = KINDS[kind].generate()
    plaintext = os.urandom(size)
    file = typage.seal(plaintext, recipients=[str(identity.recipient())], armored=armored)
    assert open_bytes(file, [identity]) == plaintext


@pytest.mark.parametrize("kind", KINDS)
def test_their_keys_are_read_and_written_alike(typage: Typage, kind: str) -> None:
    text, recipient = typage.generate(kind)
    identity = parse_identity(text)
    assert isinstance(identity, KINDS[kind])
    assert identity.encode() == text
    assert str(identity.recipient()) == recipient
    assert open_bytes(seal_bytes(b"!", [parse_recipient(recipient)]), [identity]) == b"!"


def test_passphrases_cross_both_ways(typage: Typage) -> None:
    secret = Secret(PASSPHRASE.encode())
    plaintext = os.urandom(CHUNK_SIZE + 1)
    ours = seal_bytes(plaintext, [PassphraseRecipient(secret, WORK)])
    assert typage.open(ours, passphrase=PASSPHRASE) == plaintext
    theirs = typage.seal(plaintext, passphrase=PASSPHRASE, workFactor=WORK)
    assert open_bytes(theirs, [PassphraseIdentity(secret)]) == plaintext


def test_twenty_hybrid_recipients(typage: Typage) -> None:
    identities = [HybridIdentity.generate() for _ in range(20)]
    file = seal_bytes(b"all", [identity.recipient() for identity in identities])
    assert typage.open(file, identities=[identities[-1].encode()]) == b"all"


@pytest.mark.parametrize("kind", KINDS)
def test_a_replaced_header_opens_there(typage: Typage, kind: str) -> None:
    old, new = HybridIdentity.generate(), KINDS[kind].generate()
    plaintext = os.urandom(2 * CHUNK_SIZE + 5)
    source = io.BytesIO(typage.seal(plaintext, recipients=[str(old.recipient())]))
    header = replace_header(source, [old], [new.recipient()])
    file = header + source.read()
    assert typage.open(file, identities=[new.encode()]) == plaintext


def test_a_mixture_that_they_sealed_opens_here(typage: Typage) -> None:
    hybrid, classical = HybridIdentity.generate(), X25519Identity.generate()
    recipients = [str(classical.recipient()), str(hybrid.recipient())]
    file = typage.seal(b"both", recipients=recipients)
    assert open_bytes(file, [hybrid]) == open_bytes(file, [classical]) == b"both"
