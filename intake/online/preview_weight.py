"""What a page weighs on the wire, headers and all, and whether it comes without a wait.

Ten segments of 1,460 bytes arrive before a browser has to wait for the first time.
"""

from __future__ import annotations

from collections.abc import Iterator

from werkzeug.test import TestResponse

from intake.online.witness.compression import gzipped

FIRST_VIEW = 14_600

#: The status line, what the server adds to every answer, and the empty line (gunicorn).
_AROUND = b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\n"
_AROUND += b"Connection: keep-alive\r\n\r\n"
_ENCODED = b"Content-Encoding: gzip\r\n"

#: Has one length for every code, with replies or none (docs/threat-model.md).
_OF_ONE_LENGTH = "mailbox_open"


def weight(answer: TestResponse) -> int:
    """Return how many bytes a browser that takes gzip is sent with ``answer``."""
    lines = sum(len(f"{name}: {value}\r\n") for name, value in answer.headers.items())
    body, around = answer.data, _AROUND
    if "Accept-Encoding" in answer.headers.get("Vary", ""):  # it is one of those
        body, around = gzipped(body), _AROUND + _ENCODED
    return len(around) + lines + len(body)


def advice_on_weight(page: str, file: str, answer: TestResponse) -> Iterator[str]:
    """Yield a sentence if the first view of a page makes its reader wait."""
    bytes_sent = weight(answer)
    if answer.request.method == "GET" and page != _OF_ONE_LENGTH and bytes_sent > FIRST_VIEW:
        yield (
            f"The page {file} weighs {bytes_sent:,} bytes; {FIRST_VIEW:,} reach a phone on a bad "
            "line at once. Shorten what stands on it."
        )
