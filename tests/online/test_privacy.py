"""What every answer carries, what the cookie is, what logs and rows may say."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import Client, TestResponse

from intake.age.opening.hybrid import HybridIdentity
from intake.online.private_logging import PrivateFormatter
from intake.online.witness.app import create_app
from intake.online.witness.visit import SealedVisits
from intake.receipt.code import Code
from intake.receipt.derivation import derive
from intake.secret import Secret
from tests.support.deployments import NOON, Scene, hidden_fields, make_scene, receipt_code, send
from tests.support.mailboxes import Visitor, file_reply

PAGES = (
    "/",
    "/en/",
    "/my/",
    "/en/submit",
    "/en/receipt",
    "/en/mailbox",
    "/en/mailbox/open",
    "/en/keys",
    "/en/leave",
    "/nothing",
    "/keys/manifest.json",
    "/keys/recipients.txt",
    "/en/nothing",
)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_every_answer_allows_nothing_from_elsewhere(client: Client, path: str, method: str) -> None:
    headers = client.open(path, method=method).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "script" not in policy
    assert "unsafe" not in policy
    for directive in ("form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert directive in policy
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def asks_for_nothing_else(page: str) -> None:
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert not re.search(r'(src|href|action)="(?!/|data:,"|#)', page)
    assert "url(" not in page
    assert "@import" not in page


@pytest.mark.parametrize("path", ["/en/", "/my/submit", "/en/receipt", "/en/keys", "/en/nothing"])
def test_pages_ask_for_nothing_but_themselves(tmp_path: Path, path: str) -> None:
    scene = make_scene(tmp_path / "deployment", custodian=HybridIdentity.generate())
    client = Client(create_app(scene.deployment()))
    asks_for_nothing_else(client.get(path).text)
    (scene.folder / "manifest.json").unlink()
    asks_for_nothing_else(client.get(path).text)


def test_there_is_one_cookie_that_goes_with_the_visit(client: Client) -> None:
    assert "Set-Cookie" not in client.get("/en/").headers
    (cookie,) = client.get("/en/submit").headers.getlist("Set-Cookie")
    assert cookie.startswith("visit=")
    for attribute in ("HttpOnly", "SameSite=Lax", "Path=/"):
        assert attribute in cookie
    for attribute in ("Expires", "Max-Age", "Domain"):
        assert attribute not in cookie
    (cleared,) = client.get("/en/leave").headers.getlist("Set-Cookie")
    assert cleared.startswith("visit=;")


def test_over_https_the_cookie_is_secure(scene: Scene) -> None:
    deployment = scene.deployment()
    deployment = replace(deployment, settings=replace(deployment.settings, https=True))
    answer = Client(create_app(deployment)).get("/en/submit")
    assert "Secure" in answer.headers["Set-Cookie"]
    assert "Strict-Transport-Security" in answer.headers


def test_the_cookie_tells_nothing_by_content_or_length(client: Client) -> None:
    before = client.get("/my/submit").headers["Set-Cookie"]
    answer = send(client, "စာ")
    after = answer.headers["Set-Cookie"]
    assert len(before) == len(after)
    code = receipt_code(client.get("/my/receipt").text)
    assert code not in after
    assert code not in str(answer.headers)


def test_a_cookie_from_elsewhere_is_no_visit(client: Client) -> None:
    for value in ("", "x", "A" * 2000, "////", "e30="):
        client.set_cookie("visit", value)
        assert client.get("/my/receipt").status_code == 404


def test_the_receipt_is_shown_for_ten_minutes(scene: Scene) -> None:
    client = Client(create_app(scene.deployment()))
    send(client, "စာ")
    cookie = client.get_cookie("visit")
    assert cookie is not None
    for later, status in ((599, 200), (601, 404)):
        again = Client(create_app(scene.deployment(now=NOON + later)))
        again.set_cookie("visit", cookie.value)
        assert again.get("/my/receipt").status_code == status


def test_leaving_ends_the_receipt_and_goes_to_a_plain_page(client: Client) -> None:
    send(client, "စာ")
    answer = client.get("/my/leave")
    assert (answer.status_code, answer.headers["Location"]) == (303, "https://www.google.com/")
    assert client.get("/my/receipt").status_code == 404


def test_another_site_cannot_end_a_visit(client: Client) -> None:
    send(client, "စာ")
    for headers in (
        {"Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-site"},
    ):
        answer = client.get("/my/leave", headers=headers)
        assert "Clear-Site-Data" not in answer.headers
        assert "Set-Cookie" not in answer.headers
        assert client.get("/my/receipt").status_code == 200
    looked = client.head("/my/leave")
    assert {"Clear-Site-Data", "Set-Cookie"}.isdisjoint(looked.headers.keys())
    for site in ("none", "same-origin"):
        headers = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": site}
        assert "Clear-Site-Data" in client.get("/my/leave", headers=headers).headers


POSTS = ("submit", "submit?switch=1", "mailbox", "mailbox/open", "mailbox/open?switch=1", "receipt")
FORM_KINDS = ("multipart/form-data", "application/x-www-form-urlencoded")


def post_from_elsewhere(
    client: Client, path: str, kind: str, headers: dict[str, str]
) -> TestResponse:
    return client.post(f"/my/{path}", data={"account": "x"}, content_type=kind, headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
        {"Sec-Fetch-Site": "same-site", "Origin": "null"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
    ],
)
@pytest.mark.parametrize("kind", FORM_KINDS)
@pytest.mark.parametrize("path", POSTS)
def test_a_post_of_another_site_changes_no_cookie_and_gets_no_form(
    scene: Scene, client: Client, path: str, kind: str, headers: dict[str, str]
) -> None:
    """Whether the browser keeps the visit's cookie back, or sends it along, also when it is old."""
    send(client, "စာ")
    cookie = client.get_cookie("visit")
    assert cookie is not None
    later = Client(create_app(scene.deployment(now=NOON + 601)))
    later.set_cookie("visit", cookie.value)
    for sender in (Client(client.application), client, later):
        answer = post_from_elsewhere(sender, path, kind, headers)
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers
        assert "<form" not in answer.text
    assert client.get("/my/receipt").status_code == 200


@pytest.mark.parametrize("kind", FORM_KINDS)
@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("headers", [{}, {"Origin": "null"}])
def test_a_post_that_brought_no_cookie_takes_the_place_of_no_visit(
    client: Client, path: str, kind: str, headers: dict[str, str]
) -> None:
    """Not every browser says that another site sent it, and each keeps the cookie back."""
    send(client, "စာ")
    answer = post_from_elsewhere(Client(client.application), path, kind, headers)
    for cookie in answer.headers.getlist("Set-Cookie"):
        name, _, rest = cookie.partition("=")
        client.set_cookie(name, rest.partition(";")[0])
    assert client.get("/my/receipt").status_code == 200


def test_who_had_no_cookie_goes_on_with_one_visit(client: Client) -> None:
    page = send(client, "စာ", hidden={}).text
    assert client.get_cookie("visit") is None
    assert send(client, "စာ", hidden=hidden_fields(page)).status_code == 303
    assert client.get_cookie("visit2") is None
    assert client.get("/my/receipt").status_code == 200
    other = Client(client.application)
    send(other, "စာ", hidden={})
    other.get("/my/leave")
    assert other.get_cookie("visit") is other.get_cookie("visit2") is None


def test_nothing_of_a_code_outlives_its_ten_minutes_in_the_cookie(scene: Scene) -> None:
    now = [NOON]
    app = create_app(replace(scene.deployment(), clock=lambda: now[0]))
    visits = app.session_interface
    assert isinstance(visits, SealedVisits)
    visitor = Visitor(Client(app))

    def carried() -> dict[str, object]:
        found = visitor.client.get_cookie("visit")
        assert found is not None
        return visits._open(found.value)

    send(visitor.client, "စာ", lang="en")
    visitor.open(Code.generate())
    visitor.type_code("3141592653589793238462643383")
    token = carried()["csrf_token"]
    assert set(carried()) == {"csrf_token", "receipt", "mailbox", "door"}
    cookie = visitor.client.get_cookie("visit")
    assert cookie is not None
    for later in (601, 3 * 86400):
        now[0] = NOON + later
        visitor.client.set_cookie("visit", cookie.value)
        assert "Set-Cookie" in visitor.client.get("/en/keys").headers
        assert carried() == {"csrf_token": token}
    assert "31415" not in visitor.client.get("/en/mailbox").text


def test_every_successful_post_answers_303(client: Client) -> None:
    assert send(client, "စာ").status_code == 303


def test_the_code_and_the_words_are_in_no_row_no_name_and_no_log(
    scene: Scene, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    send(client, "marker-in-text", [("marker-in-name", b"marker-in-file")])
    code = receipt_code(client.get("/my/receipt").text)
    everything = b"".join(
        path.name.encode() + path.read_bytes() for path in scene.folder.rglob("*") if path.is_file()
    )
    for secret in ("marker-in", code, code[:12]):
        assert secret.encode() not in everything
        assert secret not in caplog.text


def test_what_is_done_in_a_mailbox_is_in_no_row_no_name_and_no_log(
    scene: Scene, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    code = Code.generate()
    file_reply(scene.deployment(), code, "marker-in-reply")
    visitor = Visitor(client)
    visitor.type_code(code.reveal()[:-1])
    assert "marker-in-reply" in visitor.open(code)
    visitor.send("marker-in-text", [("marker-in-name", b"marker-in-file")])
    visitor.send("marker-in-error", changes={"csrf_token": "marker-in-token"})
    keys = derive(code, scene.manifest.receipt)
    everything = b"".join(
        path.name.encode() + path.read_bytes() for path in scene.folder.rglob("*") if path.is_file()
    )
    secrets = [b"marker-in", code.reveal().encode(), code.reveal()[:12].encode()]
    secrets += [keys.reply_key.reveal(), keys.reply_seed.reveal()]
    for secret in secrets:
        assert secret not in everything
        assert secret.hex() not in everything.hex()
        assert secret.decode("latin-1") not in caplog.text


def test_rows_know_a_day_and_no_order(scene: Scene, client: Client) -> None:
    hidden = hidden_fields(client.get("/my/submit").text)
    for n in range(12):
        assert send(client, f"message {n}", hidden=hidden).status_code == 303
    database = sqlite3.connect(scene.folder / "state" / "intake.db")
    with pytest.raises(sqlite3.OperationalError):
        database.execute("SELECT rowid FROM submissions")
    (table,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'submissions'")
    assert table[0].strip().endswith("WITHOUT ROWID")
    rows = database.execute("SELECT * FROM submissions").fetchall()
    columns = [c[1] for c in database.execute("PRAGMA table_info(submissions)")]
    database.close()
    told = ["id", "address", "sameness", "epoch", "manifest_version", "day", "size"]
    assert columns == [*told, "bundle", "sha256", "acknowledged", "warned"]
    assert {row[5] for row in rows} == {"2026-11-23"}
    # Nothing but the epoch, the version, the day and the size is the same in any two rows.
    for index in (0, 1, 2):
        assert len({row[index] for row in rows}) == 12
        assert all(len(row[index]) in {16, 32} for row in rows)
    ids = [row[0] for row in rows]
    assert ids == sorted(ids)


def test_sqlite_leaves_no_remnants(scene: Scene, client: Client) -> None:
    """What was deleted is in no file, with the database open and closed. Threat 10."""
    deployment = scene.deployment()
    for _ in range(40):
        send(client, "စာ")
    connection = deployment.store._engine.raw_connection()
    cursor = connection.cursor()
    assert cursor.execute("PRAGMA secure_delete").fetchone() == (1,)
    assert cursor.execute("PRAGMA journal_mode").fetchone() == ("truncate",)
    assert cursor.execute("PRAGMA synchronous").fetchone() == (2,)
    addresses = [row[0] for row in cursor.execute("SELECT address FROM submissions").fetchall()]
    cursor.execute("DELETE FROM submissions")
    connection.commit()
    left = b"".join(path.read_bytes() for path in (scene.folder / "state").glob("intake.db*"))
    assert len(addresses) == 40
    assert [address for address in addresses if address in left] == []
    connection.close()


class Talkative(Exception):
    """An error that quotes what it was given."""


def test_exceptions_are_logged_without_their_texts(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Keep()
    handler.setFormatter(PrivateFormatter())
    logging.getLogger().addHandler(handler)

    def fail(*_args: object, **_kwargs: object) -> None:
        raise Talkative("marker-in-exception")

    try:
        monkeypatch.setattr("intake.online.witness.taking.sealing", fail)
        client = Client(create_app(scene.deployment()))
        assert send(client, "marker-in-text").status_code == 503
        logging.getLogger("werkzeug").error("127.0.0.1 %s", "GET /marker-in-path")
    finally:
        logging.getLogger().removeHandler(handler)
    log = "\n".join(lines)
    assert "Talkative at intake.online.witness.submit:" in log
    for secret in ("marker", "127.0.0.1", "GET"):
        assert secret not in log


def test_a_secret_does_not_print() -> None:
    secret = Secret(b"marker")
    assert "marker" not in f"{secret} {secret!r} {[secret]}"
    assert secret == Secret(b"marker")
    assert secret != Secret(b"other")
    with pytest.raises(TypeError):
        json.dumps({"a": secret})
