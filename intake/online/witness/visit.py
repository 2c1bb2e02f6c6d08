"""The visit: everything the site knows of a browser, in one cookie that only the server can read.

The cookie is sealed under a server key, always of one length, ``HttpOnly``, ``SameSite=Lax``, and
gone when the browser closes. It carries the CSRF token and, for ten minutes, the code that a
receipt shows or that a mailbox was opened with. Nothing of it is kept on the server.

A cookie that were ``Strict`` would not come with a link on another site, and the new visit would
take the place of the one that is there. Posts are guarded by the token, and by what their headers
say (:mod:`intake.online.witness.guards`).

With a post of another site it does not come either, and not every browser says whose post it is.
So the answer to a post that brought no cookie never sets the visit's: it sets a second one, which
counts only as long as there is no other.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from flask import request
from flask.sessions import SecureCookieSession, SessionInterface

from intake.secret import Secret

if TYPE_CHECKING:
    from flask import Flask, Request, Response

COOKIE = "visit"
#: What a post that brought no visit is answered with.
SECOND = "visit2"

#: How long a visit carries a code, in seconds, from the moment it was last used.
CODE_SECONDS = 600

#: Every cookie's plaintext has this many bytes, so that its length tells nothing.
_SIZE = 1280
_SAME_SITE = "Lax"
_NONCE_KEY_SIZE = 24
_ONE_USE = bytes(12)


class Visit(SecureCookieSession):
    """What a visit carries; what was ``dropped`` of it, because its time was over, this moment."""

    def __init__(self, contents: dict[str, Any], now: float) -> None:
        """Drop from ``contents`` whatever was to be carried no longer than until ``now``."""
        self.dropped = frozenset(
            key
            for key, entry in contents.items()
            if isinstance(entry, dict) and entry.get("until", 0) < now
        )
        super().__init__({k: v for k, v in contents.items() if k not in self.dropped})
        # The browser's cookie still holds it: it is sealed anew, without.
        self.modified = bool(self.dropped)


class SealedVisits(SessionInterface):
    """Flask's session, sealed. Each cookie is sealed under a key made for it alone."""

    session_class = Visit

    def __init__(self, key: Secret, *, https: bool, clock: Callable[[], float]) -> None:
        """Seal under ``key`` (32 bytes); ``https`` makes the cookie ``Secure``."""
        self._key = key
        self._https = https
        self._clock = clock

    def open_session(self, _app: Flask, request: Request) -> Visit:
        name = COOKIE if COOKIE in request.cookies else SECOND
        return Visit(self._open(request.cookies.get(name, "")), self._clock())

    def save_session(
        self,
        _app: Flask,
        session: SecureCookieSession,  # type: ignore[override]  # the one open_session makes
        response: Response,
    ) -> None:
        if not session.modified:
            return
        came = {COOKIE, SECOND} & request.cookies.keys()
        if request.method == "POST" and not came:
            self._set(response, SECOND, session)
            return
        self._set(response, COOKIE, session)
        if SECOND in came:
            self._set(response, SECOND, {})

    def _set(self, response: Response, name: str, contents: Mapping[str, Any]) -> None:
        """Set the cookie ``name``, or delete it where there are no ``contents``."""
        response.set_cookie(
            name,
            self._seal(dict(contents)) if contents else "",
            # What is over already is deleted (RFC 6265, section 5.3).
            expires=None if contents else 0,
            max_age=None if contents else 0,
            secure=self._https,
            httponly=True,
            samesite=_SAME_SITE,
            path="/",
        )

    def _seal(self, contents: dict[str, Any]) -> str:
        text = json.dumps(contents, separators=(",", ":"), ensure_ascii=False)
        plaintext = text.encode("utf-8")
        if len(plaintext) > _SIZE:
            raise AssertionError("a visit outgrew its cookie")
        nonce = os.urandom(_NONCE_KEY_SIZE)
        sealed = self._cipher(nonce).encrypt(_ONE_USE, plaintext.ljust(_SIZE), None)
        return base64.urlsafe_b64encode(nonce + sealed).decode("ascii")

    def _open(self, cookie: str) -> dict[str, Any]:
        try:
            data = base64.urlsafe_b64decode(cookie)
            nonce, sealed = data[:_NONCE_KEY_SIZE], data[_NONCE_KEY_SIZE:]
            contents = json.loads(self._cipher(nonce).decrypt(_ONE_USE, sealed, None))
        except (ValueError, InvalidTag):
            return {}
        return contents if isinstance(contents, dict) else {}

    def _cipher(self, nonce: bytes) -> ChaCha20Poly1305:
        # 24 random bytes choose a key of their own, so that no two cookies ever share one.
        hkdf = HKDFExpand(algorithm=SHA256(), length=32, info=b"intake/visit/1/" + nonce)
        return ChaCha20Poly1305(hkdf.derive(self._key.reveal()))
