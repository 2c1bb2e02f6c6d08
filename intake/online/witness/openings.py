"""Opening mailboxes for the pages, by the newest manifest, also when it has expired."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from intake.errors import ManifestRefused
from intake.online.deployment import Deployment
from intake.online.deriving import derive
from intake.online.mailbox import OpenedReply, open_mailbox
from intake.online.refusal import Reason, Refusal
from intake.receipt.code import Code
from intake.receipt.derivation import ReceiptKeys

#: Hex digits of what a page notes of itself.
NOTE_DIGITS = 32


class Openings:
    """Opens the mailboxes of one deployment. What nobody was ever given is an empty one."""

    def __init__(self, deployment: Deployment) -> None:
        """Open those of ``deployment``."""
        self._keys = deployment.keys
        self._replies = deployment.store.replies

    def keys(self, code: Code) -> ReceiptKeys:
        """Derive a code's keys.

        Raises:
            Refusal: no manifest is believed, and nothing says how.
        """
        try:
            parameters = self._keys.history()[-1].receipt
        except ManifestRefused as error:
            raise Refusal(Reason.NO_MAILBOX) from error
        return derive(code, parameters)

    def replies(self, code: Code) -> tuple[OpenedReply, ...]:
        """Return the replies to a code, the newest first.

        Raises:
            Refusal: as :meth:`keys`.
            StoreUnavailable: the database does not answer.
        """
        return open_mailbox(self.keys(code), self._replies)


def seen(replies: Sequence[OpenedReply]) -> str:
    """Return which replies there are, as a page notes it."""
    ids = sorted(reply.id for reply in replies)
    return hashlib.sha256(b"".join(ids)).hexdigest()[:NOTE_DIGITS]
