"""The receipt: the code, what arrived, the question, and files after the words."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from flask import session
from werkzeug.test import Client, TestResponse

from intake.envelope.account import Kind
from intake.online.refusal import Reason, Refusal
from intake.online.settings import Limits
from intake.online.witness import languages
from intake.online.witness.app import create_app
from intake.online.witness.forms import CodeStamp
from intake.online.witness.mailbox import send_to_door
from intake.online.witness.open_visit import Done, OpenVisit
from intake.online.witness.receipt import Receipt
from intake.online.witness.visit import SealedVisits
from intake.receipt.code import Code
from tests.support.deployments import NOON, Scene, hidden_fields, receipt_code, send
from tests.support.mailboxes import Visitor, form, records

BURMESE = "ရွာကို မီးရှို့ခဲ့တယ်။"


@pytest.fixture
def visitor(client: Client) -> Visitor:
    send(client, BURMESE, lang="en")
    return Visitor(client)


def receipt(visitor: Visitor) -> str:
    return visitor.client.get(f"/{visitor.lang}/receipt").text


def add(visitor: Visitor, *files: tuple[str, bytes], token: str | None = None) -> TestResponse:
    fields = form(receipt(visitor)) if token is None else {"csrf_token": token}
    return visitor.post("/receipt", list(fields.items()), list(files))


def answer(visitor: Visitor, typed: str) -> TestResponse:
    fields = [*form(receipt(visitor)).items(), ("last_group", typed)]
    return visitor.post("/receipt", fields)


def test_the_code_is_shown_in_the_pages_digits_and_in_0_to_9(visitor: Visitor) -> None:
    visitor.lang = "my"
    page = receipt(visitor)
    code = receipt_code(page)
    burmese = languages.in_digits(code, languages.BY_TAG["my"])
    groups = re.findall(r"<span>(.{4})</span>", page)
    assert groups == [burmese[i : i + 4] for i in range(0, 28, 4)] + list(Code(code).groups())
    visitor.lang = "en"
    assert re.findall(r"<span>(.{4})</span>", receipt(visitor)) == list(Code(code).groups())


def test_it_says_how_much_arrived(client: Client) -> None:
    send(client, BURMESE, [("a", b"x" * 1_500_000), ("b", b"x" * 20)], lang="en")
    page = receipt(Visitor(client))
    assert f"Characters of text: {len(BURMESE)}" in page
    assert "Files: 2, together 1.5 MB" in page


def test_words_alone_show_no_files_and_files_alone_no_words(client: Client) -> None:
    send(client, BURMESE, lang="en")
    assert "Files:" not in receipt(Visitor(client))
    send(client, "", [("a", b"x")], lang="en")
    page = receipt(Visitor(client))
    assert "Characters" not in page
    assert "Files: 1, together 1 KB" in page


def test_each_file_is_listed_in_its_order(client: Client) -> None:
    send(client, BURMESE, [("a", b"x" * 1_500_000), ("b", b""), ("c", b"x" * 2_001)], lang="en")
    visitor = Visitor(client)
    add(visitor, ("d", b"x" * 70_000))
    shown = re.findall(r"<li>(File.*?)</li>", receipt(visitor))
    sizes = ["1.5 MB", "0 KB", "3 KB", "70 KB"]
    listed = [f"File {number}: {size}" for number, size in enumerate(sizes, 1)]
    assert shown == [*listed, "Files: 4, together 1.6 MB"]


def test_a_long_list_of_files_ends_with_how_many_more(client: Client) -> None:
    send(client, BURMESE, [(f"{n}", b"x" * 1000 * n) for n in range(1, 26)], lang="en")
    page = receipt(Visitor(client))
    assert "File 20: 20 KB" in page
    assert "File 21" not in page
    assert "And 5 more" in page
    assert "Files: 25, together 325 KB" in page


def test_the_longest_list_fits_the_cookie(scene: Scene) -> None:
    """Beside a code at the door, an open mailbox, and all that was ever counted."""
    app = create_app(scene.deployment())
    assert isinstance(app.session_interface, SealedVisits)
    largest = Receipt("0" * 28, 2 * 10**9, 10**10, 10**5, 10**15, (10**11,) * 20, ("f" * 6,) * 16)
    with app.test_request_context():
        session["csrf_token"] = "f" * 40
        replace(largest, noted=False).keep(NOON)
        OpenVisit(Code("0" * 28)).keep(NOON, Done("forgotten", 10**9, 10**4, 10**13))
        send_to_door(Refusal(Reason.CODE_MISTYPED, 10**5), NOON, "1" * 198)
        assert len(app.session_interface._seal(dict(session))) < 2000


# --- two tabs --------------------------------------------------------------------------------


def test_files_of_one_receipt_are_not_filed_under_the_code_of_another(
    scene: Scene, client: Client
) -> None:
    visitor = Visitor(client)
    send(client, "account A", lang="en")
    first = form(receipt(visitor))
    send(client, "account B", lang="en")
    code = receipt_code(receipt(visitor))
    refused = visitor.post("/receipt", list(first.items()), [("photo-of-A.jpg", b"A")])
    assert refused.status_code == Reason.OTHER_RECEIPT.status
    assert Reason.OTHER_RECEIPT.sentence in refused.text
    assert 'href="/en/mailbox"' in refused.text
    assert "receipt-code" not in refused.text, "the other code would be taken for this one"
    asked = visitor.post("/receipt", [*first.items(), ("last_group", code[-4:])])
    assert asked.status_code == Reason.OTHER_RECEIPT.status
    assert sorted(text for _kind, text, _names in records(scene)) == ["account A", "account B"]
    # The receipt of the other is as it was, and takes its own.
    assert receipt_code(receipt(visitor)) == code
    assert add(visitor, ("b.jpg", b"B")).status_code == 303


def test_what_a_receipt_notes_is_no_mark_of_its_code(scene: Scene, client: Client) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    send(client, BURMESE, hidden=hidden, lang="en")
    note = form(receipt(Visitor(client)))["mailbox"]
    assert note not in hidden["code_mac"]
    stamp = CodeStamp(scene.deployment().server_keys.code_mac)
    assert note == stamp.note(Code(hidden["code"])) != stamp.note(Code.generate())
    for mark in (note, note * 2):
        forged = send(client, BURMESE, hidden={**hidden, "code_mac": mark}, lang="en")
        assert forged.status_code == Reason.WRONG_CODE.status


# --- the question ----------------------------------------------------------------------------


def test_the_last_group_is_right_however_it_is_typed(visitor: Visitor) -> None:
    code = receipt_code(receipt(visitor))
    last = code[-4:]
    burmese = languages.in_digits(last, languages.BY_TAG["my"])
    letters = burmese.replace("၀", "ဝ").replace("၇", "ရ")
    for typed in (last, f" {last}\n", burmese, letters, "-".join(last), code):
        done = answer(visitor, typed)
        assert (done.status_code, done.headers["Location"]) == (303, "/en/receipt")
        page = receipt(visitor)
        assert "That is right." in page
        assert 'class="error"' not in page
        assert receipt_code(page) == code


@pytest.mark.parametrize("typed", ["0", "12345", "abcd", "²²²²", "\x00", "0" * 10_000])
def test_a_wrong_group_says_look_at_your_note_again(visitor: Visitor, typed: str) -> None:
    assert answer(visitor, typed).status_code == 303
    page = receipt(visitor)
    assert 'class="error"' in page
    assert "Look at your note again" in page
    assert len(receipt_code(page)) == 28


def test_an_empty_answer_passes_the_question_over(visitor: Visitor) -> None:
    answer(visitor, "0")
    assert answer(visitor, "  ").status_code == 303
    page = receipt(visitor)
    assert 'class="error"' not in page
    assert "That is right" not in page


def test_what_was_typed_is_in_no_address(visitor: Visitor) -> None:
    last = receipt_code(receipt(visitor))[-4:]
    done = answer(visitor, last)
    assert last not in done.headers["Location"]
    assert "?" not in done.headers["Location"]


# --- files after the words -------------------------------------------------------------------


def test_files_added_are_a_submission_of_their_own_under_the_same_code(
    scene: Scene, visitor: Visitor
) -> None:
    code = receipt_code(receipt(visitor))
    done = add(visitor, ("ဓာတ်ပုံ.jpg", b"x" * 1500), ("b.jpg", b"y" * 1500))
    assert (done.status_code, done.headers["Location"]) == (303, "/en/receipt")
    page = receipt(visitor)
    assert receipt_code(page) == code
    assert f"Characters of text: {len(BURMESE)}" in page
    assert "Files: 2, together 3 KB" in page
    add(visitor, ("c.jpg", b"z" * 1500))
    assert "Files: 3, together 5 KB" in receipt(visitor)
    assert records(scene) == [
        (Kind.ACCOUNT.value, BURMESE, []),
        (Kind.FILES.value, "", ["c.jpg"]),
        (Kind.FILES.value, "", ["ဓာတ်ပုံ.jpg", "b.jpg"]),
    ]
    keys = set()
    for path in scene.sealed():
        with scene.opened(path) as envelope:
            keys.add(envelope.record.reply_key)
    assert len(keys) == 1


def test_the_same_files_again_are_kept_and_counted_once(scene: Scene, visitor: Visitor) -> None:
    for _ in range(3):
        assert add(visitor, ("a.jpg", b"x")).status_code == 303
    assert "Files: 1, together 1 KB" in receipt(visitor)
    assert len(scene.sealed()) == 2


def test_files_that_arrived_unseen_are_counted_when_they_are_sent_again(
    scene: Scene, visitor: Visitor
) -> None:
    """The line died after the first try had arrived: its answer, and its cookie, were lost."""
    cookie = visitor.client.get_cookie("visit")
    assert cookie is not None
    add(visitor, ("a.jpg", b"x"))
    visitor.client.set_cookie("visit", cookie.value)
    assert "Files:" not in receipt(visitor)
    assert add(visitor, ("a.jpg", b"x")).status_code == 303
    assert "Files: 1" in receipt(visitor)
    assert len(scene.sealed()) == 2


def test_as_many_files_as_anybody_adds_fit_the_cookie(visitor: Visitor) -> None:
    for n in range(40):
        assert add(visitor, (f"{n}.jpg", b"x")).status_code == 303
    visitor.open(Code("0" * 28))
    visitor.send("x" * 1000)
    visitor.type_code("၁" * 60)
    visitor.type_code('"\\' * 2000)
    assert visitor.client.get("/en/mailbox").status_code == 200
    assert "Files: 40" in receipt(visitor)


LIMITS = Limits(submission=1_000_000, attachments=2, disk_reserve=0)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([], Reason.NO_FILE),
        ([("", b"")], Reason.NO_FILE),
        ([("a", b"x" * 1_000_001)], Reason.TOO_LARGE),
        ([("a", b"1"), ("b", b"2"), ("c", b"3")], Reason.TOO_MANY_FILES),
    ],
)
def test_what_cannot_be_added_is_said_beside_the_code(
    scene: Scene, files: list[tuple[str, bytes]], reason: Reason
) -> None:
    client = Client(create_app(scene.deployment(limits=LIMITS)))
    send(client, BURMESE, lang="en")
    visitor = Visitor(client)
    code = receipt_code(receipt(visitor))
    refused = add(visitor, *files)
    assert refused.status_code == reason.status
    assert reason.sentence in html.unescape(refused.text)
    assert 'class="error"' in refused.text
    assert receipt_code(refused.text) == code
    assert len(scene.sealed()) == 1
    assert add(visitor, ("a", b"1")).status_code == 303


@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_wrong_token_adds_nothing_and_shows_the_code(
    scene: Scene, visitor: Visitor, token: str
) -> None:
    code = receipt_code(receipt(visitor))
    refused = add(visitor, ("a", b"1"), token=token)
    assert refused.status_code == Reason.WRONG_TOKEN.status
    assert receipt_code(refused.text) == code
    assert len(scene.sealed()) == 1


def test_with_nothing_in_force_nothing_is_added_and_it_is_said(
    scene: Scene, visitor: Visitor
) -> None:
    fields = form(receipt(visitor))
    (scene.folder / "manifest.json").unlink()
    refused = visitor.post("/receipt", list(fields.items()), [("a", b"1")])
    assert refused.status_code == Reason.NO_KEYS.status
    assert len(receipt_code(refused.text)) == 28


def at(scene: Scene, visitor: Visitor, seconds: float) -> Visitor:
    """Return the same browser, so long after noon."""
    cookie = visitor.client.get_cookie("visit")
    assert cookie is not None
    client = Client(create_app(scene.deployment(now=NOON + seconds)))
    client.set_cookie("visit", cookie.value)
    return Visitor(client)


def test_after_ten_minutes_it_says_to_use_the_code_at_the_mailbox(
    scene: Scene, visitor: Visitor
) -> None:
    fields = list(form(receipt(visitor)).items())
    late = at(scene, visitor, 601)
    page = late.client.get("/en/receipt")
    assert page.status_code == 404
    assert "use it at the mailbox" in page.text
    assert 'href="/en/mailbox"' in page.text
    refused = late.post("/receipt", fields, [("a", b"1")])
    assert refused.status_code == 404
    assert Reason.RECEIPT_OVER.sentence in refused.text
    assert 'href="/en/mailbox"' in refused.text
    assert len(scene.sealed()) == 1


def test_the_ten_minutes_begin_anew_with_each_file(scene: Scene, visitor: Visitor) -> None:
    """A photo may take most of them on a slow line."""
    for step in (1, 2, 3):
        visitor = at(scene, visitor, 500 * step)
        assert add(visitor, (f"{step}.jpg", b"x")).status_code == 303
    assert "Files: 3" in receipt(visitor)


def test_other_words_under_the_same_code_are_added_up(client: Client) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    for text in ("one", "three", "one"):
        send(client, text, hidden=hidden, lang="en")
    assert "Characters of text: 8" in receipt(Visitor(client))
    send(client, "another account", lang="en")
    assert "Characters of text: 15" in receipt(Visitor(client))


def test_the_receipt_leads_to_the_mailbox_and_its_code_opens_it(visitor: Visitor) -> None:
    page = receipt(visitor)
    assert 'href="/en/mailbox"' in page
    assert visitor.open(Code(receipt_code(page)))
    assert 'href="/en/mailbox"' in visitor.client.get("/en/").text


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 KB"), (1, "1 KB"), (1001, "2 KB"), (2_400_000, "2.4 MB"), (3_100_000_000, "3.1 GB")],
)
def test_sizes_are_told_as_people_read_them(size: int, shown: str) -> None:
    assert languages.in_units(size) == shown
