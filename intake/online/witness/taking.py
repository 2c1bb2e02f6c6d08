"""Taking what a form brings: the files sealed as they arrive, the words after them, committed.

The receipt, the form and the mailbox all come here. It can seal, and reaches nothing that opens.
"""

from __future__ import annotations

from intake.envelope.account import Kind
from intake.online.deployment import Deployment
from intake.online.encoded_form import EncodedForm
from intake.online.receiving import ArrivingForm
from intake.online.refusal import Reason, Refusal
from intake.online.sealing import Sealing, sealing
from intake.online.sent import Sent, Taken, Words
from intake.online.witness.keys_now import KeysNow
from intake.receipt.code import Code

#: A character takes at most four bytes, and line ends arrive as two characters: an account of the
#: permitted length always fits, and one that is too long usually comes back whole.
_BYTES_PER_CHARACTER = 8
#: Room for the fields beside the account.
_OTHER_FIELDS = 1024 * 1024

_EMPTY = {
    Kind.ACCOUNT: Reason.EMPTY,
    Kind.MESSAGE: Reason.EMPTY_MESSAGE,
    Kind.FILES: Reason.NO_FILE,
}


class Taking:
    """Takes submissions for one deployment, sealed to the keys of the moment."""

    def __init__(self, deployment: Deployment, keys: KeysNow) -> None:
        """Take for ``deployment``, and seal to ``keys``."""
        self._deployment = deployment
        self._keys = keys
        self._limits = deployment.settings.limits
        self._asked = deployment.questionnaire

    @property
    def fields_size(self) -> int:
        """How many bytes of fields a form may bring."""
        characters = self._limits.account_characters + self._asked.most_characters
        return characters * _BYTES_PER_CHARACTER + _OTHER_FIELDS

    def take(
        self, form: ArrivingForm | EncodedForm, length: int, words: Words, code: Code, sent: Sent
    ) -> Taken:
        """Take the files that follow the fields, and the words, under ``code``.

        ``length`` is what the headers announced. A message without words is files.

        Raises:
            Refusal: there is nothing in it, too much, or nobody to seal it to.
            StoreUnavailable, TooManyMessages, NothingInForce: it cannot be kept.
        """
        if length > self._limits.submission + self.fields_size:
            raise Refusal(Reason.TOO_LARGE)
        in_force = self._keys.in_force()
        if words.answers.identifying and not in_force.custodians:
            raise Refusal(Reason.NOBODY_TO_TELL, field=next(iter(words.answers.identifying)))
        with sealing(
            self._deployment.store,
            in_force,
            still_open=self._deployment.keys.still_open,
            upload_hours=self._limits.upload_hours,
        ) as submission:
            count = self._attach_all(form, submission, length)
            wordless = not words.account.strip()
            if wordless and not count:
                raise Refusal(_EMPTY[sent.kind])
            kind = Kind.FILES if wordless and sent.kind is Kind.MESSAGE else sent.kind
            return submission.commit(
                words, code, today=self._deployment.today(), kind=kind, context=sent.context
            )

    def withdraw(self, code: Code, *, language: str) -> None:
        """Destroy what the server holds under ``code``, and seal a notice for the reviewers.

        Raises:
            Refusal, NothingInForce: there is nobody to seal it to; nothing was destroyed.
            StoreUnavailable: the disk or the database failed.
        """
        with sealing(
            self._deployment.store,
            self._keys.in_force(),
            still_open=self._deployment.keys.still_open,
            upload_hours=self._limits.upload_hours,
        ) as notice:
            notice.withdraw(code, language=language, today=self._deployment.today())

    def _attach_all(
        self, form: ArrivingForm | EncodedForm, submission: Sealing, length: int
    ) -> int:
        room = self._limits.submission
        count = 0
        for file in form.files("attachments"):
            if (
                not count
                and self._deployment.store.free_bytes() - length < self._limits.disk_reserve
            ):
                raise Refusal(Reason.NO_ROOM_FOR_FILES)
            count += 1
            if count > self._limits.attachments:
                raise Refusal(Reason.TOO_MANY_FILES)
            room -= submission.attach(file, room=room)
        return count
