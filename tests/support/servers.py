"""The real server as its own process, and a browser of bare sockets to talk to it."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.deployments import (
    BOUNDARY,
    Scene,
    encode,
    hidden_fields,
    make_scene,
    receipt_code,
)

START_SECONDS = 30.0


def free_port() -> int:
    """Return a port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Answer:
    """What a server answered."""

    status: int
    head: str
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    def cookie(self) -> str | None:
        match = re.search(r"Set-Cookie: (visit=[^;]*)", self.head)
        return match[1] if match else None


@dataclass
class Server:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def connect(self, timeout: float = 30.0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def kill(self) -> None:
        """Kill every process of it, as a power cut would."""
        pids = (self.process.pid, *self.workers())
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        while any(_alive(pid) for pid in pids):
            time.sleep(0.01)


def _alive(pid: int) -> bool:
    """Return whether a process still holds anything: a zombie does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


@contextlib.contextmanager
def serving(
    config: Path,
    port: int,
    *,
    prefix: tuple[str, ...] = (),
    environment: dict[str, str] | None = None,
    root: Path | None = None,
    ready: Callable[[], bool] | None = None,
) -> Iterator[Server]:
    """Run ``intake serve`` with a settings file until the block ends.

    ``prefix`` stands before the command (a tracer, say); ``root`` is another copy of the code.
    """
    log = config.parent / "server.log"
    command = [sys.executable, "-c", "from intake.online.cli import main; main()"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*prefix, *command, "--config", str(config), "serve"],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=root or Path.cwd(),
            env={
                **os.environ,
                **({"PYTHONPATH": str(root)} if root else {}),
                **(environment or {}),
            },
        )
    server = Server(port, process, log)
    try:
        _wait(server, ready)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def house_of_today(
    folder: Path, *, threads: int = 64, **options: object
) -> Iterator[tuple[Scene, Server]]:
    """Make a deployment of today in ``folder`` and serve it."""
    port = free_port()
    today = dt.datetime.now(dt.UTC).date()
    scene = make_scene(folder / "deployment", port=port, today=today, threads=threads)
    with serving(scene.config, port, **options) as server:  # type: ignore[arg-type]
        yield scene, server


def _wait(server: Server, ready: Callable[[], bool] | None) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            break
        if ready is not None and ready():
            return
        with contextlib.suppress(OSError):
            if ready is None and Browser(server).get("/en/").status == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"the server did not start: {server.log.read_text()}")


@dataclass
class Browser:
    """One visitor: a cookie, and a connection of its own for every request."""

    server: Server
    cookie: str | None = None
    hidden: dict[str, str] = field(default_factory=dict)

    def request(self, head: str, body: bytes = b"", *, timeout: float = 60.0) -> Answer:
        with self.server.connect(timeout) as connection:
            connection.sendall(self.head(head).encode() + body)
            return self.read(connection)

    def head(self, lines: str) -> str:
        cookie = f"Cookie: {self.cookie}\r\n" if self.cookie else ""
        method, _, rest = lines.partition("\r\n")
        return (
            f"{method} HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\nConnection: close\r\n"
            f"{cookie}{rest}\r\n"
        )

    def read(self, connection: socket.socket) -> Answer:
        data = b""
        while b"\r\n\r\n" not in data:
            data += _received(connection)
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(_header(head, b"Content-Length") or 0)
        while len(body) < length:
            body += _received(connection)
        answer = Answer(int(head.split()[1]), head.decode("latin-1"), body)
        self.cookie = answer.cookie() or self.cookie
        return answer

    def get(self, path: str) -> Answer:
        return self.request(f"GET {path}\r\n")

    def open_form(self, lang: str = "my") -> None:
        self.hidden = hidden_fields(self.get(f"/{lang}/submit").text)

    def form_head(self, length: int, lang: str = "my") -> str:
        return self.head(
            f"POST /{lang}/submit\r\nContent-Length: {length}\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        )

    def form_body(self, account: str, files: list[tuple[str, bytes]] | None = None) -> bytes:
        return encode([*self.hidden.items(), ("account", account)], files or [])

    def send(self, account: str, files: list[tuple[str, bytes]] | None = None) -> Answer:
        if not self.hidden:
            self.open_form()
        body = self.form_body(account, files)
        with self.server.connect(120) as connection:
            connection.sendall(self.form_head(len(body)).encode() + body)
            return self.read(connection)

    def receipt(self) -> str:
        return receipt_code(self.get("/my/receipt").text)


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 16)
    if not data:
        raise ConnectionError("the server closed the connection")
    return data


def _header(head: bytes, name: bytes) -> bytes | None:
    match = re.search(rb"(?im)^" + name + rb": (.*?)\r?$", head)
    return match[1] if match else None
