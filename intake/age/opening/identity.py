"""Who can open a file, and how its key is found: *not for me* and *broken* are two answers.

An identity that meets no stanza it can unwrap says None, and the next is asked. A stanza of its
own type that breaks the format's rules is an error at once: going on would let a damaged or
forged entry pass as one for somebody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from intake.age.sealing.passphrase import STANZA_TYPE as SCRYPT
from intake.errors import HeaderBroken, NotForUs, WrongPassphrase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intake.age.header import Header, Stanza
    from intake.secret import Secret


class Identity(Protocol):
    """Whoever may be able to open a file."""

    def unwrap(self, stanzas: Sequence[Stanza]) -> Secret | None:
        """Return the 16-byte file key from the first stanza that is ours, or None.

        Raises:
            HeaderBroken: a stanza of our type breaks the format's rules.
            WrongPassphrase: the file is sealed to a passphrase, and not to ours.
        """
        ...


def parse_identity(text: str) -> Identity:
    """Return the identity written as ``AGE-SECRET-KEY-1…`` or ``AGE-SECRET-KEY-PQ-1…``.

    Raises:
        KeyMalformed: it is neither.
    """
    from intake.age.opening.hybrid import HybridIdentity  # noqa: PLC0415  # kinds know this module
    from intake.age.opening.x25519 import X25519Identity  # noqa: PLC0415  # likewise

    if text.startswith("AGE-SECRET-KEY-PQ-1"):
        return HybridIdentity.parse(text)
    return X25519Identity.parse(text)


def unwrap_file_key(header: Header, identities: Sequence[Identity]) -> Secret:
    """Return the file key, once the header's MAC has been verified with it.

    Raises:
        HeaderBroken: a stanza breaks the format's rules.
        HeaderForged: the header was changed after sealing.
        NotForUs: no identity opens the file (`WrongPassphrase`, if that is the reason).
    """
    # Authentication: beside another stanza, a passphrase would not prove who sealed the file.
    if len(header.stanzas) > 1 and any(stanza.type == SCRYPT for stanza in header.stanzas):
        raise HeaderBroken("The file's header has a passphrase beside other recipients.")
    failure = NotForUs("This file is sealed to somebody else: no key at hand opens it.")
    for identity in identities:
        try:
            file_key = identity.unwrap(header.stanzas)
        except WrongPassphrase as wrong:
            failure = wrong
            continue
        if file_key is not None:
            header.verify(file_key)
            return file_key
    raise failure
