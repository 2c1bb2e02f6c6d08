from __future__ import annotations

import io

import pytest

from intake.age.header import (
    MAX_HEADER_SIZE,
    MAX_STANZAS,
    Stanza,
    parse_header,
    serialise,
)
from intake.errors import HeaderBroken, HeaderForged
from intake.secret import Secret

KEY = Secret(b"YELLOW SUBMARINE")
MAC = b"--- " + b"A" * 43 + b"\n"
VERSION = b"age-encryption.org/v1\n"


def header_of(*lines: bytes) -> bytes:
    return VERSION + b"".join(line + b"\n" for line in lines) + MAC


@pytest.mark.parametrize("size", [0, 1, 32, 47, 48, 49, 95, 96, 97, 1000])
def test_stanzas_round_trip_at_every_line_border(size: int) -> None:
    stanzas = (Stanza("a", (), bytes(size)), Stanza("b!~", ("1", "2"), b"x" * size))
    source = io.BytesIO(serialise(stanzas, KEY) + b"payload")
    header = parse_header(source)
    assert header.stanzas == stanzas
    assert source.read() == b"payload"
    header.verify(KEY)


def test_written_as_the_specification_shows() -> None:
    text = serialise([Stanza("X25519", ("abc",), bytes(48))], KEY)
    lines = text.split(b"\n")
    assert lines[0] == b"age-encryption.org/v1"
    assert lines[1:4] == [b"-> X25519 abc", b"A" * 64, b""]
    assert lines[4].startswith(b"--- ")
    assert len(lines[4]) == 47
    assert lines[5:] == [b""]


def test_another_key_does_not_verify() -> None:
    header = parse_header(io.BytesIO(serialise([Stanza("a", (), b"")], KEY)))
    with pytest.raises(HeaderForged):
        header.verify(Secret(bytes(16)))


@pytest.mark.parametrize("change", ["add", "drop", "swap", "edit"])
def test_changed_stanzas_do_not_verify(change: str) -> None:
    first, second = Stanza("a", ("1",), b"x"), Stanza("b", (), b"y")
    mac = parse_header(io.BytesIO(serialise([first, second], KEY))).mac
    stanzas = {
        "add": (first, second, first),
        "drop": (first,),
        "swap": (second, first),
        "edit": (Stanza("a", ("2",), b"x"), second),
    }[change]
    forged = serialise(stanzas, Secret(bytes(16)))
    header = parse_header(io.BytesIO(forged))
    object.__setattr__(header, "mac", mac)
    with pytest.raises(HeaderForged):
        header.verify(KEY)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"age-encryption.org/v1",
        b"age-encryption.org/v2\n" + MAC,
        b"age-encryption.org/v1\r\n-> a\n\n" + MAC,
        b" age-encryption.org/v1\n-> a\n\n" + MAC,
        b"\xef\xbb\xbf" + header_of(b"-> a", b""),
        VERSION,
        VERSION + MAC,  # no stanza at all
        VERSION + b"-> a\n",
        VERSION + b"-> a\n\n",
        VERSION + b"-> a\n\n---",
        VERSION + b"-> a\n\n--- \n",
        VERSION + b"-> a\n\n--- " + b"A" * 43,
        VERSION + b"-> a\n\n--- " + b"A" * 42 + b"\n",
        VERSION + b"-> a\n\n--- " + b"A" * 42 + b"B\n",  # not canonical
        VERSION + b"-> a\n\n--- " + b"A" * 43 + b"=\n",
        VERSION + b"-> a\n\n--- " + b"A" * 43 + b" \n",
        VERSION + b"-> a\n\n---" + b"A" * 43 + b"\n",
        VERSION + b"-> a\n\n----" + b"A" * 43 + b"\n",
        header_of(b"->", b""),
        header_of(b"-> ", b""),
        header_of(b"->a", b""),
        header_of(b"-> a ", b""),
        header_of(b"->  a", b""),
        header_of(b"-> a  b", b""),
        header_of(b"-> a\tb", b""),
        header_of(b"-> a\r", b""),
        header_of(b"-> \xc3\xa9", b""),
        header_of(b"-> a\x7f", b""),
        header_of(b"- > a", b""),
        header_of(b"-> a"),  # no body
        header_of(b"-> a", b"A" * 64),  # no short last line
        header_of(b"-> a", b"AA", b"AA"),
        header_of(b"-> a", b"A" * 65),
        header_of(b"-> a", b"AB"),
        header_of(b"-> a", b"AA=="),
        header_of(b"-> a", b"AA\r"),
        header_of(b"-> a", b" AA"),
        header_of(b"-> a", b"\xff\xfe"),
    ],
)
def test_every_other_spelling_is_refused(text: bytes) -> None:
    with pytest.raises(HeaderBroken):
        parse_header(io.BytesIO(text + bytes(100)))


def test_bounds_on_stanzas() -> None:
    most = VERSION + b"-> a\n\n" * MAX_STANZAS + MAC
    assert len(parse_header(io.BytesIO(most)).stanzas) == MAX_STANZAS
    with pytest.raises(HeaderBroken):
        parse_header(io.BytesIO(VERSION + b"-> a\n\n" * (MAX_STANZAS + 1) + MAC))
    with pytest.raises(HeaderBroken):
        serialise([Stanza("a", (), b"")] * (MAX_STANZAS + 1), KEY)
    with pytest.raises(HeaderBroken):
        serialise([], KEY)


@pytest.mark.parametrize(
    "head", [b"", VERSION, VERSION + b"-> ", VERSION + b"-> a\n" + b"A" * 64 + b"\n"]
)
def test_no_more_is_read_than_the_bound(head: bytes) -> None:
    source = io.BytesIO(head + b"A" * (3 * MAX_HEADER_SIZE))
    with pytest.raises(HeaderBroken):
        parse_header(source)
    assert source.tell() <= MAX_HEADER_SIZE


@pytest.mark.parametrize("word", ["", "a b", "a\n", "\u00e9", "a\x7f"])
def test_words_that_would_break_the_header_are_not_written(word: str) -> None:
    with pytest.raises(HeaderBroken):
        serialise([Stanza(word, (), b"")], KEY)
    with pytest.raises(HeaderBroken):
        serialise([Stanza("a", (word,), b"")], KEY)
