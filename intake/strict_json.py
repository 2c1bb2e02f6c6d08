"""JSON for things that are signed: no duplicate keys, no floats, no unknown and no missing fields.

Two readers of one signed file must never see two different things in it.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import re
from collections.abc import Callable
from typing import TypeVar

from intake.errors import DocumentMalformed

T = TypeVar("T")

#: JSON can spell half a surrogate pair, which no UTF-8 can write out again.
_SPELT_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def loads(data: bytes) -> object:
    """Parse UTF-8 JSON.

    Raises:
        DocumentMalformed: not UTF-8, not JSON, a duplicate key, a float, NaN or infinity, half a
            surrogate pair.
    """
    try:
        document: object = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
        if _SPELT_SURROGATE.search(data):
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DocumentMalformed("The file is not JSON as we write it; fetch it again.") from error
    return document


def dumps(document: object) -> bytes:
    """Return the bytes we sign: UTF-8, one space of indentation, a line feed at the end."""
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False).encode() + b"\n"


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise DocumentMalformed("The file names one key twice; it was not written by us.")
    return document


def _no_float(_text: str) -> object:
    raise DocumentMalformed("The file holds a number that is not whole; it was not written by us.")


class Fields:
    """A JSON object whose fields are taken one by one, none left over."""

    def __init__(self, document: object, what: str) -> None:
        """Take ``document``; ``what`` names it in errors."""
        if not isinstance(document, dict):
            raise DocumentMalformed(f"The {what} is not a JSON object.")
        self._left = dict(document)
        self._what = what

    def take(self, name: str, kind: type[T]) -> T:
        """Return the field ``name``, which must be there and of ``kind``."""
        value = self._left.pop(name, None)
        # bool is an int in Python, and not in JSON.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise DocumentMalformed(f"The field {name!r} of the {self._what} is missing or wrong.")
        return value

    def optional(self, name: str, kind: type[T]) -> T | None:
        """Return the field ``name``, which must be there and may be null."""
        if name in self._left and self._left[name] is None:
            del self._left[name]
            return None
        return self.take(name, kind)

    def positive(self, name: str) -> int:
        """Return a whole number of at least one."""
        value = self.take(name, int)
        if value < 1:
            raise DocumentMalformed(f"The field {name!r} of the {self._what} must be at least 1.")
        return value

    def day(self, name: str) -> dt.date:
        """Return a day written YYYY-MM-DD."""
        text = self.take(name, str)
        try:
            day = dt.date.fromisoformat(text)
        except ValueError as error:
            raise DocumentMalformed(f"The field {name!r} of the {self._what} is no day.") from error
        if day.isoformat() != text:
            raise DocumentMalformed(f"The field {name!r} of the {self._what} is no day.")
        return day

    def octets(self, name: str, length: int) -> bytes:
        """Return exactly ``length`` bytes, written in canonical base64."""
        text = self.take(name, str)
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise DocumentMalformed(
                f"The field {name!r} of the {self._what} is not base64."
            ) from error
        if len(data) != length or base64.b64encode(data).decode("ascii") != text:
            raise DocumentMalformed(f"The field {name!r} of the {self._what} has a wrong length.")
        return data

    def each(self, name: str, read: Callable[[object], T]) -> tuple[T, ...]:
        """Return a list, each element read by ``read``."""
        return tuple(read(element) for element in self.take(name, list))

    def end(self) -> None:
        """Refuse whatever has not been taken: a field we do not know may change the meaning."""
        if self._left:
            raise DocumentMalformed(
                f"The {self._what} has fields that this version does not know; update the program."
            )


def octets(data: bytes) -> str:
    """Write bytes as base64."""
    return base64.b64encode(data).decode("ascii")
