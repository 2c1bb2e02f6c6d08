from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable

import pytest

from intake import strict_json
from intake.errors import DocumentMalformed
from intake.strict_json import Fields


@pytest.mark.parametrize(
    ("data", "document"),
    [
        (b"{}", {}),
        (b' {"a": [1, -2, null, true, "x"]} \n', {"a": [1, -2, None, True, "x"]}),
        (b'{"a": {"a": 1}, "b": {"a": 2}}', {"a": {"a": 1}, "b": {"a": 2}}),
        ('"ရွာ"'.encode(), "ရွာ"),
        (rb'"\u101b\u103d\u102c"', "ရွာ"),
        (rb'"\ud83d\ude00"', "😀"),
        (rb'"\\ud800"', r"\ud800"),
        (b"1" * 4000, int("1" * 4000)),
    ],
)
def test_json_as_we_write_it(data: bytes, document: object) -> None:
    assert strict_json.loads(data) == document


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{} {}",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 1, "a": 1}',
        b'{"a": 1, "a": 2}',
        rb'{"a": 1, "\u0061": 2}',
        b'{"x": {"a": 1, "b": 2, "a": 3}}',
        b'[[{"a": 1, "a": 1}]]',
        b"1.0",
        b"1e3",
        b"-0.0",
        b"1E400",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b'{"a": [1.5]}',
        b"\xff",
        b'"\xed\xa0\x80"',
        rb'"\ud800"',
        rb'"\uDFFF"',
        rb'"\ude00\ud83d"',
        rb'{"\ud800": 1}',
        rb'[{"a": ["\ud83d"]}]',
        b'\xef\xbb\xbf"bom"',
        '"x"'.encode("utf-16"),
        b'"\n"',
        b'"\x00"',
        b"1" * 5000,
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_everything_else_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentMalformed):
        strict_json.loads(data)


def test_what_is_written_is_utf_8_indented_and_ends_a_line() -> None:
    assert (
        strict_json.dumps({"b": "ရွာ", "a": [1]}) == '{\n "b": "ရွာ",\n "a": [\n  1\n ]\n}\n'.encode()
    )
    with pytest.raises(ValueError, match="JSON"):
        strict_json.dumps(float("nan"))


@pytest.mark.parametrize("document", [None, [], "x", 1, True])
def test_fields_are_those_of_an_object(document: object) -> None:
    with pytest.raises(DocumentMalformed, match="thing"):
        Fields(document, "thing")


@pytest.mark.parametrize(
    ("document", "read", "value"),
    [
        ({"a": "x"}, lambda f: f.take("a", str), "x"),
        ({"a": 0}, lambda f: f.take("a", int), 0),
        ({"a": True}, lambda f: f.take("a", bool), True),
        ({"a": None}, lambda f: f.optional("a", str), None),
        ({"a": "x"}, lambda f: f.optional("a", str), "x"),
        ({"a": 1}, lambda f: f.positive("a"), 1),
        ({"a": "2026-11-23"}, lambda f: f.day("a"), dt.date(2026, 11, 23)),
        ({"a": "AAEC"}, lambda f: f.octets("a", 3), b"\x00\x01\x02"),
        ({"a": ""}, lambda f: f.octets("a", 0), b""),
        ({"a": [1, 2]}, lambda f: f.each("a", str), ("1", "2")),
    ],
)
def test_a_field_that_is_right_is_taken(
    document: dict[str, object], read: Callable[[Fields], object], value: object
) -> None:
    fields = Fields(document, "thing")
    assert read(fields) == value
    fields.end()
    with pytest.raises(DocumentMalformed):
        read(fields)


@pytest.mark.parametrize(
    ("document", "read"),
    [
        ({}, lambda f: f.take("a", str)),
        ({}, lambda f: f.optional("a", str)),
        ({"a": None}, lambda f: f.take("a", str)),
        ({"a": 1}, lambda f: f.take("a", str)),
        ({"a": 1}, lambda f: f.optional("a", str)),
        ({"a": "1"}, lambda f: f.take("a", int)),
        ({"a": True}, lambda f: f.take("a", int)),
        ({"a": True}, lambda f: f.positive("a")),
        ({"a": 1}, lambda f: f.take("a", bool)),
        ({"a": 0}, lambda f: f.positive("a")),
        ({"a": -1}, lambda f: f.positive("a")),
        ({"a": {}}, lambda f: f.each("a", str)),
        ({"a": "x"}, lambda f: f.each("a", str)),
        *(
            ({"a": text}, lambda f: f.day("a"))
            for text in ("", "2026", "2026-11", "20261123", "2026-W48-1", "2026-02-29", "0-1-1")
        ),
        *(
            ({"a": text}, lambda f: f.octets("a", 1))
            for text in ("", "A", "AA", "AA=", "AAA=", "AB==", "AA==\n", " AA==", "AAAA", "က")
        ),
    ],
)
def test_a_field_that_is_missing_or_wrong_is_refused(
    document: dict[str, object], read: Callable[[Fields], object]
) -> None:
    with pytest.raises(DocumentMalformed, match="'a' of the thing"):
        read(Fields(document, "thing"))


def test_a_field_that_nobody_took_is_refused() -> None:
    fields = Fields({"a": 1, "b": 2}, "thing")
    fields.take("a", int)
    with pytest.raises(DocumentMalformed, match="update"):
        fields.end()


def test_the_document_itself_is_not_touched() -> None:
    document = {"a": 1}
    Fields(document, "thing").take("a", int)
    assert document == {"a": 1}


def test_octets_round_trip() -> None:
    for data in (b"", b"\x00", bytes(range(256))):
        written = json.loads(strict_json.dumps({"a": strict_json.octets(data)}))
        assert Fields(written, "thing").octets("a", len(data)) == data
