"""What a witness does in the mailbox: writes again, deletes, takes back; and no word is lost."""

from __future__ import annotations

import datetime as dt
import html
import re
import sqlite3
from dataclasses import replace

import pytest
from flask import Flask
from werkzeug.test import Client, TestResponse

from intake.errors import StoreUnavailable
from intake.online.deployment import Deployment
from intake.online.encoded_form import EncodedForm
from intake.online.receiving import ArrivingForm
from intake.online.refusal import Reason
from intake.online.settings import Limits
from intake.online.store import sqlite
from intake.online.store.replies import Filing, Replies
from intake.online.store.submissions import Store
from intake.online.witness.app import create_app
from intake.online.witness.lengths import MAILBOX_PAGE
from intake.receipt.code import Code
from intake.receipt.derivation import derive
from tests.support.deployments import NOON, Scene, hidden_fields, send
from tests.support.mailboxes import (
    Visitor,
    file_reply,
    form,
    records,
    refused,
    replies,
    reply_ids,
)

BURMESE = "ကျွန်တော် မြင်ခဲ့တယ်။\nရွာကို မီးရှို့ခဲ့တယ်။"
CODE = Code("3141592653589793238462643382")


@pytest.fixture
def deployment(scene: Scene) -> Deployment:
    return scene.deployment()


@pytest.fixture
def visitor(client: Client) -> Visitor:
    return Visitor(client)


# --- writing again -----------------------------------------------------------------------------


def test_a_message_arrives_under_the_code_as_a_message(
    scene: Scene, deployment: Deployment, visitor: Visitor
) -> None:
    visitor.open(CODE)
    answer = visitor.send(BURMESE, [("ဓာတ်ပုံ.jpg", b"x" * 2500)])
    assert (answer.status_code, answer.headers["Location"]) == (303, "/en/mailbox/open")
    page = visitor.page()
    assert "Your message has arrived" in page
    assert f"Characters of text: {len(BURMESE)}" in page
    assert "Files: 1, together 3 KB" in page
    assert "Your message has arrived" not in visitor.page()
    assert records(scene) == [("message", BURMESE, ["ဓာတ်ပုံ.jpg"])]
    (sealed,) = scene.sealed()
    with scene.opened(sealed) as envelope:
        record = envelope.record
    keys = derive(CODE, scene.manifest.receipt)
    assert record.reply_key == keys.reply_key.reveal().hex()
    assert record.language == "en"
    assert deployment.store.count() == 1


def test_files_without_words_are_files(scene: Scene, visitor: Visitor) -> None:
    visitor.open(CODE)
    assert visitor.send(" \r\n", [("a.jpg", b"1"), ("b.jpg", b"2")]).status_code == 303
    assert [(kind, names) for kind, _text, names in records(scene)] == [
        ("files", ["a.jpg", "b.jpg"])
    ]


def test_the_same_message_again_is_kept_once(scene: Scene, visitor: Visitor) -> None:
    """Two taps, the browser's own repeat, a reload, and the same words typed anew."""
    visitor.open(CODE)
    hidden = form(visitor.page(), "send")
    for _ in range(3):
        assert visitor.send("yes", [("a", b"1")], hidden=hidden).status_code == 303
    assert visitor.send("yes", [("a", b"1")]).status_code == 303
    visitor.open(CODE)
    assert visitor.send("yes", [("a", b"1")]).status_code == 303
    assert len(scene.sealed()) == 1
    for other in ([("a", b"2")], [("b", b"1")], []):
        assert visitor.send("yes", other).status_code == 303
    assert visitor.send("no", [("a", b"1")]).status_code == 303
    assert len(scene.sealed()) == 5


@pytest.mark.parametrize("noted", [True, False])
def test_yes_to_another_reply_is_another_message(
    scene: Scene,
    deployment: Deployment,
    visitor: Visitor,
    noted: bool,  # noqa: FBT001  # a column of the table
) -> None:
    """Also where a form came without the page's note of what it showed."""
    changes = {} if noted else {"seen": ""}
    for n in range(3):
        file_reply(deployment, CODE, f"question {n}")
        visitor.open(CODE)
        for _ in range(2):
            assert visitor.send("yes", changes=changes).status_code == 303
    assert len(scene.sealed()) == 3


def test_a_repeat_is_a_repeat_also_when_a_reply_was_filed_in_between(
    scene: Scene, deployment: Deployment, visitor: Visitor
) -> None:
    visitor.open(CODE)
    hidden = form(visitor.page(), "send")
    assert visitor.send("yes", hidden=hidden).status_code == 303
    file_reply(deployment, CODE, "question")
    assert visitor.send("yes", hidden=hidden).status_code == 303
    assert len(scene.sealed()) == 1


def test_the_same_words_in_the_form_and_in_the_mailbox_are_two(
    scene: Scene, client: Client
) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    assert send(client, "yes", hidden=hidden, lang="en").status_code == 303
    visitor = Visitor(client)
    visitor.open(Code(hidden["code"]))
    assert visitor.send("yes").status_code == 303
    assert [kind for kind, _text, _names in records(scene)] == ["account", "message"]


LIMITS = Limits(submission=1_000_000, attachments=2, account_characters=100, disk_reserve=0)


@pytest.mark.parametrize(
    ("message", "files", "reason"),
    [
        ("", [], Reason.EMPTY_MESSAGE),
        (" \r\n ", [], Reason.EMPTY_MESSAGE),
        ("က" * 101, [], Reason.ACCOUNT_TOO_LONG),
        ("word", [("a", b"x" * 1_000_001)], Reason.TOO_LARGE),
        ("word", [("a", b"x" * 3_000_000)], Reason.TOO_LARGE),
        ("word", [("a", b"1"), ("b", b"2"), ("c", b"3")], Reason.TOO_MANY_FILES),
    ],
)
def test_what_is_too_much_or_too_little_comes_back_with_its_words(
    scene: Scene, message: str, files: list[tuple[str, bytes]], reason: Reason
) -> None:
    visitor = Visitor(Client(create_app(scene.deployment(limits=LIMITS))))
    visitor.open(CODE)
    answer = visitor.send(message, files)
    refused(answer, reason, message.strip())
    assert list((scene.folder / "state" / "blobs").iterdir()) == []
    again = visitor.send("shorter", hidden=form(answer.text, "send"))
    assert again.status_code == 303


def test_typed_words_come_back_to_the_letter(visitor: Visitor) -> None:
    visitor.open(CODE)
    typed = '\x1b\n\n<script>alert(1)</script> &lt; &amp;amp; "q" \' </textarea>\n'
    page = visitor.send(typed, changes={"csrf_token": "wrong"}).text
    escaped = page.split('translate="no">\n', 1)[1].split("</textarea>")[0]
    assert html.unescape(escaped) == typed
    assert "<script>" not in page


# --- ten minutes, tokens, tabs -----------------------------------------------------------------


def later(scene: Scene, visitor: Visitor, seconds: float) -> Visitor:
    """Return the same browser, so much later."""
    cookie = visitor.client.get_cookie("visit")
    assert cookie is not None
    client = Client(create_app(scene.deployment(now=NOON + seconds)))
    client.set_cookie("visit", cookie.value)
    return Visitor(client, visitor.lang)


def test_after_ten_minutes_the_code_is_asked_for_again_and_no_word_is_lost(
    scene: Scene, visitor: Visitor
) -> None:
    visitor.open(CODE)
    hidden = form(visitor.page(), "send")
    visitor = later(scene, visitor, 601)
    answer = visitor.send(BURMESE, hidden=hidden)
    refused(answer, Reason.CODE_AGAIN, BURMESE)
    assert 'name="code"' in answer.text
    assert scene.sealed() == []
    hidden = form(answer.text, "send")
    wrong = visitor.send(BURMESE, hidden=hidden, changes={"code": CODE.reveal()[:-1]})
    refused(wrong, Reason.CODE_LENGTH, BURMESE)
    assert CODE.reveal()[:-1] in wrong.text
    assert visitor.send(BURMESE, hidden=hidden, changes={"code": CODE.reveal()}).status_code == 303
    assert records(scene) == [("message", BURMESE, [])]
    assert "Your message has arrived" in visitor.page()


def test_the_page_after_ten_minutes_says_why_the_code_is_asked_for(
    scene: Scene, visitor: Visitor
) -> None:
    visitor.open(CODE)
    visitor = later(scene, visitor, 601)
    assert visitor.client.get("/en/mailbox/open").headers["Location"] == "/en/mailbox"
    assert Reason.CODE_AGAIN.sentence in visitor.client.get("/en/mailbox").text
    assert visitor.open(CODE)


def test_the_ten_minutes_begin_anew_with_each_use(scene: Scene, visitor: Visitor) -> None:
    visitor.open(CODE)
    for step in range(1, 4):
        visitor = later(scene, visitor, 400 * step)
        if step == 2:
            assert visitor.send("x").status_code == 303
        else:
            assert visitor.page()


@pytest.mark.parametrize("token", ["", "nonsense"])
def test_a_wrong_token_loses_no_word(scene: Scene, visitor: Visitor, token: str) -> None:
    visitor.open(CODE)
    answer = visitor.send(BURMESE, changes={"csrf_token": token})
    refused(answer, Reason.WRONG_TOKEN, BURMESE)
    assert 'name="code"' not in answer.text
    assert visitor.send(BURMESE, hidden=form(answer.text, "send")).status_code == 303
    assert records(scene) == [("message", BURMESE, [])]


def test_a_lost_cookie_loses_no_word(scene: Scene, app: Flask, visitor: Visitor) -> None:
    visitor.open(CODE)
    hidden = form(visitor.page(), "send")
    other = Visitor(Client(app))
    answer = other.send(BURMESE, hidden=hidden)
    refused(answer, Reason.NO_COOKIE, BURMESE)
    assert 'name="code"' in answer.text
    again = other.send(BURMESE, hidden=form(answer.text, "send"), changes={"code": CODE.reveal()})
    assert again.status_code == 303
    assert records(scene) == [("message", BURMESE, [])]


def test_a_repeat_after_an_error_is_still_known_as_one(scene: Scene, visitor: Visitor) -> None:
    visitor.open(CODE)
    hidden = form(visitor.page(), "send")
    assert visitor.send("yes", hidden=hidden).status_code == 303
    answer = visitor.send("yes", hidden=hidden, changes={"csrf_token": "stale"})
    assert visitor.send("yes", hidden=form(answer.text, "send")).status_code == 303
    assert len(scene.sealed()) == 1


@pytest.mark.parametrize("action", ["send", "delete", "withdraw"])
def test_what_was_meant_for_one_mailbox_is_not_done_in_another(
    scene: Scene, deployment: Deployment, visitor: Visitor, action: str
) -> None:
    """Two tabs share one visit: the form of the first must not act on the second's mailbox."""
    for code in (CODE, Code("0" * 28)):
        file_reply(deployment, code, "reply")
    visitor.open(CODE)
    reply = reply_ids(visitor.page())[0]
    hidden = form(visitor.page(), action) | {"reply": reply, "sure": "yes"}
    visitor.open(Code("0" * 28))
    answer = visitor.send(BURMESE, hidden=hidden)
    refused(answer, Reason.OTHER_MAILBOX, BURMESE)
    assert 'name="code"' in answer.text
    assert scene.sealed() == []
    assert visitor.send(BURMESE, hidden=hidden, changes={"code": CODE.reveal()}).status_code == 303
    assert replies(visitor.open(Code("0" * 28))) == ["reply"]
    assert replies(visitor.open(CODE)) == (["reply"] if action == "send" else [])


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({}, True),
        ({"Origin": "null"}, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
    ],
)
@pytest.mark.parametrize("path", ["/mailbox", "/mailbox/open", "/receipt"])
def test_forms_sent_from_elsewhere_are_refused(
    scene: Scene,
    client: Client,
    path: str,
    headers: dict[str, str],
    taken: bool,  # noqa: FBT001  # a column of the table
) -> None:
    send(client, BURMESE, lang="en")
    visitor = Visitor(client)
    visitor.open(CODE)
    fields: dict[str, list[tuple[str, str | bytes]]] = {
        "/mailbox": [("code", CODE.reveal())],
        "/mailbox/open": [("action", "send"), ("message", "x")],
        "/receipt": [],
    }
    token = ("csrf_token", form(visitor.page())["csrf_token"])
    files = [("a.jpg", b"1")] if path == "/receipt" else []
    answer = visitor.post(path, [token, *fields[path]], files, headers=headers)
    assert answer.status_code == (303 if taken else Reason.ELSEWHERE.status)
    kept = 1 + (taken and path != "/mailbox")
    assert len(scene.sealed()) == kept


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [("action", "")],
        [("action", "explode")],
        [("action", "SEND")],
        [("action", "send\x00")],
        [("action", b"\xff\xfe")],
        [("action", "send"), ("action", "withdraw")],
        [("action", "send"), ("message", "one"), ("message", "two")],
        [("action", "delete"), ("reply", "00" * 16), ("reply", "11" * 16)],
    ],
)
def test_a_form_that_asks_for_nothing_known_is_a_plain_page(
    scene: Scene, visitor: Visitor, fields: list[tuple[str, str | bytes]]
) -> None:
    visitor.open(CODE)
    token = form(visitor.page())["csrf_token"]
    words = [] if any(name == "message" for name, _ in fields) else [("message", BURMESE)]
    answer = visitor.post("/mailbox/open", [("csrf_token", token), *fields, *words])
    refused(answer, Reason.MALFORMED, BURMESE if words else "one")
    assert scene.sealed() == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", ["/mailbox", "/mailbox/open", "/receipt"])
def test_other_methods_do_nothing(visitor: Visitor, method: str, path: str) -> None:
    visitor.open(CODE)
    answer = visitor.client.open(f"/en{path}?action=withdraw&sure=yes", method=method)
    assert answer.status_code == 405
    assert 'class="error"' in answer.text


@pytest.mark.parametrize(
    ("content_type", "reason"),
    [
        ("application/json", Reason.NO_FORM),
        ("text/plain", Reason.NO_FORM),
        ("multipart/form-data", Reason.NO_FORM),
        ("multipart/form-data; boundary=b", Reason.MALFORMED),
    ],
)
@pytest.mark.parametrize("path", ["/mailbox", "/mailbox/open"])
def test_what_is_no_form_is_refused(
    visitor: Visitor, path: str, content_type: str, reason: Reason
) -> None:
    visitor.open(CODE)
    answer = visitor.client.post(f"/en{path}", data=b"x" * 5000, content_type=content_type)
    assert answer.status_code == reason.status
    assert reason.sentence in answer.text


def encoded(visitor: Visitor, path: str, data: bytes) -> TestResponse:
    kind = "application/x-www-form-urlencoded"
    return visitor.client.post(f"/en{path}", data=data, content_type=kind)


@pytest.mark.parametrize("path", ["/mailbox", "/mailbox/open", "/receipt"])
def test_a_form_without_words_is_small_or_not_read(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Its escapes would take memory many times over: 2 GB for 26 MB."""
    send(visitor.client, BURMESE, lang="en")
    visitor.open(CODE)
    monkeypatch.setattr(EncodedForm, "read_fields", None)
    answer = encoded(visitor, path, b"message=" + b"%41" * 30_000)
    assert answer.status_code == Reason.FORM_TOO_LONG.status
    assert Reason.FORM_TOO_LONG.sentence in answer.text
    monkeypatch.undo()
    assert encoded(visitor, path, b"message=" + b"%41" * 20_000).status_code == 400


def test_the_door_does_not_read_more_than_a_code(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.client.get("/en/mailbox")
    monkeypatch.setattr(ArrivingForm, "read_fields", None)
    answer = visitor.post("/mailbox", [], [("a", b"x" * 100_000)])
    assert answer.status_code == Reason.FORM_TOO_LONG.status


def test_a_page_that_holds_words_has_no_link_that_would_lose_them(visitor: Visitor) -> None:
    opened = visitor.open(CODE)
    for page in (opened, visitor.send(BURMESE, changes={"csrf_token": "wrong"}).text):
        assert "hreflang" not in page
        assert 'form="message-form" formaction="/my/mailbox/open?switch=1"' in page
        assert 'href="/en/leave"' in page


# --- withdrawing -------------------------------------------------------------------------------


def test_a_withdrawal_destroys_what_is_here_and_tells_the_reviewers(
    scene: Scene, deployment: Deployment, client: Client
) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    code = Code(hidden["code"])
    assert send(client, BURMESE, [("a", b"x" * 70_000)], hidden=hidden).status_code == 303
    assert send(Client(client.application), "another's").status_code == 303
    visitor = Visitor(client)
    visitor.open(code)
    assert visitor.send("more").status_code == 303
    file_reply(deployment, code, "reply")
    answer = visitor.withdraw()
    assert (answer.status_code, answer.headers["Location"]) == (303, "/en/mailbox/open")
    page = visitor.page()
    assert "What this server still held of you is destroyed" in page
    assert "The reviewers will find your notice" in page
    assert replies(page) == []
    assert records(scene) == [("account", "another's", []), ("withdrawal", "", [])]
    assert client.get("/en/receipt").status_code == 404
    # The notice says whom it is about, to those who can open it and to nobody else.
    for sealed in scene.sealed():
        with scene.opened(sealed) as envelope:
            key = envelope.record.reply_key
            mine = derive(code, scene.manifest.receipt).reply_key.reveal().hex()
            assert (key == mine) == (envelope.record.kind.value == "withdrawal")
    assert file_reply(deployment, code, "too late") is Filing.WITHDRAWN
    # And it is as long as any text.
    assert {path.stat().st_size for path in scene.sealed()} == {256 * 1024}


def test_a_withdrawal_again_is_one(scene: Scene, visitor: Visitor) -> None:
    visitor.open(CODE)
    hidden = form(visitor.page(), "withdraw")
    for _ in range(3):
        fields = [*hidden.items(), ("sure", "yes")]
        assert visitor.post("/mailbox/open", fields).status_code == 303
    assert [kind for kind, _text, _names in records(scene)] == ["withdrawal"]


def test_who_writes_after_a_withdrawal_can_be_answered_again(
    scene: Scene, deployment: Deployment, visitor: Visitor
) -> None:
    visitor.open(CODE)
    visitor.withdraw()
    visitor.send("I have thought again")
    assert file_reply(deployment, CODE, "thank you") is Filing.FILED
    assert replies(visitor.page()) == ["thank you"]
    assert [kind for kind, _text, _names in records(scene)] == ["message", "withdrawal"]
    visitor.withdraw()
    assert [kind for kind, _text, _names in records(scene)] == ["withdrawal"]


def test_withdrawing_is_asked_for_with_a_tick(visitor: Visitor) -> None:
    page = visitor.open(CODE)
    asked = page.split('value="withdraw"')[1].split("</form>")[0]
    assert re.search(r'<input type="checkbox"[^>]*name="sure"[^>]* required>', asked)


def test_without_the_tick_nothing_is_taken_back_and_the_mailbox_stays_open(
    scene: Scene, deployment: Deployment, visitor: Visitor
) -> None:
    file_reply(deployment, CODE, "reply")
    visitor.open(CODE)
    visitor.send("words")
    answer = visitor.post("/mailbox/open", list(form(visitor.page(), "withdraw").items()))
    refused(answer, Reason.NOT_SURE)
    assert 'href="/en/mailbox/open"' in answer.text
    assert records(scene) == [("message", "words", [])]
    assert replies(visitor.page()) == ["reply"]
    assert visitor.withdraw().status_code == 303
    assert replies(visitor.page()) == []


def test_a_withdrawal_without_the_pages_question_needs_no_tick(
    scene: Scene, visitor: Visitor
) -> None:
    """What ``action=withdraw`` alone asks for is what it says: no page was there to ask."""
    token = form(visitor.open(CODE))["csrf_token"]
    answer = visitor.post("/mailbox/open", [("csrf_token", token), ("action", "withdraw")])
    assert answer.status_code == 303
    assert [kind for kind, _text, _names in records(scene)] == ["withdrawal"]


def test_the_receipt_of_another_code_outlives_a_withdrawal(client: Client) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    send(client, BURMESE, hidden=hidden, lang="en")
    visitor = Visitor(client)
    visitor.open(CODE)
    visitor.withdraw()
    assert client.get("/en/receipt").status_code == 200
    visitor.open(Code(hidden["code"]))
    visitor.withdraw()
    assert client.get("/en/receipt").status_code == 404


# --- bad days ----------------------------------------------------------------------------------


def nothing_in_force(scene: Scene) -> Deployment:
    """Return the deployment on a day on which nobody can be sealed to."""
    after = dt.datetime(2027, 3, 1, 12, tzinfo=dt.UTC).timestamp()
    return scene.deployment(now=after)


def test_with_nothing_in_force_replies_are_read_and_deleted_and_nothing_is_sent(
    scene: Scene, deployment: Deployment
) -> None:
    file_reply(deployment, CODE, "one", day=dt.date(2026, 11, 1))
    file_reply(deployment, CODE, "two", day=dt.date(2026, 11, 2))
    visitor = Visitor(Client(create_app(nothing_in_force(scene))))
    page = visitor.open(CODE)
    assert replies(page) == ["two", "one"]
    assert Reason.NO_KEYS.sentence in page
    assert 'name="message"' not in page
    assert len(page.encode()) == MAILBOX_PAGE
    assert visitor.delete(reply_ids(page)[0]).status_code == 303
    assert replies(visitor.page()) == ["one"]
    fields = form(visitor.page(), "delete") | {"action": "send"}
    refused(visitor.send(BURMESE, hidden=fields), Reason.NO_KEYS, BURMESE)


@pytest.mark.parametrize("expired", [False, True])
def test_with_nothing_in_force_a_withdrawal_is_done_and_says_whom_it_could_not_tell(
    scene: Scene,
    client: Client,
    expired: bool,  # noqa: FBT001  # a column of the table
) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    assert send(client, BURMESE, hidden=hidden).status_code == 303
    if expired:
        scene.publish_next(issued=dt.date(2026, 11, 1), expires=dt.date(2026, 11, 20))
    visitor = Visitor(Client(create_app(nothing_in_force(scene))))
    visitor.open(Code(hidden["code"]))
    assert visitor.withdraw().status_code == 303
    page = visitor.page()
    assert "The reviewers could not be told" in page
    assert "Come back another day with your code" in page
    assert scene.sealed() == []
    # And so it is, on a day on which there is somebody to tell.
    scene.publish(scene.manifest)
    scene.record.unlink(missing_ok=True)
    visitor = Visitor(Client(create_app(scene.deployment())))
    visitor.open(Code(hidden["code"]))
    assert visitor.withdraw().status_code == 303
    assert "The reviewers will find your notice" in visitor.page()
    assert [kind for kind, _text, _names in records(scene)] == ["withdrawal"]


def test_an_epoch_that_closes_meanwhile_does_not_keep_a_withdrawal_from_being_done(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = deployment.keys.on(deployment.today())
    after = dt.datetime(2026, 12, 5, tzinfo=dt.UTC).timestamp()
    app_then = create_app(replace(deployment, clock=lambda: after))
    monkeypatch.setattr(deployment.keys, "on", lambda _today: began)
    visitor = Visitor(Client(app_then))
    visitor.open(CODE)
    assert visitor.withdraw().status_code == 303
    assert "The reviewers could not be told" in visitor.page()


def test_without_any_manifest_no_mailbox_opens_and_it_is_said(scene: Scene) -> None:
    visitor = Visitor(Client(create_app(scene.deployment())))
    page = visitor.open(CODE)
    hidden = {action: form(page, action) for action in ("send", "delete", "withdraw")}
    (scene.folder / "manifest.json").unlink()
    answer = visitor.client.get("/en/mailbox/open")
    assert answer.status_code == 503
    assert Reason.NO_MAILBOX.sentence in answer.text
    for action in ("delete", "withdraw"):
        fields = hidden[action] | {"reply": "00" * 16, "sure": "yes"}
        answer = visitor.send(BURMESE, hidden=fields)
        refused(answer, Reason.NO_MAILBOX, BURMESE)
    refused(visitor.send(BURMESE, hidden=hidden["send"]), Reason.NO_KEYS, BURMESE)


@pytest.mark.parametrize(
    ("place", "name", "action", "reason"),
    [
        (Store, "draft", "send", Reason.CANNOT_KEEP),
        (Store, "_commit_row", "send", Reason.CANNOT_KEEP),
        (Replies, "reopen", "send", Reason.CANNOT_KEEP),
        (Store, "draft", "withdraw", Reason.NOT_DONE),
        (Store, "withdraw", "withdraw", Reason.NOT_DONE),
        (Replies, "delete", "delete", Reason.NOT_DONE),
    ],
)
def test_a_store_that_fails_is_said_and_the_words_come_back(
    scene: Scene,
    deployment: Deployment,
    visitor: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    place: type,
    name: str,
    action: str,
    reason: Reason,
) -> None:
    file_reply(deployment, CODE, "reply")
    page = visitor.open(CODE)
    hidden = form(page, action) | {"reply": reply_ids(page)[0], "sure": "yes"}

    def fail(*_args: object, **_kwargs: object) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(place, name, fail)
    refused(visitor.send(BURMESE, hidden=hidden), reason, BURMESE)
    assert replies(visitor.page()) == ["reply"]
    monkeypatch.undo()
    assert visitor.send(BURMESE, hidden=hidden).status_code == 303
    assert len(scene.sealed()) == (action != "delete")


def test_a_database_that_is_locked_is_said(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)
    visitor = Visitor(Client(create_app(scene.deployment())))
    visitor.open(CODE)
    locker = sqlite3.connect(scene.folder / "state" / "intake.db", isolation_level=None)
    locker.execute("BEGIN EXCLUSIVE")
    answer = visitor.client.get("/en/mailbox/open")
    assert answer.status_code == 503
    assert Reason.NO_MAILBOX.sentence in answer.text
    locker.execute("ROLLBACK")
    locker.close()
    assert visitor.page()


def test_a_new_manifest_leaves_every_code_working(
    scene: Scene, deployment: Deployment, visitor: Visitor
) -> None:
    visitor.open(CODE)
    visitor.send("before")
    file_reply(deployment, CODE, "reply")
    scene.publish_next()
    assert replies(visitor.page()) == ["reply"]
    visitor.withdraw()
    assert [kind for kind, _text, _names in records(scene)] == ["withdrawal"]
