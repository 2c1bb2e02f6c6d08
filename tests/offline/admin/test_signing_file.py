from __future__ import annotations

from pathlib import Path

import pytest

from intake.age.sealing.passphrase import PassphraseRecipient
from intake.age.sealing.seal import seal_bytes
from intake.errors import VaultUnusable, WrongPassphrase
from intake.manifest import dsse
from intake.manifest.signing import SigningIdentity
from intake.offline.admin.signing_file import load_signing, save_signing
from intake.secret import Secret
from tests.support.vaults import PASSPHRASE, WORK_FACTOR

AYE = SigningIdentity.generate("aye")
BA = SigningIdentity.generate("ba")
ENVELOPE = dsse.Envelope("type", b"payload", ())


def test_both_keys_sign_and_verify() -> None:
    signed = AYE.sign(ENVELOPE)
    key = AYE.public().key
    assert {s.keyid for s in signed.signatures} == {
        dsse.ed25519_keyid(key),
        dsse.ml_dsa_65_keyid(key),
    }
    assert dsse.signers(signed, [AYE.public(), BA.public()]) == (AYE.public(),)


def test_signing_again_replaces_our_signatures_and_keeps_the_others() -> None:
    signed = AYE.sign(BA.sign(AYE.sign(ENVELOPE)))
    assert len(signed.signatures) == 4
    assert dsse.signers(signed, [AYE.public(), BA.public()]) == (AYE.public(), BA.public())


def test_two_identities_share_nothing() -> None:
    assert AYE.public().key.ed25519 != BA.public().key.ed25519
    assert AYE.public().key.ml_dsa_65 != BA.public().key.ml_dsa_65


def test_saved_and_loaded_it_is_the_same_identity(tmp_path: Path) -> None:
    save_signing(tmp_path / "aye.age", AYE, PASSPHRASE, work_factor=WORK_FACTOR)
    loaded = load_signing(tmp_path / "aye.age", PASSPHRASE)
    assert loaded.public() == AYE.public()
    assert loaded.name == "aye"
    with pytest.raises(WrongPassphrase):
        load_signing(tmp_path / "aye.age", Secret(b"other"))


def sealed(plaintext: bytes) -> bytes:
    return seal_bytes(plaintext, [PassphraseRecipient(PASSPHRASE, WORK_FACTOR)])


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"words",
        sealed(b""),
        sealed(b"{}"),
        sealed(b'{"format": "intake-admin-1", "name": "aye", "ed25519": "AA==", "ml-dsa-65": ""}'),
        sealed(b"x")[:-1],
    ],
)
def test_a_missing_or_damaged_file_says_so(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "aye.age"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VaultUnusable, match="damaged"):
        load_signing(path, PASSPHRASE)


def test_no_key_is_printed() -> None:
    for secret in (AYE.ed25519, AYE.ml_dsa_65):
        assert repr(secret.reveal())[2:-1] not in repr(AYE)
