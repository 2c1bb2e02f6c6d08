from __future__ import annotations

import subprocess
import sys

import pytest

from intake.age import bech32
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.x25519 import X25519Identity
from intake.age.sealing.hybrid import HybridRecipient
from intake.age.sealing.passphrase import PassphraseRecipient
from intake.age.sealing.recipient import Recipient, RecipientKind, parse_recipient, wrap_file_key
from intake.age.sealing.seal import header_length, seal_bytes
from intake.age.sealing.x25519 import X25519Recipient
from intake.errors import KeyMalformed
from intake.secret import Secret

HYBRID = HybridIdentity.generate().recipient()
OTHER_HYBRID = HybridIdentity.generate().recipient()
CLASSICAL = X25519Identity.generate().recipient()
PASSPHRASE = PassphraseRecipient(Secret(b"demo"), 1)
OTHER_PASSPHRASE = PassphraseRecipient(Secret(b"omed"), 1)


@pytest.mark.parametrize(
    ("recipient", "kind"),
    [
        (HYBRID, RecipientKind.POST_QUANTUM),
        (CLASSICAL, RecipientKind.CLASSICAL),
        (PASSPHRASE, RecipientKind.PASSPHRASE),
    ],
)
def test_kinds(recipient: Recipient, kind: RecipientKind) -> None:
    assert recipient.kind is kind


@pytest.mark.parametrize("recipient", [HYBRID, CLASSICAL])
def test_text_round_trip(recipient: Recipient) -> None:
    assert parse_recipient(str(recipient)) == recipient


@pytest.mark.parametrize(
    "recipients",
    [
        [],
        [HYBRID, CLASSICAL],
        [CLASSICAL, HYBRID],
        [PASSPHRASE, HYBRID],
        [CLASSICAL, PASSPHRASE],
        [PASSPHRASE, OTHER_PASSPHRASE],
        [HYBRID, OTHER_HYBRID, HybridRecipient(HYBRID.public_key)],
        [CLASSICAL, CLASSICAL],
    ],
)
def test_who_may_not_stand_together(recipients: list[Recipient]) -> None:
    with pytest.raises(KeyMalformed):
        seal_bytes(b"", recipients)
    with pytest.raises(KeyMalformed):
        header_length(recipients)


ZERO = bytes(32)
ONE = b"\x01" + bytes(31)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "age1",
        str(CLASSICAL).upper(),
        str(HYBRID).upper(),
        str(CLASSICAL)[:-1],
        f" {CLASSICAL}",
        f"{CLASSICAL}\n",
        bech32.encode("age", bytes(31)),
        bech32.encode("age", bytes(33)),
        bech32.encode("age1pq", bytes(1215)),
        bech32.encode("age1pq", bytes(1217)),
        bech32.encode("age1pq", b"\xff" * 1216),  # not reduced: FIPS 203 refuses it
        bech32.encode("age1tag", bytes(33)),
        bech32.encode("bc", bytes(32)),
        X25519Identity.generate().encode(),
        HybridIdentity.generate().encode(),
        "ssh-ed25519 AAAA",
    ],
)
def test_what_is_no_recipient(text: str) -> None:
    with pytest.raises(KeyMalformed):
        parse_recipient(text)


@pytest.mark.parametrize("public_key", [ZERO, ONE])
def test_nothing_is_sealed_to_a_key_of_low_order(public_key: bytes) -> None:
    with pytest.raises(KeyMalformed):
        seal_bytes(b"", [X25519Recipient(public_key)])


@pytest.mark.parametrize("size", [0, 15, 17, 32])
def test_a_file_key_has_one_length(size: int) -> None:
    with pytest.raises(KeyMalformed):
        wrap_file_key(Secret(bytes(size)), [HYBRID])


@pytest.mark.parametrize("work_factor", [-1, 0, 21, 64])
def test_work_factors_have_bounds(work_factor: int) -> None:
    with pytest.raises(KeyMalformed):
        PassphraseRecipient(Secret(b"x"), work_factor)


def test_an_empty_passphrase_is_none() -> None:
    with pytest.raises(KeyMalformed):
        PassphraseRecipient(Secret(b""))


def test_from_seed_is_the_identity_s_recipient() -> None:
    identity = HybridIdentity.generate()
    assert HybridRecipient.from_seed(identity.seed) == identity.recipient()
    with pytest.raises(KeyMalformed):
        HybridRecipient.from_seed(Secret(bytes(31)))


@pytest.mark.parametrize("module", ["recipient", "x25519", "hybrid", "passphrase", "seal"])
def test_what_seals_loads_nothing_that_opens(module: str) -> None:
    script = (
        f"import sys, intake.age.sealing.{module}, intake.age.sealing.recipient as r\n"
        "print([name for name in sys.modules if 'opening' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
