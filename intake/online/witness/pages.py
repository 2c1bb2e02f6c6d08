"""The pages that only tell: landing, keys, leaving."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Request, Response, g, redirect, render_template, request, session, url_for
from flask.views import MethodView
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from intake.online.deployment import Deployment
from intake.online.refusal import Refusal
from intake.online.witness import languages
from intake.online.witness.guards import is_from_here, over_tor
from intake.online.witness.keys_now import KeysNow
from intake.online.witness.languages import Language


class ChooseLanguage(MethodView):
    """An address without a language: on to the one that the browser asks for."""

    init_every_request = False

    def __init__(self, offered: Sequence[Language], page: str) -> None:
        """Go on to ``page`` in one of the languages ``offered``."""
        self._offered = offered
        self._page = page

    def get(self) -> BaseResponse:
        """Redirect."""
        chosen = languages.choose(request.accept_languages, self._offered)
        return redirect(url_for(self._page, lang=chosen.tag), 303)


class FrontPage(MethodView):
    """The landing page."""

    init_every_request = False

    def __init__(self, deployment: Deployment, keys: KeysNow) -> None:
        """Say what ``deployment`` says of itself; invite to write while there are ``keys``."""
        self._words = {tag: Markup(html) for tag, html in deployment.words.items()}  # noqa: S704
        self._onion = deployment.settings.pages.onion
        self._keys = keys

    def get(self) -> str:
        """Show it, and on a bad day that nothing can be taken."""
        return render_template(
            "front.html",
            refusal=self._refusal(),
            words=self._words.get(g.language.tag),
            over_tor=over_tor(request),
            onion=self._onion,
        )

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


def _is_meant(request: Request) -> bool:
    """Return whether a visitor asks to leave, and not another site.

    That could show this address as a picture or in a frame, or link to it.
    """
    navigates = request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    return request.method == "GET" and navigates and is_from_here(request)


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
            # The cookie is deleted also where none came: a page may have set one meanwhile.
            session.modified = True
            response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
        return response
