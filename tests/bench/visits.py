"""A load of whole visits (form, POST, receipt) from bare sockets, as light as Python can be."""

from __future__ import annotations

import re
import socket
import statistics
import threading
import time
from dataclasses import dataclass

_TOKEN = re.compile(rb'name="csrf_token" value="([^"]+)"')
_CODE = re.compile(rb'name="code" value="([^"]+)"')
_MAC = re.compile(rb'name="code_mac" type="hidden" value="([^"]+)"')
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
    """One connection that is kept open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

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
        browser = Browser(port)
        while (start := time.perf_counter()) < begin + seconds:
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
