"""A ceremony as a person sees it: a terminal, holders who copy words, and the home it is for."""

from __future__ import annotations

import dataclasses
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from intake.age.opening.hybrid import HybridIdentity
from intake.command_line import today
from intake.manifest.calendar import EpochLength, Period, periods_from
from intake.manifest.model import Epoch, Recipient, Role
from intake.offline.admin.home import AdminHome
from intake.offline.quorum import WORDS, join
from tests.support.vaults import PASSPHRASE, WORK_FACTOR, Program, environment

THIS_MONTH, NEXT_MONTH = periods_from(today(), 2, EpochLength.MONTH)
QUORUM = ("--quorum", "2-of-3")

ALONE = "let its holder come, alone, and type "
ON_PAPER = "Press Enter when they are on paper; they will be asked for."
TYPE_BACK = "Type its 33 words, or press Enter alone to see them again: "
WIPED = "\033[H\033[2J\033[3J"


#: Whoever runs the tests may have them ignore signals (nohup, a shell's background); nobody at a
#: terminal does.
_SIGNALS = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""


class Terminal:
    """A program at a pseudo-terminal, with a person before it who reads and types."""

    def __init__(self, script: str, *arguments: str | Path) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SIGNALS + script, *map(str, arguments)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=environment(TERM="xterm"),
        )
        os.close(slave)
        #: Everything that ever stood on it.
        self.shown = ""
        self._read = 0

    def until(self, text: str) -> str:
        """Wait until the program has written ``text``; return what it wrote up to there."""
        begin, deadline = self._read, time.monotonic() + 60
        while (found := self.shown.find(text, begin)) < 0:
            assert time.monotonic() < deadline, self.shown[begin:]
            assert self._more(), self.shown[begin:]
        self._read = found + len(text)
        return self.shown[begin : self._read]

    def type(self, line: str) -> None:
        os.write(self._master, f"{line}\n".encode())

    def end(self) -> int:
        """Wait for the program's end; return its status."""
        while self._more():
            pass
        os.close(self._master)
        return self.process.wait(timeout=60)

    @property
    def screen(self) -> str:
        """What has been written since the screen was last wiped."""
        return self.shown.rsplit(WIPED, 1)[-1]

    def _more(self) -> bool:
        readable, _, _ = select.select([self._master], [], [], 60)
        assert readable, f"the program says nothing more: {self.screen}"
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the program has ended
            return False
        self.shown += data.decode().replace("\r\n", "\n")
        return bool(data)


@dataclasses.dataclass(frozen=True)
class Room:
    """The admin's offline home, and the program at it."""

    folder: Path

    @property
    def home(self) -> AdminHome:
        return AdminHome(self.folder / "home")

    @property
    def program(self) -> Program:
        return Program("intake.offline.admin.cli", ("--home", str(self.folder / "home")))

    def terminal(self, *arguments: str) -> Terminal:
        script = "from intake.offline.admin.cli import main; main()"
        return Terminal(script, *self.program.options, "ceremony", *arguments)

    def files(self) -> dict[Path, bytes]:
        """Return every file of the home."""
        return {p: p.read_bytes() for p in self.folder.rglob("*") if p.is_file()}

    def add(self, period: Period, name: str, role: Role = Role.REVIEWERS) -> None:
        """Add somebody's recipient to the next version."""
        recipient = Recipient(name, role, str(HybridIdentity.generate().recipient()))
        self.home.add_recipients(
            (Epoch(period.id, period.begins, period.ends, (recipient,)),), today()
        )

    def recipients(self, period: Period) -> tuple[Recipient, ...]:
        """Return the recipients of an epoch in the version that waits."""
        epochs = {epoch.id: epoch for epoch in self.home.pending(today()).epochs}
        return epochs[period.id].recipients if period.id in epochs else ()


def new_room(folder: Path) -> Room:
    """Make the home of an admin who has begun a deployment."""
    room = Room(folder)
    room.home.create(
        organisation="မှတ်တမ်း",
        admins={"aye": PASSPHRASE},
        today=today(),
        work_factor=WORK_FACTOR,
    )
    return room


def words_on(screen: str) -> list[str]:
    """Return the words of a share as a holder copies them, by their numbers."""
    numbered = {int(n): word for n, word in re.findall(r"(\d+)\. ([a-z]+)", screen)}
    assert list(numbered) == list(range(1, WORDS + 1))
    return list(numbered.values())


def legible(screen: str, words: Sequence[str]) -> bool:
    """Return whether any three words of a share can be read in a row, with numbers or without."""
    letters = " ".join(re.findall(r"[a-z]+", screen.lower()))
    return any(" ".join(words[at : at + 3]) in letters for at in range(WORDS - 2))


def come(terminal: Terminal) -> None:
    """Let the next holder come; an Enter too many shows them nothing before."""
    for once_too_often in (True, False):
        terminal.until(ALONE)
        number = terminal.until(": ").removesuffix(": ")
        assert not re.search(r"\d+\. [a-z]+", terminal.screen)
        terminal.type("" if once_too_often else number)


def copied(terminal: Terminal) -> list[str]:
    """Let the next holder come, and copy the share that is shown."""
    come(terminal)
    words = words_on(terminal.until(ON_PAPER))
    assert legible(terminal.screen, words)
    terminal.type("")
    terminal.until(TYPE_BACK)
    assert not legible(terminal.screen, words)
    return words


def secrets_of(shares: Sequence[str]) -> tuple[bytes, ...]:
    """Return every form in which a seed or its shares could lie on a disk."""
    seed = join(shares).reveal()
    identity = HybridIdentity(join(shares)).encode().encode()
    several = (" ".join(share.split()[at : at + 3]) for share in shares for at in (0, 15, 30))
    return (
        seed,
        seed.hex().encode(),
        seed.hex().upper().encode(),
        identity,
        identity.lower(),
        *(words.encode() for words in several),
    )
