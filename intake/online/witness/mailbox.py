"""``/mailbox``: the door, where a witness types the code.

Nothing is derived here and nothing looked up: whatever is typed that can be a code goes on to the
mailbox by the same answer. What cannot be one comes back through the sealed cookie, so that no
browser keeps what was typed with the page that answers it.
"""

from __future__ import annotations

import json

from flask import Response, g, redirect, render_template, session, url_for
from flask.views import MethodView
from flask_wtf.csrf import generate_csrf
from werkzeug.wrappers import Response as BaseResponse

from intake.online.deployment import Deployment
from intake.online.refusal import Reason, Refusal
from intake.online.witness.forms import CodeForm, bind, check_visit, code_to_show, typed_code
from intake.online.witness.incoming import SMALL, Incoming, as_refusal
from intake.online.witness.lengths import DOOR_PAGE, padded
from intake.online.witness.open_visit import OpenVisit
from intake.online.witness.visit import CODE_SECONDS

_KEY = "door"
#: Bytes of what was typed that are given back: the cookie has no room for more, and no code is
#: longer, with three bytes a digit and as many separators.
_GIVEN_BACK = 200


class DoorPage(MethodView):
    """The door (GET) and the code (POST)."""

    init_every_request = False

    def __init__(self, deployment: Deployment) -> None:
        """Take the time and the limits from ``deployment``."""
        self._deployment = deployment

    def get(self) -> Response:
        """Ask for the code; say what was wrong with the one before."""
        wrong = session.pop(_KEY, None)
        if wrong is None:
            return _page(None, "", 200)
        return _page(Refusal(Reason[wrong["reason"]], wrong["number"]), wrong["typed"], 200)

    def post(self) -> BaseResponse:
        """Go on to the mailbox, or back to the door with what is wrong with the code."""
        visited = "csrf_token" in session
        limits = self._deployment.settings.limits
        incoming = Incoming(limits, fields_size=SMALL, most=SMALL)
        try:
            arriving = incoming.open()
            form, _ = bind(arriving.fields, CodeForm)
            check_visit(form, visited=visited)
        except Exception as error:  # noqa: BLE001  # whatever it was, it is said here
            refusal = as_refusal(error)
            form, _ = bind(incoming.fields, CodeForm)
            return incoming.answer(_page(refusal, code_to_show(form), refusal.reason.status))
        typed = form.code.data or ""
        try:
            code = typed_code(typed)
        except Refusal as refusal:
            send_to_door(refusal, self._deployment.clock(), typed)
            return redirect(url_for("mailbox", lang=g.language.tag), 303)
        session.pop(_KEY, None)
        OpenVisit.begin(code, self._deployment.clock())
        return redirect(url_for("mailbox_open", lang=g.language.tag), 303)


def send_to_door(refusal: Refusal, now: float, typed: str = "") -> None:
    """Let the door say ``refusal`` when it is next shown, and give back what was ``typed``.

    What was typed is nearly a code, and is carried no longer than one.
    """
    fits = len(json.dumps(typed, ensure_ascii=False).encode("utf-8")) <= _GIVEN_BACK
    session[_KEY] = {
        "reason": refusal.reason.name,
        "number": refusal.number,
        "typed": typed if fits else "",
        "until": int(now) + CODE_SECONDS,
    }


def _page(refusal: Refusal | None, typed: str, status: int) -> Response:
    page = render_template(
        "mailbox.html", refusal=refusal, typed_code=typed, csrf_token=generate_csrf()
    )
    return padded(page, DOOR_PAGE, status)
