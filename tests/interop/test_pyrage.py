"""Files cross between this package and pyrage, which is rage, both ways."""

from __future__ import annotations

import os

import pytest

from intake.age.armor import armor
from intake.age.opening.open import open_bytes
from intake.age.opening.passphrase import PassphraseIdentity
from intake.age.opening.x25519 import X25519Identity
from intake.age.payload import CHUNK_SIZE
from intake.age.sealing.passphrase import PassphraseRecipient
from intake.age.sealing.recipient import parse_recipient
from intake.age.sealing.seal import seal_bytes
from intake.secret import Secret

pyrage = pytest.importorskip("pyrage", reason="interop did not run: pyrage is not installed")

SIZES = [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 3 * CHUNK_SIZE + 17]
PASSPHRASE = "ထမင်းစားပြီးပြီလား"


@pytest.mark.parametrize("size", SIZES)
def test_x25519_both_ways(size: int) -> None:
    theirs = pyrage.x25519.Identity.generate()
    ours = X25519Identity.parse(str(theirs))
    plaintext = os.urandom(size)
    recipient = parse_recipient(str(theirs.to_public()))
    assert recipient == ours.recipient()
    assert pyrage.decrypt(seal_bytes(plaintext, [recipient]), [theirs]) == plaintext
    assert pyrage.decrypt(armor(seal_bytes(plaintext, [recipient])), [theirs]) == plaintext
    for armored in (False, True):
        file = pyrage.encrypt(plaintext, [theirs.to_public()], armored=armored)
        assert open_bytes(file, [ours]) == plaintext


def test_passphrases_both_ways() -> None:
    secret = Secret(PASSPHRASE.encode())
    plaintext = os.urandom(CHUNK_SIZE + 1)
    ours = seal_bytes(plaintext, [PassphraseRecipient(secret, 10)])
    assert pyrage.passphrase.decrypt(ours, PASSPHRASE) == plaintext
    theirs = pyrage.passphrase.encrypt(plaintext, PASSPHRASE)
    assert open_bytes(theirs, [PassphraseIdentity(secret, max_work_factor=22)]) == plaintext
