"""The production server as a process: its sockets, its answers, its end."""

from __future__ import annotations

import datetime as dt
import socket
import stat
import time
from pathlib import Path

from tests.support.deployments import Scene, make_scene
from tests.support.servers import Browser, Server, serving


def ask(path: Path, host: str) -> bytes:
    """Ask for a page through a Unix socket, as Tor would."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(path))
        connection.sendall(
            f"GET /my/submit HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b""
        while data := connection.recv(65536):
            answer += data
    return answer


def test_an_onion_service_is_served_through_a_unix_socket(tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "deployment", today=dt.datetime.now(dt.UTC).date())
    path = tmp_path / "onion.sock"
    text = scene.config.read_text().replace("127.0.0.1:8000", f"unix:{path}")
    scene.config.write_text(text.replace('"127.0.0.1", "localhost"', '"witness.onion"'))
    with serving(scene.config, 0, ready=path.exists):
        deadline = time.monotonic() + 20
        while not (answer := _try(path, "witness.onion")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert b" 200 " in answer[:20]
        assert b"code_mac" in answer
        assert b" 400 " in ask(path, "evil.example")[:20]
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def _try(path: Path, host: str) -> bytes:
    try:
        return ask(path, host)
    except OSError:
        return b""


def test_an_upload_under_way_is_finished_when_the_server_is_told_to_stop(
    served: tuple[Scene, Server],
) -> None:
    scene, server = served
    browser = Browser(server)
    browser.open_form()
    body = browser.form_body("before the end", [("a.jpg", b"x" * 500_000)])
    with server.connect() as connection:
        connection.sendall(browser.form_head(len(body)).encode() + body[:300_000])
        time.sleep(0.5)
        server.process.terminate()
        time.sleep(0.5)
        connection.sendall(body[300_000:])
        assert browser.read(connection).status == 303
    server.process.wait(30)
    assert scene.accounts() == ["before the end"]


def test_many_requests_on_one_connection_are_answered_in_turn(
    served: tuple[Scene, Server],
) -> None:
    """The direct reading of bodies keeps gunicorn's count: nothing is left over or taken twice."""
    scene, server = served
    browser = Browser(server)
    browser.open_form()
    with server.connect() as connection:
        for n in range(5):
            body = browser.form_body(f"message {n}", [("a", b"x" * 70_000 * n)])
            head = browser.form_head(len(body)).replace("Connection: close\r\n", "")
            connection.sendall(head.encode() + body)
            assert browser.read(connection).status == 303
    assert scene.accounts() == [f"message {n}" for n in range(5)]
