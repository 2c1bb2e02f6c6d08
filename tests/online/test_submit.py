"""The form: what is taken, what is refused, and that no word is lost."""

from __future__ import annotations

import dataclasses
import datetime as dt
import html
import io
import json
import os
import shutil
import sqlite3
import time
import tracemalloc
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from werkzeug.test import Client

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_age
from intake.errors import StoreUnavailable
from intake.manifest.model import Recipient, Role
from intake.offline.unpacking import Envelope
from intake.online.refusal import Reason
from intake.online.sent import digest_of
from intake.online.settings import Limits
from intake.online.store import sqlite
from intake.online.store.blobs import FileDraft
from intake.online.store.submissions import Store
from intake.online.witness.app import create_app
from intake.online.witness.taking import Taking
from intake.receipt.code import Code
from tests.support.deployments import HEIR, NOON, Scene, hidden_fields, receipt_code, send
from tests.support.mailboxes import Visitor, records

BURMESE = "ကျွန်တော် မြင်ခဲ့တယ်။\nရွာကို မီးရှို့ခဲ့တယ်။"


def test_an_account_and_its_files_arrive_as_they_were_sent(scene: Scene, client: Client) -> None:
    photo, video = os.urandom(300_000), os.urandom(3_000_000)
    answer = send(client, BURMESE, [("ဓာတ်ပုံ (၁).jpg", photo), ("video.mp4", video)])
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/my/receipt"
    code = receipt_code(client.get("/my/receipt").text)
    assert len(code) == 28

    (sealed,) = scene.sealed()
    assert sealed.stat().st_size == 4 * 1024 * 1024
    with scene.opened(sealed) as envelope:
        assert envelope.account_text() == BURMESE
        assert [a.name for a in envelope.record.attachments] == ["ဓာတ်ပုံ (၁).jpg", "video.mp4"]
        assert envelope.record.language == "my"
        assert envelope.record.epoch == "2026-11"
        contents = [envelope.open_attachment(a).read() for a in envelope.record.attachments]
    assert contents == [photo, video]
    members = scene.members(sealed)
    assert list(members) == [
        "attachments/001",
        "attachments/002",
        "account.txt",
        "identity.age",
        "account.json",
        "padding",
    ]
    document = json.loads(members["account.json"])
    assert document["format"] == "intake-account-1"
    assert document["reply_to"].startswith("age1pq1")
    assert len(document["reply_key"]) == 64
    assert code not in members["account.json"].decode()


def test_text_accounts_are_all_one_size(scene: Scene, client: Client) -> None:
    for text in ("x", BURMESE * 10, "က" * 60_000):
        assert send(client, text).status_code == 303
    assert {path.stat().st_size for path in scene.sealed()} == {256 * 1024}


def test_line_ends_become_lf_and_invalid_text_is_replaced_and_marked(
    scene: Scene, client: Client
) -> None:
    hidden = hidden_fields(client.get("/my/submit").text)
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in hidden.items()
    ]
    parts.append(
        b'--b\r\nContent-Disposition: form-data; name="account"\r\n\r\n'
        b"one\r\ntwo\rthree\xff\xed\xa0\x80 \xe1\x80\x80\x00\r\n--b--\r\n"
    )
    answer = client.post(
        "/my/submit",
        input_stream=io.BytesIO(b"".join(parts)),
        content_length=sum(map(len, parts)),
        content_type="multipart/form-data; boundary=b",
    )
    assert answer.status_code == 303
    (sealed,) = scene.sealed()
    with scene.opened(sealed) as envelope:
        assert envelope.account_text() == "one\ntwo\nthree\ufffd\ufffd\ufffd\ufffd က\x00"
        assert envelope.record.repaired == ("account",)


def test_the_same_form_again_is_one_submission_and_the_same_receipt(
    scene: Scene, client: Client
) -> None:
    hidden = hidden_fields(client.get("/my/submit").text)
    files = [("a.jpg", b"photo")]
    codes = set()
    for _ in range(3):
        assert send(client, BURMESE, files, hidden=hidden).status_code == 303
        codes.add(receipt_code(client.get("/my/receipt").text))
    assert codes == {hidden["code"]}
    assert len(scene.sealed()) == 1


def test_the_same_form_again_after_a_revocation_is_sealed_to_whom_is_left(
    scene: Scene, client: Client
) -> None:
    """The key that the first try was sealed to is lost: the second must not be dropped for it."""
    hidden = hidden_fields(client.get("/my/submit").text)
    assert send(client, BURMESE, hidden=hidden).status_code == 303
    heir = HybridIdentity.generate()
    [epoch] = scene.manifest.epochs
    recipients = (*epoch.recipients, Recipient("heir", Role.REVIEWERS, str(heir.recipient())))
    lost = (str(scene.reviewer.recipient()),)
    second = dataclasses.replace(
        scene.manifest,
        version=2,
        epochs=(dataclasses.replace(epoch, recipients=recipients),),
        revocations=lost,
    )
    scene.publish(scene.manifest, second)
    for _ in range(2):
        assert send(client, BURMESE, hidden=hidden).status_code == 303
        assert receipt_code(client.get("/my/receipt").text) == hidden["code"]
    rows = {row.manifest_version: row for row in scene.deployment().store.submissions()}
    assert sorted(rows) == [1, 2]
    assert len(scene.sealed()) == 2
    with (scene.settings.blobs / f"{rows[2].id.hex()}.age").open("rb") as sealed:
        assert Envelope(open_age(sealed, [heir])).account_text() == BURMESE


def test_the_same_form_again_is_the_same_under_a_version_that_changes_nothing_for_today(
    scene: Scene, client: Client
) -> None:
    hidden = hidden_fields(client.get("/my/submit").text)
    files = [("a.jpg", b"photo")]
    assert send(client, BURMESE, files, hidden=hidden).status_code == 303
    scene.publish_next(expires=scene.manifest.expires + dt.timedelta(days=30))
    assert send(client, BURMESE, files, hidden=hidden).status_code == 303
    assert receipt_code(client.get("/my/receipt").text) == hidden["code"]
    assert len(scene.sealed()) == 1


def test_the_same_form_again_in_another_epoch_is_sealed_to_its_recipients(scene: Scene) -> None:
    [november] = scene.manifest.epochs
    ends = dt.date(2027, 1, 1)
    december = dataclasses.replace(
        november, id="2026-12", begins=november.ends, ends=ends, recipients=(HEIR,)
    )
    scene.publish(dataclasses.replace(scene.manifest, epochs=(november, december)))
    client = Client(create_app(scene.deployment()))
    hidden = hidden_fields(client.get("/my/submit").text)
    assert send(client, BURMESE, hidden=hidden).status_code == 303
    cookie = client.get_cookie("visit")
    assert cookie is not None
    later = Client(create_app(scene.deployment(now=NOON + 10 * 86400)))
    later.set_cookie("visit", cookie.value)
    assert send(later, BURMESE, hidden=hidden).status_code == 303
    epochs = sorted(row.epoch for row in scene.deployment().store.submissions())
    assert epochs == ["2026-11", "2026-12"]


def test_to_whom_it_is_sealed_is_the_same_in_any_order_and_not_in_another_role() -> None:
    a, b, c = (HybridIdentity.generate().recipient() for _ in range(3))
    assert digest_of((a, b), (c,)) == digest_of((b, a), (c,))
    others = [digest_of(*given) for given in (((a,), (b, c)), ((a, b, c), ()), ((a, b), ()))]
    assert len({digest_of((a, b), (c,)), *others}) == 4


# --- what was taken back -----------------------------------------------------------------------


def test_a_form_whose_code_was_taken_back_goes_on_under_another(
    scene: Scene, client: Client
) -> None:
    """Its late repeat must not bring back the account, nor what nobody could answer."""
    hidden = hidden_fields(client.get("/en/submit").text)
    assert send(client, BURMESE, hidden=hidden, lang="en").status_code == 303
    visitor = Visitor(client)
    visitor.open(Code(hidden["code"]))
    assert visitor.withdraw().status_code == 303
    withdrawn = records(scene)
    for words in (BURMESE, "other words"):
        answer = send(client, words, [("a", b"x" * 70_000)], hidden=hidden, lang="en")
        refused(answer, Reason.TAKEN_BACK, words)
        assert records(scene) == withdrawn
    assert len(list(scene.settings.blobs.iterdir())) == 1
    again = hidden_fields(answer.text)
    assert again["code"] != hidden["code"]
    assert send(client, "other words", hidden=again, lang="en").status_code == 303
    assert receipt_code(client.get("/en/receipt").text) == again["code"]


def test_what_is_taken_back_while_it_arrives_is_not_kept(
    scene: Scene, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    attach_all = Taking._attach_all

    def meanwhile(self: Taking, *arguments: Any) -> int:
        count = attach_all(self, *arguments)
        visitor = Visitor(Client(create_app(scene.deployment())))
        visitor.open(Code(hidden["code"]))
        assert visitor.withdraw().status_code == 303
        return count

    monkeypatch.setattr(Taking, "_attach_all", meanwhile)
    answer = send(client, BURMESE, [("a", b"x")], hidden=hidden, lang="en")
    refused(answer, Reason.TAKEN_BACK, BURMESE)
    assert [kind for kind, _text, _names in records(scene)] == ["withdrawal"]


# --- the same, and something else ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "files"),
    [
        ("other words", [("a.jpg", b"photo")]),
        (BURMESE, [("b.jpg", b"photo")]),
        (BURMESE, [("a.jpg", b"other photo")]),
        (BURMESE, [("a.jpg", b"photo"), ("a.jpg", b"photo")]),
        (BURMESE, []),
    ],
)
def test_the_same_code_with_something_else_is_a_further_message(
    scene: Scene, client: Client, account: str, files: list[tuple[str, bytes]]
) -> None:
    hidden = hidden_fields(client.get("/my/submit").text)
    assert send(client, BURMESE, [("a.jpg", b"photo")], hidden=hidden).status_code == 303
    assert send(client, account, files, hidden=hidden).status_code == 303
    assert len(scene.sealed()) == 2


def test_files_alone_are_taken(scene: Scene, client: Client) -> None:
    assert send(client, "", [("a.jpg", b"photo")]).status_code == 303
    assert len(scene.sealed()) == 1


def test_an_empty_file_is_taken_and_an_unchosen_one_is_none(scene: Scene, client: Client) -> None:
    assert send(client, "x", [("empty.txt", b"")]).status_code == 303
    assert send(client, "y", [("", b"")]).status_code == 303
    counts = []
    for path in scene.sealed():
        with scene.opened(path) as envelope:
            counts.append(len(envelope.record.attachments))
    assert sorted(counts) == [0, 1]


def refused(answer: object, reason: Reason, words: str) -> None:
    assert answer.status_code == reason.status  # type: ignore[attr-defined]
    page = answer.text  # type: ignore[attr-defined]
    assert 'class="error"' in page
    assert words in page
    if 'lang="en"' in page.split("<head>")[0]:
        assert reason.sentence in html.unescape(page)


LIMITS = Limits(submission=1_000_000, attachments=2, account_characters=100, disk_reserve=0)


@pytest.mark.parametrize(
    ("account", "files", "reason"),
    [
        ("", [], Reason.EMPTY),
        (" \r\n ", [], Reason.EMPTY),
        ("က" * 101, [], Reason.ACCOUNT_TOO_LONG),
        ("word", [("a", b"x" * 1_000_001)], Reason.TOO_LARGE),
        ("word", [("a", b"x" * 600_000), ("b", b"x" * 400_001)], Reason.TOO_LARGE),
        ("word", [("a", b"x" * 3_000_000)], Reason.TOO_LARGE),
        ("word", [("a", b"1"), ("b", b"2"), ("c", b"3")], Reason.TOO_MANY_FILES),
    ],
)
def test_what_is_too_much_or_too_little_is_refused_with_its_words(
    scene: Scene, account: str, files: list[tuple[str, bytes]], reason: Reason
) -> None:
    client = Client(create_app(scene.deployment(limits=LIMITS)))
    refused(send(client, account, files, lang="en"), reason, account.strip())
    assert scene.sealed() == []
    assert list((scene.folder / "state" / "blobs").iterdir()) == []


def test_the_limits_themselves_are_allowed(scene: Scene) -> None:
    client = Client(create_app(scene.deployment(limits=LIMITS)))
    assert send(client, "က" * 100).status_code == 303
    files = [("a", b"x" * 600_000), ("b", b"x" * 400_000)]
    assert send(client, "word", files).status_code == 303


def test_a_million_characters_are_taken(scene: Scene, client: Client) -> None:
    account = "က" * 999_999 + "\n"
    assert send(client, account).status_code == 303
    assert scene.accounts() == [account]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("csrf_token", "", Reason.WRONG_TOKEN),
        ("csrf_token", "nonsense", Reason.WRONG_TOKEN),
        ("code", "", Reason.WRONG_CODE),
        ("code", "1234", Reason.WRONG_CODE),
        ("code", "0" * 28, Reason.WRONG_CODE),
        ("code_mac", "", Reason.WRONG_CODE),
        ("code_mac", "ÿ", Reason.WRONG_CODE),
        ("code_mac", "00" * 32, Reason.WRONG_CODE),
    ],
)
def test_a_wrong_token_or_code_is_refused_and_the_form_comes_back_ready(
    scene: Scene, client: Client, field: str, value: str, reason: Reason
) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    answer = send(client, BURMESE, hidden={**hidden, field: value}, lang="en")
    refused(answer, reason, BURMESE)
    assert scene.sealed() == []
    assert send(client, BURMESE, hidden=hidden_fields(answer.text), lang="en").status_code == 303


def test_refused_cookies_are_said_and_nothing_is_lost(scene: Scene, app: object) -> None:
    client = Client(app, use_cookies=False)  # type: ignore[arg-type]
    refused(send(client, BURMESE, lang="en"), Reason.NO_COOKIE, BURMESE)
    assert scene.sealed() == []


def test_a_token_does_not_expire_while_someone_writes(scene: Scene) -> None:
    client = Client(create_app(scene.deployment()))
    hidden = hidden_fields(client.get("/my/submit").text)
    cookie = client.get_cookie("visit")
    assert cookie is not None
    later = Client(create_app(scene.deployment(now=scene.deployment().clock() + 6 * 3600)))
    later.set_cookie("visit", cookie.value)
    assert send(later, BURMESE, hidden=hidden).status_code == 303


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({}, True),
        ({"Origin": "null"}, True),
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "http://localhost.evil.example"}, False),
        ({"Origin": "http://["}, False),
        ({"Origin": "ftp://localhost"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": "null"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none", "Origin": "null"}, True),
    ],
)
def test_forms_sent_from_elsewhere_are_refused(
    scene: Scene, client: Client, headers: dict[str, str], *, taken: bool
) -> None:
    answer = send(client, BURMESE, headers=headers)
    assert answer.status_code == (303 if taken else Reason.ELSEWHERE.status)
    assert len(scene.sealed()) == taken


@pytest.mark.parametrize(
    ("content_type", "reason"),
    [
        ("application/x-www-form-urlencoded", Reason.NO_FORM),
        ("multipart/form-data", Reason.NO_FORM),
        ("application/json", Reason.NO_FORM),
        ("multipart/form-data; boundary=" + "b" * 2000, Reason.MALFORMED),
    ],
)
def test_what_is_no_form_is_refused(
    scene: Scene, client: Client, content_type: str, reason: Reason
) -> None:
    answer = client.post("/en/submit", data=b"x" * 5000, content_type=content_type)
    assert answer.status_code == reason.status
    assert scene.sealed() == []


class Broken(Exception):
    """Something that nobody foresaw."""


@pytest.mark.parametrize(
    ("place", "name", "error"),
    [
        (FileDraft, "write", StoreUnavailable("full")),
        (FileDraft, "keep", StoreUnavailable("full")),
        (FileDraft, "keep", Broken("a marker that no log may quote")),
        (Store, "draft", StoreUnavailable("gone")),
        (Store, "_commit_row", StoreUnavailable("locked")),
        (Store, "_commit_row", Broken("a marker that no log may quote")),
    ],
)
def test_a_store_that_fails_keeps_nothing_and_gives_the_words_back(
    scene: Scene,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    place: type,
    name: str,
    error: Exception,
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise error

    monkeypatch.setattr(place, name, fail)
    refused(send(client, BURMESE, [("a", b"x" * 70_000)]), Reason.CANNOT_KEEP, BURMESE)
    assert list((scene.folder / "state" / "blobs").iterdir()) == []
    monkeypatch.undo()
    assert send(client, BURMESE).status_code == 303


@pytest.mark.parametrize(
    ("day", "taken"), [("2026-11-30", True), ("2026-12-01", True), ("2026-12-02", False)]
)
def test_an_upload_that_began_in_an_epoch_is_kept_only_as_long_as_the_epoch_stays_open(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    day: str,
    taken: bool,  # noqa: FBT001  # a column of the table
) -> None:
    """Once a bundle may call the epoch closed, an account of it would open for nobody."""
    deployment = scene.deployment()
    began = deployment.keys.on(deployment.today())
    ends = dt.datetime.fromisoformat(f"{day}T23:00:00+00:00").timestamp()
    later = dataclasses.replace(deployment, clock=lambda: ends)
    monkeypatch.setattr(later.keys, "on", lambda _today: began)
    answer = send(Client(create_app(later)), BURMESE, [("a", b"x" * 70_000)])
    if taken:
        assert answer.status_code == 303
    else:
        refused(answer, Reason.TOO_SLOW, BURMESE)
    assert len(scene.sealed()) == taken


def test_a_database_that_is_locked_is_said(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)
    client = Client(create_app(scene.deployment()))
    locker = sqlite3.connect(scene.folder / "state" / "intake.db", isolation_level=None)
    locker.execute("BEGIN EXCLUSIVE")
    refused(send(client, BURMESE, [("a", b"x")], lang="en"), Reason.CANNOT_KEEP, BURMESE)
    assert list((scene.folder / "state" / "blobs").iterdir()) == []
    locker.execute("ROLLBACK")
    locker.close()
    assert send(client, BURMESE).status_code == 303


def test_a_commit_that_happened_but_failed_keeps_its_file_and_is_known_again(
    scene: Scene, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line to the database broke before its answer."""
    hidden = hidden_fields(client.get("/en/submit").text)
    commit = Connection.commit

    def cut_off(self: Connection) -> None:
        commit(self)
        raise OperationalError("commit", {}, Exception("cut off"))

    monkeypatch.setattr(Connection, "commit", cut_off)
    refused(send(client, BURMESE, hidden=hidden, lang="en"), Reason.CANNOT_KEEP, BURMESE)
    monkeypatch.undo()
    store = scene.deployment().store
    [row] = store.submissions()
    assert store.holds_all_of(row)
    assert send(client, BURMESE, hidden=hidden, lang="en").status_code == 303
    assert list(store.submissions()) == [row]
    assert len(list(scene.settings.blobs.iterdir())) == 1
    with store.open_blob(row.id) as sealed:
        assert Envelope(open_age(sealed, [scene.reviewer])).account_text() == BURMESE


def test_a_blob_folder_that_has_gone_is_said(scene: Scene, client: Client) -> None:
    shutil.rmtree(scene.folder / "state" / "blobs")
    refused(send(client, BURMESE), Reason.CANNOT_KEEP, BURMESE)


def test_below_the_reserve_files_are_refused_and_text_is_taken(scene: Scene) -> None:
    limits = Limits(disk_reserve=1 << 60)
    client = Client(create_app(scene.deployment(limits=limits)))
    answer = send(client, BURMESE, [("a", b"x")], lang="en")
    refused(answer, Reason.NO_ROOM_FOR_FILES, BURMESE)
    assert send(client, BURMESE).status_code == 303


def test_what_was_typed_comes_back_to_the_letter(client: Client) -> None:
    typed = '\x1b\x07\x0b\n\n<script>alert(1)</script> &lt; &amp;amp; "quotes" \' </textarea>\n'
    empty = client.get("/en/submit").text
    page = send(client, typed, hidden={}, lang="en").text
    assert "<script>" not in page
    assert page.count("</textarea>") == empty.count("</textarea>")
    escaped = page.split('translate="no">\n', 1)[1].split("</textarea>")[0]
    assert html.unescape(escaped) == typed


@pytest.mark.parametrize("character", ["<", "&", '"', "\n", "\x01"])
def test_a_million_characters_come_back_and_cost_little(client: Client, character: str) -> None:
    begin = time.process_time()
    page = send(client, character * 1_000_000, hidden={}, lang="en").text
    # A sanitiser that went over its entities again and again took minutes of this.
    assert time.process_time() - begin < 20
    escaped = page.split('translate="no">\n', 1)[1].split("</textarea>")[0]
    assert html.unescape(escaped) == character * 1_000_000


#: One character that makes every other of its text four bytes wide, as it is sent.
WIDE = quote("😀").encode()


@pytest.mark.parametrize(
    "field", ["account", "day-day", "place-precision", "questions_seen", "reach", "zzz", "code"]
)
def test_a_form_full_of_quotes_costs_a_bounded_amount_of_memory(client: Client, field: str) -> None:
    """Each becomes five characters, and one wide character would make each of those four bytes."""
    client.get("/en/submit")
    body = field.encode() + b"=" + WIDE + b'"' * 4_000_000
    tracemalloc.start()
    try:
        answer = client.post(
            "/en/submit?switch=1",
            input_stream=io.BytesIO(body),
            content_length=len(body),
            content_type="application/x-www-form-urlencoded",
            buffered=False,
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.status_code in {200, 303}
    # The text, decoded: 16 MB. The page: 20 MB, once in pieces and once whole.
    assert peak < 25 * len(body)
