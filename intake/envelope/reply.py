"""A reply: plain text, padded to one size and sealed to its mailbox.

Every sealed reply is one slot of ``SLOT_SIZE`` bytes. Its plaintext is the text as UTF-8 and zeros
to the end, so that ``age -d`` shows it to whoever has the identity and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from intake.age.payload import NONCE_SIZE, TAG_SIZE
from intake.age.sealing.hybrid import HybridRecipient
from intake.age.sealing.seal import header_length, seal_bytes
from intake.errors import ReplyRefused

#: Bytes of a sealed reply, age header included.
SLOT_SIZE = 64 * 1024

#: Bytes that a reply's text may take as UTF-8: what a slot holds beside the age header (1,627
#: bytes for one hybrid recipient), the nonce and the tag, and a little for headers to come.
TEXT_SIZE = 62 * 1024


def seal_reply(text: str, recipient: HybridRecipient) -> bytes:
    """Seal ``text`` to a mailbox: ``SLOT_SIZE`` bytes, whatever its length.

    Raises:
        ReplyRefused: it is empty, longer than ``TEXT_SIZE``, or not text that can be shown.
    """
    plaintext = encode_text(text)
    recipients: Sequence[HybridRecipient] = [recipient]
    room = SLOT_SIZE - header_length(recipients) - NONCE_SIZE - TAG_SIZE
    sealed = seal_bytes(plaintext.ljust(room, b"\0"), recipients)
    if len(sealed) != SLOT_SIZE:
        raise AssertionError("a reply does not fit its slot")
    return sealed


def encode_text(text: str) -> bytes:
    """Return a reply's text as UTF-8 with LF line ends.

    Raises:
        ReplyRefused: it is empty, longer than ``TEXT_SIZE``, or holds NUL or half a character.
    """
    try:
        data = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8")
    except UnicodeEncodeError as error:
        raise ReplyRefused("The reply is not valid text; save it as UTF-8.") from error
    if not text.strip():
        raise ReplyRefused("The reply is empty; write something.")
    if b"\0" in data:
        raise ReplyRefused("The reply holds a NUL character; take it out.")
    if len(data) > TEXT_SIZE:
        raise ReplyRefused(
            f"The reply is {len(data)} bytes long, and a slot holds {TEXT_SIZE}; shorten it, or "
            "send it in two."
        )
    return data


def read_reply(plaintext: bytes) -> str:
    """Return the text of an opened slot; what is no valid text in it becomes U+FFFD."""
    return plaintext.rstrip(b"\0").decode("utf-8", errors="replace")
