"""Opening a mailbox, with what its code yields and nothing else.

Of all that runs on the server, only this module may open an age file. The rule it keeps: whatever
the code, one derivation, one query for sixteen addresses, and eight openings of 64 KiB. Where there
are fewer replies a decoy is opened in the place of each, so that a clock tells nothing of how many
replies there are, or whether there ever was such a mailbox.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.age.sealing.hybrid import HybridRecipient
from intake.envelope.reply import read_reply, seal_reply
from intake.errors import AgeError
from intake.online.store.replies import HeldReply, Replies
from intake.receipt.derivation import ReceiptKeys
from intake.receipt.mailbox import MailboxAddresses

_DECOY = "."

#: What stands where something was no valid text.
_REPLACED = "\ufffd"


@dataclass(frozen=True)
class OpenedReply:
    """A reply as its witness reads it: its id (16 bytes), the day it was filed, and its text.

    ``whole`` says whether it opened and was valid text; what was legible of it is in ``text``.
    """

    id: bytes
    day: dt.date
    text: str
    whole: bool


def open_mailbox(keys: ReceiptKeys, replies: Replies) -> tuple[OpenedReply, ...]:
    """Return the replies in a mailbox, the newest first.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    held = replies.held(MailboxAddresses.of(keys.reply_key))
    # Sealed to this very code, so that opening it is the same work; made also when there are
    # eight replies, so that making it is.
    decoy = seal_reply(_DECOY, HybridRecipient.from_seed(keys.reply_seed))
    decoys = HeldReply(b"", decoy, dt.date.min)
    identity = HybridIdentity(keys.reply_seed)
    opened = [(slot is not None, _open(slot or decoys, identity)) for slot in held]
    # In one day, whatever stands in a later slot came later, as far as anybody knows.
    found = [reply for is_real, reply in reversed(opened) if is_real]
    return tuple(sorted(found, key=lambda reply: reply.day, reverse=True))


def _open(held: HeldReply, identity: HybridIdentity) -> OpenedReply:
    try:
        text = read_reply(open_bytes(held.sealed, [identity]))
    except AgeError:
        # Sealed by mistake to somebody else, or damaged: the others must still be read.
        return OpenedReply(held.id, held.day, "", whole=False)
    return OpenedReply(held.id, held.day, text, whole=_REPLACED not in text)
