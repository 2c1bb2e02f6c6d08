"""Every page in every state and language is valid HTML: html-validate finds nothing.

What is switched off in html-validate.json, and why:

- ``wcag/h32`` wants a button inside each form: the buttons that delete replies stand beside their
  replies, and are tied to their form by ``form=``;
- ``long-title`` is advice for search engines, which are told to stay away.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def judged(node_modules: Path, folder: Path, pages: dict[str, bytes]) -> list[str]:
    """Return what html-validate says of pages, by their names."""
    folder.mkdir()
    for name, page in pages.items():
        (folder / name).write_bytes(page)
    command = ["node", str(node_modules / "html-validate" / "bin" / "html-validate.mjs")]
    command += ["--config", str(HERE / "html-validate.json"), "--formatter", "json"]
    said = folder / "said.json"
    with said.open("wb") as output:  # a pipe would be cut off: node ends before it is empty
        subprocess.run(
            [*command, *(str(folder / name) for name in pages)],
            stdout=output,
            check=False,
            timeout=300,
        )
    return [
        f"{Path(page['filePath']).name}:{found['line']}: {found['ruleId']}: {found['message']}"
        for page in json.loads(said.read_bytes())
        for found in page["messages"]
    ]


def test_every_page_is_valid(states: dict[str, bytes], node_modules: Path, tmp_path: Path) -> None:
    assert judged(node_modules, tmp_path / "pages", states) == []


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (b'<p id="a"></p><p id="a"></p>', "no-dup-id"),
        (b"<span><div></div></span>", "element-permitted-content"),
        (b'<label for="nowhere">a</label>', "no-missing-references"),
    ],
)
def test_the_judge_is_awake(node_modules: Path, tmp_path: Path, broken: bytes, rule: str) -> None:
    page = b'<!doctype html><html lang="en"><title>a</title><body>' + broken
    found = judged(node_modules, tmp_path / "pages", {"broken.html": page})
    assert any(f" {rule}: " in line for line in found), found
