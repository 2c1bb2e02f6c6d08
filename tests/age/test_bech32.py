from __future__ import annotations

import os

import pytest

from intake.age import bech32
from intake.errors import KeyMalformed


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 32, 33, 1216])
def test_round_trip_of_any_length(size: int) -> None:
    data = os.urandom(size)
    text = bech32.encode("age", data)
    assert bech32.decode(text) == ("age", data)
    assert bech32.decode(text.upper()) == ("AGE", data)


def test_published_example() -> None:
    # BIP 173, "Test vectors", with the data that follows from it.
    text = "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w"
    prefix, data = bech32.decode(text)
    assert prefix == "split"
    assert bech32.encode(prefix, data) == text


KEY = bech32.encode("age", bytes(range(32)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "age",
        "age1",
        KEY[:-1],
        KEY + "q",
        KEY[:-1] + ("q" if KEY[-1] != "q" else "p"),
        KEY[:20] + ("q" if KEY[20] != "q" else "p") + KEY[21:],
        KEY[:10] + KEY[10:].upper(),
        KEY[:20] + "b" + KEY[21:],
        KEY[:20] + " " + KEY[20:],
        KEY + "\n",
        "\x7f" + KEY,
        "\u00e9" + KEY,
        "1" + KEY.split("1")[1],
        "li1dgmt3",  # BIP 173: checksum too short
        "A1G7SGD8",  # BIP 173: checksum of the prefix in capitals
        "10a06t8",  # BIP 173: no prefix
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(KeyMalformed):
        bech32.decode(text)


@pytest.mark.parametrize("extra", [[1], [0, 0], [0, 0, 0]])
def test_leftover_bits_are_refused(extra: list[int]) -> None:
    symbols = [0] * 8 + extra  # five whole bytes, and then too much or a set bit
    value = bech32._expand("age")
    for symbol in (*symbols, *[0] * 6):
        value = value << 5 | symbol
    check = bech32._remainder(value) ^ 1
    symbols += [check >> 5 * place & 31 for place in range(5, -1, -1)]
    text = "age1" + "".join(chr(bech32._ALPHABET[symbol]) for symbol in symbols)
    if extra == [0, 0]:
        assert bech32.decode(text) == ("age", bytes(6))
        return
    with pytest.raises(KeyMalformed):
        bech32.decode(text)
