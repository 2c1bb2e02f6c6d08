"""Queueing a reply: what may be said to whom, and saying it once."""

from __future__ import annotations

import datetime as dt
import secrets

from intake.age.sealing.hybrid import HybridRecipient
from intake.envelope.account import Kind
from intake.envelope.reply import TEXT_SIZE, encode_text
from intake.errors import AgeError, NotInVault, ReplyRefused
from intake.offline import replies
from intake.offline.account_document import AccountDocument
from intake.offline.mailboxes import Withdrawal, withdrawals
from intake.offline.replies import Reply, State
from intake.offline.vault import Vault

#: Bytes of a file of text that are read: line ends may shrink, and what is longer is no reply.
MOST_READ = 4 * TEXT_SIZE

#: The consent, in the questionnaire that comes with the server, to being written to.
_CONTACT = "contact"

_BOM = "\ufeff"


def decode_text(data: bytes) -> str:
    """Return the text of a file as it is sent: UTF-8 without a byte order mark, LF line ends.

    Raises:
        ReplyRefused: it cannot be a reply (:func:`intake.envelope.reply.encode_text`).
    """
    if len(data) > MOST_READ:
        raise ReplyRefused(
            f"The file is far longer than a reply may be, which is {TEXT_SIZE} bytes; shorten it, "
            "or send it in parts."
        )
    try:
        text = data.decode("utf-8").removeprefix(_BOM)
    except UnicodeDecodeError as error:
        raise ReplyRefused("The file is not UTF-8 text; save it as plain text, UTF-8.") from error
    return encode_text(text).decode("utf-8")


def queue(vault: Vault, submission_id: str, text: str, today: dt.date) -> Reply:
    """Keep a reply to a submission, to go with the next return; ``text`` is as above.

    The same words to the same mailbox, while they are still queued, are one reply.

    Raises:
        NotForUs: the submission is sealed to a quorum that is not together now.
        AgeError, EnvelopeBroken: it is damaged.
        ReplyRefused: nothing can be said to it.
        OSError: the vault's disk is full or cannot be written.
    """
    with vault.exclusive():
        vault.remove_partial()
        with vault.envelope(submission_id) as envelope:
            record = envelope.record
        _check(record, withdrawals(vault.entries()).get(submission_id))
        kept = replies.load(vault)
        for known in kept.replies.values():
            if (known.mailbox, known.text, known.state) == (record.mailbox, text, State.QUEUED):
                return known
        reply = Reply(
            id=secrets.token_hex(16),
            number=kept.next_number,
            submission=submission_id,
            mailbox=record.mailbox,
            reply_to=record.reply_to,
            reply_key=record.reply_key,
            text=text,
            day=today,
        )
        replies.save(vault, reply)
    return reply


def is_unasked_for(vault: Vault, submission_id: str) -> bool:
    """Return whether the witness was asked whether to write to them, and did not say yes.

    Raises:
        NotForUs, AgeError, EnvelopeBroken: as :func:`queue`.
    """
    with vault.envelope(submission_id) as envelope:
        consents = envelope.record.consents
    return any(c.get("id") == _CONTACT and c.get("granted") is not True for c in consents)


def again(vault: Vault, prefix: str) -> tuple[Reply, ...]:
    """Queue anew what was lost in a restore; ``prefix`` begins ids of replies or submissions.

    Raises:
        NotInVault: nothing of that name was lost.
        ReplyRefused: the witness has taken back what it answers.
        OSError: the vault's disk is full or cannot be written.
    """
    with vault.exclusive():
        vault.remove_partial()
        kept = replies.load(vault).replies
        lost = [
            reply
            for reply in kept.values()
            if reply.state is State.LOST
            and (reply.id.startswith(prefix.lower()) or reply.submission.startswith(prefix.lower()))
        ]
        if not lost or not prefix:
            raise NotInVault(f"No reply {prefix} was lost; 'replies' lists them and their states.")
        withdrawn = withdrawals(vault.entries())
        for reply in lost:
            _check_withdrawn(withdrawn.get(reply.submission))
        queued = [reply.again() for reply in lost]
        for old, new in zip(lost, queued, strict=True):
            # Whoever was killed in between may have sent it by now.
            if new.id not in kept:
                replies.save(vault, new)
            replies.remove(vault, old)
    return tuple(queued)


def _check(record: AccountDocument, withdrawal: Withdrawal | None) -> None:
    if record.kind is Kind.WITHDRAWAL:
        raise ReplyRefused(
            "This is the notice by which a witness took back what came before: nothing can be "
            "said to it, because the mailbox is closed."
        )
    _check_withdrawn(withdrawal)
    try:
        HybridRecipient.parse(record.reply_to)
    except AgeError as error:
        raise ReplyRefused(
            "The submission names no mailbox that a reply can be sealed to: it was made by "
            "another program, or by somebody who wants no reply."
        ) from error


def _check_withdrawn(withdrawal: Withdrawal | None) -> None:
    if withdrawal is not None:
        raise ReplyRefused(
            f"{withdrawal.sentence()} Its mailbox is closed, so no reply goes to it; reply to what "
            "the witness has sent since, if there is anything."
        )
