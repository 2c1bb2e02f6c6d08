"""``/submit``: the form, and taking what it sends.

headers judged -> fields read and judged -> files sealed as they arrive -> committed -> 303

With ``?switch=1`` nothing is taken: the form comes back in the language of the address. With
``?stay=1`` nothing is answered, and the browser stays where it is.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, g, make_response, redirect, request, session, url_for
from flask.views import MethodView
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from intake.envelope.account import Kind
from intake.online.deployment import Deployment
from intake.online.encoded_form import ESCAPED
from intake.online.questionnaire.answers import read_answers
from intake.online.refusal import Reason, Refusal
from intake.online.sent import Sent, Taken, Words
from intake.online.witness.form_page import FormPage
from intake.online.witness.forms import (
    LEFTOVER,
    NOTES,
    AccountForm,
    CodeStamp,
    judge,
    texts,
)
from intake.online.witness.incoming import Incoming, as_refusal
from intake.online.witness.keys_now import KeysNow
from intake.online.witness.receipt import Receipt
from intake.online.witness.taking import Taking
from intake.receipt.code import Code

#: Why nothing can be sent under a code any more: the form goes on with another.
_SPENT = {Reason.TOO_MANY_MESSAGES, Reason.TAKEN_BACK}


class SubmitPage(MethodView):
    """The form (GET) and what it sends (POST)."""

    init_every_request = False

    def __init__(self, deployment: Deployment, keys: KeysNow, taking: Taking) -> None:
        """Take submissions for ``deployment``, sealed to the ``keys`` of the moment."""
        self._deployment = deployment
        self._keys = keys
        self._taking = taking
        self._limits = deployment.settings.limits
        self._stamp = CodeStamp(deployment.server_keys.code_mac)
        self._questionnaire = deployment.questionnaire
        self._form = FormPage(deployment, self._stamp)
        # A repair told of an identifying answer would tell its readers that something was said.
        self._untold = {q.id for q in self._questionnaire.questions() if q.identifying} | {LEFTOVER}

    def get(self) -> bytes:
        """Show an empty form.

        Raises:
            Refusal: nothing can be taken now; nobody shall write an account in vain.
        """
        custodians = self._keys.in_force().custodians
        return self._form.render(MultiDict(), Code.generate(), asks_identity=bool(custodians))

    def post(self) -> BaseResponse:
        """Take a submission and go on to its receipt, or show the form again and say why not."""
        takes = not request.args.keys() & {"switch", "stay"}
        size = self._taking.fields_size
        incoming = Incoming(
            self._limits, fields_size=size, most_encoded=0 if takes else ESCAPED * size
        )
        try:
            if not takes:
                return self._not_taken(incoming)
            taken, code = self._take(incoming)
        except Exception as error:  # noqa: BLE001  # whatever it was, the words come back
            return self._refused(as_refusal(error), incoming)
        now = self._deployment.clock()
        Receipt.under(code, now).with_taken(taken).keep(now)
        return redirect(url_for("receipt", lang=g.language.tag), 303)

    def _take(self, incoming: Incoming) -> tuple[Taken, Code]:
        arriving = incoming.open()
        visited = "csrf_token" in session
        typed, repaired = texts(arriving.fields)
        form = AccountForm(formdata=typed)
        code = judge(
            form,
            self._stamp,
            account_characters=self._limits.account_characters,
            visited=visited,
        )
        self._form.check_seen(typed)
        answers = read_answers(self._questionnaire, typed, g.language.tag)
        told = tuple(name for name in repaired if name not in self._untold)
        words = Words(g.language.tag, form.account.data or "", told, answers)
        return self._taking.take(arriving, incoming.length, words, code, Sent(Kind.ACCOUNT)), code

    def _refused(self, refusal: Refusal, incoming: Incoming) -> Response:
        """Show the form with every word that was read of it, then read on for a while."""
        with incoming.turn():
            page = self._page(texts(incoming.fields)[0], refusal)
        return incoming.answer(make_response(page, refusal.reason.status))

    def _page(self, typed: MultiDict[str, str], refusal: Refusal | None = None) -> bytes:
        """Return the form with what was ``typed``.

        What was not sent from a page of this visit may be another site's making. Its words come
        back to be seen, but neither its code, which somebody else may know, nor a consent.
        """
        ours = AccountForm(formdata=typed).validate()
        spent = refusal is not None and refusal.reason in _SPENT
        return self._form.render(
            typed,
            self._code_for(typed) if ours and not spent else Code.generate(),
            refusal=refusal,
            asks_identity=self._asks_identity(),
            switched=refusal is None,
            consents=ours,
        )

    def _not_taken(self, incoming: Incoming) -> Response:
        """Show the form in this language with everything that was typed, or answer nothing.

        Where nothing was typed, what comes is the empty form, which is compressed.
        """
        fields = incoming.open().fields
        if "stay" in request.args:
            return make_response("", HTTPStatus.NO_CONTENT)
        if not any(value for name, value in fields if name not in NOTES):
            empty = redirect(url_for("submit", lang=g.language.tag), 303)
            return incoming.answer(make_response(empty))
        with incoming.turn():
            page = self._page(texts(fields)[0])
        return incoming.answer(make_response(page))

    def _asks_identity(self) -> bool:
        """Return whether there is anybody to give identifying answers to."""
        try:
            return bool(self._keys.in_force().custodians)
        except Exception:  # noqa: BLE001
            # Whatever it is: a page that gives words back must not fail for it.
            return False

    def _code_for(self, typed: MultiDict[str, str]) -> Code:
        """Return the code the form came with, if it is ours, so that a retry stays the same."""
        try:
            return self._stamp.check(typed.get("code", ""), typed.get("code_mac", ""))
        except Refusal:
            return Code.generate()
