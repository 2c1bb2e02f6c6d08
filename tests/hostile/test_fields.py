"""Every field of every form with hostile text in it. Threats 6, 8, 20, 21, 24.

It comes through to the reviewer unchanged (line ends become LF, what is no valid Unicode is
replaced and named), and does nothing on the page that gives it back.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import Client

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.offline import showing
from intake.online.refusal import Reason
from intake.online.witness.app import create_app
from intake.receipt.code import Code
from tests.support.deployments import Scene, hidden_fields, make_scene, send
from tests.support.mailboxes import Visitor, form
from tests.support.parsed import Parsed
from tests.support.questionnaires import EVERYTHING, answer, asking_everything, questionnaire

CUSTODIAN = HybridIdentity.generate()

#: What is typed, and, where that is another thing, what the reviewer reads.
TYPED: dict[str, tuple[bytes, str | None]] = {
    "a bidirectional override": ("တပ်\u202egnp.exe\u2066\u200f\u061c".encode(), None),
    "markup": (b"<script>alert(1)</script><img src=x onerror=y>", None),
    "the end of an attribute": (b"\"><img src=x>'><b>` onfocus=x autofocus", None),
    "the end of a field": (b"</textarea></select></form><h1>x</h1><!--", None),
    "template syntax": (b"{{7*7}}{% include 'x' %}${7*7}#{7}<%= 7 %>%(x)s{0}%s", None),
    "entities": (b"&amp; &lt; &#60; &amp;lt; &nbsp &copy", None),
    "a NUL": (b"a\x00b\x00", None),
    "all control characters": (
        bytes(range(0x01, 0x20)).replace(b"\r", b"") + b"\x7f\xc2\x80\xc2\x85\xc2\x9f|",
        None,
    ),
    "CRLF, CR and LF": (b"a\r\nb\rc\nd\n\r\ne", "a\nb\nc\nd\n\ne"),
    "line ends first and last": (b"\r\n\r\na\r\n", "\n\na\n"),
    "half a surrogate pair": (b"a\xed\xa0\x80b\xed\xb0\x80", "a\ufffd\ufffd\ufffdb" + "\ufffd" * 3),
    "bytes that are no text": (b"\xff\xfe\x80 \xe1\x80 \xf5", "\ufffd\ufffd\ufffd \ufffd \ufffd"),
    "an overlong character": (b"\xc0\xaf", "\ufffd\ufffd"),
    "Zawgyi": ("ေက်ာ္ေက်ာ္ ျမန္မာ ဗမာစာ".encode(), None),
    "Burmese that is not normalised": ("ကျွန်ုပ် ့် ့်".encode(), None),
    "Shan, Mon and Karen": ("ၵႂၢမ်းတႆး ဘာသာမန် ကညီကျိာ်".encode(), None),
    "emoji of several signs": ("👨‍👩‍👧‍👦🏴‍☠️🇲🇲".encode(), None),
    "letters with a hundred marks": (("a" + "\u0301" * 100).encode(), None),
    "a byte order mark": (b"\xef\xbb\xbfa\xef\xbb\xbf", None),
    "line and paragraph separators": ("a\u2028b\u2029c".encode(), None),
    "nothing that is seen": ("\u200b\u2060\u3164\u2800".encode(), None),
    "noncharacters": ("\ufffe\uffff\U0010ffff".encode(), None),
    "a boundary": (
        b"\r\n------browser123456789\r\nContent-Disposition: x",
        "\n------browser123456789\nContent-Disposition: x",
    ),
    "a header": (b"x\r\nSet-Cookie: a=b\r\n\r\n<h1>", "x\nSet-Cookie: a=b\n\n<h1>"),
    "terminal escapes": (b"\x1b[2J\x1b]0;x\x07\x9b".replace(b"\x9b", b"\xc2\x9b"), None),
    "a formula": (b'=HYPERLINK("http://x";"y")', None),
    "what an answer looks like": ("⚠ How was it?\n    x\n\nConsents:".encode(), None),
}

#: Fields with text, and how much of it they take.
LONG = ("account", "how")
SHORT = ("what", "where", "local")
PARTS = ("when-year", "when-month", "when-day", "when-about", "dead-from", "dead-to")
IDENTIFYING = ("reach", "friend")
TEXTS = (*LONG, *SHORT, *PARTS, *IDENTIFYING)
#: Fields in which nothing but what is offered may stand.
OFFERED = (
    "saw",
    "heard",
    "where-precision",
    "consent-study",
    "consent-share-court",
    "consent-silence",
)


def read_as(name: str) -> str:
    typed, read = TYPED[name]
    return typed.decode() if read is None else read


def parts_of(text: bytes) -> bytes:
    """Return as much as fits a part of a date, without a half character at its end."""
    return text[:40].decode("utf-8", errors="ignore").encode() if _is_text(text) else text[:40]


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def cut(field: str, text: bytes) -> bytes:
    return parts_of(text) if field in PARTS else text


def as_read(data: bytes) -> str:
    return data.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene(tmp_path / "deployment", custodian=CUSTODIAN)


@pytest.fixture
def client(scene: Scene) -> Client:
    return Client(asking_everything(scene))


# --- to the reviewer -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", TYPED)
def test_it_comes_through_to_the_reviewer(
    scene: Scene, client: Client, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    typed, _ = TYPED[name]
    fields = [(field, cut(field, typed)) for field in TEXTS]
    assert answer(client, fields).status_code == 303
    (sealed,) = scene.sealed()
    identity = json.loads(open_bytes(scene.members(sealed)["identity.age"], [CUSTODIAN]))
    with scene.opened(sealed) as envelope:
        record, account, text = envelope.record, envelope.account_text(), envelope.answers_text()
    assert account == read_as(name) == as_read(typed)
    part = as_read(parts_of(typed))
    for field in ("how", "what", "local"):
        assert record.answers[field] == read_as(name)
    assert record.answers["where"] == {"place": read_as(name), "precision": None}
    assert identity["answers"] == dict.fromkeys(IDENTIFYING, read_as(name))
    if part.strip():
        when, dead = record.answers["when"], record.answers["dead"]
        assert isinstance(when, dict)
        assert isinstance(dead, dict)
        assert (when["year"], when["month"], when["day"]) == (part,) * 3
        assert (dead["from"], dead["to"]) == (part,) * 2
        assert (when["edtf"], dead["least"]) == (None, None)
    told = {*TEXTS} - {*IDENTIFYING} if "\ufffd" in read_as(name) else set()
    assert set(record.repaired) == told

    showing.say_account("5a" * 16, record, account, None)
    showing.say_answers("5a" * 16, record, text)
    printed = capsys.readouterr().out
    assert ("What was no text came as \ufffd in: " in printed) is bool(told)
    assert not [char for char in printed if not char.isprintable() and char not in _SHOWN]
    below = printed.split("Answers of submission", 1)[1].split("\nConsents of", 1)[0]
    labels = [line for line in below.splitlines()[2:] if line and not line.startswith("    ")]
    assert len(labels) == 6


#: What is shown although Python calls it unprintable: spaces, joiners and signs without a shape.
_SHOWN = "\n\t\u200b\u200d\u2060\ufeff\u3000\ufffe\uffff\U0010ffff"


@pytest.mark.parametrize("name", TYPED)
def test_a_message_comes_through_to_the_reviewer(scene: Scene, client: Client, name: str) -> None:
    visitor = Visitor(client)
    visitor.open(Code.generate())
    assert visitor.send(TYPED[name][0]).status_code == 303
    assert scene.accounts() == [read_as(name)]


@pytest.mark.parametrize("character", ["x", "က", "\u202e", "<", "\x01", "🕊"])
def test_a_million_characters_without_a_space_come_through(
    scene: Scene, client: Client, character: str
) -> None:
    assert send(client, character * 1_000_000).status_code == 303
    assert scene.accounts() == [character * 1_000_000]


# --- on the page that gives it back --------------------------------------------------------------


def refused_page(client: Client, fields: list[tuple[str, str | bytes]]) -> Parsed:
    """Return the page that answers a form with a wrong token."""
    hidden = hidden_fields(client.get("/en/submit").text) | {"csrf_token": "wrong"}
    found = answer(client, fields, hidden=hidden)
    assert found.status_code == Reason.WRONG_TOKEN.status
    return Parsed.of(found.text)


def in_a_field(text: str) -> str:
    """Return what a parser makes of a text: HTML has no NUL."""
    return text.replace("\x00", "\ufffd")


@pytest.mark.parametrize("name", TYPED)
def test_it_comes_back_as_it_was_and_does_nothing(client: Client, name: str) -> None:
    typed, _ = TYPED[name]
    page = refused_page(client, [(field, cut(field, typed)) for field in TEXTS])
    harmless = refused_page(client, [(field, "harmless") for field in TEXTS])
    assert page.skeleton(TEXTS) == harmless.skeleton(TEXTS)
    assert page.texts() == harmless.texts()
    values = page.values()
    for field in {*TEXTS} - {"when-about"}:
        assert values[field] == [in_a_field(as_read(cut(field, typed)))], field


@pytest.mark.parametrize("name", TYPED)
def test_it_comes_along_into_another_language_and_does_nothing(client: Client, name: str) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)

    def switched(value: bytes) -> Parsed:
        fields = [(field, cut(field, value)) for field in TEXTS]
        found = answer(client, fields, hidden=hidden, lang="my", query="?switch=1")
        assert found.status_code == 200
        return Parsed.of(found.text)

    typed, _ = TYPED[name]
    page, harmless = switched(typed), switched(b"harmless")
    assert page.skeleton(TEXTS) == harmless.skeleton(TEXTS)
    assert page.texts() == harmless.texts()
    for field in {*TEXTS} - {"when-about"}:
        assert page.values()[field] == [in_a_field(as_read(cut(field, typed)))], field


#: Enough of them for fields that take none of it.
_ACTING = (
    "markup",
    "the end of an attribute",
    "the end of a field",
    "entities",
    "a NUL",
    "a header",
)


@pytest.mark.parametrize("name", _ACTING)
@pytest.mark.parametrize("field", OFFERED)
def test_what_is_not_offered_is_refused_and_does_nothing(
    scene: Scene, client: Client, field: str, name: str
) -> None:
    def refused(value: bytes) -> Parsed:
        found = answer(client, [("account", "x"), (field, value)])
        assert found.status_code == Reason.QUESTIONS_CHANGED.status
        return Parsed.of(found.text)

    page, box = refused(TYPED[name][0]), "leftover_words"
    assert page.skeleton([field, box]) == refused(b"harmless").skeleton([field, box])
    if not field.startswith("consent-"):
        assert page.values()[box] == [in_a_field(f"{field}:\n{read_as(name)}")]
    assert scene.sealed() == []


@pytest.mark.parametrize("name", _ACTING)
@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("csrf_token", Reason.WRONG_TOKEN),
        ("code", Reason.WRONG_CODE),
        ("code_mac", Reason.WRONG_CODE),
    ],
)
def test_the_forms_own_fields_take_nothing_and_the_words_come_back(
    scene: Scene, client: Client, field: str, reason: Reason, name: str
) -> None:
    def refused(value: bytes) -> Parsed:
        hidden = hidden_fields(client.get("/en/submit").text)
        del hidden[field]
        found = answer(client, [(field, value), ("account", "my words")], hidden=hidden)
        assert found.status_code == reason.status
        return Parsed.of(found.text)

    page = refused(TYPED[name][0])
    assert page.skeleton([]) == refused(b"harmless").skeleton([])
    assert page.values()["account"] == ["my words"]
    assert page.values()[field] != [in_a_field(read_as(name))]
    assert scene.sealed() == []


@pytest.mark.parametrize("name", TYPED)
def test_a_code_at_the_mailbox_does_nothing(client: Client, name: str) -> None:
    visitor = Visitor(client)

    def refused(value: bytes) -> Parsed:
        found = visitor.type_code(value)
        if found.status_code == 303:
            assert found.headers["Location"] == "/en/mailbox"
            found = client.get("/en/mailbox")
        page = Parsed.of(found.text)
        # Which of the sentences it is depends on the digits that were read.
        assert "A code " in page.texts()
        return page

    page, harmless = refused(TYPED[name][0]), refused(b"harmless")
    assert page.skeleton(["code"]) == harmless.skeleton(["code"])


@pytest.mark.parametrize("name", TYPED)
def test_a_message_comes_back_as_it_was_and_does_nothing(client: Client, name: str) -> None:
    visitor = Visitor(client)
    visitor.open(Code.generate())
    hidden = form(visitor.page(), "send") | {"csrf_token": "wrong"}

    def refused(value: bytes) -> Parsed:
        found = visitor.send(value, hidden=hidden)
        assert found.status_code == Reason.WRONG_TOKEN.status
        return Parsed.of(found.text)

    page, harmless = refused(TYPED[name][0]), refused(b"harmless")
    free = ["message", "seen", "mailbox", "action"]
    assert page.skeleton(free) == harmless.skeleton(free)
    assert page.values()["message"] == [in_a_field(read_as(name))]


# --- what the deployment itself says ------------------------------------------------------------


def test_no_text_of_a_questionnaire_is_markup_or_a_template(scene: Scene) -> None:
    text = EVERYTHING
    marked = ("What was it?", "As it comes.", "Shots", "The facts", "Wait", "Nobody else gets it.")
    for said in (*marked, "Give it to %(body)s.", "Only what you want to tell."):
        assert said in text
        text = text.replace(said, f"{said}</legend><img src=x>{{{{7*7}}}}&amp;%(x)s", 1)
    bodies = {"iimm": {"en": "<b>x</b>%(body)s{0}", "my": "x"}}
    asked = questionnaire(scene.folder, text, bodies=bodies)
    client = Client(create_app(replace(scene.deployment(), questionnaire=asked)))
    page = Parsed.of(client.get("/en/submit").text)
    assert {tag for tag, _ in page.skeleton([])}.isdisjoint({"img", "b"})
    for said in marked:
        assert f"{said}</legend><img src=x>{{{{7*7}}}}&amp;%(x)s" in page.texts()
    assert "Give it to <b>x</b>%(body)s{0}.</legend>" in page.texts()


# --- names of files and of fields ----------------------------------------------------------------


NAMES = {
    "a name from right to left": "ဓာတ်ပုံ\u202egpj.exe",
    "a header": "a\r\nSet-Cookie: x=y\r\n.jpg",
    "a quote": 'a".jpg"; name="account',
    "a path": "../../etc/passwd",
    "markup": "<script>x</script>.svg",
    "template syntax": "{{7*7}}.jpg",
    "separators": "a\u2028b\u2029.jpg",
    "control characters": "a\x01\x1b[2J.jpg",
    "a very long name": "က" * 4000,
    "an emoji": "👨‍👩‍👧.jpg",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_keeps_its_name_which_does_nothing(scene: Scene, client: Client, name: str) -> None:
    found = answer(client, [("account", "x")], [(NAMES[name], b"photo")])
    assert "x=y" not in str(found.headers)
    if found.status_code != 303:
        assert found.status_code == Reason.MALFORMED.status
        assert scene.sealed() == []
        return
    (sealed,) = scene.sealed()
    with scene.opened(sealed) as envelope:
        (attachment,) = envelope.record.attachments
    assert attachment.name == NAMES[name]
    page = client.get("/en/receipt").text
    assert NAMES[name] not in html.unescape(page)


FIELDS = [
    "x" * 10_000,
    "__proto__",
    "constructor",
    "account\x01",
    "<script>",
    "consent-",
    "consent-publish",
    "what-precision",
    "ကို",
    "",
    "Account",
    "account ",
]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", [b"something", b"\xff"])
def test_a_field_that_no_form_of_ours_has_is_never_taken_and_its_words_come_back(
    scene: Scene, client: Client, field: str, value: bytes
) -> None:
    found = answer(client, [("account", "my words"), (field, value)])
    assert 400 <= found.status_code < 500
    assert scene.sealed() == []
    page = Parsed.of(found.text)
    assert page.values()["account"] == ["my words"]
    assert not [tag for tag, _ in page.skeleton([]) if tag == "script"]


def every_field_twice(client: Client) -> Iterator[list[tuple[str, str | bytes]]]:
    hidden = hidden_fields(client.get("/en/submit").text)
    once = [*hidden.items(), ("account", "x"), *((field, "1") for field in TEXTS[1:])]
    for name, value in once:
        if name != "questions_seen":  # holds no words
            yield [*once, (name, value)]


def test_no_field_may_come_twice(scene: Scene, client: Client) -> None:
    for fields in every_field_twice(client):
        found = answer(client, fields, hidden={})
        assert found.status_code == Reason.MALFORMED.status, fields[-1]
    assert scene.sealed() == []


def test_names_of_fields_that_no_mailbox_has_do_not_burden_its_message(
    scene: Scene, client: Client
) -> None:
    visitor = Visitor(client)
    visitor.open(Code.generate())
    fields: list[tuple[str, str | bytes]] = [*form(visitor.page(), "send").items()]
    fields += [("message", b"hello \xff"), *((f"{n}" + "ÿ" * 4900, b"\xff") for n in range(900))]
    assert visitor.post("/mailbox/open", fields).status_code == 303
    (sealed,) = scene.sealed()
    with scene.opened(sealed) as envelope:  # what a reviewer's reader takes: 16 MiB of account.json
        assert envelope.record.repaired == ("message",)
