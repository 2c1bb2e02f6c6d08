"""Who a file can be sealed to, and which recipients may stand together.

This half of the package only wraps keys. It never imports the half that opens, so a process that
imports nothing else can seal and can open nothing.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

from intake.age.header import FILE_KEY_SIZE, Stanza
from intake.errors import KeyMalformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intake.secret import Secret


class RecipientKind(Enum):
    """What protects the file key of a recipient."""

    POST_QUANTUM = "post-quantum"
    CLASSICAL = "classical"
    PASSPHRASE = "passphrase"  # noqa: S105  # a kind, no password


class Recipient(Protocol):
    """Whoever a file key can be wrapped to."""

    @property
    def kind(self) -> RecipientKind:
        """What protects the file key."""
        ...

    def wrap(self, file_key: Secret) -> tuple[Stanza, ...]:
        """Return the stanzas from which this recipient, and nobody else, gets ``file_key``.

        Args:
            file_key: 16 bytes.

        Raises:
            KeyMalformed: nothing can be wrapped to this key.
        """
        ...


def parse_recipient(text: str) -> Recipient:
    """Return the recipient that ``text`` names: ``age1…`` or ``age1pq1…``.

    Raises:
        KeyMalformed: it names none that we know.
    """
    from intake.age.sealing.hybrid import HybridRecipient  # noqa: PLC0415  # they import this module
    from intake.age.sealing.x25519 import X25519Recipient  # noqa: PLC0415

    if text.startswith("age1pq1"):
        return HybridRecipient.parse(text)
    return X25519Recipient.parse(text)


def check_together(recipients: Sequence[Recipient]) -> None:
    """Check that a file may be sealed to these recipients at once.

    Raises:
        KeyMalformed: there are none, one twice, a passphrase with others, or hybrid and classical
            ones mixed.
    """
    if not recipients:
        raise KeyMalformed("A file must be sealed to somebody: no recipient was given.")
    kinds = {recipient.kind for recipient in recipients}
    # Authentication: who knows one passphrase must not be able to pass a file off as another's.
    if RecipientKind.PASSPHRASE in kinds and len(recipients) > 1:
        raise KeyMalformed("A passphrase must be a file's only recipient.")
    # Harvest now, decrypt later: one classical stanza undoes every hybrid one beside it.
    if len(kinds) > 1:
        raise KeyMalformed(
            "Post-quantum and classical recipients cannot share a file: use one kind only."
        )
    if any(recipient in recipients[:at] for at, recipient in enumerate(recipients)):
        raise KeyMalformed("The same recipient was given twice.")


def wrap_file_key(file_key: Secret, recipients: Sequence[Recipient]) -> tuple[Stanza, ...]:
    """Return the stanzas of a header that only ``recipients`` can use.

    Args:
        file_key: 16 bytes.
        recipients: at least one; see :func:`check_together`.

    Raises:
        KeyMalformed: these recipients may not stand together.
    """
    if len(file_key) != FILE_KEY_SIZE:
        raise KeyMalformed(f"A file key is {FILE_KEY_SIZE} bytes long.")
    check_together(recipients)
    return tuple(stanza for recipient in recipients for stanza in recipient.wrap(file_key))
