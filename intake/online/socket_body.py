"""A request's body straight from gunicorn's socket: whatever has arrived, copied once.

gunicorn's own ``wsgi.input`` waits until it has as many bytes as were asked for, and copies each
of them four times; on a bad line that keeps a form from being judged, and on a good one it takes
as long as sealing. This reads what is there, and keeps gunicorn's count of what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gunicorn.http.body import Body, LengthReader
from gunicorn.http.unreader import SocketUnreader


def body_reader(environ: Mapping[str, Any]) -> Callable[[int], bytes]:
    """Return a function that reads some bytes of the body, at most so many; none at its end.

    Under another server than gunicorn it is ``wsgi.input`` itself.
    """
    body = environ["wsgi.input"]
    if not isinstance(body, Body) or not isinstance(body.reader, LengthReader):
        read: Callable[[int], bytes] = body.read
        return read
    reader = body.reader
    unreader = reader.unreader
    if not isinstance(unreader, SocketUnreader):
        return body.read

    def receive(size: int) -> bytes:
        wanted = min(size, reader.length)
        data: bytes = unreader.take_buffered()
        if not data:
            data = unreader.sock.recv(wanted)
        elif len(data) > wanted:
            unreader.unread(data[wanted:])
            data = data[:wanted]
        reader.length -= len(data)
        return data

    return receive
