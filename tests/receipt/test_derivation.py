from __future__ import annotations

import hashlib
import hmac
import itertools
from dataclasses import replace

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.age.sealing.hybrid import HybridRecipient
from intake.manifest.model import ReceiptParameters
from intake.receipt import derivation
from intake.receipt.code import Code
from intake.receipt.derivation import ReceiptKeys, derive, row_address
from intake.secret import Secret

PARAMETERS = ReceiptParameters(salt=bytes(range(32)), memory_kib=64, iterations=1, lanes=1)
CODE = Code("0000000000000000000000000000")
ROOT = Secret(bytes(range(32)))
KEYS = ReceiptKeys(ROOT)


def expand(label: str) -> bytes:
    """HKDF-Expand for one block, written out (RFC 5869, 2.3)."""
    return hmac.digest(ROOT.reveal(), f"intake/receipt/1/{label}".encode() + b"\x01", "sha256")


def test_every_key_has_its_own_label() -> None:
    assert KEYS.reply_key.reveal() == expand("reply addresses")
    assert KEYS.reply_seed.reveal() == expand("reply identity")
    submissions = Secret(expand("submission addresses"))
    assert KEYS.submission_address(5) == row_address(submissions, 5)
    assert KEYS.sameness([]) == hmac.digest(expand("sameness"), b"", "sha256")


def test_row_n_is_an_hmac_of_its_number() -> None:
    for n in (0, 1, 255, 256, 2**63):
        expected = hmac.new(ROOT.reveal(), n.to_bytes(8, "big"), hashlib.sha256).digest()
        assert row_address(ROOT, n) == expected


def test_addresses_of_different_rows_codes_and_kinds_are_unrelated() -> None:
    others = [derive(Code.generate(), PARAMETERS) for _ in range(3)]
    found: list[bytes] = []
    for keys in (KEYS, *others):
        found += [keys.submission_address(n) for n in range(50)]
        found += [row_address(keys.reply_key, n) for n in range(50)]
    assert len(set(found)) == len(found) == 400
    # Not even a run of bytes in common, which a counter or a truncated key would leave.
    shared = {address[at : at + 8] for address in found for at in range(0, 32, 8)}
    assert len(shared) == 4 * len(found)


@pytest.mark.parametrize(
    "other",
    [
        replace(PARAMETERS, salt=bytes(32)),
        replace(PARAMETERS, memory_kib=72),
        replace(PARAMETERS, iterations=2),
        replace(PARAMETERS, lanes=2),
    ],
)
def test_other_parameters_give_other_keys(other: ReceiptParameters) -> None:
    assert derive(CODE, PARAMETERS).reply_key == derive(CODE, PARAMETERS).reply_key
    assert derive(CODE, other).reply_key != derive(CODE, PARAMETERS).reply_key


def test_the_reply_seed_makes_the_identity_that_opens_replies() -> None:
    seed = derive(CODE, PARAMETERS).reply_seed
    assert HybridRecipient.from_seed(seed) == HybridIdentity(seed).recipient()


def test_a_parts_length_is_part_of_it() -> None:
    """However the same bytes are cut into parts, it is another submission."""
    text = b"abcdef"
    hashes = set()
    cuts = [c for size in range(6) for c in itertools.combinations(range(1, 6), size)]
    for cut in cuts:
        borders = [0, *cut, len(text)]
        parts = [text[a:b] for a, b in itertools.pairwise(borders)]
        hashes.add(KEYS.sameness(parts))
        hashes.add(KEYS.sameness([b"", *parts]))
        hashes.add(KEYS.sameness([*parts, b""]))
    assert len(hashes) == 3 * len(cuts)


def test_a_part_cannot_pass_for_two() -> None:
    forged = b"a" + (1).to_bytes(8, "big") + b"b"
    assert KEYS.sameness([b"a", b"b"]) != KEYS.sameness([forged])


def test_the_same_parts_are_the_same_only_under_one_code() -> None:
    other = ReceiptKeys(Secret(bytes(32)))
    assert KEYS.sameness(iter([b"a", b"b"])) == KEYS.sameness([b"a", b"b"])
    assert KEYS.sameness([b"a", b"b"]) != other.sameness([b"a", b"b"])
    assert KEYS.sameness([b"a", b"b"]) != KEYS.sameness([b"b", b"a"])


def test_the_default_parameters_are_four_mebibytes_and_one_pass() -> None:
    defaults = (
        derivation.DEFAULT_MEMORY_KIB,
        derivation.DEFAULT_ITERATIONS,
        derivation.DEFAULT_LANES,
    )
    assert defaults == (4096, 1, 1)


def test_no_key_is_printed() -> None:
    assert not any(character.isdigit() for character in repr((KEYS.reply_key, KEYS.reply_seed)))
