"""Texts that a reviewer may hand in for a reply, and what they do to a terminal. Threats 20, 24."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from intake.envelope.reply import TEXT_SIZE
from intake.offline import replies
from intake.offline.vault import Vault
from tests.support.submissions import EPOCH, Stick, seal
from tests.support.vaults import PASSPHRASE, Program, make_vault, review

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return make_vault(tmp_path / "vault")


@pytest.fixture
def program(vault: Vault, tmp_path: Path) -> Program:
    """A vault with one account in it."""
    (tmp_path / "passphrase").write_bytes(PASSPHRASE.reveal())
    program = review(tmp_path / "vault", tmp_path / "passphrase")
    stick = Stick.make(tmp_path / "stick", seal([vault.keys.epochs[EPOCH].recipient()]))
    program.well("import", stick.folder)
    return program


def only(vault: Vault) -> str:
    [reply] = replies.load(vault).replies.values()
    return reply.text


REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "nothing but spaces": (b" \r\n\t\n", "empty"),
    "nothing but a byte order mark": (b"\xef\xbb\xbf", "empty"),
    "one byte too many": (b"x" * (TEXT_SIZE + 1), "shorten it"),
    "too many letters of three bytes": ("က".encode() * (TEXT_SIZE // 3 + 1), "shorten it"),
    "without an end": (b"x" * 10_000_000, "shorten it"),
    "NUL": (b"yes\0no", "NUL"),
    "invalid UTF-8": (b"caf\xe9", "UTF-8"),
    "UTF-16": ("when?".encode("utf-16"), "UTF-8"),
    "half a surrogate pair": (b"\xed\xa0\x80", "UTF-8"),
    "cut in the middle of a letter": ("က".encode()[:-1], "UTF-8"),
    "a document": (b"PK\x03\x04\xff\xfe" + bytes(100), "UTF-8"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_a_reply_is_one_sentence(
    name: str, vault: Vault, program: Program, tmp_path: Path
) -> None:
    data, said = REFUSED[name]
    (tmp_path / "reply").write_bytes(data)
    sentence = program.fails("reply", vault.ids()[0], "--text-file", tmp_path / "reply")
    assert said in sentence
    assert len(sentence) < 200
    assert not vault.replies_folder.exists()


@pytest.mark.parametrize("name", ["/nonexistent", "/"])
def test_a_file_that_cannot_be_read_is_one_sentence(
    name: str, vault: Vault, program: Program
) -> None:
    assert program.fails("reply", vault.ids()[0], "--text-file", name)


KEPT: dict[str, tuple[bytes, str | None]] = {
    "the longest": (b"x" * TEXT_SIZE, "x" * TEXT_SIZE),
    "with line ends of another system": (b"one\r\ntwo\rthree", "one\ntwo\nthree"),
    "longest once its line ends are ours": (b"\r\n" * (TEXT_SIZE - 1) + b"x", None),
    "with a byte order mark": ("\ufeffမင်္ဂလာပါ".encode(), "မင်္ဂလာပါ"),
    "Burmese with its joiners": ("က\u200bခ\u200cဂ".encode(), "က\u200bခ\u200cဂ"),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_text_is_kept_letter_by_letter(
    name: str, vault: Vault, program: Program, tmp_path: Path
) -> None:
    data, text = KEPT[name]
    (tmp_path / "reply").write_bytes(data)
    program.well("reply", vault.ids()[0], "--text-file", tmp_path / "reply")
    assert only(vault) == (data.replace(b"\r\n", b"\n").decode() if text is None else text)


ESCAPES = "\x1b[2J\x1b]0;title\x07\x9b31m\x08\x7f\u202eevil\u2066"


def test_no_escape_reaches_the_terminal_from_a_reply(
    vault: Vault, program: Program, tmp_path: Path
) -> None:
    """It may be pasted from an account; what is sent is what was handed in."""
    (tmp_path / "reply").write_text(f"when{ESCAPES}?\nReply {'0' * 32}, 2026-01-01, filed:")
    found = vault.ids()[0]
    for arguments in (
        ("reply", found, "--text-file", tmp_path / "reply"),
        ("replies",),
        ("show", found),
    ):
        done = program(*arguments)
        assert done.status == 0
        assert not CONTROL.search(done.out + done.err)
    assert ESCAPES in only(vault)
    # And no line of it passes for one of the program's.
    assert f"\nReply {'0' * 32}" not in program.well("show", found)


@pytest.mark.parametrize("wrong", ["", "../../etc", "\x1b[2J", "f" * 5000])
def test_an_id_that_is_none_is_one_sentence(
    wrong: str, vault: Vault, program: Program, tmp_path: Path
) -> None:
    (tmp_path / "reply").write_text("when?")
    for arguments in (("--text-file", str(tmp_path / "reply")), ("--again",)):
        sentence = program.fails("reply", wrong, *arguments)
        assert not CONTROL.search(sentence)
    assert len(vault.ids()) == 1
