from __future__ import annotations

import pytest

from intake.age.payload import (
    CHUNK_SIZE,
    ENCRYPTED_CHUNK,
    chunk_nonce,
    plaintext_length,
    sealed_length,
)
from intake.errors import PayloadBroken


@pytest.mark.parametrize(
    ("plaintext", "sealed"),
    [
        (0, 32),
        (1, 33),
        (CHUNK_SIZE - 1, 16 + ENCRYPTED_CHUNK - 1),
        (CHUNK_SIZE, 16 + ENCRYPTED_CHUNK),
        (CHUNK_SIZE + 1, 16 + ENCRYPTED_CHUNK + 17),
        (2 * CHUNK_SIZE, 16 + 2 * ENCRYPTED_CHUNK),
        (1 << 40, 16 + (1 << 24) * ENCRYPTED_CHUNK),
    ],
)
def test_lengths(plaintext: int, sealed: int) -> None:
    assert sealed_length(plaintext) == sealed
    assert plaintext_length(sealed) == plaintext


@pytest.mark.parametrize("whole", [1, 2, 1000])
@pytest.mark.parametrize("rest", range(1, 17))
def test_a_last_chunk_too_short_for_a_byte_is_impossible(whole: int, rest: int) -> None:
    with pytest.raises(PayloadBroken):
        plaintext_length(16 + whole * ENCRYPTED_CHUNK + rest)


@pytest.mark.parametrize("sealed", [-1, *range(32)])
def test_less_than_a_nonce_and_a_tag_is_impossible(sealed: int) -> None:
    with pytest.raises(PayloadBroken):
        plaintext_length(sealed)


def test_the_two_lengths_are_inverse() -> None:
    for plaintext in [*range(100), *range(CHUNK_SIZE - 50, CHUNK_SIZE + 50)]:
        assert plaintext_length(sealed_length(plaintext)) == plaintext


def test_nonces_count_big_endian_and_flag_the_last() -> None:
    assert chunk_nonce(0, last=False) == bytes(12)
    assert chunk_nonce(0, last=True) == bytes(11) + b"\x01"
    assert chunk_nonce(0x0102, last=False) == bytes(9) + b"\x01\x02\x00"
