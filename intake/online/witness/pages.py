"""The pages that only tell: landing, keys, leaving."""

from __future__ import annotations

from flask import (
    Request,
    Response,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.views import MethodView
from werkzeug.wrappers import Response as BaseResponse

from intake.online.deployment import Deployment
from intake.online.refusal import Refusal
from intake.online.witness import languages
from intake.online.witness.keys_now import KeysNow


class ChooseLanguage(MethodView):
    """An address without a language: on to the one that the browser asks for."""

    init_every_request = False

    def __init__(self, page: str) -> None:
        """Go on to ``page``."""
        self._page = page

    def get(self) -> BaseResponse:
        """Redirect."""
        chosen = languages.choose(request.accept_languages)
        return redirect(url_for(self._page, lang=chosen.tag), 303)


class FrontPage(MethodView):
    """The landing page."""

    init_every_request = False

    def __init__(self, keys: KeysNow) -> None:
        """Invite to write while there are ``keys``."""
        self._keys = keys

    def get(self) -> str:
        """Show it, and on a bad day that nothing can be taken."""
        return render_template("front.html", refusal=self._refusal())

    def _refusal(self) -> Refusal | None:
        try:
            self._keys.in_force()
        except Refusal as refusal:
            return refusal
        return None


class KeysPage(MethodView):
    """``/keys``: what accounts are sealed to now."""

    init_every_request = False

    def __init__(self, keys: KeysNow) -> None:
        """Show ``keys``."""
        self._keys = keys

    def get(self) -> str:
        """Show the words to compare, version, epoch and its last day.

        Raises:
            Refusal: nothing is in force.
        """
        return render_template("keys.html", in_force=self._keys.in_force())


class ManifestFile(MethodView):
    """``/keys/manifest.json``: the manifest, for whoever wants to check it."""

    init_every_request = False

    def __init__(self, deployment: Deployment, keys: KeysNow) -> None:
        """Serve the manifest of ``deployment`` that stands behind ``keys``."""
        self._deployment = deployment
        self._keys = keys

    def get(self) -> Response:
        """Send the file that the server believes.

        Raises:
            Refusal: it believes none.
        """
        self._keys.manifest()
        return Response(
            self._deployment.settings.manifest.read_bytes(), mimetype="application/json"
        )


class RecipientsFile(MethodView):
    """``/keys/recipients.txt``: usable as ``age -R``."""

    init_every_request = False

    def __init__(self, keys: KeysNow) -> None:
        """Serve the recipients among ``keys``."""
        self._keys = keys

    def get(self) -> Response:
        """Send one recipient a line; custodians are none, they open no account.

        Raises:
            Refusal: nothing is in force.
        """
        in_force = self._keys.in_force()
        lines = [f"# {in_force.epoch.id}", *(str(recipient) for recipient in in_force.reviewers)]
        return Response("\n".join(lines) + "\n", mimetype="text/plain")


def not_now(refusal: Refusal) -> Response:
    """Say that nothing can be taken now, with no form to write in."""
    page = render_template("not_now.html", refusal=refusal)
    return make_response(page, refusal.reason.status)


def _is_meant(request: Request) -> bool:
    """Return whether a visitor asks to leave, and not another site.

    That could show this address as a picture or in a frame, or link to it.
    """
    here = request.headers.get("Sec-Fetch-Site", "none") != "cross-site"
    return here and request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


class LeavePage(MethodView):
    """``/leave``: clear what can be cleared, and go where anyone might be."""

    init_every_request = False

    def __init__(self, deployment: Deployment) -> None:
        """Go where ``deployment`` says."""
        self._deployment = deployment

    def get(self) -> BaseResponse:
        """Redirect."""
        response = redirect(self._deployment.settings.pages.leave_to, 303)
        if _is_meant(request):
            session.clear()
            session.modified = True
            response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
        return response
