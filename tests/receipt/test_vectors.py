"""tests/vectors/receipt.json: what a code yields, for other implementations to compare with."""

from __future__ import annotations

from typing import Any

import pytest

from intake.age.sealing.hybrid import HybridRecipient
from intake.manifest.model import ReceiptParameters
from intake.receipt.code import Code
from intake.receipt.derivation import derive, row_address
from tests.support.vectors import vectors

INPUTS = [
    ("0000000000000000000000000000", bytes(32), (4096, 1, 1)),
    ("3141592653589793238462643382", bytes(range(32)), (4096, 1, 1)),
    ("9876543210987654321098765433", b"\xff" * 32, (64, 3, 2)),
]
PARTS = ["ရွာကို မီးရှို့ခဲ့တယ်။".encode(), b"photo.jpg", b"image/jpeg", bytes(32), b""]


def made(
    code: str, salt: bytes, argon2id: tuple[int, int, int], parts: list[bytes]
) -> dict[str, Any]:
    memory_kib, iterations, lanes = argon2id
    keys = derive(Code(code), ReceiptParameters(salt, memory_kib, iterations, lanes))
    return {
        "code": code,
        "salt": salt.hex(),
        "argon2id": {"memory_kib": memory_kib, "iterations": iterations, "lanes": lanes},
        "submission_addresses": [keys.submission_address(n).hex() for n in range(3)],
        "reply_addresses": [row_address(keys.reply_key, n).hex() for n in range(3)],
        "reply_key": keys.reply_key.reveal().hex(),
        "reply_seed": keys.reply_seed.reveal().hex(),
        "reply_recipient": str(HybridRecipient.from_seed(keys.reply_seed)),
        "parts": [part.hex() for part in parts],
        "sameness": keys.sameness(parts).hex(),
        "sameness_of_nothing": keys.sameness([]).hex(),
    }


VECTORS = vectors("receipt", lambda: [made(*given, PARTS) for given in INPUTS])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["code"])
def test_our_published_vectors(vector: dict[str, Any]) -> None:
    numbers = vector["argon2id"]
    again = made(
        vector["code"],
        bytes.fromhex(vector["salt"]),
        (numbers["memory_kib"], numbers["iterations"], numbers["lanes"]),
        [bytes.fromhex(part) for part in vector["parts"]],
    )
    assert again == vector
