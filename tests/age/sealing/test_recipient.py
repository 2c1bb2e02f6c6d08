from __future__ import annotations

import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

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


P = 2**255 - 19
#: Where a point of low order may be hiding: at the edges of the field, and at the two of order
#: eight that https://cr.yp.to/ecdh.html#validate publishes.
ORDER_EIGHT = (
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
)
SUSPECTS = {
    *range(40),
    *(P + n for n in range(-40, 19)),
    *(
        int.from_bytes(bytes.fromhex(point), "little") + n
        for point in ORDER_EIGHT
        for n in (-1, 0, 1)
    ),
}
TOP_BIT = 2**255


def exchange_is_worthless(share: bytes) -> bool:
    """Ask the library, which refuses a shared secret of zeros (RFC 7748, section 6.1)."""
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(share))
    except ValueError:
        return True
    return False


def hybrid_with(share: bytes) -> HybridRecipient:
    return HybridRecipient(HYBRID.public_key[:-32] + share)


@pytest.mark.parametrize("top", [0, TOP_BIT], ids=["plain", "top bit set"])
def test_exactly_the_shares_that_the_library_calls_worthless_are_refused(top: int) -> None:
    refused = 0
    for number in sorted(SUSPECTS):
        share = (number + top).to_bytes(32, "little")
        if exchange_is_worthless(share):
            refused += 1
            with pytest.raises(KeyMalformed, match="worthless"):
                hybrid_with(share)
            with pytest.raises(KeyMalformed, match="worthless"):
                parse_recipient(bech32.encode("age1pq", HYBRID.public_key[:-32] + share))
        else:
            seal_bytes(b"", [hybrid_with(share)])
    # 0, 1, p-1, p, p+1 and the two of order eight.
    assert refused == 7


def test_honest_shares_are_never_refused() -> None:
    for _ in range(500):
        share = X25519PrivateKey.generate().public_key().public_bytes_raw()
        assert not exchange_is_worthless(share)
        hybrid_with(share)


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
