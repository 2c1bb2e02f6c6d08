"""Whole visits (form, POST, receipt) a second, against a view that seals and inserts only.

The visitors are bare sockets in a process of their own, as light as Python can be; they share
the machine's cores with the server.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.support.servers import free_port, house_of_today

SECONDS = 8.0
RUNS = 3

_TOKEN = re.compile(rb'name="csrf_token" value="([^"]+)"')
_CODE = re.compile(rb'name="code" value="([^"]+)"')
_MAC = re.compile(rb'name="code_mac" value="([^"]+)"')
_COOKIE = re.compile(rb"Set-Cookie: (visit=[^;]+)")
_LENGTH = re.compile(rb"Content-Length: (\d+)", re.IGNORECASE)
_ACCOUNT = "ကျွန်တော် မြင်ခဲ့တာကို ပြောပြချင်ပါတယ်။ ".encode() * 20


@dataclass(frozen=True)
class Load:
    """What a run came to: rate per second, and latencies of one visit in seconds."""

    rate: float
    p50: float
    p99: float


class Browser:
    """One visitor on one connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def exchange(self, request: bytes) -> bytes:
        """Send a request and return the whole answer."""
        self._socket.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._more()
        head, _, body = answer.partition(b"\r\n\r\n")
        match = _LENGTH.search(head)
        length = int(match[1]) if match else 0
        while len(body) < length:
            body += self._more()
        return head + b"\r\n\r\n" + body

    def _more(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data

    def visit(self) -> None:
        """Open the form, send an account, look at the receipt."""
        host = b"Host: 127.0.0.1:%d\r\n" % self._port
        form = self.exchange(b"GET /my/submit HTTP/1.1\r\n" + host + b"\r\n")
        body = b"".join(
            b'--xxx\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name, value)
            for name, value in (
                (b"csrf_token", _found(_TOKEN, form)),
                (b"code", _found(_CODE, form)),
                (b"code_mac", _found(_MAC, form)),
                (b"account", _ACCOUNT),
            )
        )
        body += b"--xxx--\r\n"
        answer = self.exchange(
            b"POST /my/submit HTTP/1.1\r\n" + host + b"Cookie: " + _found(_COOKIE, form) + b"\r\n"
            b"Content-Type: multipart/form-data; boundary=xxx\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        if b" 303 " not in answer[:20]:
            raise ConnectionError("the account was not taken")
        receipt = self.exchange(
            b"GET /my/receipt HTTP/1.1\r\n" + host + b"Cookie: " + _found(_COOKIE, answer) + b"\r\n"
            b"\r\n"
        )
        if b"receipt-code" not in receipt:
            raise ConnectionError("no receipt was shown")

    def post(self, path: bytes, body: bytes) -> None:
        """Send one plain POST."""
        self.exchange(
            b"POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: text/plain\r\n"
            b"Content-Length: %d\r\n\r\n" % (path, self._port, len(body)) + body
        )


def _found(pattern: re.Pattern[bytes], text: bytes) -> bytes:
    match = pattern.search(text)
    if match is None:
        raise ConnectionError("the page lacks something")
    return match[1]


def load(port: int, *, at_once: int, seconds: float, path: bytes | None = None) -> Load:
    """Make visits (or posts to ``path``) from ``at_once`` browsers for so many seconds."""
    latencies: list[float] = []
    begin = time.perf_counter()

    def one() -> None:
        while (start := time.perf_counter()) < begin + seconds:
            with Browser(port) as browser:  # every visitor is somebody else
                if path is None:
                    browser.visit()
                else:
                    browser.post(path, _ACCOUNT)
            latencies.append(time.perf_counter() - start)

    threads = [threading.Thread(target=one) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - begin
    ordered = sorted(latencies)
    return Load(
        rate=len(ordered) / elapsed,
        p50=statistics.median(ordered),
        p99=ordered[int(len(ordered) * 0.99)],
    )


def _load_apart(port: int, at_once: int, path: bytes | None) -> Load:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(load, (port,), {"at_once": at_once, "seconds": SECONDS, "path": path})


_BASELINE = """
import os, sqlite3, sys, threading
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from flask import Flask, request
from gunicorn.app.base import BaseApplication
from intake.age.sealing.hybrid import HybridRecipient
from intake.secret import Secret

SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
KEY = HybridRecipient.from_seed(Secret(bytes(32)))._agreement_key()
app = Flask("baseline")
local = threading.local()

def database():
    if not hasattr(local, "c"):
        local.c = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
        local.c.execute("PRAGMA journal_mode=TRUNCATE")
        local.c.execute("PRAGMA synchronous=FULL")
    return local.c

@app.post("/seal")
def seal():
    sealed = SUITE.encrypt(request.get_data(), KEY, b"")
    database().execute("INSERT INTO t VALUES (?, ?)", (os.urandom(16), sealed))
    return "ok"

@app.get("/en/")
def ready():
    return "ok"

class Server(BaseApplication):
    def load_config(self):
        for name, value in {"bind": "127.0.0.1:" + sys.argv[2], "workers": 2, "threads": 64,
                            "worker_class": "gthread", "loglevel": "critical"}.items():
            self.cfg.set(name, value)
    def load(self):
        return app

database().execute("CREATE TABLE IF NOT EXISTS t (id BLOB PRIMARY KEY, data BLOB) WITHOUT ROWID")
local.c.close(); del local.c
Server().run()
"""


@contextlib.contextmanager
def _baseline(folder: Path) -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", _BASELINE, str(folder / "baseline.db"), str(port)],
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def visits(folder: Path) -> str:
    """Measure both at 1 and 16 at once, in turn."""
    rows = []
    with house_of_today(folder) as (_, server), _baseline(folder) as plain:
        for at_once in (1, 16):
            ours, bare = [], []
            for _ in range(RUNS):
                bare.append(_load_apart(plain, at_once, b"/seal"))
                ours.append(_load_apart(server.port, at_once, None))
            for name, loads in (("one seal, one insert (posts)", bare), ("whole visits", ours)):
                rate = statistics.median(x.rate for x in loads)
                p50 = statistics.median(x.p50 for x in loads) * 1000
                p99 = statistics.median(x.p99 for x in loads) * 1000
                rows.append(f"| {at_once} | {name} | {rate:.0f} | {p50:.1f} | {p99:.1f} |")
            ratio = statistics.median(a.rate / b.rate for a, b in zip(ours, bare, strict=True))
            rows.append(f"| {at_once} | **visits for each such post** | **{ratio:.2f}** | | |")
    return "\n".join(
        [
            "## Whole visits a second",
            "",
            "A visit is the form, the POST of a Burmese text account, and the receipt: three "
            "requests, one Argon2id, two age files, one durable blob and one durable row. Beside "
            "it, under the same server, a Flask view that does one HPKE seal and one durable "
            "SQLite insert and nothing else. Aim: 265 visits a second.",
            "",
            "| at once | what | a second | p50, ms | p99, ms |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )
