"""The pages that only tell: landing, receipt, keys, leaving."""

from __future__ import annotations

from flask import Response, g, redirect, render_template, request, session, url_for
from flask.views import MethodView
from werkzeug.wrappers import Response as BaseResponse

from intake.online.deployment import Deployment
from intake.online.witness import languages
from intake.receipt.code import Code

#: How long the receipt can be shown again, in seconds.
RECEIPT_SECONDS = 600


class ChooseLanguage(MethodView):
    """``/``: on to the language that the browser asks for."""

    init_every_request = False

    def get(self) -> BaseResponse:
        """Redirect."""
        chosen = languages.choose(request.accept_languages)
        return redirect(url_for("front", lang=chosen.tag), 303)


class FrontPage(MethodView):
    """The landing page."""

    init_every_request = False

    def get(self) -> str:
        """Show it."""
        return render_template("front.html")


class ReceiptPage(MethodView):
    """The receipt: the code, once, for whoever has just sent something."""

    init_every_request = False

    def __init__(self, deployment: Deployment) -> None:
        """Take the time from ``deployment``."""
        self._deployment = deployment

    def get(self) -> str | tuple[str, int]:
        """Show the code, or say that there is none to show."""
        receipt = session.get("receipt")
        if not receipt or receipt["until"] < self._deployment.clock():
            return render_template("no_receipt.html"), 404
        code = Code(receipt["code"])
        return render_template(
            "receipt.html",
            code=code.reveal(),
            groups=code.groups(),
            own_groups=[languages.in_digits(group, g.language) for group in code.groups()],
            characters=receipt["characters"],
            files=receipt["files"],
        )


class KeysPage(MethodView):
    """``/keys``: what accounts are sealed to now."""

    init_every_request = False

    def __init__(self, deployment: Deployment) -> None:
        """Show the keys of ``deployment``."""
        self._deployment = deployment

    def get(self) -> str:
        """Show version, epoch and its last day."""
        in_force = self._deployment.keys.on(self._deployment.today())
        return render_template("keys.html", in_force=in_force)


class ManifestFile(MethodView):
    """``/keys/manifest.json``: the manifest, for whoever wants to check it."""

    init_every_request = False

    def __init__(self, deployment: Deployment) -> None:
        """Serve the manifest of ``deployment``."""
        self._deployment = deployment

    def get(self) -> Response:
        """Send the file that the server believes."""
        self._deployment.keys.manifest(self._deployment.today())
        return Response(
            self._deployment.settings.manifest.read_bytes(), mimetype="application/json"
        )


class RecipientsFile(MethodView):
    """``/keys/recipients.txt``: usable as ``age -R``."""

    init_every_request = False

    def __init__(self, deployment: Deployment) -> None:
        """Serve the recipients of ``deployment``."""
        self._deployment = deployment

    def get(self) -> Response:
        """Send one recipient a line."""
        in_force = self._deployment.keys.on(self._deployment.today())
        lines = [f"# {in_force.epoch.id}", *(str(recipient) for recipient in in_force.reviewers)]
        return Response("\n".join(lines) + "\n", mimetype="text/plain")


class LeavePage(MethodView):
    """``/leave``: clear what can be cleared, and go where anyone might be."""

    init_every_request = False

    def __init__(self, deployment: Deployment) -> None:
        """Go where ``deployment`` says."""
        self._deployment = deployment

    def get(self) -> BaseResponse:
        """Redirect."""
        response = redirect(self._deployment.settings.leave_to, 303)
        # Another site must not end a visit by showing this address as a picture.
        if request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate":
            session.clear()
            session.modified = True
            response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
        return response
