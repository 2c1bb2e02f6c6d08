"""The code a witness keeps: 27 random digits and one check digit.

Digits, because every script, keyboard and encoding in Myanmar agrees on them. 27 random digits
are 89.7 bits. The 28th is H. M. Damm's check digit, which catches every single mistyped digit and
every swap of two neighbours, before anything is derived.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable

from intake.errors import CodeMalformed
from intake.secret import Secret

RANDOM_DIGITS = 27
DIGITS = RANDOM_DIGITS + 1
GROUP = 4

# The totally anti-symmetric quasigroup of order 10 from H. M. Damm, "Total anti-symmetrische
# Quasigruppen" (dissertation, Marburg 2004).
_DAMM = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)

# Two letters are typed for the digits they look like: wa for zero, ra for seven.
_LOOK_ALIKES = {"ဝ": "0", "ရ": "7"}


class Code:
    """A receipt code. Its digits are a secret; it never prints them."""

    __slots__ = ("_digits",)

    def __init__(self, digits: str) -> None:
        """Take 28 ASCII digits whose last is the check digit.

        Raises:
            CodeMalformed: the length, a character or the check digit is wrong.
        """
        if len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()):
            raise CodeMalformed(f"A code has {DIGITS} digits. Please compare it with your note.")
        if check_digit(digits[:-1]) != digits[-1]:
            raise CodeMalformed("A digit of this code is mistyped or two are swapped.")
        self._digits = digits

    @classmethod
    def generate(cls, randbelow: Callable[[int], int] = secrets.randbelow) -> Code:
        """Make a fresh code from 27 uniformly random digits."""
        digits = "".join(str(randbelow(10)) for _ in range(RANDOM_DIGITS))
        return cls(digits + check_digit(digits))

    @classmethod
    def parse(cls, text: str) -> Code:
        """Read a code as a person types it: digits of any script, any separators or none.

        Raises:
            CodeMalformed: what is left is not a code.
        """
        digits: list[str] = []
        for character in text:
            if character in _LOOK_ALIKES:
                digits.append(_LOOK_ALIKES[character])
            elif (value := unicodedata.decimal(character, None)) is not None:
                digits.append(str(value))
            elif character.isalpha():
                raise CodeMalformed("A code is made of digits alone.")
        return cls("".join(digits))

    def reveal(self) -> str:
        """Return the 28 digits, 0-9, without separators."""
        return self._digits

    def groups(self) -> tuple[str, ...]:
        """Return the seven groups of four digits, 0-9."""
        return tuple(self._digits[i : i + GROUP] for i in range(0, DIGITS, GROUP))

    def secret(self) -> Secret:
        """Return the 28 ASCII digits as the bytes that everything is derived from."""
        return Secret(self._digits.encode("ascii"))

    def __repr__(self) -> str:
        """Print dots."""
        return "Code(••••)"


def check_digit(digits: str) -> str:
    """Return the Damm check digit of a string of ASCII digits."""
    interim = 0
    for digit in digits:
        interim = int(_DAMM[interim][int(digit)])
    return str(interim)
