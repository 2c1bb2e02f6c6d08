"""What a reviewer sees of answers and consents, where whoever sealed them may be the attacker."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_age
from intake.errors import EnvelopeBroken
from intake.offline import showing
from intake.offline.account_document import AccountDocument, read_account_document
from intake.offline.unpacking import Envelope
from intake.online.questionnaire.answers import read_answers
from intake.online.sent import Words
from tests.support.questionnaires import form, questionnaire
from tests.support.submissions import ACCOUNT, EPOCH, Stick, record, seal
from tests.support.vaults import PASSPHRASE, Program, make_vault, review

ID = "5a" * 16
CONSENT = {"id": "study", "text": "Keep it.", "hint": "", "language": "en", "version": "1"}


def document(**changes: Any) -> AccountDocument:
    return read_account_document(dataclasses.replace(record(), **changes).to_bytes())


def shown(capsys: pytest.CaptureFixture[str], text: str = "", **changes: Any) -> list[str]:
    """Return the lines that a reviewer sees of the answers and the consents."""
    showing.say_answers(ID, document(**changes), text)
    return capsys.readouterr().out.splitlines()


def consent(capsys: pytest.CaptureFixture[str], **changes: object) -> list[str]:
    """Return the lines of one consent."""
    return shown(capsys, consents=({**CONSENT, **changes},))[2:]


# --- from the form to the reviewer ---------------------------------------------------------------


def sealed_to(vault_recipients: list[Any], folder: Path) -> bytes:
    """Seal an account with answers and consents, as the server does."""
    fields = form(
        ("how", "bad\nDid you see it?\n    Yes"),
        ("heard", "orders"),
        ("when-year", "၂၀၂၆"),
        ("reach", "nobody but the custodian"),
        ("consent-study", "yes"),
        ("consent-silence", "destroy"),
    )
    answers = read_answers(questionnaire(folder), fields, "en")
    text, length = Words("en", ACCOUNT, (), answers).text()
    return seal(
        vault_recipients,
        text.decode(),
        account_bytes=length,
        language="en",
        questionnaire=answers.shown,
        answers=answers.given,
        sensitive=answers.sensitive,
        consents=answers.consents,
    )


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, str]:
    folder = tmp_path_factory.mktemp("answers")
    passphrase = folder / "passphrase"
    passphrase.write_bytes(PASSPHRASE.reveal() + b"\n")
    vault = make_vault(folder / "vault")
    stick = Stick.make(folder / "stick", sealed_to([vault.keys.epochs[EPOCH].recipient()], folder))
    program = review(folder / "vault", passphrase)
    program.well("import", stick.folder)
    (found,) = stick.ids()
    return program, found


def test_show_prints_the_account_then_the_answers_then_the_consents(
    room: tuple[Program, str],
) -> None:
    program, found = room
    _, account, rest = program.well("show", found).partition(ACCOUNT)
    assert account
    assert rest.strip("\n").splitlines() == [
        f"Answers of submission {found}:",
        "Take care, these are sensitive: how",
        "⚠ How was it?",
        "    bad",
        "    Did you see it?",
        "        Yes",
        "",
        "What did you hear?",
        "    Orders",
        "",
        "When was it?",
        "    2026",
        "",
        f"Consents of submission {found}:",
        "  yes     study: Keep it and study it.",
        "              Nobody else gets it.",
        "  no      share-iimm: Give it to the Mechanism.",
        "  no      share-court: Give it to the court.",
        "  chosen  silence: If you hear nothing from me:",
        "              destroy: Destroy it",
    ]


def test_show_as_json_has_the_account_alone_and_the_answers_beside_it(
    room: tuple[Program, str],
) -> None:
    program, found = room
    document = json.loads(program.well("show", found, "--json"))
    assert document["account"] == ACCOUNT
    assert document["answers"]["heard"] == ["orders"]
    assert document["answers"]["when"]["edtf"] == "2026"
    assert document["sensitive"] == ["how"]
    assert [c["id"] for c in document["consents"] if c.get("granted") or c.get("chosen")] == [
        "study",
        "silence",
    ]


def test_extract_writes_the_answers_behind_the_account(
    room: tuple[Program, str], tmp_path: Path
) -> None:
    program, found = room
    program.well("extract", found, tmp_path / "out")
    text = (tmp_path / "out" / "account.txt").read_text()
    assert text.startswith(f"{ACCOUNT}\n\n⚠ How was it?\n    bad\n    Did you see it?\n")
    assert "nobody but the custodian" not in text


# --- what identifies -----------------------------------------------------------------------------


def test_a_sensitive_identifying_answer_is_warned_of_before_it_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    read = document(sensitive=("hurt", "how", "friend"), answers={"how": "bad"})
    showing.say_account(ID, read, ACCOUNT, {"reach": "the market", "hurt": "my leg"})
    showing.say_answers(ID, read, "")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:5] == [
        "Identifying answers:",
        "Take care, these are sensitive: hurt",
        "  reach: the market",
        "  hurt: my leg",
    ]
    assert lines[-1] == "Take care, these are sensitive: how"


# --- where nothing was asked ---------------------------------------------------------------------


def test_where_nothing_was_asked_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys) == []


# --- consents that lie ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "granted", [False, None, 0, 1, "yes", "true", [True], {"granted": True}, ""], ids=repr
)
def test_what_is_not_plainly_given_is_not_given(
    capsys: pytest.CaptureFixture[str], granted: object
) -> None:
    assert consent(capsys, granted=granted) == ["  no      study: Keep it."]


def test_a_consent_without_anything_in_it_is_no(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, consents=({},))[-1] == "  no      :"


@pytest.mark.parametrize("chosen", [None, "", True, 1, ["destroy"], {}], ids=repr)
def test_what_is_not_plainly_chosen_is_nothing_chosen(
    capsys: pytest.CaptureFixture[str], chosen: object
) -> None:
    assert consent(capsys, granted=True, chosen=chosen) == ["  none    study: Keep it."]


@pytest.mark.parametrize("name", ["id", "text", "hint", "chosen", "chosen_text"])
def test_no_part_of_a_consent_makes_a_line_or_acts_on_the_terminal(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    plain = consent(capsys, chosen="x", hint="y")
    lines = consent(
        capsys,
        **{"chosen": "x", "hint": "y", name: "\x1b[2J\r\n  yes     share: all\u202e\u2028"},
    )
    assert r"\x1b[2J\x0d\x0a  yes     share: all\u202e\u2028" in "|".join(lines)
    assert len(lines) == len(plain)
    assert lines[0].startswith("  chosen  ")
    assert all(line.startswith(" " * 14) for line in lines[1:])


@pytest.mark.parametrize("value", [7, None, [], {"a": 1}, True], ids=repr)
@pytest.mark.parametrize("name", ["id", "text", "hint", "chosen_text", "language", "version"])
def test_parts_of_a_consent_that_are_no_texts_are_passed_over(
    capsys: pytest.CaptureFixture[str], name: str, value: object
) -> None:
    lines = consent(capsys, granted=True, **{name: value})
    assert len(lines) == 1
    assert lines[0].startswith("  yes     ")


# --- an account that plays its reviewer's page ---------------------------------------------------


def test_no_line_of_the_account_passes_for_a_heading(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever writes it does not know under which id it will be kept."""
    real = shown(capsys, "What?\n    x", consents=({**CONSENT, "granted": False},))
    headings = [line for line in real if re.search(r" of submission [0-9a-f]{32}:", line)]
    assert [line.split()[0] for line in headings] == ["Answers", "Consents"]
    assert all(ID in line for line in headings)


def test_nothing_in_the_answers_acts_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    text = "What?\n    \x1b]0;title\x07\u202etxt.exe\x00\x85\u2028"
    lines = shown(capsys, text, answers={"\x1b[31m": "x"}, sensitive=("\x1b[31m",))
    assert lines[-1] == r"    \x1b]0;title\x07\u202etxt.exe\x00\x85\u2028"
    assert lines[2] == r"Take care, these are sensitive: \x1b[31m"


# --- documents of an attacker's making -----------------------------------------------------------


def raw(**changes: object) -> bytes:
    return json.dumps({**json.loads(record().to_bytes()), **changes}).encode()


def nested(depth: int) -> object:
    value: object = "deep"
    for _ in range(depth):
        value = {"a": value}
    return value


REFUSED: Mapping[str, Mapping[str, object]] = {
    "answers that are a list": {"answers": ["x"]},
    "answers that are a text": {"answers": "x"},
    "no answers": {"answers": None},
    "answers nested deeply": {"answers": {"a": nested(40)}},
    "answers nested beyond any stack": {"answers": {"a": [nested(900)]}},
    "consents that are an object": {"consents": {"study": True}},
    "a consent that is a text": {"consents": ["study"]},
    "a consent nested deeply": {"consents": [nested(40)]},
    "sensitive that is a text": {"sensitive": "how"},
    "sensitive that is nothing": {"sensitive": None},
    "a sensitive number": {"sensitive": [1]},
    "a sensitive text of a megabyte": {"sensitive": ["x" * 1_000_000]},
    "a questionnaire without a hash": {"questionnaire": {"id": "x", "sha256": "x"}},
    "a questionnaire that is a list": {"questionnaire": []},
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_document_out_of_bounds_is_refused(name: str) -> None:
    with pytest.raises(EnvelopeBroken):
        read_account_document(raw(**REFUSED[name]))


TAKEN: Mapping[str, Mapping[str, object]] = {
    "thousands of answers": {"answers": {f"q{n}": "x" for n in range(50_000)}},
    "an answer of a megabyte": {"answers": {"a": "x" * 1_000_000}},
    "answers of any type": {"answers": {"a": 1, "b": None, "c": [], "d": {"e": True}}},
    "an answer called like a field": {"answers": {"account": "x", "format": "y"}},
    "an answer called like nothing": {"answers": {"": "", "__proto__": "x", "\x1b[2J\n": "x"}},
    "thousands of consents": {"consents": [{"id": "x", "granted": True}] * 20_000},
    "one consent given and not given": {
        "consents": [{"id": "x", "granted": True}, {"id": "x", "granted": False}]
    },
    "something sensitive that was not answered": {"sensitive": ["nothing"] * 1000},
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_document_within_bounds_is_shown_and_does_nothing(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    read = read_account_document(raw(**TAKEN[name]))
    showing.say_answers(ID, read, "")
    printed = capsys.readouterr().out
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", printed)
    assert len(printed.splitlines()) <= len(read.consents) + 4


@pytest.mark.parametrize(
    ("text", "length", "parts"),
    [
        ("က", 0, ("", "က")),
        ("က", 3, ("က", "")),
        ("one\n\ntwo\n", 3, ("one", "two")),
        ("one\n\n\n", 3, ("one", "")),
        ("one two", 3, ("one", " two")),
        ("က", 1, None),
        ("က", 2, None),
        ("က", 4, None),
        ("က", 2**53 - 1, None),
    ],
)
def test_where_the_account_ends_is_believed_only_where_it_can_be(
    text: str, length: int, parts: tuple[str, str] | None
) -> None:
    reader = HybridIdentity.generate()
    sealed = seal([reader.recipient()], text, account_bytes=length)
    if parts is None:
        with pytest.raises(EnvelopeBroken):
            Envelope(open_age(io.BytesIO(sealed), [reader]))
        return
    envelope = Envelope(open_age(io.BytesIO(sealed), [reader]))
    assert (envelope.account_text(), envelope.answers_text()) == parts
