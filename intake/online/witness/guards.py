"""What every request must pass, and what every answer carries.

Requests are judged on their headers alone, before a byte of a body is read. Answers allow nothing
from elsewhere, no script, no framing and no copy on any disk.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from http import HTTPStatus

from flask import Request, Response, request

from intake.online.refusal import Reason, Refusal
from intake.online.witness.compression import SAME_FOR_ALL


def over_tor(request: Request) -> bool:
    """Return whether a request came to the onion service."""
    return request.host.partition(":")[0].endswith(".onion")


def is_from_here(request: Request) -> bool:
    """Return whether no other site made a browser send this, as far as it says.

    A site beside ours under the same domain is another one.
    """
    return request.headers.get("Sec-Fetch-Site", "none") in {"same-origin", "none"}


def refuse_foreign_posts(request: Request) -> None:
    """Refuse a form that another site sent.

    ``Origin: null`` and no ``Referer`` are what careful browsers send; the CSRF token judges those.

    Raises:
        Refusal: the request says that it comes from elsewhere.
    """
    if not is_from_here(request):
        raise Refusal(Reason.ELSEWHERE)
    origin = request.headers.get("Origin", "null")
    if origin not in {"null", f"http://{request.host}", f"https://{request.host}"}:
        raise Refusal(Reason.ELSEWHERE)


def _digest(style: str) -> str:
    """Return a style sheet's hash as CSP writes it (CSP 3, section 2.3.1)."""
    digest = hashlib.sha256(style.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")


class AnswerHeaders:
    """The headers that every answer carries, whatever it is."""

    def __init__(self, styles: Sequence[str], *, https: bool, onion: str = "") -> None:
        """Allow the inline style sheets ``styles``; ``https`` says how the site is reached.

        Tor Browser is told of the ``onion`` address, where there is one.
        """
        self._onion = onion
        allowed = " ".join(f"'{_digest(style)}'" for style in styles)
        self._headers = {
            "Content-Security-Policy": (
                f"default-src 'none'; style-src {allowed}; img-src data:; "
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
        if self._onion and self._may_move(response):
            response.headers["Onion-Location"] = self._onion + request.path
        return response

    @staticmethod
    def _may_move(response: Response) -> bool:
        """Return whether a browser that goes to the onion service now leaves nothing behind.

        Some go by themselves: a receipt, an open mailbox and words that came back would be lost.
        """
        begins = request.endpoint in SAME_FOR_ALL and request.method in {"GET", "HEAD"}
        return begins and response.status_code == HTTPStatus.OK and not over_tor(request)
