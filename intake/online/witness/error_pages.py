"""Pages without a form that say what went wrong: the same for everybody."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus

from flask import Response, g, make_response, render_template
from werkzeug.exceptions import HTTPException, SecurityError

from intake.online.refusal import Refusal
from intake.online.witness.compression import PLAIN_ERROR

_LOG = logging.getLogger(__name__)


class ErrorPages:
    """What is answered where no view has an answer."""

    def __init__(self, choose_language: Callable[[], None]) -> None:
        """Answer in the language that ``choose_language`` finds, where none was chosen yet."""
        self._choose_language = choose_language

    def not_now(self, refusal: Refusal) -> Response:
        """Say that nothing can be taken now, with no form to write in."""
        page = render_template("not_now.html", refusal=refusal)
        return _the_same_for_all(make_response(page, refusal.reason.status))

    def http(self, error: HTTPException) -> Response | HTTPException:
        """Say what is wrong with a request that no page is for."""
        if isinstance(error, SecurityError):  # a host that is not ours: no page to link to
            text = "This is not a name of this site.\n"
            return Response(text, error.code, mimetype="text/plain")
        if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
            return error
        return self._page(error.code)

    def unexpected(self, error: Exception) -> Response:
        """Say no more than that it does not work now; the log is told where it failed."""
        _LOG.error("a page failed", exc_info=error)
        return self._page(HTTPStatus.SERVICE_UNAVAILABLE)

    def _page(self, status: int) -> Response:
        if "language" not in g:  # the request failed before its language was chosen
            self._choose_language()
        page = render_template("error.html", status=status)
        return _the_same_for_all(make_response(page, status))


def _the_same_for_all(response: Response) -> Response:
    setattr(g, PLAIN_ERROR, True)
    return response
