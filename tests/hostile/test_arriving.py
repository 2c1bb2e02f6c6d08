"""What arrives at the server: bodies that lie, never end, or stop half-way. Threats 1, 2, 5."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deployments import BOUNDARY, Scene
from tests.support.servers import Browser, Server, house_of_today

MARKER = "သက်သေ-marker"
B = BOUNDARY.encode()


def part(name: bytes, value: bytes, filename: bytes | None = None) -> bytes:
    file = b"" if filename is None else b'; filename="%s"' % filename
    return (
        b'--%s\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n' % (B, name, file)
        + value
        + b"\r\n"
    )


END = b"--%s--\r\n" % B


def bodies(fields: bytes) -> dict[str, tuple[bytes, int]]:
    """Return hostile bodies by name, each with the status it deserves."""
    file = part(b"attachments", b"x" * 100_000, b"a")
    return {
        "no last boundary": (fields + file, 400),
        "no boundary at all": (b"x" * 200_000, 400),
        "another boundary": (fields.replace(B, b"other") + END, 400),
        "a field after a file": (fields + file + part(b"late", b"x") + END, 400),
        "a file of another field": (fields + part(b"evil", b"x", b"a") + END, 400),
        "a name of a megabyte": (fields + part(b"attachments", b"x", b"a" * 1_000_000) + END, 400),
        "a thousand headers": (
            fields + b"--%s\r\n" % B + b"X-A: b\r\n" * 1000 + b"\r\nx\r\n" + END,
            400,
        ),
        "no name": (fields + b"--%s\r\nContent-Disposition: form-data\r\n\r\nx\r\n" % B + END, 400),
        "no disposition": (fields + b"--%s\r\n\r\nx\r\n" % B + END, 400),
        "a content length in a part that lies": (
            fields + b'--%s\r\nContent-Disposition: form-data; name="attachments"; filename="a"\r\n'
            b"Content-Length: 3\r\n\r\nxxxxxx\r\n" % B + END,
            400,
        ),
        "two thousand parts": (fields + part(b"more", b"x") * 2000 + END, 400),
        "a huge field": (fields + part(b"huge", b"x" * 20_000_000) + END, 413),
        "many large fields": (fields + part(b"more", b"x" * 1_000_000) * 20 + END, 413),
    }


NAMES = list(bodies(b""))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, Server]]:
    """One server for the whole table: it must take every blow and go on."""
    with house_of_today(tmp_path_factory.mktemp("house")) as found:
        yield found


def blobs(scene: Scene) -> set[Path]:
    """Return everything in the folder of blobs, debris too."""
    return set((scene.folder / "state" / "blobs").iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_body_is_refused_with_the_words_and_leaves_nothing(
    house: tuple[Scene, Server], name: str
) -> None:
    scene, server = house
    before = blobs(scene)
    browser = Browser(server)
    browser.open_form()
    fields = b"".join(part(k.encode(), v.encode()) for k, v in browser.hidden.items())
    body, status = bodies(fields + part(b"account", MARKER.encode()))[name]
    with server.connect() as connection:
        connection.sendall(browser.form_head(len(body)).encode() + body)
        answer = browser.read(connection)
    assert answer.status == status
    assert 'class="error"' in answer.text
    if name not in {"no boundary at all", "another boundary"}:
        assert MARKER in answer.text
    assert blobs(scene) == before
    assert MARKER not in server.log.read_text()


@pytest.mark.parametrize("start", [b"\r\n", b"\n", b"\r", b"\r\n--", b"\r\n\r\n\r\n"])
def test_a_part_of_line_ends_is_taken_quickly(house: tuple[Scene, Server], start: bytes) -> None:
    scene, server = house
    before = scene.sealed()
    content = start * (4_000_000 // len(start))
    begin = time.monotonic()
    assert Browser(server).send("x", [("a", content)]).status == 303
    assert time.monotonic() - begin < 60, "the parser went over the same bytes again and again"
    (sealed,) = set(scene.sealed()) - set(before)
    with scene.opened(sealed) as envelope:
        (attachment,) = envelope.record.attachments
        assert envelope.open_attachment(attachment).read() == content


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("POST /my/submit\r\nTransfer-Encoding: chunked\r\nContent-Type: {form}\r\n", 411),
        ("POST /my/submit\r\nContent-Length: 10\r\nContent-Type: text/plain\r\n", 415),
        ("POST /my/submit\r\nContent-Length: 0\r\nContent-Type: {form}\r\n", 400),
        ("POST /my/receipt\r\nContent-Length: 0\r\n", 415),
        ("POST /my/mailbox\r\nContent-Length: 0\r\n", 415),
        ("POST /my/mailbox/open\r\nTransfer-Encoding: chunked\r\nContent-Type: {form}\r\n", 411),
        ("POST /my/keys\r\nContent-Length: 0\r\n", 405),
        ("PUT /my/submit\r\nContent-Length: 0\r\n", 405),
        ("DELETE /my/submit\r\n", 405),
        ("TRACE /my/\r\n", 405),
        ("POST /my/submit\r\nContent-Length: -1\r\n", 400),
        ("POST /my/submit\r\nContent-Length: 5\r\nContent-Length: 6\r\n", 400),
        ("GET /my/submit/../../etc/passwd\r\n", 404),
        ("GET /%00\r\n", 404),
    ],
)
def test_what_can_be_refused_by_its_head_is(
    house: tuple[Scene, Server], head: str, status: int
) -> None:
    _, server = house
    form = f"multipart/form-data; boundary={BOUNDARY}"
    answer = Browser(server).request(head.format(form=form), b"0\r\n\r\n")
    assert answer.status == status


@pytest.mark.parametrize("stop", [0, 1, 50, 300, 700, 5_000, 70_000, 300_000, -1])
def test_a_body_cut_off_leaves_nothing(house: tuple[Scene, Server], stop: int) -> None:
    scene, server = house
    before = blobs(scene)
    browser = Browser(server)
    browser.open_form()
    body = browser.form_body(MARKER, [("a", b"x" * 1_000_000)])
    with server.connect() as connection:
        connection.sendall(browser.form_head(len(body)).encode() + body[:stop])
    # Another whole visit must succeed, and after it nothing but its own blob may be there.
    assert Browser(server).send(f"after {stop}").status == 303
    deadline = time.monotonic() + 10
    while len(blobs(scene)) != len(before) + 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    (sealed,) = blobs(scene) - before
    with scene.opened(sealed) as envelope:
        assert envelope.account_text() == f"after {stop}"


def test_a_body_far_over_the_limit_is_answered_with_a_page(
    house: tuple[Scene, Server],
) -> None:
    """The whole page arrives although the body is still being sent, and then the rest is read."""
    scene, server = house
    before = scene.sealed()
    browser = Browser(server)
    browser.open_form()
    body = browser.form_body(MARKER, [("a", b"x" * 9000)])[: -len(END) - 2]
    with server.connect() as connection:
        connection.sendall(browser.form_head(6 << 30).encode() + body)
        answer = browser.read(connection)
        assert answer.status == 413
        assert MARKER in answer.text
        block = b"x" * (1 << 20)
        for _ in range(64):  # what a browser has still in its pipes is taken, not reset
            connection.sendall(block)
    assert scene.sealed() == before


def test_a_body_longer_than_announced_is_not_read_as_a_second_request(
    house: tuple[Scene, Server],
) -> None:
    scene, server = house
    before = scene.sealed()
    browser = Browser(server)
    browser.open_form()
    body = browser.form_body("x")
    smuggled = b"GET /my/ HTTP/1.1\r\nHost: evil\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(browser.form_head(len(body)).encode() + body + smuggled)
        assert browser.read(connection).status == 303
        connection.settimeout(5)
        try:
            rest = connection.recv(65536)
        except (TimeoutError, ConnectionError):
            rest = b""
    assert rest == b""
    assert len(scene.sealed()) == len(before) + 1


def test_hosts_that_are_not_ours_are_refused(house: tuple[Scene, Server]) -> None:
    _, server = house
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /my/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        answer = connection.recv(100)
    assert b" 400 " in answer
