"""Codes of every length, script and encoding: the same, or one plain sentence. Threats 6, 8."""

from __future__ import annotations

import html
import unicodedata

import pytest
from werkzeug.test import Client

from intake.errors import CodeLengthWrong, CodeMalformed, CodeMistyped
from intake.online.refusal import Reason
from intake.online.witness.app import create_app
from intake.online.witness.forms import CodeStamp
from intake.receipt.code import Code, read_digits
from intake.secret import Secret
from tests.support.deployments import Scene, hidden_fields, make_scene, send
from tests.support.mailboxes import Visitor, file_reply, records, replies

CODE = Code("3141592653589793238462643382")
DIGITS = CODE.reveal()

SCRIPTS = {
    "Burmese": 0x1040,
    "Shan": 0x1090,
    "Thai": 0x0E50,
    "Tai Laing": 0xA9F0,
    "Khmer": 0x17E0,
    "full-width": 0xFF10,
    "mathematical": 0x1D7CE,
}
SEPARATORS = {
    "none": "",
    "space": " ",
    "NBSP": "\xa0",
    "thin": "\u2009",
    "ideographic": "\u3000",
    "zero-width space": "\u200b",
    "word joiner": "\u2060",
    "BOM": "\ufeff",
    "left-to-right mark": "\u200e",
    "override": "\u202e",
    "hyphen": "-",
    "soft hyphen": "\xad",
    "en dash": "–",
    "minus": "−",
    "dot": ".",
    "Burmese section": "။",
    "Burmese little section": "၊",
    "slash": "/",
    "brackets": ") (",
    "underscore": "_",
    "comma": ",",
    "plus": "+",
    "bar": "|",
    "tab": "\t",
    "CRLF": "\r\n",
    "NUL": "\x00",
    "bell": "\x07",
    "emoji": "🕊",
}


def in_script(zero: int) -> str:
    return "".join(chr(zero + int(digit)) for digit in DIGITS)


@pytest.fixture
def visitor(scene: Scene) -> Visitor:
    deployment = scene.deployment()
    file_reply(deployment, CODE, "it is you")
    return Visitor(Client(create_app(deployment)))


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_opens_the_same_mailbox(visitor: Visitor, script: str) -> None:
    assert visitor.type_code(in_script(SCRIPTS[script])).headers["Location"] == "/en/mailbox/open"
    assert replies(visitor.page()) == ["it is you"]


@pytest.mark.parametrize("separator", SEPARATORS.values(), ids=SEPARATORS)
def test_every_separator_opens_the_same_mailbox(visitor: Visitor, separator: str) -> None:
    typed = separator + separator.join(CODE.groups()) + separator
    assert visitor.type_code(typed).headers["Location"] == "/en/mailbox/open"
    assert replies(visitor.page()) == ["it is you"]


def test_look_alike_letters_and_keycaps_are_digits() -> None:
    assert read_digits("ဝရ") == "07"
    assert read_digits("1\ufe0f\u20e32\u20e3") == "12"


def test_every_decimal_digit_of_unicode_is_read_and_no_other_number() -> None:
    for point in range(0x110000):
        character = chr(point)
        value = unicodedata.decimal(character, None)
        if value is not None:
            assert read_digits(character) == str(value)
        elif unicodedata.numeric(character, None) is not None:
            with pytest.raises(CodeMalformed):
                read_digits(character)


@pytest.mark.parametrize("length", [*range(28), *range(29, 40), 56, 1000, 20_000])
def test_every_other_length_is_told_with_the_number_that_was_read(length: int) -> None:
    with pytest.raises(CodeLengthWrong) as refused:
        Code.parse("7 " * length)
    assert refused.value.digits == length


WRONG: dict[str, tuple[str | bytes, Reason]] = {
    "nothing": ("", Reason.CODE_LENGTH),
    "only separators": (" -.-\u200b ", Reason.CODE_LENGTH),
    "one short": (DIGITS[:-1], Reason.CODE_LENGTH),
    "one long": (DIGITS + "1", Reason.CODE_LENGTH),
    "two codes": (DIGITS * 2, Reason.CODE_LENGTH),
    "huge": ("9" * 50_000, Reason.CODE_LENGTH),
    "one wrong": ("4" + DIGITS[1:], Reason.CODE_MISTYPED),
    "two swapped": (DIGITS[:-2] + DIGITS[-1] + DIGITS[-2], Reason.CODE_MISTYPED),
    "letter O": ("O" + DIGITS[1:], Reason.CODE_LETTERS),
    "letter l": (DIGITS.replace("1", "l"), Reason.CODE_LETTERS),
    "Burmese letter": ("က" + DIGITS, Reason.CODE_LETTERS),
    "Burmese vowel": (DIGITS + "ာ", Reason.CODE_LETTERS),
    "superscript": (DIGITS + "²", Reason.CODE_LETTERS),
    "subscript": (DIGITS[:-1] + "₂", Reason.CODE_LETTERS),
    "circled": (DIGITS[:-1] + "②", Reason.CODE_LETTERS),
    "Roman": (DIGITS[:-1] + "Ⅱ", Reason.CODE_LETTERS),
    "half": (DIGITS[:-1] + "½", Reason.CODE_LETTERS),
    "Chinese": (DIGITS[:-1] + "二", Reason.CODE_LETTERS),
    "private use": (DIGITS + "\ue000", Reason.CODE_LETTERS),
    "unassigned": (DIGITS + "\u0378", Reason.CODE_LETTERS),
    "invalid UTF-8": (DIGITS.encode() + b"\xff", Reason.CODE_LETTERS),
    "lone surrogate": (DIGITS.encode() + b"\xed\xa0\x80", Reason.CODE_LETTERS),
    "UTF-16": (DIGITS.encode("utf-16"), Reason.CODE_LETTERS),
    "overlong": (b"\xc0\xb1" + DIGITS[1:].encode(), Reason.CODE_LETTERS),
    "markup": ("<b>" + DIGITS + "</b>", Reason.CODE_LETTERS),
    "format": ("%(number)s %s {0}", Reason.CODE_LETTERS),
}


@pytest.mark.parametrize(("typed", "reason"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("lang", ["en", "my"])
def test_what_is_no_code_gets_one_plain_sentence(
    visitor: Visitor, typed: str | bytes, reason: Reason, lang: str
) -> None:
    visitor.lang = lang
    answer = visitor.type_code(typed)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/{lang}/mailbox")
    page = visitor.client.get(f"/{lang}/mailbox").text
    assert page.count('class="error"') == 1
    if lang == "en":
        assert reason.sentence.split("%")[0] in html.unescape(page)
    assert visitor.open(CODE)


def test_a_lone_surrogate_in_a_string_is_no_digit() -> None:
    with pytest.raises(CodeMalformed):
        Code.parse(DIGITS + "\ud800")


def test_what_is_more_than_a_door_takes_is_refused(visitor: Visitor) -> None:
    answer = visitor.type_code("1" * 200_000)
    assert answer.status_code == Reason.FORM_TOO_LONG.status
    assert 'class="error"' in answer.text


def test_every_neighbouring_swap_and_every_wrong_digit_is_said_to_be_one() -> None:
    for place in range(28):
        for digit in set("0123456789") - {DIGITS[place]}:
            with pytest.raises(CodeMistyped):
                Code.parse(DIGITS[:place] + digit + DIGITS[place + 1 :])
    for place in range(27):
        one, two = DIGITS[place], DIGITS[place + 1]
        if one != two:
            with pytest.raises(CodeMistyped):
                Code.parse(DIGITS[:place] + two + one + DIGITS[place + 2 :])


def test_nobody_brings_a_code_of_their_own_to_the_form(scene: Scene, client: Client) -> None:
    """Somebody could hand out links to a form with a code that they know."""
    hidden = hidden_fields(client.get("/en/submit").text)
    own = Code.generate()
    elsewhere = CodeStamp(Secret(bytes(32)))
    marks = ["", "00" * 32, hidden["code_mac"], elsewhere.mark(own), "ÿ" * 64, "\x00", own.reveal()]
    for mark in marks:
        forged = {**hidden, "code": own.reveal(), "code_mac": mark}
        answer = send(client, "words", hidden=forged, lang="en")
        assert answer.status_code == Reason.WRONG_CODE.status
        assert "words" in answer.text
    assert scene.sealed() == []
    assert send(client, "words", hidden=hidden, lang="en").status_code == 303


def test_a_code_of_another_deployment_opens_an_empty_mailbox_here(
    scene: Scene, visitor: Visitor, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = make_scene(tmp_path_factory.mktemp("other") / "deployment")
    client = Client(create_app(other.deployment()))
    hidden = hidden_fields(client.get("/en/submit").text)
    send(client, "an account of there", hidden=hidden)
    theirs = Code(hidden["code"])
    file_reply(other.deployment(), theirs, "a reply of there")
    assert replies(visitor.open(theirs)) == []
    # On the form it is nobody's, for it has no mark of this server's.
    answer = send(visitor.client, "words", hidden=hidden, lang="en")
    assert answer.status_code in {Reason.WRONG_CODE.status, Reason.WRONG_TOKEN.status}
    # What is written with it here is an account like any other: nothing is lost.
    visitor.open(theirs)
    assert visitor.send("was I wrong here?").status_code == 303
    assert records(scene) == [("message", "was I wrong here?", [])]
