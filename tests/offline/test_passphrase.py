from __future__ import annotations

from pathlib import Path

import click
import pytest

from intake.errors import VaultUnusable
from intake.offline.passphrase import obtain


@pytest.mark.parametrize(
    ("content", "passphrase"),
    [
        (b"demo", b"demo"),
        (b"demo\n", b"demo"),
        (b"demo\r\n", b"demo"),
        (b"demo\nsecond line\n", b"demo"),
        (b" spaces stay \n", b" spaces stay "),
        ("ထမင်းစားပြီးပြီလား\n".encode(), "ထမင်းစားပြီးပြီလား".encode()),
    ],
)
def test_the_first_line_of_a_file(content: bytes, passphrase: bytes, tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(content)
    assert obtain(str(path), what="the vault").reveal() == passphrase


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n", b"\nsecond\n", b"\xff\xfe", None])
def test_a_file_without_one_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VaultUnusable):
        obtain(str(path), what="the vault")


@pytest.mark.parametrize("confirm", [False, True])
def test_else_a_person_is_asked_and_nothing_is_shown(
    *, confirm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def prompt(text: str, **options: object) -> str:
        asked.update(options, text=text)
        return "demo"

    monkeypatch.setattr(click, "prompt", prompt)
    assert obtain(None, what="the vault", confirm=confirm).reveal() == b"demo"
    assert asked["hide_input"] is True
    assert asked["err"] is True
    assert asked["confirmation_prompt"] is confirm
    assert "the vault" in str(asked["text"])
