"""The loop over the parser: any form, cut into any pieces, comes out the same."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

import pytest

from intake.online.encoded_form import EncodedForm
from intake.online.receiving import ArrivingForm, Body
from intake.online.refusal import Reason, Refusal
from tests.support.deployments import BOUNDARY, encode

FIELDS: list[tuple[str, str | bytes]] = [("csrf_token", "t"), ("empty", ""), ("account", "စာ\r\n")]
FILES = [("က.jpg", b"\r\n--" + BOUNDARY.encode()[:-1] + b"\r\n" * 500), ("b", b""), ("c", b"x" * 9)]


def pieces(data: bytes, size: Callable[[], int]) -> Callable[[int], bytes]:
    left = [data]

    def read(most: int) -> bytes:
        n = min(most, size())
        piece, left[0] = left[0][:n], left[0][n:]
        return piece

    return read


def arriving(data: bytes, size: Callable[[], int], *, fields_size: int = 10_000) -> ArrivingForm:
    return ArrivingForm(Body(pieces(data, size), len(data)), BOUNDARY, fields_size=fields_size)


def everything(
    form: ArrivingForm,
) -> tuple[list[tuple[str, bytes]], list[tuple[str, str, bytes]]]:
    files = [(f.name, f.type, b"".join(f.chunks)) for f in form.files("attachments")]
    return form.fields, files


EXPECTED = (
    [("csrf_token", b"t"), ("empty", b""), ("account", "စာ\r\n".encode())],
    [(name, "application/x-test", content) for name, content in FILES],
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000, 4095, 4096, 4097, 1 << 20])
@pytest.mark.parametrize("epilogue", [b"", b"\r\n", b" " * 100])
def test_any_cut_gives_the_same(size: int, epilogue: bytes) -> None:
    data = encode(FIELDS, FILES)[:-2] + epilogue
    assert everything(arriving(data, lambda: size)) == EXPECTED


def test_random_cuts_give_the_same() -> None:
    dice = random.Random(1)  # noqa: S311
    for _ in range(100):
        assert everything(arriving(encode(FIELDS, FILES), lambda: dice.randint(1, 300))) == EXPECTED


@pytest.mark.parametrize("cut", [0, 1, 40, 200, -1, -3, -30])
def test_a_form_cut_short_is_refused_and_keeps_its_fields(cut: int) -> None:
    data = encode(FIELDS, FILES)
    read = pieces(data[:cut], lambda: 50)
    form = ArrivingForm(Body(read, len(data)), BOUNDARY, fields_size=10_000)
    with pytest.raises(Refusal) as refused:
        everything(form)
    assert refused.value.reason is Reason.CUT_SHORT
    for (name, value), (expected, whole) in zip(form.fields, EXPECTED[0], strict=False):
        assert name == expected
        assert whole.startswith(value)  # half a field too


@pytest.mark.parametrize("missing", [3, 10, 30, 60, 200])
@pytest.mark.parametrize("step", [100, 1 << 20])
def test_words_that_have_arrived_are_given_back_when_the_line_dies(missing: int, step: int) -> None:
    words = b"x" * 2000
    data = encode([("csrf_token", "t"), ("account", words)], [])
    form = ArrivingForm(
        Body(pieces(data[:-missing], lambda: step), len(data)), BOUNDARY, fields_size=10_000
    )
    with pytest.raises(Refusal):
        form.read_fields()
    ((_, token), (name, account)) = form.fields
    assert (token, name) == (b"t", "account")
    assert len(account) >= min(2000, len(words) - missing)


def test_a_connection_that_breaks_is_a_body_cut_short() -> None:
    def broken(_most: int) -> bytes:
        raise ConnectionResetError

    with pytest.raises(Refusal) as refused:
        list(Body(broken, 10).blocks())
    assert refused.value.reason is Reason.CUT_SHORT


def test_fields_are_bounded_together() -> None:
    fields: list[tuple[str, str | bytes]] = [("a", b"x" * 600), ("b", b"x" * 600)]
    form = arriving(encode(fields, []), lambda: 100, fields_size=1000)
    with pytest.raises(Refusal) as refused:
        form.read_fields()
    assert refused.value.reason is Reason.FORM_TOO_LONG
    assert form.fields[0] == ("a", b"x" * 600)


def test_a_broken_name_does_not_cost_the_submission() -> None:
    data = encode([], [("NAME", b"x")]).replace(b"NAME", b"\xff\xe1\x80\x80\x00.jpg")
    ((name, _, _),) = everything(arriving(data, lambda: 99))[1]
    assert name == "\ufffdက\x00.jpg"


@pytest.mark.parametrize(
    "name", ['quo"ted.jpg', "per%cent.jpg", "back\\slash.jpg", "a;b=c.jpg", "../../etc/passwd"]
)
def test_names_come_out_as_browsers_send_them(name: str) -> None:
    ((found, _, _),) = everything(arriving(encode([], [(name, b"x")]), lambda: 99))[1]
    assert found == name


def test_draining_ends_with_the_body_or_the_time() -> None:
    body = Body(lambda most: b"x" * min(most, 1000), 100_000)
    ticks = iter(range(100))
    body.drain(10, clock=lambda: float(next(ticks)))
    assert next(ticks) < 20
    short = Body(pieces(b"x" * 100, lambda: 10), 100)
    short.drain(10)
    assert list(short.blocks()) == []


def test_an_upload_that_goes_on_and_on_is_refused_with_what_has_arrived() -> None:
    data = encode([("account", "စာ" * 2000)], [("a", b"x" * 50_000)])
    hours = iter(range(1000))
    body = Body(pieces(data, lambda: 3000), len(data), seconds=4, clock=lambda: float(next(hours)))
    form = ArrivingForm(body, BOUNDARY, fields_size=100_000)
    with pytest.raises(Refusal) as refused:
        everything(form)
    assert refused.value.reason is Reason.TOO_SLOW
    [(name, words)] = form.fields
    assert name == "account"
    assert "စာ".encode() in words


def test_an_upload_whose_end_has_arrived_is_not_refused_for_its_last_second() -> None:
    data = encode(FIELDS, FILES)
    ticks = iter([0.0, 100.0, 100.0])
    body = Body(pieces(data, lambda: 1 << 20), len(data), seconds=4, clock=lambda: next(ticks))
    assert everything(ArrivingForm(body, BOUNDARY, fields_size=10_000)) == EXPECTED


@pytest.mark.parametrize("before", range(4))
def test_a_form_without_files_is_unescaped_in_pieces_and_no_escape_is_cut(before: int) -> None:
    words = "x" * before + "က% +\0" * 20_000
    data = urlencode([("a", ""), ("စာ", words)]).encode("ascii") + b"&b=%4&c=%&d"
    form = EncodedForm(Body(pieces(data, lambda: 9999), len(data)), fields_size=len(data))
    form.read_fields()
    expected = [("a", b""), ("စာ", words.encode()), ("b", b"%4"), ("c", b"%"), ("d", b"")]
    assert form.fields == expected


def test_what_is_unescaped_is_bounded_and_what_fits_comes_back() -> None:
    data = b"a=" + b"%22" * 600 + b"&b=%E1%80%80" + b"x" * 600
    for step in (1, 7, 1000, 9999):
        form = EncodedForm(Body(pieces(data, partial(int, step)), len(data)), fields_size=1000)
        with pytest.raises(Refusal) as refused:
            form.read_fields()
        assert refused.value.reason is Reason.FORM_TOO_LONG
        assert form.fields[0] == ("a", b'"' * 600)
        assert form.fields[1][1].startswith("က".encode())
        assert sum(len(name) + len(value) for name, value in form.fields) <= 1000


def test_millions_of_empty_pairs_are_passed_over_quickly() -> None:
    data = b"a=1" + b"&" * 20_000_000 + b"b=2"
    form = EncodedForm(Body(pieces(data, lambda: 1 << 20), len(data)), fields_size=1000)
    begin = time.process_time()
    form.read_fields()
    assert time.process_time() - begin < 5
    assert form.fields == [("a", b"1"), ("b", b"2")]


def test_more_fields_than_any_form_has_are_refused() -> None:
    data = b"&&&a=1" * 2000
    form = EncodedForm(Body(pieces(data, lambda: 9999), len(data)), fields_size=10_000)
    with pytest.raises(Refusal) as refused:
        form.read_fields()
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("filling", [b"%22", b"%", b"&", b'"', b"%E1%80%80", b"+"])
def test_a_form_without_files_takes_little_more_memory_than_it_may_hold(filling: bytes) -> None:
    size = 3_000_000
    data = b"account=" + filling * (size // len(filling))
    body = Body(pieces(data, lambda: 1 << 20), len(data))
    form = EncodedForm(body, fields_size=size + 100)
    tracemalloc.start()
    try:
        form.read_fields()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * size
