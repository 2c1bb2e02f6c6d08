"""What is done in an open mailbox: sending, deleting a reply, withdrawing."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator

from flask import g

from intake.envelope.account import Kind
from intake.errors import NothingInForce, StoreUnavailable
from intake.online.deployment import Deployment
from intake.online.encoded_form import EncodedForm
from intake.online.receiving import ArrivingForm
from intake.online.refusal import Reason, Refusal
from intake.online.sent import Sent, Words
from intake.online.witness.forms import MailboxForm
from intake.online.witness.open_visit import Done
from intake.online.witness.openings import NOTE_DIGITS, Openings, seen
from intake.online.witness.receipt import Receipt
from intake.online.witness.taking import Taking
from intake.receipt.code import Code
from intake.receipt.mailbox import MailboxAddresses

_LOG = logging.getLogger(__name__)

_SEEN = re.compile(rf"[0-9a-f]{{{NOTE_DIGITS}}}")
_REPLY_ID = re.compile(r"[0-9a-f]{32}")

#: Why a notice cannot be sealed, so that what is here is destroyed without one.
_NOBODY_TO_SEAL_TO = {Reason.NO_KEYS, Reason.TOO_SLOW}


class Deeds:
    """Does what the forms of an open mailbox ask for."""

    def __init__(self, deployment: Deployment, openings: Openings, taking: Taking) -> None:
        """Do it in the mailboxes of ``deployment``."""
        self._deployment = deployment
        self._store = deployment.store
        self._limits = deployment.settings.limits
        self._openings = openings
        self._taking = taking

    def do(
        self,
        form: MailboxForm,
        code: Code,
        *,
        repaired: tuple[str, ...],
        arriving: ArrivingForm | EncodedForm,
        length: int,
    ) -> Done:
        """Do what ``form`` asks for in the mailbox of ``code``.

        ``repaired`` are its fields that were no valid text; files follow in ``arriving``, and
        ``length`` is what its headers announced.

        Raises:
            Refusal: it asks for nothing that there is, or it is not done; the sentence says why.
            StoreUnavailable, TooManyMessages, NothingInForce: it cannot be kept.
        """
        match form.action.data:
            case "send":
                message = form.message.data or ""
                if len(message) > self._limits.account_characters:
                    raise Refusal(Reason.ACCOUNT_TOO_LONG, field="message")
                words = Words(g.language.tag, message, repaired)
                sent = Sent(Kind.MESSAGE, self._context(form, code))
                taken = self._taking.take(arriving, length, words, code, sent)
                sizes = taken.attachments
                return Done("sent", taken.characters, len(sizes), sum(sizes))
            case "delete":
                return self._delete(form.reply.data or "", code)
            case "withdraw":
                if form.asks.data and not form.sure.data:
                    raise Refusal(Reason.NOT_SURE)
                done = self._withdraw(code)
                Receipt.forget(code)  # what it says has arrived is here no more
                return done
        raise Refusal(Reason.MALFORMED)

    def _context(self, form: MailboxForm, code: Code) -> bytes:
        """Return which replies were there when this was written.

        The page noted it, so that a repeat of the same post says the same whatever has been filed
        since. Where no page did, it is what is there now.
        """
        noted = form.seen.data or ""
        if not _SEEN.fullmatch(noted):
            noted = seen(self._openings.replies(code))
        return noted.encode("ascii")

    def _delete(self, reply: str, code: Code) -> Done:
        if not _REPLY_ID.fullmatch(reply):
            raise Refusal(Reason.MALFORMED)
        mailbox = MailboxAddresses.of(self._openings.keys(code).reply_key)
        with _told_as_not_done():
            self._store.replies.delete(mailbox, bytes.fromhex(reply), self._deployment.today())
        return Done("deleted")

    def _withdraw(self, code: Code) -> Done:
        """Destroy what is here; tell the reviewers, if there is anybody to seal it to.

        That the witness is sure the page asks, by a tick that must be set.
        """
        with _told_as_not_done():
            try:
                self._taking.withdraw(code, language=g.language.tag)
            except NothingInForce:
                return self._forget(code)
            except Refusal as refusal:
                if refusal.reason in _NOBODY_TO_SEAL_TO:
                    return self._forget(code)
                raise
        return Done("withdrawn")

    def _forget(self, code: Code) -> Done:
        keys = self._openings.keys(code)
        mailbox = MailboxAddresses.of(keys.reply_key)
        self._store.forget(keys.submission_address, mailbox, self._deployment.today())
        return Done("forgotten")


@contextlib.contextmanager
def _told_as_not_done() -> Iterator[None]:
    """Say of a store that fails here that the deed may not be done: nothing was to be kept."""
    try:
        yield
    except StoreUnavailable as error:
        _LOG.exception("what was asked for in a mailbox was not done")
        raise Refusal(Reason.NOT_DONE) from error
