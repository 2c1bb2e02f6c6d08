"""The members of an envelope: their names, their order, and the names of the formats.

An envelope is a zip with stored members only, in this order: the attachments, ``account.txt``,
``identity.age``, ``account.json``, ``padding``. docs/formats.md says it for other programs.
"""

from __future__ import annotations

ACCOUNT_TEXT = "account.txt"
IDENTITY = "identity.age"
ACCOUNT_JSON = "account.json"
PADDING = "padding"

ACCOUNT_FORMAT = "intake-account-1"
IDENTITY_FORMAT = "intake-identity-1"

#: Every sealed ``identity.age`` has this size in bytes, whatever it holds and for however many
#: custodians (a hybrid stanza takes about 1.6 kB, so up to 15 of them fit beside 4 kB of answers).
IDENTITY_SIZE = 32 * 1024

#: Every member carries the zip format's first date: a clock would say when a witness wrote.
MEMBER_DATE = (1980, 1, 1, 0, 0, 0)


def attachment_member(number: int) -> str:
    """Return the name of attachment ``number``, counted from 1: its own name stays sealed."""
    return f"attachments/{number:03d}"
