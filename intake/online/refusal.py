"""Why a submission was not taken, in words for a witness.

Each reason is one English sentence, which is also the key of its translations. None quotes what
was typed. Nothing was kept whenever one of these is shown.
"""

from __future__ import annotations

import enum
from http import HTTPStatus

from intake.errors import IntakeError


def _(sentence: str) -> str:
    """Mark a sentence for the translators; it is translated where it is shown."""
    return sentence


class Reason(enum.Enum):
    """Every way in which a submission can fail: the answer's status and the sentence."""

    EMPTY = (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        _("Nothing was written and no file was chosen. Write your account, then press send."),
    )
    ACCOUNT_TOO_LONG = (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        _("Your account is too long for one message. Send it in several parts."),
    )
    REACH_TOO_LONG = (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        _("What you wrote on how to reach you is too long. Shorten it, then press send."),
    )
    NOBODY_TO_TELL = (
        HTTPStatus.CONFLICT,
        _(
            "There is nobody now to whom we could give how to reach you, and nothing was kept. "
            "Take it out, then press send again."
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
    TOO_MANY_MESSAGES = (
        HTTPStatus.CONFLICT,
        _("Too many messages were sent under one code. Open the form anew for a new code."),
    )

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        """Hold the answer's ``status`` and the ``sentence``."""
        self.status = status
        self.sentence = sentence


class Refusal(IntakeError):
    """A submission that is not taken, and why."""

    def __init__(self, reason: Reason) -> None:
        """Refuse for ``reason``."""
        super().__init__(reason.sentence)
        self.reason = reason
