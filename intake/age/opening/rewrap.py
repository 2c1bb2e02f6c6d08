"""Replacing the header of an age file: the same payload, for other recipients.

The file key stays, so the payload stays byte for byte as it was received, and can still be
checked against a hash taken on arrival. Who could open the old header knows the file key for good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from intake.age.header import parse_header, serialise
from intake.age.opening.identity import Identity, unwrap_file_key
from intake.age.sealing.recipient import Recipient, wrap_file_key

if TYPE_CHECKING:
    from collections.abc import Sequence


def replace_header(
    source: BinaryIO, identities: Sequence[Identity], recipients: Sequence[Recipient]
) -> bytes:
    """Return a new header; ``source`` is left standing at the payload that goes after it.

    The payload is neither read nor verified.

    Args:
        source: stands at the beginning of an age file without armor.
        identities: who can open it.
        recipients: whom the new header is for; all of one kind.

    Raises:
        HeaderBroken: not an age file, or its header breaks a rule.
        HeaderForged: the header was changed after sealing.
        NotForUs: no identity opens it.
        KeyMalformed: these recipients may not stand together.
    """
    file_key = unwrap_file_key(parse_header(source), identities)
    return serialise(wrap_file_key(file_key, recipients), file_key)
