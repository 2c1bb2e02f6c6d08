"""The mailbox: what comes back to a witness, and what a witness can do there."""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from urllib.parse import quote_from_bytes

import pytest
from flask import Flask
from werkzeug.test import Client

from intake.age.opening.hybrid import HybridIdentity
from intake.age.sealing.hybrid import HybridRecipient
from intake.age.sealing.seal import seal_bytes
from intake.envelope.reply import SLOT_SIZE, TEXT_SIZE, seal_reply
from intake.manifest.model import Manifest
from intake.online.deployment import Deployment
from intake.online.refusal import Reason
from intake.online.store.replies import Filing
from intake.online.witness.lengths import MAILBOX_PAGE
from intake.receipt.code import Code
from intake.receipt.derivation import derive
from tests.support.deployments import Scene, receipt_code, send
from tests.support.mailboxes import (
    Visitor,
    all_pages,
    file_reply,
    form,
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


# --- the door ----------------------------------------------------------------------------------


def test_a_code_opens_its_mailbox(deployment: Deployment, visitor: Visitor) -> None:
    file_reply(deployment, CODE, "ဘယ်နေ့က ဖြစ်တာလဲ။")
    page = visitor.open(CODE)
    assert replies(page) == ["ဘယ်နေ့က ဖြစ်တာလဲ။"]
    assert "2026-11-23" in page
    assert CODE.reveal() not in page


def test_the_code_of_a_receipt_opens_the_mailbox_of_what_was_sent(
    scene: Scene, deployment: Deployment, client: Client
) -> None:
    """The reviewer answers to what stands in the account: the witness's code finds it."""
    send(client, BURMESE)
    code = Code(receipt_code(client.get("/my/receipt").text))
    (sealed,) = scene.sealed()
    with scene.opened(sealed) as envelope:
        record = envelope.record
    reply = seal_reply("ကျေးဇူးတင်ပါတယ်။", HybridRecipient.parse(record.reply_to))
    file_reply(deployment, code, "", sealed=reply)
    assert replies(Visitor(client, "my").open(code)) == ["ကျေးဇူးတင်ပါတယ်။"]


@pytest.mark.parametrize(
    ("typed", "reason", "number"),
    [
        ("", Reason.CODE_LENGTH, "0"),
        ("1234", Reason.CODE_LENGTH, "4"),
        (CODE.reveal()[:-1], Reason.CODE_LENGTH, "27"),
        (CODE.reveal() + "0", Reason.CODE_LENGTH, "29"),
        ("4" + CODE.reveal()[1:], Reason.CODE_MISTYPED, ""),
        (CODE.reveal()[1] + CODE.reveal()[0] + CODE.reveal()[2:], Reason.CODE_MISTYPED, ""),
        ("O" + CODE.reveal()[1:], Reason.CODE_LETTERS, ""),
    ],
)
def test_what_is_wrong_with_a_code_is_said_before_anything_is_derived(
    app: Flask, monkeypatch: pytest.MonkeyPatch, typed: str, reason: Reason, number: str
) -> None:
    monkeypatch.setattr("intake.receipt.derivation.Argon2id", None)
    for lang in ("en", "my"):
        visitor = Visitor(Client(app), lang)
        answer = visitor.type_code(typed)
        # A redirect, so that no browser keeps nearly all of a code with the page that answers it.
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/{lang}/mailbox")
        page = visitor.client.get(answer.headers["Location"]).text
        assert 'class="error"' in page
        assert f'value="{typed}"' in page
        if lang == "en":
            assert reason.sentence.replace("%(number)s", number) in page
        # Said once: the door is as before after that.
        assert 'class="error"' not in visitor.client.get(f"/{lang}/mailbox").text


def test_a_code_typed_in_burmese_digits_is_told_in_burmese_digits(visitor: Visitor) -> None:
    visitor.lang = "my"
    visitor.type_code("၁၂၃ ၄၅")
    assert "၅ လုံး ဖတ်ရပါသည်" in visitor.client.get("/my/mailbox").text


@pytest.mark.parametrize("content_type", ["multipart", "application/x-www-form-urlencoded"])
def test_the_door_takes_a_code_however_the_browser_sends_it(
    visitor: Visitor, content_type: str
) -> None:
    burmese = CODE.reveal().translate(str.maketrans("0123456789", "၀၁၂၃၄၅၆၇၈၉"))
    if content_type == "multipart":
        answer = visitor.type_code(burmese)
    else:
        hidden = form(visitor.client.get("/en/mailbox").text)
        code = quote_from_bytes(" ".join(burmese).encode(), safe="").replace("%20", "+")
        data = f"csrf_token={hidden['csrf_token']}&code={code}"
        answer = visitor.client.post("/en/mailbox", data=data, content_type=content_type)
    assert answer.headers["Location"] == "/en/mailbox/open"
    assert visitor.page()


def test_the_code_stands_in_no_address_page_or_header(
    deployment: Deployment, visitor: Visitor
) -> None:
    file_reply(deployment, CODE, "x")
    answer = visitor.type_code(CODE.reveal())
    seen = str(answer.headers) + answer.text + visitor.page()
    seen += str(visitor.send("y").headers) + visitor.page()
    for group in CODE.groups():
        assert f">{group}<" not in seen
    assert CODE.reveal() not in seen


def test_without_a_code_the_mailbox_is_behind_its_door(visitor: Visitor) -> None:
    answer = visitor.client.get("/en/mailbox/open")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/en/mailbox")
    assert 'class="error"' not in visitor.client.get("/en/mailbox").text


# --- replies -----------------------------------------------------------------------------------


def test_eight_replies_are_shown_with_their_day_and_the_newest_first(
    deployment: Deployment, visitor: Visitor
) -> None:
    for n in (3, 1, 4, 0, 5, 2, 7, 6):
        file_reply(deployment, CODE, f"reply {n}", day=dt.date(2026, 11, 1 + n))
    page = visitor.open(CODE)
    assert replies(page) == [f"reply {n}" for n in reversed(range(8))]
    days = re.findall(r"Reply of (\S+)<", page)
    assert days == [f"2026-11-0{1 + n}" for n in reversed(range(8))]
    visitor.lang = "my"
    assert "၂၀၂၆-၁၁-၀၈" in visitor.page()


def test_a_deleted_reply_is_gone_and_the_one_that_waited_is_there(
    scene: Scene, deployment: Deployment, visitor: Visitor
) -> None:
    days = [dt.date(2026, 11, 1 + n) for n in range(9)]
    filed = [file_reply(deployment, CODE, f"reply {n}", day=days[n]) for n in range(9)]
    assert filed == [Filing.FILED] * 8 + [Filing.WAITING]
    page = visitor.open(CODE)
    assert replies(page)[0] == "reply 7"
    gone = reply_ids(page)[0]
    database = scene.folder / "state" / "intake.db"
    with sqlite3.connect(database) as connection:
        (sealed,) = connection.execute(
            "SELECT sealed FROM replies WHERE id = ?", [bytes.fromhex(gone)]
        ).fetchone()
    connection.close()
    answer = visitor.delete(gone)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/en/mailbox/open")
    page = visitor.page()
    assert "The reply is not here any more" in page
    assert replies(page) == [f"reply {n}" for n in (8, *reversed(range(7)))]
    assert sealed[2000:2064] not in database.read_bytes()
    assert "The reply is not here any more" not in visitor.page()


def test_a_reply_that_waits_is_shown_when_time_has_emptied_a_slot(
    deployment: Deployment, visitor: Visitor
) -> None:
    """Whatever empties a slot does not know what waits for it."""
    for n in range(8):
        file_reply(deployment, CODE, f"reply {n}", day=dt.date(2026, 9, 1 + n))
    for n in (8, 9):
        assert file_reply(deployment, CODE, f"reply {n}") is Filing.WAITING
    assert replies(visitor.open(CODE)) == [f"reply {n}" for n in reversed(range(8))]
    deployment.store.replies.sweep(
        filed_before=dt.date(2026, 9, 2), withdrawn_before=dt.date(2026, 1, 1)
    )
    page = visitor.page()
    assert len(replies(page)) == 8
    assert set(replies(page)) - {"reply 8", "reply 9"} == {f"reply {n}" for n in range(1, 8)}
    deployment.store.replies.sweep(
        filed_before=dt.date(2026, 10, 1), withdrawn_before=dt.date(2026, 1, 1)
    )
    page = visitor.page()
    assert sorted(replies(page)) == ["reply 8", "reply 9"]
    assert visitor.delete(reply_ids(page)[0]).status_code == 303
    assert len(replies(visitor.page())) == 1


def test_deleting_what_is_not_there_is_the_same_answer(
    deployment: Deployment, visitor: Visitor
) -> None:
    file_reply(deployment, CODE, "mine")
    file_reply(deployment, Code("0" * 28), "another's")
    visitor.open(Code("0" * 28))
    theirs = reply_ids(visitor.page())[0]
    visitor.open(CODE)
    for reply in ("00" * 16, theirs, theirs):
        assert visitor.delete(reply).status_code == 303
        assert replies(visitor.page()) == ["mine"]
    assert replies(visitor.open(Code("0" * 28))) == ["another's"]


@pytest.mark.parametrize(
    "reply", ["", "x", "00" * 15, "00" * 17, "GG" * 16, "၀" * 32, "00" * 16 + "\n", "../" * 5]
)
def test_the_id_of_a_reply_is_an_id_or_a_plain_page(
    deployment: Deployment, visitor: Visitor, reply: str
) -> None:
    file_reply(deployment, CODE, "x")
    visitor.open(CODE)
    refused(visitor.delete(reply), Reason.MALFORMED)
    assert replies(visitor.page()) == ["x"]


HARMFUL = [
    "<script>alert(1)</script><b>bold</b>",
    "&lt;b&gt; &amp;amp; &#60;script&#62; &nbsp",
    "https://example.org/ javascript:alert(1) mailto:a@b.c",
    '" onmouseover="alert(1)" \' `',
    "</div></main></html><!-- -->",
    "<![CDATA[x]]> <?php ?> {{ 7*7 }} {% if x %}",
    "one\n\n  two\n\tthree   four",
    "😀 \u200b \u2028 e\u0301 " + "\u0301" * 50,
    "ကျွန်ုပ် ၏ \u1031\u1039",
]


@pytest.mark.parametrize("text", HARMFUL)
def test_a_reply_is_shown_to_the_letter_and_does_nothing(
    deployment: Deployment, visitor: Visitor, text: str
) -> None:
    file_reply(deployment, CODE, text)
    page = visitor.open(CODE)
    assert replies(page) == [text]
    (shown,) = re.findall(r'<div class="reply"[^>]*>(.*?)</div>', page, re.DOTALL)
    assert "<" not in shown
    assert page.count("<a ") == Visitor(visitor.client).page().count("<a ")
    assert "<script" not in page


def test_what_nobody_can_show_becomes_a_sign_for_it(
    deployment: Deployment, visitor: Visitor
) -> None:
    text = "a\x01b\x0bc\x1b[31md\x7fe\U0010ff00f\U0010ff01g"
    file_reply(deployment, CODE, text)
    (shown,) = replies(visitor.open(CODE))
    assert shown == "a?b?c?[31md?e\ufffdf\ufffdg"


def damaged_replies(code: Code, manifest: Manifest) -> dict[str, bytes]:
    """Return sealed files that are no reply, by what is wrong with them."""
    recipient = HybridRecipient.from_seed(derive(code, manifest.receipt).reply_seed)
    whole = seal_reply("words", recipient)
    other = HybridIdentity.generate().recipient()
    return {
        "nothing": b"",
        "noise": bytes(range(256)) * 256,
        "cut short": whole[:-1],
        "changed": whole[:-1] + bytes([whole[-1] ^ 1]),
        "header cut": whole[:1000],
        "to somebody else": seal_reply("words", other),
        "no text": seal_bytes(b"\xff\xfe words".ljust(1000, b"\0"), [recipient]),
        "NUL inside": seal_bytes(b"wo\0rds", [recipient]),
        "larger than a slot": seal_bytes(b"\xff" * (2 * SLOT_SIZE), [recipient]),
        "empty": seal_bytes(b"", [recipient]),
    }


def test_a_damaged_reply_is_said_to_be_and_the_others_are_read(
    scene: Scene, deployment: Deployment, app: Flask
) -> None:
    for wrong in damaged_replies(CODE, scene.manifest):
        code = Code.generate()
        visitor = Visitor(Client(app))
        file_reply(deployment, code, "before")
        file_reply(deployment, code, "", sealed=damaged_replies(code, scene.manifest)[wrong])
        file_reply(deployment, code, "after")
        pages = all_pages(visitor, code)
        assert {len(page.encode()) for page in pages} == {MAILBOX_PAGE}
        shown = [text for page in pages for text in replies(page)]
        assert (shown[0], shown[-1]) == ("after", "before"), wrong
        said = any("was damaged" in page for page in pages)
        assert said == (wrong not in {"NUL inside", "empty"}), wrong
        # It can be deleted like any other.
        found = [reply for page in pages for reply in reply_ids(page)]
        assert len(found) == 3
        assert visitor.delete(found[1]).status_code == 303
        assert replies(visitor.page()) == ["after", "before"]


def test_what_is_legible_of_a_damaged_reply_is_shown(
    scene: Scene, deployment: Deployment, visitor: Visitor
) -> None:
    sealed = damaged_replies(CODE, scene.manifest)["no text"]
    file_reply(deployment, CODE, "", sealed=sealed)
    assert replies(visitor.open(CODE)) == ["\ufffd\ufffd words"]


# --- several pages -----------------------------------------------------------------------------


LONGEST = {
    "plain": "x" * TEXT_SIZE,
    "Burmese": "က" * (TEXT_SIZE // 3),
    "lines": "\n" * (TEXT_SIZE - 1) + "x",
    "quotes": "\"'" * (TEXT_SIZE // 2),
    "ampersands": "&" * TEXT_SIZE,
    "tags": "<b>" * (TEXT_SIZE // 3),
    "mixed": "က&<>x" * (TEXT_SIZE // 7),
}


@pytest.mark.parametrize("text", LONGEST.values(), ids=LONGEST)
def test_the_longest_reply_is_read_whole_on_pages_of_one_length(
    deployment: Deployment, visitor: Visitor, text: str
) -> None:
    file_reply(deployment, CODE, text)
    pages = all_pages(visitor, CODE)
    assert {len(page.encode()) for page in pages} == {MAILBOX_PAGE}
    assert "".join(shown for page in pages for shown in replies(page)) == text
    assert (len(pages) == 1) == ("&" not in text and "<" not in text)
    # One button deletes it, where it ends.
    assert [len(reply_ids(page)) for page in pages] == [0] * (len(pages) - 1) + [1]


def test_eight_of_the_longest_are_read_on_eight_pages(
    deployment: Deployment, visitor: Visitor
) -> None:
    texts = [str(n) + "က" * ((TEXT_SIZE - 1) // 3) for n in range(8)]
    for text in texts:
        file_reply(deployment, CODE, text)
    pages = all_pages(visitor, CODE)
    assert {len(page.encode()) for page in pages} == {MAILBOX_PAGE}
    assert [replies(page) for page in pages] == [[text] for text in reversed(texts)]
    for number in ("0", "-1", "99", "1000", "x", "", "２", "1.5", "%00"):
        found = replies(visitor.page(f"?page={number}"))
        assert found in ([texts[0]], [texts[-1]]), number


def test_short_replies_stand_on_one_page(deployment: Deployment, visitor: Visitor) -> None:
    for _ in range(8):
        file_reply(deployment, CODE, BURMESE * 50)
    assert len(replies(visitor.open(CODE))) == 8
