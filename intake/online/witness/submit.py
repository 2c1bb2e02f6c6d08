"""``/submit``: the form, and taking what it sends.

headers judged -> fields read and judged -> files sealed as they arrive -> committed -> 303
"""

from __future__ import annotations

import logging

from flask import Response, g, make_response, redirect, render_template, request, session, url_for
from flask.views import MethodView
from flask_wtf.csrf import generate_csrf
from werkzeug.http import parse_options_header
from werkzeug.wrappers import Response as BaseResponse

from intake.envelope.identity import ANSWERS_CHARACTERS
from intake.errors import NothingInForce, StoreUnavailable, TooManyMessages
from intake.online.deployment import Deployment
from intake.online.receiving import ArrivingForm, Body
from intake.online.refusal import Reason, Refusal
from intake.online.sealing import Sealing, Taken, sealing
from intake.online.socket_body import body_reader
from intake.online.witness.answers import answer_then_drain
from intake.online.witness.forms import AccountForm, CodeStamp, bind, judge, reach, words
from intake.online.witness.guards import refuse_foreign_posts
from intake.online.witness.keys_now import KeysNow
from intake.online.witness.pages import RECEIPT_SECONDS
from intake.receipt.code import Code

_LOG = logging.getLogger(__name__)

#: A character takes at most four bytes, and line ends arrive as two characters: an account of the
#: permitted length always fits, and one that is too long usually comes back whole.
_BYTES_PER_CHARACTER = 8
#: Room for the fields beside the account.
_OTHER_FIELDS = 1024 * 1024


class SubmitPage(MethodView):
    """The form (GET) and what it sends (POST)."""

    init_every_request = False

    def __init__(self, deployment: Deployment, keys: KeysNow) -> None:
        """Take submissions for ``deployment``, sealed to the ``keys`` of the moment."""
        self._deployment = deployment
        self._keys = keys
        self._limits = deployment.settings.limits
        self._stamp = CodeStamp(deployment.server_keys.code_mac)

    def get(self) -> str:
        """Show an empty form.

        Raises:
            Refusal: nothing can be taken now; nobody shall write an account in vain.
        """
        custodians = self._keys.in_force().custodians
        form, _ = bind([])
        return self._form_page(form, Code.generate(), None, asks_reach=bool(custodians))

    def post(self) -> BaseResponse:
        """Take a submission and go on to its receipt, or show the form again and say why not."""
        form: ArrivingForm | None = None
        body: Body | None = None
        try:
            refuse_foreign_posts(request)
            boundary, length = self._announced()
            seconds = 3600 * self._limits.upload_hours
            body = Body(body_reader(request.environ), length, seconds=seconds)
            form = ArrivingForm(body, boundary, fields_size=self._fields_size())
            taken, code = self._take(form, length)
        except Refusal as refusal:
            return self._refused(refusal, form, body)
        except (StoreUnavailable, TooManyMessages, NothingInForce) as error:
            _LOG.exception("nothing was kept")
            reason = (
                Reason.TOO_MANY_MESSAGES
                if isinstance(error, TooManyMessages)
                else Reason.CANNOT_KEEP
            )
            return self._refused(Refusal(reason), form, body)
        except Exception:  # noqa: BLE001
            # Whatever it was: the witness's words come back, and the log says only where.
            _LOG.exception("a submission failed")
            return self._refused(Refusal(Reason.CANNOT_KEEP), form, body)
        session["receipt"] = {
            "code": code.reveal(),
            "until": int(self._deployment.clock()) + RECEIPT_SECONDS,
            "characters": taken.characters,
            "files": len(taken.attachments),
        }
        return redirect(url_for("receipt", lang=g.language.tag), 303)

    def _announced(self) -> tuple[str, int]:
        """Return the boundary and the length that the headers announce."""
        kind, options = parse_options_header(request.headers.get("Content-Type", ""))
        boundary = options.get("boundary", "")
        if kind != "multipart/form-data" or not boundary:
            raise Refusal(Reason.NO_FORM)
        if request.content_length is None:
            raise Refusal(Reason.NO_LENGTH)
        return boundary, request.content_length

    def _take(self, arriving: ArrivingForm, length: int) -> tuple[Taken, Code]:
        arriving.read_fields()
        visited = "csrf_token" in session
        form, repaired = bind(arriving.fields)
        code = judge(
            form,
            self._stamp,
            account_characters=self._limits.account_characters,
            visited=visited,
        )
        if length > self._limits.submission + self._fields_size():
            raise Refusal(Reason.TOO_LARGE)
        in_force = self._keys.in_force()
        if reach(form) and not in_force.custodians:
            raise Refusal(Reason.NOBODY_TO_TELL)
        with sealing(
            self._deployment.store,
            in_force,
            still_open=self._deployment.keys.still_open,
            upload_hours=self._limits.upload_hours,
        ) as submission:
            count = self._attach_all(arriving, submission, length)
            if not count and not (form.account.data or "").strip():
                raise Refusal(Reason.EMPTY)
            taken = submission.commit(
                words(form, repaired, language=g.language.tag),
                code,
                today=self._deployment.today(),
            )
        return taken, code

    def _attach_all(self, arriving: ArrivingForm, submission: Sealing, length: int) -> int:
        room = self._limits.submission
        count = 0
        for file in arriving.files("attachments"):
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

    def _refused(
        self, refusal: Refusal, arriving: ArrivingForm | None, body: Body | None
    ) -> Response:
        """Show the form with every word that was read of it, then read on for a while."""
        form, _ = bind([] if arriving is None else arriving.fields)
        spent = refusal.reason is Reason.TOO_MANY_MESSAGES
        code = Code.generate() if spent else self._code_for(form)
        page = self._form_page(form, code, refusal, asks_reach=self._asks_reach())
        response = make_response(page, refusal.reason.status)
        return response if body is None else answer_then_drain(response, body)

    def _asks_reach(self) -> bool:
        """Return whether there is anybody to give it to."""
        try:
            return bool(self._keys.in_force().custodians)
        except Exception:  # noqa: BLE001
            # Whatever it is: a page that gives words back must not fail for it.
            return False

    def _form_page(
        self, form: AccountForm, code: Code, refusal: Refusal | None, *, asks_reach: bool
    ) -> str:
        return render_template(
            "submit.html",
            account=form.account.data,
            reach=form.reach.data,
            # What was typed there comes back also where nobody is asked for it any more.
            shows_reach=asks_reach or bool(reach(form)),
            asks_reach=asks_reach,
            reach_characters=ANSWERS_CHARACTERS,
            code=code.reveal(),
            code_mac=self._stamp.mark(code),
            csrf_token=generate_csrf(),
            refusal=refusal,
            limits=self._limits,
        )

    def _code_for(self, form: AccountForm) -> Code:
        """Return the code the form came with, if it is ours, so that a retry stays the same."""
        try:
            return self._stamp.check(form.code.data or "", form.code_mac.data or "")
        except Refusal:
            return Code.generate()

    def _fields_size(self) -> int:
        return self._limits.account_characters * _BYTES_PER_CHARACTER + _OTHER_FIELDS
