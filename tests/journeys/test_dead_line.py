"""A line that dies when the server has everything: the browser, or its owner, sends again."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page

from intake.receipt.code import Code
from tests.support.deployments import Scene
from tests.support.mailboxes import records
from tests.support.servers import Server, house_of_today

_RESET = struct.pack("ii", 1, 0)


class DeadLine:
    """A relay to a server that, while ``drops`` are left, swallows the answer to each post."""

    def __init__(self, port: int) -> None:
        self.drops = 0
        self.posts = 0
        self._upstream = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        # One thread for both ways: a socket on which another still waits is not reset by a close.
        server = socket.create_connection(("127.0.0.1", self._upstream))
        with client, server, contextlib.suppress(OSError):
            while True:
                ready, _, _ = select.select([client, server], [], [])
                for source in ready:
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    if source is client:
                        self.posts += data.startswith(b"POST ")
                        server.sendall(data)
                    elif self.drops and data.startswith(b"HTTP/1.1 303"):
                        self.drops -= 1
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                        return
                    else:
                        client.sendall(data)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[tuple[Scene, Server, DeadLine]]:
    with house_of_today(tmp_path) as (scene, server):
        relay = DeadLine(server.port)
        yield scene, server, relay
        relay.close()


def press(page: Page, button: str, arrived: str) -> None:
    """Press a button; where the browser gives up, reload, as somebody on a bad line does."""
    page.locator(button).click()
    try:
        page.wait_for_url(f"**{arrived}", timeout=10_000)
    except Error:
        page.reload()
        page.wait_for_url(f"**{arrived}")
    page.locator("main").wait_for()


def test_what_a_browser_sends_again_is_kept_once(
    phone: Page, line: tuple[Scene, Server, DeadLine], tmp_path: Path
) -> None:
    scene, _server, relay = line
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"photo" * 1000)
    address = f"http://127.0.0.1:{relay.port}/en"

    phone.goto(f"{address}/submit")
    phone.locator("#account").fill("words")
    relay.drops = 1
    press(phone, "button[type=submit]", "/en/receipt")
    code = Code("".join(phone.locator("#receipt-code").inner_text().split()))

    phone.locator("#attachments").set_input_files(picture)
    relay.drops = 1
    press(phone, "form:has(#attachments) button", "/en/receipt")
    assert "Files: 1" in phone.locator("main").inner_text()

    phone.goto(f"{address}/mailbox")
    phone.locator("#code").fill(code.reveal())
    phone.locator("main button").click()
    phone.locator("#message").fill("more")
    relay.drops = 1
    press(phone, "form:has(#message) button", "/en/mailbox/open")
    assert relay.drops == 0
    assert relay.posts >= 7  # each of the three at least twice, and the code
    assert records(scene) == [
        ("account", "words", []),
        ("files", "", ["a.jpg"]),
        ("message", "more", []),
    ]
