"""What every request must pass, and what every answer carries.

Requests are judged on their headers alone, before a byte of a body is read. Answers allow nothing
from elsewhere, no script, no framing and no copy on any disk.
"""

from __future__ import annotations

import base64
import hashlib

from flask import Request, Response

from intake.online.refusal import Reason, Refusal


def refuse_foreign_posts(request: Request) -> None:
    """Refuse a form that another site sent.

    ``Origin: null`` and no ``Referer`` are what careful browsers send; the CSRF token judges those.

    Raises:
        Refusal: the request says that it comes from elsewhere.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") == "cross-site":
        raise Refusal(Reason.ELSEWHERE)
    origin = request.headers.get("Origin", "null")
    if origin not in {"null", f"http://{request.host}", f"https://{request.host}"}:
        raise Refusal(Reason.ELSEWHERE)


class AnswerHeaders:
    """The headers that every answer carries, whatever it is."""

    def __init__(self, *, style: str, https: bool) -> None:
        """Allow the one inline style sheet ``style``; ``https`` says how the site is reached."""
        digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
        self._headers = {
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
                "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            ),
            "Cache-Control": "no-store",
            # Sends nothing to anyone else, and keeps Origin on the site's own forms.
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cross-Origin-Embedder-Policy": "require-corp",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
            "X-Content-Type-Options": "nosniff",
            "X-DNS-Prefetch-Control": "off",
            "X-Frame-Options": "DENY",
            "X-Robots-Tag": "noindex",
        }
        if https:
            self._headers["Strict-Transport-Security"] = "max-age=63072000"

    def add(self, response: Response) -> Response:
        """Put the headers on ``response``."""
        for name, value in self._headers.items():
            response.headers[name] = value
        return response
