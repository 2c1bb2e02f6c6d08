"""A post on its way in: judged on its headers, read, and answered also where it was not read."""

from __future__ import annotations

import contextlib
import logging

from flask import Response, request
from werkzeug.http import parse_options_header

from intake.errors import NothingInForce, StoreUnavailable, TooManyMessages
from intake.online.encoded_form import EncodedForm
from intake.online.receiving import ArrivingForm, Body
from intake.online.refusal import Reason, Refusal
from intake.online.settings import Limits
from intake.online.socket_body import body_reader
from intake.online.witness.answers import answer_then_drain
from intake.online.witness.giving_back import turn

_LOG = logging.getLogger(__name__)

_MULTIPART = "multipart/form-data"
_ENCODED = "application/x-www-form-urlencoded"

#: The most bytes of a form that brings no words and no files: a token, notes, and a code however
#: it is written. Unescaping takes many times as much memory as there is to unescape.
SMALL = 64 * 1024


class Incoming:
    """The post of the request being answered."""

    def __init__(
        self,
        limits: Limits,
        *,
        fields_size: int,
        most: int | None = None,
        most_encoded: int = SMALL,
    ) -> None:
        """Hold at most ``fields_size`` bytes of its fields.

        One of more than ``most`` bytes is not read; where words or files are asked for there is no
        such limit. One that is no multipart form brings no files: it may have ``most_encoded``
        bytes, and is not taken at all where that is 0.
        """
        self._limits = limits
        self._fields_size = fields_size
        self._most = most
        self._most_encoded = most_encoded
        self._body: Body | None = None
        self._form: ArrivingForm | EncodedForm | None = None

    def open(self) -> ArrivingForm | EncodedForm:
        """Judge the headers, read the fields, and return the form.

        Raises:
            Refusal: it is no form, is too long, or breaks off.
        """
        kind, options = parse_options_header(request.headers.get("Content-Type", ""))
        boundary = options.get("boundary", "")
        encoded = kind == _ENCODED and self._most_encoded > 0
        if not encoded and (kind != _MULTIPART or not boundary):
            raise Refusal(Reason.NO_FORM)
        seconds = 3600 * self._limits.upload_hours
        self._body = Body(body_reader(request.environ), self.length, seconds=seconds)
        most = self._most_encoded if encoded else self._most
        if most is not None and self.length > most:
            raise Refusal(Reason.FORM_TOO_LONG)
        size = self._fields_size
        self._form = (
            EncodedForm(self._body, fields_size=size)
            if encoded
            else ArrivingForm(self._body, boundary, fields_size=size)
        )
        self._form.read_fields()
        return self._form

    @property
    def length(self) -> int:
        """How many bytes the headers announce.

        Raises:
            Refusal: they do not say.
        """
        if request.content_length is None:
            raise Refusal(Reason.NO_LENGTH)
        return request.content_length

    @property
    def fields(self) -> list[tuple[str, bytes]]:
        """What was read of the fields, whatever went wrong since."""
        return [] if self._form is None else self._form.fields

    def turn(self) -> contextlib.AbstractContextManager[object]:
        """Return what waits for a turn to make an answer that gives the fields back."""
        return turn(sum(len(value) for _, value in self.fields))

    def answer(self, response: Response) -> Response:
        """Answer with ``response``, then read on for a while."""
        return response if self._body is None else answer_then_drain(response, self._body)


def as_refusal(error: Exception) -> Refusal:
    """Return what a witness is told of ``error``; the log is told what and where."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, TooManyMessages):
        return Refusal(Reason.TOO_MANY_MESSAGES)
    # Whatever it was: the witness's words come back.
    expected = isinstance(error, StoreUnavailable | NothingInForce)
    _LOG.error("nothing was kept" if expected else "a submission failed", exc_info=error)
    return Refusal(Reason.CANNOT_KEEP)
