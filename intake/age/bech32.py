"""Bech32, the spelling of age's recipients and identities (BIP 173), without its length limit.

A hybrid recipient is 1,959 characters long. The checksum promises to find four wrong characters
only within 90, so for long strings it is a guard against slips, never against an attacker.
"""

from __future__ import annotations

import base64
import functools

from intake.errors import KeyMalformed

_ALPHABET = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"
#: How Python writes whole numbers in base 32, so that it converts between bytes and letters.
_DIGITS = b"0123456789abcdefghijklmnopqrstuv"
_TO_DIGITS = bytes.maketrans(_ALPHABET, _DIGITS)
_FROM_RFC_4648 = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", _ALPHABET)
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_SYMBOLS = 6
_SYMBOL_BITS = 5
_BYTE_BITS = 8
#: A right string leaves this remainder (BIP 173, "Checksum").
_RIGHT = 1
#: The code's length in symbols: modulo its generator, x to this power is 1 (BIP 173, "Checksum
#: design").
_CODE_LENGTH = 1023


def encode(prefix: str, data: bytes) -> str:
    """Spell ``data`` under the human-readable ``prefix``, in lower case.

    Args:
        prefix: the part before the separator ``1``, in lower case, such as ``age``.
        data: any number of bytes.
    """
    letters = base64.b32encode(data).rstrip(b"=").translate(_FROM_RFC_4648)
    symbols = int(b"0" + letters.translate(_TO_DIGITS), 1 << _SYMBOL_BITS)
    above = _expand(prefix) << len(letters) * _SYMBOL_BITS
    check = _remainder((above | symbols) << _CHECKSUM_SYMBOLS * _SYMBOL_BITS) ^ _RIGHT
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
    if len(spelled) < _CHECKSUM_SYMBOLS or spelled.translate(None, _ALPHABET):
        raise KeyMalformed("A key has a character that keys never have; copy it again, whole.")
    value = int(spelled.translate(_TO_DIGITS), 1 << _SYMBOL_BITS)
    if _remainder(_expand(prefix) << len(spelled) * _SYMBOL_BITS | value) != _RIGHT:
        raise KeyMalformed("A key is mistyped or cut short: its checksum is wrong.")
    size, spare = divmod((len(spelled) - _CHECKSUM_SYMBOLS) * _SYMBOL_BITS, _BYTE_BITS)
    value >>= _CHECKSUM_SYMBOLS * _SYMBOL_BITS
    # One key, one spelling: left-over bits are fewer than a symbol and all zero.
    if spare >= _SYMBOL_BITS or value & (1 << spare) - 1:
        raise KeyMalformed("A key is mistyped or cut short: its last character is impossible.")
    return text[:separator], (value >> spare).to_bytes(size, "big")


@functools.lru_cache(maxsize=8)
def _expand(prefix: str) -> int:
    """Return the beginning and the prefix as the checksum reads them: symbols in one number."""
    letters = prefix.encode("ascii")
    expanded = 1
    for symbol in (*(letter >> 5 for letter in letters), 0, *(letter & 31 for letter in letters)):
        expanded = expanded << _SYMBOL_BITS | symbol
    return expanded


def _step(check: int) -> int:
    """Multiply a remainder by x (BIP 173, ``bech32_polymod``, without its next symbol)."""
    top = check >> 25
    check = (check & 0x1FFFFFF) << _SYMBOL_BITS
    for place, factor in enumerate(_GENERATOR):
        if top >> place & 1:
            check ^= factor
    return check


def _parity_masks() -> tuple[int, ...]:
    """Return, for each bit of the remainder, the bits of a polynomial whose parity it is.

    The remainder is linear in every bit, so a whole string is judged in thirty operations on long
    numbers, and not in two thousand on short ones: a manifest may hold thousands of recipients.
    """
    rows: list[str] = []
    remainders = [1 << bit for bit in range(_SYMBOL_BITS)]
    for _ in range(_CODE_LENGTH):
        rows += (f"{remainder:030b}" for remainder in remainders)
        remainders = [_step(remainder) for remainder in remainders]
    bits = "".join(reversed(rows))
    width = _CHECKSUM_SYMBOLS * _SYMBOL_BITS
    return tuple(int(bits[place::width], 2) for place in range(width))


_FOLD = _CODE_LENGTH * _SYMBOL_BITS
_FOLD_MASK = (1 << _FOLD) - 1
_PARITY_MASKS = _parity_masks()


def _remainder(polynomial: int) -> int:
    """Return the remainder by the code's generator of a polynomial, five bits a coefficient."""
    while polynomial >> _FOLD:
        polynomial = (polynomial & _FOLD_MASK) ^ (polynomial >> _FOLD)
    remainder = 0
    for mask in _PARITY_MASKS:
        remainder = remainder << 1 | (polynomial & mask).bit_count() & 1
    return remainder
