"""The guides are run: every ``console`` block in order, by the programs themselves.

In docs/guides/admin.md a block shows commands after ``$`` and, below each, all that it prints.
Twelve words in a row stand for any fingerprint, and a line ``...`` for any lines. A comment
``<!-- on 2026-11-23 -->`` sets the day, ``<!-- at FOLDER -->`` the folder that the next commands
run in, each machine having its own.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from intake import command_line
from intake.offline import network
from intake.offline.admin.cli import keys
from intake.offline.cli import review
from intake.online.cli import intake
from intake.online.deployment import Deployment
from intake.online.keys_in_force import KeysInForce

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "admin.md"
PROGRAMS: dict[str, click.Command] = {
    "intake": intake,
    "intake-review": review,
    "intake-keys": keys,
}
#: scrypt as age has it would take a second for every command.
SLOW = {("intake-keys", "init"), ("intake-keys", "join"), ("intake-review", "init")}
NOON = dt.time(12, tzinfo=dt.UTC)
WORDS = re.compile(r"\b(?:[a-z]{3,8} ){11}[a-z]{3,8}\b")
STEPS = re.compile(
    r"<!-- on (?P<day>[\d-]+) -->|<!-- at (?P<folder>\S+) -->"
    r"|```toml (?P<file>\S+)\n(?P<toml>.*?)```|```console\n(?P<block>.*?)```",
    re.DOTALL,
)


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """The programs set their own umask; here it is the tests' process too."""
    mask = os.umask(0o022)
    os.umask(mask)
    yield
    os.umask(mask)


def test_the_admins_guide_does_and_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "networks_up", lambda: ())
    secret = tmp_path / "passphrase"
    secret.write_text("a passphrase of six words or more\n")
    monkeypatch.setenv("INTAKE_PASSPHRASE_FILE", str(secret))
    commands, today = 0, None
    for step in STEPS.finditer(GUIDE.read_text(encoding="utf-8")):
        if step["day"]:
            today = _live(tmp_path / "server", today, dt.date.fromisoformat(step["day"]))
            _set_day(monkeypatch, today)
        elif step["folder"]:
            folder = tmp_path / step["folder"]
            folder.mkdir(exist_ok=True)
            monkeypatch.chdir(folder)
        elif step["file"]:
            Path(step["file"]).write_text(step["toml"], encoding="utf-8")
        else:
            for command, expected in _sessions(step["block"]):
                _compare(command, _run(command), expected)
                commands += 1
    assert commands > 40


def _live(server: Path, begin: dt.date | None, until: dt.date) -> dt.date:
    """Let the server run from one day of the guide to the next, as it does in its cellar."""
    root, manifest = server / "keys" / "root.pub", server / "keys" / "manifest.json"
    if begin is not None:
        keys = KeysInForce(root=root, manifest=manifest, state=server / "state")
        for days in range((until - begin).days):
            keys.on(begin + dt.timedelta(days=days))
    return until


def _set_day(monkeypatch: pytest.MonkeyPatch, day: dt.date) -> None:
    monkeypatch.setattr(command_line, "_now", lambda: dt.datetime.combine(day, NOON))
    monkeypatch.setattr(Deployment, "today", lambda _deployment: day)


def _sessions(block: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a block with what it prints."""
    for part in re.split(r"^\$ ", block.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected


def _run(command: str) -> str:
    """Run a command line as a person would, and return what it prints, errors included."""
    program, *arguments = shlex.split(command, comments=True)
    if program not in PROGRAMS:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr
    if (program, *(a for a in arguments if a in {"init", "join"})) in SLOW or "--add" in arguments:
        arguments += ["--work-factor", "10"]
    printed = io.StringIO()
    with (
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        contextlib.suppress(SystemExit),
    ):
        command_line.run(PROGRAMS[program], arguments)
    return printed.getvalue()


def _compare(command: str, printed: str, expected: str) -> None:
    want = [re.escape(line) for line in _plain(expected)]
    pattern = "\n".join(want).replace(re.escape("..."), r"(?:.*\n?)*?")
    assert re.fullmatch(pattern, "\n".join(_plain(printed))), (
        f"$ {command}\nprints\n{printed}\nand not\n{expected}"
    )


def _plain(text: str) -> list[str]:
    """Return the lines, any fingerprint as one word and long lines of the guide put together."""
    joined = re.sub(r"\n {4}", " ", text.strip())
    return WORDS.sub("WORDS", joined).splitlines()
