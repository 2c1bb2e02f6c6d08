"""Identities as text: a line each, with comments, as age and age-keygen read and write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intake.age.opening.identity import Identity, parse_identity
from intake.errors import KeyMalformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intake.age.opening.hybrid import HybridIdentity
    from intake.age.opening.x25519 import X25519Identity


def parse_identities(text: str) -> tuple[Identity, ...]:
    """Return the identities in a key file.

    Args:
        text: lines that are empty, begin with ``#``, or hold one identity.

    Raises:
        KeyMalformed: a line is something else (its number is said, never what it holds), or
            there is no identity at all.
    """
    identities: list[Identity] = []
    for number, line in enumerate(text.split("\n"), 1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        try:
            identities.append(parse_identity(entry))
        except KeyMalformed as reason:
            raise KeyMalformed(f"Line {number} of the key file: {reason}") from None
    if not identities:
        raise KeyMalformed("The key file holds no identity.")
    return tuple(identities)


def serialise_identities(
    identities: Sequence[HybridIdentity | X25519Identity], *, comments: Sequence[str] = ()
) -> str:
    """Return the text of a key file. It holds the secrets themselves.

    Args:
        identities: each is written with its recipient as a comment above it.
        comments: lines to stand on top, without ``#``.

    Raises:
        KeyMalformed: a comment holds a line break, after which it could pass for an identity.
    """
    if any("\n" in comment or "\r" in comment for comment in comments):
        raise KeyMalformed("A comment in a key file is one line.")
    lines = [f"# {comment}" for comment in comments]
    for identity in identities:
        lines += [f"# public key: {identity.recipient()}", identity.encode()]
    return "\n".join([*lines, ""])
