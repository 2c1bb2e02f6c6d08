"""A demo that is there stays as it was left: whoever tries something changes its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from intake.errors import SettingsMistaken
from intake.online.demo import make_demo
from tests.support.deployments import TODAY

CHANGED = """\
# Mine.
[server]
listen = "127.0.0.1:8000"   # here
threads = 3
[pages]
organisation = "listen = 127.0.0.1:8000"
"""


def left(folder: Path, text: str) -> Path:
    path = folder / "intake.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("port", "after"),
    [(None, CHANGED), (8000, CHANGED), (8123, CHANGED.replace('1:8000" ', '1:8123" '))],
)
def test_settings_that_were_changed_stay_but_for_the_port(
    tmp_path: Path, port: int | None, after: str
) -> None:
    path = left(tmp_path, CHANGED)
    assert make_demo(tmp_path, port, TODAY) == path
    assert path.read_text(encoding="utf-8") == after


def test_a_port_that_cannot_be_named_is_said(tmp_path: Path) -> None:
    text = CHANGED.replace('127.0.0.1:8000"   # here', 'unix:/run/socket"')
    path = left(tmp_path, text)
    with pytest.raises(SettingsMistaken, match="has no line"):
        make_demo(tmp_path, 8123, TODAY)
    assert make_demo(tmp_path, None, TODAY) == path
    assert path.read_text(encoding="utf-8") == text
