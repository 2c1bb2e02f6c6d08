"""The code a witness keeps: 27 random digits and one check digit.

Digits, because every script, keyboard and encoding in Myanmar agrees on them. 27 random digits
are 89.7 bits. The 28th is H. M. Damm's check digit, which catches every single mistyped digit and
every swap of two neighbours, before anything is derived.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable

from intake.errors import CodeLengthWrong, CodeMalformed, CodeMistyped
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

#: What may stand between digits, by Unicode's categories: spaces, punctuation, symbols, and what
#: nobody sees (line ends, zero-width characters, direction marks, NUL).
_BETWEEN = ("Z", "P", "S", "Cc", "Cf")
#: Marks by which an emoji keyboard makes a key of a digit.
_KEYCAP = "\ufe0f\u20e3"
#: What stood here could not be read.
_UNREADABLE = "\ufffd"


class Code:
    """A receipt code. Its digits are a secret; it never prints them."""

    __slots__ = ("_digits",)

    def __init__(self, digits: str) -> None:
        """Take 28 ASCII digits whose last is the check digit.

        Raises:
            CodeLengthWrong, CodeMistyped, CodeMalformed: the length, the check digit or a
                character is wrong.
        """
        if digits and not (digits.isascii() and digits.isdigit()):
            raise _no_digits()
        if len(digits) != DIGITS:
            raise CodeLengthWrong(
                f"A code has {DIGITS} digits. Please compare it with your note.", len(digits)
            )
        if check_digit(digits[:-1]) != digits[-1]:
            raise CodeMistyped("A digit of this code is mistyped or two are swapped.")
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
            CodeLengthWrong, CodeMistyped, CodeMalformed: what is left is not a code.
        """
        return cls(read_digits(text))

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


def read_digits(text: str) -> str:
    """Return the digits in what a person typed, 0-9, whatever script and whatever stands between.

    A letter is refused, not passed over: it may stand where a digit belongs. So are superscripts,
    digits in circles and numerals, which are numbers and no digits.

    Raises:
        CodeMalformed: something else than digits and separators stands there.
    """
    digits: list[str] = []
    for character in text:
        if character in _LOOK_ALIKES:
            digits.append(_LOOK_ALIKES[character])
        elif (value := unicodedata.decimal(character, None)) is not None:
            digits.append(str(value))
        elif not _stands_between(character):
            raise _no_digits()
    return "".join(digits)


def _stands_between(character: str) -> bool:
    if character in _KEYCAP:
        return True
    numeral = unicodedata.numeric(character, None) is not None
    between = unicodedata.category(character).startswith(_BETWEEN)
    return between and not numeral and character != _UNREADABLE


def _no_digits() -> CodeMalformed:
    return CodeMalformed("A code is made of digits alone.")


def check_digit(digits: str) -> str:
    """Return the Damm check digit of a string of ASCII digits."""
    interim = 0
    for digit in digits:
        interim = int(_DAMM[interim][int(digit)])
    return str(interim)
