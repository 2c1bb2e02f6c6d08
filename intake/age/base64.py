"""Canonical base64 without padding, as age headers write it (RFC 4648, sections 3.2 and 4).

One value has exactly one spelling here. A decoder that took several would let somebody change a
header's bytes without changing its meaning, so two files that differ could pass for one.
"""

from __future__ import annotations

import binascii

from intake.errors import HeaderBroken


def encode(data: bytes) -> str:
    """Return ``data`` in the standard alphabet, without padding or line breaks."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Return the bytes that ``text`` spells.

    Args:
        text: unpadded standard base64, of any length, also empty.

    Raises:
        HeaderBroken: a foreign character, whitespace, padding, an impossible length, or bits set
            after the last byte.
    """
    padding = "=" * (-len(text) % 4)
    try:
        data = binascii.a2b_base64(text + padding, strict_mode=True)
    except ValueError:
        raise HeaderBroken("A value in the file's header is not proper base64.") from None
    # Malleability: the decoder drops unused trailing bits; only spelling it again shows them.
    if encode(data) != text:
        raise HeaderBroken("A value in the file's header is not canonical base64.")
    return data
