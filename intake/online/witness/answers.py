"""Answers to a post that was not read to its end."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response

from intake.online.receiving import Body

#: How long we go on reading after the answer has been sent. A browser that is still sending
#: shows our page only if the connection is not torn down under it.
DRAIN_SECONDS = 30.0


def answer_then_drain(response: Response, body: Body) -> Response:
    """Send ``response`` at once, then read on for a bounded while."""
    page = response.get_data()
    response.headers["Content-Length"] = str(len(page))

    def pieces() -> Iterator[bytes]:
        yield page
        body.drain(DRAIN_SECONDS)

    response.response = pieces()
    return response
