"""Bech32, the spelling of age's recipients and identities (BIP 173), without its length limit.

A hybrid recipient is 1,959 characters long. The checksum promises to find four wrong characters
only within 90, so for long strings it is a guard against slips, never against an attacker.
"""

from __future__ import annotations

import base64

from intake.errors import KeyMalformed

_ALPHABET = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_RFC_4648 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_FROM_RFC_4648 = bytes.maketrans(_RFC_4648, _ALPHABET)
_TO_RFC_4648 = bytes.maketrans(_ALPHABET, _RFC_4648)
_TO_VALUES = bytes.maketrans(_ALPHABET, bytes(range(32)))
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_SYMBOLS = 6
_SYMBOL_BITS = 5
_BYTE_BITS = 8
_BASE32_BLOCK = 8


def encode(prefix: str, data: bytes) -> str:
    """Spell ``data`` under the human-readable ``prefix``, in lower case.

    Args:
        prefix: the part before the separator ``1``, in lower case, such as ``age``.
        data: any number of bytes.
    """
    letters = base64.b32encode(data).rstrip(b"=").translate(_FROM_RFC_4648)
    symbols = letters.translate(_TO_VALUES)
    check = _checksum(_expand(prefix) + symbols + bytes(_CHECKSUM_SYMBOLS)) ^ 1
    places = range(_SYMBOL_BITS * (_CHECKSUM_SYMBOLS - 1), -1, -_SYMBOL_BITS)
    end = bytes(_ALPHABET[check >> place & 0x1F] for place in places)
    return f"{prefix}1{(letters + end).decode('ascii')}"


def decode(text: str) -> tuple[str, bytes]:
    """Return the human-readable prefix, in the case it was written in, and the bytes.

    Raises:
        KeyMalformed: mixed case, a foreign character, a wrong checksum or padding.
    """
    lower = text.lower()
    if text not in (lower, text.upper()):
        raise KeyMalformed("A key is written in one case only; copy it again, whole.")
    separator = lower.rfind("1")
    prefix, letters = lower[:separator], lower[separator + 1 :]
    if separator < 1 or not all(33 <= ord(letter) <= 126 for letter in prefix):  # noqa: PLR2004  # BIP 173: printable ASCII
        raise KeyMalformed("This is not an age key; copy it again, whole.")
    spelled = letters.encode("ascii", errors="replace")
    if len(spelled) < _CHECKSUM_SYMBOLS or not set(spelled) <= set(_ALPHABET):
        raise KeyMalformed("A key has a character that keys never have; copy it again, whole.")
    symbols = spelled.translate(_TO_VALUES)
    if _checksum(_expand(prefix) + symbols) != 1:
        raise KeyMalformed("A key is mistyped or cut short: its checksum is wrong.")
    count = len(symbols) - _CHECKSUM_SYMBOLS
    spare = count * _SYMBOL_BITS % _BYTE_BITS
    # One key, one spelling: left-over bits are fewer than a symbol and all zero.
    if spare >= _SYMBOL_BITS or (spare and symbols[count - 1] & (1 << spare) - 1):
        raise KeyMalformed("A key is mistyped or cut short: its last character is impossible.")
    padding = b"=" * (-count % _BASE32_BLOCK)
    return text[:separator], base64.b32decode(spelled[:count].translate(_TO_RFC_4648) + padding)


def _expand(prefix: str) -> bytes:
    """Return the prefix as the checksum reads it (BIP 173, "Checksum")."""
    letters = prefix.encode("ascii")
    return bytes([*(letter >> 5 for letter in letters), 0, *(letter & 31 for letter in letters)])


def _step(check: int, symbol: int) -> int:
    """Take one symbol into the BCH checksum (BIP 173, ``bech32_polymod``)."""
    top = check >> 25
    check = (check & 0x1FFFFFF) << _SYMBOL_BITS ^ symbol
    for place, factor in enumerate(_GENERATOR):
        if top >> place & 1:
            check ^= factor
    return check


#: What two steps make of each value of a checksum's top ten bits. The checksum is linear, so two
#: symbols can be taken at once: a recipient is read on every start and written for every account.
_TWO_STEPS = tuple(_step(_step(top << 20, 0), 0) for top in range(1024))


def _checksum(symbols: bytes) -> int:
    """Return the BCH checksum of ``symbols``, each of five bits."""
    check = 1
    odd = len(symbols) % 2
    if odd:
        check = _step(check, symbols[0])
    for first, second in zip(symbols[odd::2], symbols[odd + 1 :: 2], strict=True):
        check = (check & 0xFFFFF) << 10 ^ first << _SYMBOL_BITS ^ second ^ _TWO_STEPS[check >> 20]
    return check
