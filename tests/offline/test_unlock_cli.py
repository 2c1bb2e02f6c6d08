"""`intake-review unlock` as its own process: a quorum comes together, reads, and leaves nothing."""

from __future__ import annotations

import json
import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.age.sealing.hybrid import HybridRecipient
from intake.envelope.identity import seal_identity
from intake.offline.quorum import Quorum, join, split
from intake.offline.vault import Vault
from tests.support.ceremonies import (
    NEXT_MONTH,
    QUORUM,
    WIPED,
    Room,
    Terminal,
    copied,
    legible,
    new_room,
    secrets_of,
)
from tests.support.submissions import ACCOUNT, EPOCH, Stick, seal
from tests.support.vaults import PASSPHRASE, Done, Program, make_vault, review

PHOTO = ("ဓာတ်ပုံ ၁.jpg", b"\xff\xd8\xff not really a picture")

IDENTITY = HybridIdentity.generate()
SHARES = split(IDENTITY.seed, Quorum(2, 3))


@dataclass(frozen=True)
class Desk:
    """A vault without the quorum's key, and a stick with accounts sealed to the quorum."""

    folder: Path
    stick: Stick

    @classmethod
    def make(cls, folder: Path, quorum: HybridRecipient, epoch: str = EPOCH) -> Desk:
        folder.mkdir(exist_ok=True)
        (folder / "passphrase").write_bytes(PASSPHRASE.reveal())
        make_vault(folder / "vault", "2020-01")
        sealed = seal([quorum], epoch=epoch), seal([quorum], "two", [PHOTO], epoch=epoch)
        stick = Stick.make(folder / "stick", *sealed)
        for at in range(2):
            stick.change(at, epoch=epoch)
        return cls(folder, stick)

    @property
    def program(self) -> Program:
        return review(self.folder / "vault", self.folder / "passphrase")

    @property
    def vault(self) -> Vault:
        return Vault.unlock(self.folder / "vault", PASSPHRASE)

    @property
    def with_files(self) -> str:
        return self.stick.submissions[1].id

    def unlock(self, *lines: str, epoch: str = EPOCH) -> Done:
        return self.program("unlock", "--epoch", epoch, stdin="".join(f"{x}\n" for x in lines))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk.make(tmp_path, IDENTITY.recipient())


def errors(done: Done) -> list[str]:
    """Return the sentences, without what was asked before each."""
    return re.findall(r"^Error: (.*)$", done.err, re.MULTILINE)


def documents(text: str) -> list[Any]:
    """Return the JSON documents in what was printed, one after the other."""
    decoder = json.JSONDecoder()
    begins = re.finditer(r"^[\[{]", text, re.MULTILINE)
    return [decoder.raw_decode(text[begin.start() :])[0] for begin in begins]


def ceremony(room: Room) -> list[str]:
    """Hold a ceremony; return the shares as they were copied from the screen."""
    terminal = room.terminal("--epoch", NEXT_MONTH.id, *QUORUM)
    shares = []
    for _ in range(3):
        shares.append(" ".join(copied(terminal)))
        terminal.type(shares[-1])
    assert terminal.end() == 0
    return shares


def test_from_the_ceremony_to_the_account(tmp_path: Path) -> None:
    room = new_room(tmp_path / "admin")
    first, _, third = ceremony(room)
    (added,) = room.recipients(NEXT_MONTH)
    desk = Desk.make(tmp_path / "desk", HybridRecipient.parse(added.recipient), epoch=NEXT_MONTH.id)
    submission, out = desk.with_files, tmp_path / "out"
    done = desk.unlock(
        third,
        " ".join(word[:4] for word in first.split()),
        f"import {desk.stick.folder}",
        "list --json",
        f"show {submission} --json",
        f"extract {submission} '{out}'",
        "exit",
        epoch=NEXT_MONTH.id,
    )
    assert (done.status, errors(done)) == (0, [])
    assert "Imported 2; 0 were here already." in done.out
    listed, shown = documents(done.out)
    assert {entry["id"] for entry in listed} == desk.stick.ids()
    assert {entry["attachments"] for entry in listed} == {0, 1}
    assert shown["account"] == "two"
    assert shown["attachments"][0]["name"] == PHOTO[0]
    assert (out / "account.txt").read_text() == "two"
    assert (out / PHOTO[0]).read_bytes() == PHOTO[1]

    # Never wrapped to the vault's own key: byte for byte what was on the stick.
    for at, listed_there in enumerate(desk.stick.submissions):
        assert desk.vault.path(listed_there.id).read_bytes() == desk.stick.path(at).read_bytes()
    # And when the process has ended, the quorum is gone.
    assert "intake-review unlock" in desk.program.fails("show", submission)
    assert "intake-review unlock" in desk.program.fails("extract", submission, tmp_path / "no")
    nothing_of_it_is_kept(tmp_path, desk, [first, third])


def nothing_of_it_is_kept(folder: Path, desk: Desk, shares: list[str]) -> None:
    """Search every file, and what the vault's passphrase opens."""
    kept = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    kept.append(desk.vault.keys.to_text().encode())
    for data in kept:
        assert not [secret for secret in secrets_of(shares) if secret in data]


def test_each_time_the_quorum_comes_together_the_accounts_open(desk: Desk) -> None:
    imported = f"import {desk.stick.folder}"
    assert "sealed to somebody else" in errors(desk.program("import", desk.stick.folder))[0]
    assert desk.unlock(*SHARES[:2], imported).out.startswith("Imported 2; 0 were here")
    done = desk.unlock(SHARES[2], SHARES[0], imported, f"show {desk.stick.submissions[0].id[:8]}")
    assert (done.status, errors(done)) == (0, [])
    assert "Imported 0; 2 were here already." in done.out
    assert ACCOUNT in done.out
    assert "intake-review unlock" in desk.program.fails("show", desk.with_files)


def test_a_quorum_of_custodians_opens_what_identifies_a_witness(tmp_path: Path) -> None:
    reach = {"reach": "ဖုန်း ၀၉ ..."}
    vault = make_vault(tmp_path / "vault")
    reviewer = vault.keys.epochs[EPOCH].recipient()
    identity = seal_identity(reach, [IDENTITY.recipient()])
    desk = Desk(tmp_path, Stick.make(tmp_path / "stick", seal([reviewer], identity=identity)))
    (tmp_path / "passphrase").write_bytes(PASSPHRASE.reveal())
    assert desk.program("import", desk.stick.folder).status == 0
    show = ("show", desk.stick.submissions[0].id, "--json")
    for options, expected in (((), None), (("--role", "custodians"), reach)):
        stdin = "\n".join([*SHARES[:2], " ".join(show)])
        done = desk.program("unlock", "--epoch", EPOCH, *options, stdin=stdin)
        assert json.loads(done.out)["identity"] == expected
    assert json.loads(desk.program.well(*show))["identity"] is None
    nothing_of_it_is_kept(tmp_path, desk, list(SHARES[:2]))


# --- shares ----------------------------------------------------------------------------------


def test_what_is_no_share_is_said_and_asked_for_again(desk: Desk) -> None:
    stranger = split(HybridIdentity.generate().seed, Quorum(3, 3))[0]
    swapped = " ".join(reversed(SHARES[1].split()))
    done = desk.unlock(
        "",
        "မှန်",
        SHARES[0].rsplit(maxsplit=1)[0],
        SHARES[0],
        SHARES[0].upper(),
        stranger,
        swapped,
        SHARES[2],
        "list",
    )
    said = ["0 were typed", "Word 1 is not", "32 were typed", "before", "another set", "checksum"]
    assert len(errors(done)) == len(said)
    for sentence, part in zip(errors(done), said, strict=True):
        assert part in sentence
    asked = re.findall(r"^Share .*:", done.err, re.MULTILINE)
    assert asked == ["Share 1:"] * 4 + ["Share 2 of 2:"] * 4
    assert done.status == 0
    assert done.out.startswith("The vault is empty")
    for share in SHARES:
        assert not legible(done.err, share.split())


@pytest.mark.parametrize(
    ("quorum", "given", "sentence"),
    [
        (Quorum(2, 3), 0, "No share was given; let the holders give theirs, one a line."),
        (Quorum(2, 3), 1, "1 more share is needed; let further holders give theirs."),
        (Quorum(4, 5), 1, "3 more shares are needed; let further holders give theirs."),
    ],
)
def test_too_few_shares_open_nothing(quorum: Quorum, given: int, sentence: str, desk: Desk) -> None:
    done = desk.unlock(*split(IDENTITY.seed, quorum)[:given])
    assert (done.status, done.out) == (1, "")
    assert errors(done) == [sentence]


def test_the_shares_of_another_ceremony_are_refused(desk: Desk) -> None:
    known = "import intake.offline.unlock_cli as u; u._known_recipients = lambda *_: {'age1pq1x'}"
    program = review(desk.folder / "vault", desk.folder / "passphrase", before=known)
    done = program("unlock", "--epoch", EPOCH, stdin="\n".join(SHARES[:2]))
    assert (done.status, done.out) == (1, "")
    assert errors(done) == [
        f"These shares open nothing of the epoch {EPOCH}: they are of another ceremony."
    ]


def test_the_shares_of_another_epoch_do_not_open_the_accounts(desk: Desk) -> None:
    others = split(HybridIdentity.generate().seed, Quorum(2, 3))
    assert desk.unlock(*SHARES[:2], f"import {desk.stick.folder}").status == 0
    done = desk.unlock(*others[:2], f"show {desk.with_files}", epoch="2026-10")
    assert done.out == ""
    assert "unlock --epoch" in errors(done)[-1]


def test_a_vault_that_does_not_open_asks_for_no_share(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong")
    program = review(desk.folder / "vault", tmp_path / "wrong")
    assert "passphrase" in program.fails("unlock", "--epoch", EPOCH)


# --- the prompt ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("nonsense", "'help' lists"),
        ("keys reveal 2020-01", "'help' lists"),
        ("rekey", "'help' lists"),
        ("keys", "'help' lists"),
        ("unlock", "--epoch"),
        ("Show x", "'help' lists"),
        ("\x1b[2J", "'help' lists"),
        ("show 'x", "quotation mark"),
        ("show", "Missing argument"),
        ("show x y z", "extra argument"),
        ("list --nonsense", "--nonsense"),
        ("show ffff", "no submission"),
        ("import /nonexistent", "no bundle"),
        ("extract x /nonexistent/x", "no submission"),
    ],
)
def test_a_mistake_is_one_sentence_and_the_prompt_goes_on(
    line: str, sentence: str, desk: Desk
) -> None:
    done = desk.unlock(*SHARES[:2], line, "", "list", "quit", "list")
    assert done.status == 0
    assert len(errors(done)) == 1
    assert sentence in errors(done)[0]
    assert "\x1b" not in done.err
    assert done.out == "The vault is empty; 'import DIR' brings a bundle in.\n"


def test_a_disk_that_fails_is_one_sentence_and_the_prompt_goes_on(desk: Desk) -> None:
    (desk.folder / "file").write_text("")
    done = desk.unlock(
        *SHARES[:2],
        f"import {desk.stick.folder}",
        f"extract {desk.with_files} {desk.folder / 'file' / 'x'}",
        f"show {desk.with_files}",
    )
    assert len(errors(done)) == 1
    assert "two" in done.out


def test_a_reply_is_written_while_the_quorum_is_together(desk: Desk, tmp_path: Path) -> None:
    """Outside, nobody knows the mailbox; the reply itself is the vault's, and leaves without it."""
    text, name = tmp_path / "reply.txt", desk.with_files
    text.write_text("when?")
    imported, reply = f"import {desk.stick.folder}", f"reply {name} --text-file '{text}'"
    done = desk.unlock(*SHARES[:2], imported, reply, f"reply {name} --text-file -", "list")
    assert "Queued the reply" in done.out
    [error] = errors(done)
    assert "name a file" in error
    assert "when?" in desk.program.well("replies")
    sentence = desk.program.fails("reply", name, "--text-file", text)
    assert f"intake-review unlock --epoch {EPOCH}" in sentence


def test_help_names_what_the_prompt_takes(desk: Desk) -> None:
    done = desk.unlock(*SHARES[:2], "help", "show --help")
    assert errors(done) == []
    usages = [line.split("  ")[0] for line in done.out.splitlines()[:8]]
    assert usages[0] == "import DIR [--believe] [--yes]"
    assert usages[1:4] == ["list [--json]", "show ID [--json]", "extract ID DIR"]
    assert usages[4].startswith("reply ID [--text-file]")
    assert usages[5:] == ["courier DIR", "unlock --epoch EPOCH [--role]", "exit"]
    assert "Usage: show [OPTIONS] ID" in done.out


def at_a_terminal(desk: Desk) -> Terminal:
    script = "from intake.offline.cli import main; main()"
    return Terminal(script, *desk.program.options, "unlock", "--epoch", EPOCH)


@pytest.mark.parametrize("leave", ["exit", "quit", "\x04"])
def test_at_a_terminal_the_shares_are_wiped_from_the_screen(leave: str, desk: Desk) -> None:
    terminal = at_a_terminal(desk)
    terminal.until("Share 1: ")
    terminal.type(SHARES[0])
    terminal.until("Share 2 of 2: ")
    terminal.type(SHARES[1])
    terminal.until("intake-review> ")
    assert WIPED in terminal.shown
    assert legible(terminal.shown, SHARES[0].split())
    assert not legible(terminal.screen, SHARES[0].split())
    assert not legible(terminal.screen, SHARES[1].split())
    terminal.type(f"import {desk.stick.folder}")
    terminal.until("Imported 2")
    terminal.until("intake-review> ")
    terminal.type(f"show {desk.with_files}")
    terminal.until("two")
    terminal.until("intake-review> ")
    terminal.type(leave)
    assert terminal.end() == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_broken_off_it_leaves_the_vault_as_it_was(how: signal.Signals, desk: Desk) -> None:
    before = {p: p.read_bytes() for p in desk.folder.rglob("*") if p.is_file()}
    terminal = at_a_terminal(desk)
    terminal.until("Share 1: ")
    terminal.type(SHARES[0])
    terminal.until("Share 2 of 2: ")
    terminal.type(SHARES[1])
    terminal.until("intake-review> ")
    terminal.process.send_signal(how)
    assert terminal.end() != 0
    after = {p: p.read_bytes() for p in desk.folder.rglob("*") if p.is_file()}
    assert after == before
    assert join(SHARES[:2]) == IDENTITY.seed
    nothing_of_it_is_kept(desk.folder, desk, list(SHARES[:2]))


def test_at_the_prompt_a_further_quorum_can_come_together(tmp_path: Path) -> None:
    """Where custodians have a quorum too, one process holds both."""
    custodians = HybridIdentity.generate()
    others = split(custodians.seed, Quorum(2, 2))
    desk = Desk.make(tmp_path, IDENTITY.recipient())
    answers = seal_identity({"reach": "ဖုန်း"}, [custodians.recipient()])
    sealed = seal([IDENTITY.recipient()], identity=answers)
    submission = desk.stick.add(sealed)
    done = desk.unlock(
        *SHARES[:2],
        f"import {desk.stick.folder}",
        f"show {submission.id} --json",
        f"unlock --epoch {EPOCH} --role custodians",
        *others,
        f"show {submission.id} --json",
    )
    assert done.status == 0, done
    assert re.findall(r'"identity": (null|\{)', done.out) == ["null", "{"]
