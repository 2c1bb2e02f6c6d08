"""A type for bytes that must not be printed, logged or compared carelessly."""

from __future__ import annotations

import hmac


class Secret:
    """Bytes that print as dots and compare in constant time.

    The value leaves only through :meth:`reveal`, so that every place where a secret becomes
    plain bytes can be found by name.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        """Hold ``value``."""
        self._value = bytes(value)

    def reveal(self) -> bytes:
        """Return the bytes themselves."""
        return self._value

    def __eq__(self, other: object) -> bool:
        """Compare in constant time (for equal lengths)."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]  # a secret is no key of a dictionary

    def __len__(self) -> int:
        """Return the number of bytes."""
        return len(self._value)

    def __repr__(self) -> str:
        """Print dots."""
        return "Secret(••••)"

    def __reduce__(self) -> tuple[object, ...]:
        """Refuse to be pickled: a pickle is a copy on somebody's disk."""
        raise TypeError("a secret is not pickled")
