"""`intake-keys ceremony` at a real terminal: what holders see and type, and what is left of it."""

from __future__ import annotations

import base64
import itertools
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from shamir_mnemonic.wordlist import WORDLIST

from intake.age.opening.hybrid import HybridIdentity
from intake.manifest.calendar import EpochLength, period_of
from intake.manifest.model import Role
from intake.offline.admin.changes import changes
from intake.offline.quorum import join
from tests.support.ceremonies import (
    NEXT_MONTH,
    ON_PAPER,
    QUORUM,
    THIS_MONTH,
    TYPE_BACK,
    Room,
    come,
    copied,
    legible,
    new_room,
    secrets_of,
    words_on,
)
from tests.support.vaults import Program, environment


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return new_room(tmp_path)


def test_a_ceremony_at_a_terminal(room: Room) -> None:
    terminal = room.terminal("--epoch", NEXT_MONTH.id, *QUORUM)
    first = copied(terminal)
    terminal.type(" ".join(first))
    terminal.until("Share 1 of 3 is right.")
    assert not legible(terminal.screen, first)

    second = copied(terminal)
    mistyped = [*second]
    mistyped[6] = next(word for word in WORDLIST if word != second[6])
    terminal.type(" ".join(mistyped))
    terminal.until("Error: Word 7 is not the one that was shown")
    terminal.until(TYPE_BACK)
    terminal.type(" ".join([*second[:19], "zzzz", *second[20:]]))
    terminal.until("Error: Word 20 is not in the list of words")
    terminal.until(TYPE_BACK)
    terminal.type(" ".join(second[:-1]))
    terminal.until("Error: A share has 33 words and 32 were typed")
    terminal.until(TYPE_BACK)
    terminal.type("")
    assert words_on(terminal.until(ON_PAPER).rsplit("Copy its", 1)[1]) == second
    terminal.type("")
    terminal.until(TYPE_BACK)
    terminal.type("  ".join(word[:4].upper() for word in second))
    terminal.until("Share 2 of 3 is right.")

    third = copied(terminal)
    terminal.type(" ".join(third))
    terminal.until("Share 3 of 3 is right.")
    assert terminal.end() == 0

    (added,) = room.recipients(NEXT_MONTH)
    assert (added.name, added.role) == ("quorum", Role.REVIEWERS)
    shares = [" ".join(words) for words in (first, second, third)]
    for pair in itertools.combinations(shares, 2):
        assert str(HybridIdentity(join(pair)).recipient()) == added.recipient
    assert "Its fingerprint" in terminal.screen
    fingerprint = terminal.screen.split("shows as well: ")[1].split("\n")[0].strip()
    waiting = room.home.waiting()
    assert waiting is not None
    assert any(fingerprint in line for line in changes(None, waiting.manifest))
    assert "'intake-keys sign'" in terminal.screen
    assert not re.search(r"\d+\. [a-z]+", terminal.screen)
    payload = base64.b64decode(json.loads(room.home.pending_file.read_bytes())["payload"])
    assert added.recipient.encode() in payload
    for data in (payload, *room.files().values()):
        assert not [secret for secret in secrets_of(shares[:2]) if secret in data]


def test_custodians_and_an_epoch_whose_days_the_manifest_says(room: Room) -> None:
    room.add(NEXT_MONTH, "aye")
    options = ("--epoch", NEXT_MONTH.id, "--quorum", "2-of-2", "--role", "custodians")
    terminal = room.terminal(*options, "--name", "ထိန်းသူများ")
    for _ in range(2):
        terminal.type(" ".join(copied(terminal)))
    assert terminal.end() == 0
    assert "Warning: the epoch" not in terminal.shown
    reviewer, quorum = room.recipients(NEXT_MONTH)
    assert (reviewer.name, reviewer.role) == ("aye", Role.REVIEWERS)
    assert (quorum.name, quorum.role) == ("ထိန်းသူများ", Role.CUSTODIANS)


# --- broken off ------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL, signal.SIGHUP])
@pytest.mark.parametrize("when", [ON_PAPER, TYPE_BACK], ids=["while shown", "while typed"])
def test_a_ceremony_broken_off_at_the_last_share_keeps_nothing(
    how: signal.Signals, when: str, room: Room
) -> None:
    before = room.files()
    terminal = room.terminal("--epoch", NEXT_MONTH.id, *QUORUM)
    for _ in range(2):
        terminal.type(" ".join(copied(terminal)))
    come(terminal)
    terminal.until(ON_PAPER)
    if when == TYPE_BACK:
        terminal.type("")
        terminal.until(TYPE_BACK)
    terminal.process.send_signal(how)
    assert terminal.end() != 0
    assert room.files() == before
    if how is signal.SIGINT:
        assert "Error: Stopped; nothing was left half done." in terminal.screen
        assert not re.search(r"\d+\. [a-z]+", terminal.screen)


@pytest.mark.parametrize("typed", ["", "\n\n", "1\n", "1\n\n", "1\n\nacademic\n", "1\n\n\n\n"])
def test_an_input_that_ends_keeps_nothing(typed: str, room: Room) -> None:
    before = room.files()
    done = room.program("ceremony", "--epoch", NEXT_MONTH.id, *QUORUM, stdin=typed)
    assert (done.status, done.out) == (1, "")
    assert done.errors[-1] == "Error: Stopped; nothing was left half done."
    assert room.files() == before


# --- refused before a word is shown ----------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--quorum", "1-of-3"), "each holder opens everything alone"),
        (("--quorum", "4-of-3"), "no more than there are"),
        (("--quorum", "some"), "2-of-3"),
        (("--epoch", "2020-01"), "over"),
        (("--epoch", "soon"), "no epoch"),
        (("--epoch", period_of(NEXT_MONTH.begins, EpochLength.WEEK).id), "month long"),
        (("--name", ""), "--name"),
        (("--name", " "), "--name"),
        (("--name", "a\x1b[2J"), "--name"),
        (("--name", "x" * 65), "--name"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_before_a_word_is_shown(
    options: tuple[str, str], sentence: str, room: Room
) -> None:
    room.add(THIS_MONTH, "aye")
    before = room.files()
    right = {"--epoch": NEXT_MONTH.id, "--quorum": "2-of-3"}
    given = itertools.chain(*{**right, options[0]: options[1]}.items())
    assert sentence in room.program.fails("ceremony", *given)
    assert room.files() == before


def test_a_revoked_epoch_is_refused(room: Room) -> None:
    room.add(NEXT_MONTH, "aye")
    assert room.program("revoke", NEXT_MONTH.id).status == 0
    assert "revoked" in room.program.fails("ceremony", "--epoch", NEXT_MONTH.id, *QUORUM)


def test_an_epoch_that_is_full_is_refused(room: Room) -> None:
    for number in range(32):
        room.add(NEXT_MONTH, f"reviewer {number}")
    assert "more than 32" in room.program.fails("ceremony", "--epoch", NEXT_MONTH.id, *QUORUM)


def test_what_is_no_home_is_said(tmp_path: Path) -> None:
    program = Program("intake.offline.admin.cli", ("--home", str(tmp_path)))
    assert "root.pub" in program.fails("ceremony", "--epoch", NEXT_MONTH.id, *QUORUM)
    assert list(tmp_path.iterdir()) == []


def test_no_share_is_written_to_a_file(room: Room, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "from intake.offline.admin.cli import main; main()"
    command = [sys.executable, "-c", script, *room.program.options, "ceremony"]
    with log.open("wb") as file:
        done = subprocess.run(
            [*command, "--epoch", NEXT_MONTH.id, *QUORUM],
            stdin=subprocess.DEVNULL,
            stderr=file,
            env=environment(),
            check=False,
        )
    assert done.returncode == 1
    assert "Error: The shares would be written to a file" in log.read_text()


# --- what protects nothing is said -----------------------------------------------------------


def warnings(room: Room, *options: str) -> list[str]:
    """Return what a ceremony warns of before it begins."""
    return room.program("ceremony", *options).warnings


def test_whoever_opens_everything_without_the_quorum_is_named(room: Room) -> None:
    for name in ("aye", "ba"):
        room.add(NEXT_MONTH, name)
    (warned,) = warnings(room, "--epoch", NEXT_MONTH.id, *QUORUM)
    assert warned == (
        f"Warning: the epoch {NEXT_MONTH.id} has other reviewers: aye, ba. Each of them opens "
        "everything without this quorum, which protects nothing there until they are revoked "
        "('intake-keys revoke') or left out."
    )
    assert room.program("revoke", "aye").status == 0
    (warned,) = warnings(room, "--epoch", NEXT_MONTH.id, *QUORUM)
    assert "other reviewers: ba. Each" in warned
    assert warnings(room, "--epoch", NEXT_MONTH.id, *QUORUM, "--role", "custodians") == []
    assert warnings(room, "--epoch", THIS_MONTH.id, *QUORUM) == []


def test_a_quorum_that_no_share_may_be_lost_of_is_warned_of(room: Room) -> None:
    assert warnings(room, "--epoch", NEXT_MONTH.id, "--quorum", "3-of-3") == [
        f"Warning: with 3-of-3, one lost share closes everything of {NEXT_MONTH.id} for ever."
    ]
