from __future__ import annotations

import io
import os
from typing import BinaryIO, cast

import pytest

from intake.age.armor import BEGIN, END, ArmorReader, ArmorWriter, armor, dearmor
from intake.errors import ArmorBroken

LINE = b"A" * 64


def text_of(*lines: bytes) -> bytes:
    return b"".join(line + b"\n" for line in (BEGIN, *lines, END))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 47, 48, 49, 96, 1000, 100_000])
@pytest.mark.parametrize("piece", [1, 7, 48, 4096])
def test_round_trip(size: int, piece: int) -> None:
    data = os.urandom(size)
    written = bytearray()
    writer = ArmorWriter(written.extend)
    for at in range(0, size, piece):
        writer.write(data[at : at + piece])
    writer.close()
    assert bytes(written) == armor(data)
    assert dearmor(bytes(written)) == data


@pytest.mark.parametrize("piece", [1, 5, 48, 1000])
def test_read_in_pieces(piece: int) -> None:
    data = os.urandom(500)
    reader = ArmorReader(io.BytesIO(armor(data)))
    assert b"".join(iter(lambda: reader.read(piece) or b"", b"")) == data


@pytest.mark.parametrize(
    "text",
    [
        text_of(LINE, b"AAAA").replace(b"\n", b"\r\n"),
        text_of(LINE, b"AAAA").removesuffix(b"\n"),
        b"\n \t\r\n" + text_of(LINE, b"AAAA") + b" \n\n",
    ],
)
def test_what_mail_does_to_it_is_borne(text: bytes) -> None:
    assert dearmor(text) == bytes(51)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        BEGIN,
        BEGIN + b"\n",
        text_of(LINE).removesuffix(END + b"\n"),
        text_of(LINE)[:-5],
        b" " + text_of(LINE),
        b"Hello\n" + text_of(LINE),
        text_of(LINE) + b"x",
        text_of(LINE) + text_of(LINE),
        text_of(LINE) + b" " * 2000,
        b"\n" * 2000 + text_of(LINE),
        text_of(b"", LINE),
        text_of(LINE, b""),
        text_of(b"Version: 1", b"", LINE),
        text_of(b"AAAA", b"AAAA"),
        text_of(b"AAAA", LINE),
        text_of(b"AA==", LINE),
        text_of(b"A" * 62 + b"==", LINE),
        text_of(b"A" * 68),
        text_of(b"A" * 65),
        text_of(b"AAA"),
        text_of(b"AAA" + b"\r" + b"A"),
        text_of(b"AB=="),
        text_of(b"AA="),
        text_of(b"AA==="),
        text_of(b"A=A="),
        text_of(b"===="),
        text_of(LINE + b" "),
        text_of(b" " + LINE),
        text_of(b"A" * 63 + b"*"),
        text_of(b"A" * 63 + b"-"),
        text_of(b"\xff" * 64),
        text_of(LINE).replace(b"BEGIN AGE", b"BEGIN age"),
        text_of(LINE).replace(b"END AGE", b"END PGP"),
        text_of(LINE).replace(END, b" " + END),
        text_of(LINE).replace(END, END + b" x"),
    ],
)
def test_everything_else_is_refused(text: bytes) -> None:
    with pytest.raises(ArmorBroken):
        dearmor(text)


def test_a_line_without_an_end_is_not_read_whole() -> None:
    source = io.BytesIO(BEGIN + b"\n" + b"A" * 1_000_000)
    with pytest.raises(ArmorBroken):
        ArmorReader(cast("BinaryIO", source)).readall()
    assert source.tell() < 1000
