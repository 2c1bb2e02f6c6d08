from __future__ import annotations

import pytest

from intake.age import base64
from intake.errors import HeaderBroken


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"", ""), (b"f", "Zg"), (b"fo", "Zm8"), (b"foo", "Zm9v"), (b"\xfb\xff", "+/8")],
)
def test_one_value_one_spelling(data: bytes, text: str) -> None:
    assert base64.encode(data) == text
    assert base64.decode(text) == data


@pytest.mark.parametrize(
    "text",
    [
        "Zg==",
        "Zm8=",
        "Z",
        "Zh",  # bits after the last byte
        "Zm9",
        "Zm9v\n",
        " Zm9v",
        "Zm 9v",
        "Zm9v=",
        "-_8",
        "Zm9v\x00",
        "Zm9\u00e9",
        "=",
        "====",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(HeaderBroken):
        base64.decode(text)
