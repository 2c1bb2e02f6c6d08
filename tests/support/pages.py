"""The witness's pages as a whole site: a deployment that leaves to a page of ours."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.browsers import Browser
from tests.support.deployments import Scene, make_scene
from tests.support.servers import Server, free_port, serving

#: The button that sends the account; the form has others, which change its language.
SEND = "#account-form button[type=submit]:not([formaction])"
LEAVE = "a.leave"

_PLAIN = """<!doctype html><html lang="en"><title>Weather</title><h1 id="plain">Weather</h1>
<form method="post" action="/form"><textarea id="words" name="words"></textarea>
<input id="word" name="word"><button>Send</button></form><p>{}</p></html>"""


class _PlainAnswers(BaseHTTPRequestHandler):
    """A page as the whole web has them: kept by browsers, and a form answered by a page."""

    marker = ""

    def do_GET(self) -> None:
        self._page()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._page()

    def _page(self) -> None:
        shown = self.marker if self.path.startswith("/shows") else ""
        page = gzip.compress(_PLAIN.format(shown).encode())
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "max-age=3600")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def plain_site(marker: str = "") -> Iterator[str]:
    """Serve a plain site, whose ``/shows`` shows ``marker``; yield its address."""
    answers = type("Answers", (_PlainAnswers,), {"marker": marker})
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Site:
    """A deployment being served, and the plain page to which it leaves."""

    scene: Scene
    server: Server
    address: str
    leave_to: str


@contextlib.contextmanager
def witness_site(folder: Path) -> Iterator[Site]:
    """Serve a deployment of today, as ``intake serve`` does, that leaves to a page of ours."""
    port = free_port()
    today = dt.datetime.now(dt.UTC).date()
    scene = make_scene(folder / "deployment", port=port, today=today)
    with plain_site() as plain:
        text = scene.config.read_text(encoding="utf-8")
        told = text.replace("[pages]\n", f'[pages]\nleave_to = "{plain}"\n')
        scene.config.write_text(told, encoding="utf-8")
        with serving(scene.config, port) as server:
            yield Site(scene, server, f"http://127.0.0.1:{port}/", plain)


def unheard_of() -> str:
    """Return a word that stands nowhere else, so that finding it says something."""
    return "zq" + "".join(secrets.choice("bcdfghjkmnpqrstvwxyz") for _ in range(16))


def write(browser: Browser, *, most: int = 4) -> list[str]:
    """Write a word of its own into each of the form's long fields, the account first; return them.

    At most so many fields, whatever the questionnaire asks.
    """
    fields = [name for name in browser.long_fields() if name != "account"]
    words = {name: unheard_of() for name in ["account", *fields][:most]}
    for name, word in words.items():
        browser.fill(f"#{name}", word)
    assert all(word in browser.seen() for word in words.values())
    return list(words.values())
