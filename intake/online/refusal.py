"""Why something was not taken or not done, in words for a witness.

Each reason is one English sentence, which is also the key of its translations. None quotes what
was typed. Nothing that was sent was kept whenever one of these is shown.
"""

from __future__ import annotations

import enum
from http import HTTPStatus

from intake.errors import IntakeError


def _(sentence: str) -> str:
    """Mark a sentence for the translators; it is translated where it is shown."""
    return sentence


class Reason(enum.Enum):
    """Every way in which it can fail: the answer's status and the sentence."""

    EMPTY = (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        _("Nothing was written and no file was chosen. Write your account, then press send."),
    )
    ACCOUNT_TOO_LONG = (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        _("Your account is too long for one message. Send it in several parts."),
    )
    ANSWER_TOO_LONG = (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        _("This answer is too long. Shorten it, or put it into your account."),
    )
    REACH_TOO_LONG = (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        _("What you wrote here is too long. Shorten it, then press send."),
    )
    NOBODY_TO_TELL = (
        HTTPStatus.CONFLICT,
        _(
            "There is nobody now to whom we could give this answer, and nothing was kept. Take it "
            "out, then press send again."
        ),
    )
    QUESTIONS_CHANGED = (
        HTTPStatus.CONFLICT,
        _(
            "The questions have changed since you opened this form, and nothing was kept. Look "
            "through your answers, then press send again."
        ),
    )
    FORM_TOO_LONG = (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        _("This form holds far more text than one message may. Send it in several parts."),
    )
    TOO_LARGE = (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        _("Your files are too large to send at once. Send fewer files at a time, or shorter ones."),
    )
    TOO_MANY_FILES = (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        _("There are too many files for one message. Send fewer files at a time."),
    )
    NO_COOKIE = (
        HTTPStatus.BAD_REQUEST,
        _(
            "Your browser did not send back this page's cookie. Allow cookies for this page, "
            "then press send again. The cookie is gone when you close the browser."
        ),
    )
    WRONG_TOKEN = (
        HTTPStatus.BAD_REQUEST,
        _("This form was open for another visit. Nothing is wrong: press send again."),
    )
    WRONG_CODE = (
        HTTPStatus.BAD_REQUEST,
        _("This form was not made by this site, or was changed on the way. Press send again."),
    )
    CUT_SHORT = (
        HTTPStatus.BAD_REQUEST,
        _(
            "The connection broke before everything arrived. See whether the end of your words is "
            "missing, then press send again."
        ),
    )
    TOO_SLOW = (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        _(
            "This took too long to arrive. Send your words without files first, and the files "
            "later, when your line is better."
        ),
    )
    MALFORMED = (
        HTTPStatus.BAD_REQUEST,
        _("Your browser sent this form in a way that we cannot read. Try another browser."),
    )
    NO_FORM = (
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        _("This address takes only what its own form sends. Open the form and send it from there."),
    )
    NO_LENGTH = (
        HTTPStatus.LENGTH_REQUIRED,
        _("Your browser did not say how much it would send. Try another browser."),
    )
    ELSEWHERE = (
        HTTPStatus.FORBIDDEN,
        _("This form was sent from another site. Open the form here and send it from here."),
    )
    NO_ROOM_FOR_FILES = (
        HTTPStatus.INSUFFICIENT_STORAGE,
        _("There is no room for files now. Send your words without files; send the files later."),
    )
    CANNOT_KEEP = (
        HTTPStatus.SERVICE_UNAVAILABLE,
        _("Your account cannot be kept now, and nothing was kept. Wait a little and send again."),
    )
    NO_KEYS = (
        HTTPStatus.SERVICE_UNAVAILABLE,
        _(
            "We cannot take accounts now. Nothing was sent and nothing was kept; come back "
            "another day."
        ),
    )
    EMPTY_MESSAGE = (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        _(
            "Nothing was written and no file was chosen. Write something or choose a file, then "
            "press send."
        ),
    )
    NO_FILE = (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        _("No file was chosen. Choose one or more files, then press send."),
    )
    CODE_LENGTH = (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        _(
            "A code has 28 digits; %(number)s were read here. Compare it with your note, group by "
            "group."
        ),
    )
    CODE_MISTYPED = (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        _(
            "One digit is mistyped, or two are swapped. Compare the code with your note, group by "
            "group."
        ),
    )
    CODE_LETTERS = (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        _("A code is made of digits alone, and something else was typed. Look for letters in it."),
    )
    CODE_AGAIN = (
        HTTPStatus.BAD_REQUEST,
        _(
            "More than ten minutes have passed since the mailbox was last used here, so your code "
            "was forgotten. Type it again."
        ),
    )
    OTHER_MAILBOX = (
        HTTPStatus.CONFLICT,
        _(
            "Another mailbox has been opened in this browser since. Type the code of the mailbox "
            "that you mean."
        ),
    )
    NO_MAILBOX = (
        HTTPStatus.SERVICE_UNAVAILABLE,
        _("Mailboxes cannot be opened now. Nothing in them is lost; come back later."),
    )
    NOT_DONE = (
        HTTPStatus.SERVICE_UNAVAILABLE,
        _("This could not be finished now. Wait a little, then try again."),
    )
    OTHER_RECEIPT = (
        HTTPStatus.CONFLICT,
        _(
            "Something else has been sent from this browser since, and this form belongs to what "
            "was sent before: nothing was done, and no file was kept. Use the code that you wrote "
            "down then at the mailbox."
        ),
    )
    RECEIPT_OVER = (
        HTTPStatus.NOT_FOUND,
        _(
            "More than ten minutes have passed, so your code was forgotten here, and no file was "
            "kept. Type your code at the mailbox and add your files there."
        ),
    )
    NOT_SURE = (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        _(
            "Nothing was taken back, because the tick was missing. If you are sure, go to the "
            "mailbox, set the tick, then press the button again."
        ),
    )
    TAKEN_BACK = (
        HTTPStatus.CONFLICT,
        _(
            "What was sent under the code of this form was taken back, and nothing was kept now. "
            "If you want to send this, press send again: you will get a new code."
        ),
    )
    TOO_MANY_MESSAGES = (
        HTTPStatus.CONFLICT,
        _("Too many messages were sent under one code. Open the form anew for a new code."),
    )

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        """Hold the answer's ``status`` and the ``sentence``."""
        self.status = status
        self.sentence = sentence


#: The field that a reason is about where nobody names another.
_FIELDS = {
    Reason.EMPTY: "account",
    Reason.ACCOUNT_TOO_LONG: "account",
    Reason.TOO_LARGE: "attachments",
    Reason.TOO_MANY_FILES: "attachments",
    Reason.NO_ROOM_FOR_FILES: "attachments",
    Reason.NO_FILE: "attachments",
    Reason.EMPTY_MESSAGE: "message",
    Reason.CODE_LENGTH: "code",
    Reason.CODE_MISTYPED: "code",
    Reason.CODE_LETTERS: "code",
    Reason.CODE_AGAIN: "code",
    Reason.OTHER_MAILBOX: "code",
}


class Refusal(IntakeError):
    """Something that is not taken or done, and why."""

    def __init__(self, reason: Reason, number: int = 0, *, field: str = "") -> None:
        """Refuse for ``reason``, whose sentence may tell a ``number``.

        ``field`` is the name of the form's field that it is about, where it is about one; most
        reasons know theirs.
        """
        super().__init__(reason.sentence)
        self.reason = reason
        self.number = number
        self.field = field or _FIELDS.get(reason, "")
