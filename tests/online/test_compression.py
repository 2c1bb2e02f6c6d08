"""What is compressed, what never is, and that a compressed form's length tells nothing."""

from __future__ import annotations

import gzip
import re

import pytest
from werkzeug.test import Client, TestResponse

from intake.online.witness import languages
from intake.online.witness.app import create_app
from intake.online.witness.compression import gzipped
from intake.receipt.code import Code
from tests.support.deployments import Scene, hidden_fields, send
from tests.support.mailboxes import Visitor

GZIP = {"Accept-Encoding": "gzip, deflate, br"}
TAGS = [language.tag for language in languages.complete()]

#: The most bytes of a first view, headers included: ten segments, before a line's first pause.
FIRST_VIEW = 14_600


def weight(answer: TestResponse) -> int:
    """Return the bytes of an answer with its status line and headers, and the server's own two."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
    own = "HTTP/1.1 200 OK\r\nServer: gunicorn\r\nConnection: keep-alive\r\nDate: " + "x" * 31
    return len(own) + len(headers.encode()) + 4 + len(answer.data)


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("path", ["/", "/submit", "/keys", "/nothing"])
def test_what_is_the_same_for_everybody_is_compressed(client: Client, tag: str, path: str) -> None:
    plain = client.get(f"/{tag}{path}")
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["Vary"]
    packed = client.get(f"/{tag}{path}", headers=GZIP)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert packed.headers["Content-Length"] == str(len(packed.data))
    page = gzip.decompress(packed.data).decode()
    secrets = re.compile(r'name="(csrf_token|code|code_mac)" value="[^"]*"')
    assert secrets.sub("", page) == secrets.sub("", plain.text)
    assert weight(packed) <= FIRST_VIEW


def test_nothing_is_compressed_for_who_did_not_ask(client: Client) -> None:
    for accepted in ("", "br", "gzip;q=0", "identity"):
        answer = client.get("/en/", headers={"Accept-Encoding": accepted})
        assert "Content-Encoding" not in answer.headers
        assert answer.text.startswith("<!doctype html>")


def test_what_a_visitor_can_choose_is_never_compressed(scene: Scene) -> None:
    client = Client(create_app(scene.deployment()), use_cookies=True)
    hidden = hidden_fields(client.get("/my/submit").text)
    visitor = Visitor(client, "my")
    answers = [
        send(client, "", hidden=hidden, headers=GZIP),
        send(client, "စာ", hidden=hidden | {"csrf_token": "another"}, headers=GZIP),
        send(client, "စာ", hidden=hidden, headers=GZIP),
        client.get("/my/receipt", headers=GZIP),
        client.get("/my/mailbox", headers=GZIP),
        client.post("/my/", headers=GZIP),
        client.post("/my/nothing", headers=GZIP),
    ]
    visitor.open(Code.generate())
    answers.append(client.get("/my/mailbox/open", headers=GZIP))
    for answer in answers:
        assert "Content-Encoding" not in answer.headers


#: The most bytes of a form that comes back, beside its words.
COMES_BACK = 47_000


@pytest.mark.parametrize("tag", TAGS)
def test_a_form_that_comes_back_is_as_heavy_as_itself_and_its_words(scene: Scene, tag: str) -> None:
    client = Client(create_app(scene.deployment()))
    empty, full = (send(client, account, lang=tag) for account in ("", "စ" * 1_000_001))
    assert (empty.status_code, full.status_code) == (422, 413)
    assert weight(empty) <= COMES_BACK
    assert weight(full) <= COMES_BACK + 3 * 1_000_001


@pytest.mark.parametrize("tag", TAGS)
def test_another_language_with_nothing_typed_is_the_light_page(client: Client, tag: str) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    for nothing in ({}, {"account": "", "attachments": ""}):
        answer = client.post(f"/{tag}/submit?switch=1", data=hidden | nothing, headers=GZIP)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/{tag}/submit")
    for something in ({"account": " "}, {"attachments": "photo.jpg"}):
        answer = client.post(f"/{tag}/submit?switch=1", data=hidden | something, headers=GZIP)
        assert answer.status_code == 200


@pytest.mark.parametrize("tag", TAGS)
def test_every_form_has_the_same_length_on_the_wire(scene: Scene, tag: str) -> None:
    """Whatever its token, its code and its mark: two hundred visits, and two hundred reloads."""
    app = create_app(scene.deployment())
    first = [Client(app).get(f"/{tag}/submit", headers=GZIP) for _ in range(200)]
    client = Client(app)
    again = [client.get(f"/{tag}/submit", headers=GZIP) for _ in range(200)]
    assert len({len(answer.data) for answer in (*first, *again)}) == 1
    assert len({weight(answer) for answer in first}) == 1
    codes = {hidden_fields(gzip.decompress(answer.data).decode())["code"] for answer in first}
    assert len(codes) == 200


def test_a_hidden_fields_value_stands_in_the_gzip_file_as_it_is() -> None:
    page = b'<p>%s<input class="a" value="%s" type=hidden><input type="hidden" value="">%s'
    lengths = set()
    for secret in (b"a" * 40, b"0123456789" * 4, b"<p>text" * 5 + b"12345", bytes(range(128, 168))):
        made = page % (b"text " * 50, secret, b"text " * 50)
        packed = gzipped(made)
        assert gzip.decompress(packed) == made
        assert secret in packed
        lengths.add(len(packed))
    assert len(lengths) == 1


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 200_000])
def test_a_hidden_value_of_any_length_is_held(size: int) -> None:
    page = b'<input type="hidden" value="' + b"v" * size + b'">'
    assert gzip.decompress(gzipped(page)) == page


@pytest.mark.parametrize("tag", TAGS)
def test_what_is_not_compressed_is_light_as_well(scene: Scene, tag: str) -> None:
    client = Client(create_app(scene.deployment()))
    nothing = client.get(f"/{tag}/receipt", headers=GZIP)
    send(client, "စာ", [("a", b"1"), ("b", b"2")], lang=tag)
    answers = [nothing, client.get(f"/{tag}/receipt", headers=GZIP)]
    answers.append(client.get(f"/{tag}/mailbox", headers=GZIP))
    visitor = Visitor(Client(create_app(scene.deployment())), tag)
    for typed in ("", "x", "0" * 27 + "1"):
        visitor.type_code(typed)
        answers.append(visitor.client.get(f"/{tag}/mailbox", headers=GZIP))
    for answer in answers:
        assert weight(answer) <= FIRST_VIEW
