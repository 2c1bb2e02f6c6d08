"""The forms, and how they are judged before any file is read."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import TypeVar

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, HiddenField, MultipleFileField, StringField, TextAreaField

from intake.errors import CodeLengthWrong, CodeMalformed, CodeMistyped
from intake.online.refusal import Reason, Refusal
from intake.receipt.code import Code
from intake.secret import Secret


class AccountForm(FlaskForm):
    """What a witness sends. The code was made when the form was served, and stays on a retry."""

    code = HiddenField()
    code_mac = HiddenField()
    account = TextAreaField()
    attachments = MultipleFileField()


class CodeForm(FlaskForm):
    """What the mailbox's door asks for."""

    code = StringField()


class ReceiptForm(FlaskForm):
    """What the receipt asks for: the last group of the code, or more files.

    ``mailbox`` is the page's own note of whose it was.
    """

    mailbox = HiddenField()
    last_group = StringField()
    attachments = MultipleFileField()


class MailboxForm(FlaskForm):
    """What is done in an open mailbox.

    ``mailbox`` and ``seen`` are the page's own notes: whose it was, and which replies it showed.
    ``code`` is asked for again where the server has forgotten it. ``asks`` says that the form had
    a tick for ``sure``.
    """

    action = HiddenField()
    mailbox = HiddenField()
    seen = HiddenField()
    code = StringField()
    message = TextAreaField()
    reply = HiddenField()
    asks = HiddenField()
    sure = BooleanField()
    attachments = MultipleFileField()


#: The box of answers that have no field any more, which brings them to the next page. No question
#: is called so: no id has an underscore.
LEFTOVER = "leftover_words"

#: The fields of an account's form that nobody fills in; ``submit`` is what some clients call the
#: button.
NOTES = frozenset({"csrf_token", "code", "code_mac", "questions_seen", "submit"})
#: Those that no questionnaire brings.
OWN_FIELDS = NOTES | {"account", "attachments", LEFTOVER}

FormT = TypeVar("FormT", bound=FlaskForm)

#: A code is digits alone: what begins like this is none, and its HMAC is never a code's mark.
_NOTE = b"mailbox "
_NOTE_DIGITS = 32


class CodeStamp:
    """The server's mark on the codes it hands out, so that nobody brings a code of their own."""

    def __init__(self, key: Secret) -> None:
        """Mark with ``key`` (32 bytes)."""
        self._key = key

    def mark(self, code: Code) -> str:
        """Return the HMAC-SHA256 (hex) of a code."""
        return hmac.digest(self._key.reveal(), code.secret().reveal(), "sha256").hex()

    def note(self, code: Code) -> str:
        """Return by what a receipt or a mailbox says whose it is; no part of the mark."""
        digest = hmac.digest(self._key.reveal(), _NOTE + code.secret().reveal(), "sha256")
        return digest.hex()[:_NOTE_DIGITS]

    def check(self, digits: str, mark: str) -> Code:
        """Return the code, if the mark is ours.

        Raises:
            Refusal: it is not.
        """
        try:
            code = Code(digits)
        except CodeMalformed as error:
            raise Refusal(Reason.WRONG_CODE) from error
        if not hmac.compare_digest(self.mark(code).encode(), mark.encode()):
            raise Refusal(Reason.WRONG_CODE)
        return code


def bind(fields: Sequence[tuple[str, bytes]], kind: type[FormT]) -> tuple[FormT, tuple[str, ...]]:
    """Return the form of this ``kind`` holding ``fields``, and which of them were repaired."""
    values, repaired = texts(fields)
    form = kind(formdata=values)
    # Names of other fields are whoever's who sent them, and could be longer than any reader takes.
    return form, tuple(name for name in repaired if name in form)


def texts(fields: Sequence[tuple[str, bytes]]) -> tuple[MultiDict[str, str], tuple[str, ...]]:
    """Return ``fields`` as texts, and which of them were repaired.

    Text becomes valid Unicode (what is not becomes U+FFFD) with LF line ends.
    """
    repaired = []
    values: MultiDict[str, str] = MultiDict()
    for name, data in fields:
        text = data.decode("utf-8", errors="replace")
        if text.encode("utf-8") != data:
            repaired.append(name)
        values.add(name, text.replace("\r\n", "\n").replace("\r", "\n"))
    return values, tuple(dict.fromkeys(repaired))


def check_visit(form: FlaskForm, *, visited: bool) -> None:
    """Judge that a form is ours and each field there once.

    ``visited`` says whether the request brought a visit's cookie. The session cannot be asked
    here any more: making the form has begun a visit in it.

    Raises:
        Refusal: the token is wrong, or a field is there twice.
    """
    if not form.validate():
        raise Refusal(Reason.WRONG_TOKEN if visited else Reason.NO_COOKIE)
    if any(len(field.raw_data or ()) > 1 for field in form):
        raise Refusal(Reason.MALFORMED)  # one of the two would be lost unsaid


def judge(form: AccountForm, stamp: CodeStamp, *, account_characters: int, visited: bool) -> Code:
    """Judge what was typed, and return the code it came with.

    Raises:
        Refusal: the token, the code or a length is wrong, or a field is there twice.
    """
    check_visit(form, visited=visited)
    code = stamp.check(form.code.data or "", form.code_mac.data or "")
    if len(form.account.data or "") > account_characters:
        raise Refusal(Reason.ACCOUNT_TOO_LONG, field="account")
    return code


#: What is given back of a code at most, in characters: each digit may stand apart from the next.
_CODE_CHARACTERS = 200


def code_to_show(form: CodeForm | MailboxForm) -> str:
    """Return the code that stands in a form that comes back.

    Where it was not sent from a page of this visit, none: another site could have filled in a code
    of its own, and what a witness then writes would be answered to somebody else.
    """
    return (form.code.data or "")[:_CODE_CHARACTERS] if form.validate() else ""


def typed_code(text: str) -> Code:
    """Return the code that a witness typed, however it was typed.

    Raises:
        Refusal: it is none; the sentence says what to look for.
    """
    try:
        return Code.parse(text)
    except CodeLengthWrong as error:
        raise Refusal(Reason.CODE_LENGTH, error.digits) from error
    except CodeMistyped as error:
        raise Refusal(Reason.CODE_MISTYPED) from error
    except CodeMalformed as error:
        raise Refusal(Reason.CODE_LETTERS) from error
