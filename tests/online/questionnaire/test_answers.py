"""From the fields of a form to answers and consents: as typed, and what can be read of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.envelope.identity import ANSWERS_CHARACTERS, seal_identity
from intake.manifest.acceptance import MOST_RECIPIENTS
from intake.manifest.model import Role
from intake.online.questionnaire.answers import Answers, read_answers
from intake.online.questionnaire.checks import MOST_IDENTIFYING
from intake.online.questionnaire.model import Questionnaire
from intake.online.refusal import Reason, Refusal
from tests.support.questionnaires import EVERYTHING, form, questionnaire


@pytest.fixture
def asked(tmp_path: Path) -> Questionnaire:
    return questionnaire(tmp_path)


def read(asked: Questionnaire, *fields: tuple[str, str], language: str = "en") -> Answers:
    return read_answers(asked, form(*fields), language)


def date(
    year: str = "", month: str = "", day: str = "", *, about: bool = False, edtf: str | None = None
) -> dict[str, object]:
    return {"year": year, "month": month, "day": day, "about": about, "edtf": edtf}


def test_nothing_answered_is_nothing_given(asked: Questionnaire) -> None:
    answers = read(asked)
    assert (answers.given, answers.identifying, answers.sensitive, answers.text) == ({}, {}, (), "")
    assert (answers.shown.id, answers.shown.sha256) == ("everything", asked.sha256)


@pytest.mark.parametrize("space", ["", " ", "\n", " \t\n\u3000\u00a0\x0b"])
def test_white_space_is_not_given(asked: Questionnaire, space: str) -> None:
    fields = [(name, space) for name in sorted(asked.fields() - {"heard"})]
    answers = read(asked, *fields)
    assert (answers.given, answers.identifying) == ({}, {})
    assert not any(c.get("granted") or c.get("chosen") for c in answers.consents)


@pytest.mark.parametrize(
    ("question", "fields", "answer"),
    [
        ("what", [("what", " as typed \n")], " as typed \n"),
        ("what", [("what", "\u200b")], "\u200b"),
        ("what", [("what", "x" * 500)], "x" * 500),
        ("how", [("how", "one\n\ntwo")], "one\n\ntwo"),
        ("how", [("how", "က" * 10_000)], "က" * 10_000),
        ("saw", [("saw", "no")], "no"),
        ("heard", [("heard", "shots")], ["shots"]),
        ("heard", [("heard", "radio"), ("heard", "shots")], ["shots", "radio"]),
        ("heard", [("heard", ""), ("heard", "shots")], ["shots"]),
        ("where", [("where", "a hill")], {"place": "a hill", "precision": None}),
        ("where", [("where-precision", "near")], {"place": "", "precision": "near"}),
        (
            "where",
            [("where", "a hill"), ("where-precision", "exact")],
            {"place": "a hill", "precision": "exact"},
        ),
        ("dead", [("dead-from", "3")], {"from": "3", "to": "", "least": 3, "most": None}),
        ("dead", [("dead-to", "၁၀")], {"from": "", "to": "၁၀", "least": None, "most": 10}),
        (
            "dead",
            [("dead-from", "about 3"), ("dead-to", "-4")],
            {"from": "about 3", "to": "-4", "least": None, "most": None},
        ),
        (
            "dead",
            [("dead-from", "9" * 40), ("dead-to", "²")],
            {"from": "9" * 40, "to": "²", "least": None, "most": None},
        ),
        ("local", [("local", "ရွာသစ်")], "ရွာသစ်"),
    ],
)
def test_an_answer_comes_through_as_it_was_typed(
    asked: Questionnaire, question: str, fields: list[tuple[str, str]], answer: object
) -> None:
    assert read(asked, *fields).given == {question: answer}


@pytest.mark.parametrize(
    ("typed", "edtf"),
    [
        (("2026", "11", "23"), "2026-11-23"),
        (("2026", "2", "3"), "2026-02-03"),
        (("2026", "02", ""), "2026-02"),
        (("2026", "", ""), "2026"),
        (("၂၀၂၆", "၁၁", "၂၃"), "2026-11-23"),
        (("२०२६", "", ""), "2026"),
        (("၂ဝ၂၆", "၁ဝ", "ရ"), None),  # a letter alone is no digit
        (("၂ဝ၂၆", "၁ဝ", "၁ရ"), "2026-10-17"),
        ((" 2026 ", " 1", ""), "2026-01"),
        (("2024", "2", "29"), "2024-02-29"),
        (("2026", "2", "29"), None),
        (("2026", "13", ""), None),
        (("2026", "0", ""), None),
        (("2026", "", "3"), None),
        (("", "2", "3"), None),
        (("", "", "3"), None),
        (("1388", "8", "1"), None),  # the Burmese calendar's
        (("2569", "1", "1"), None),  # the Thai one's
        (("26", "1", "1"), None),
        (("2026", "November", ""), None),
        (("2026", "9" * 40, "1"), None),
        (("2026", "9" * 15, "1"), None),
        (("last year", "", ""), None),
        (("-2026", "", ""), None),
        (("2026~", "", ""), None),
    ],
)
def test_a_date_is_read_where_it_is_one_and_kept_as_typed(
    asked: Questionnaire, typed: tuple[str, str, str], edtf: str | None
) -> None:
    year, month, day = typed
    fields = [("when-year", year), ("when-month", month), ("when-day", day)]
    assert read(asked, *fields).given == {"when": date(year, month, day, edtf=edtf)}
    about = {"when": date(year, month, day, about=True, edtf=edtf and f"{edtf}~")}
    assert read(asked, *fields, ("when-about", "yes")).given == about


def test_about_alone_is_no_date(asked: Questionnaire) -> None:
    assert read(asked, ("when-about", "yes")).given == {}


LONG = [("how", "x" * 10_001), ("what", "x" * 501), ("where", "x" * 501), ("local", "x" * 501)]


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        *(([(name, value)], Reason.ANSWER_TOO_LONG, name) for name, value in LONG),
        ([("when-year", "1" * 41)], Reason.ANSWER_TOO_LONG, "when-year"),
        ([("dead-to", "1" * 41)], Reason.ANSWER_TOO_LONG, "dead-to"),
        ([("reach", "x" * 1001)], Reason.REACH_TOO_LONG, "reach"),
        ([("friend", "x" * 1001)], Reason.REACH_TOO_LONG, "friend"),
        ([("reach", "x" * 600), ("friend", "x" * 401)], Reason.REACH_TOO_LONG, "reach"),
        ([("saw", "maybe")], Reason.QUESTIONS_CHANGED, "saw"),
        ([("saw", "yes ")], Reason.QUESTIONS_CHANGED, "saw"),
        ([("saw", "x" * 41)], Reason.QUESTIONS_CHANGED, "saw"),
        ([("saw", "Yes")], Reason.QUESTIONS_CHANGED, "saw"),
        ([("saw", "yes"), ("saw", "no")], Reason.MALFORMED, ""),
        ([("heard", "shots"), ("heard", "shots")], Reason.MALFORMED, ""),
        ([("heard", "shots"), ("heard", "bells")], Reason.QUESTIONS_CHANGED, "heard"),
        ([("where-precision", "shots")], Reason.QUESTIONS_CHANGED, "where-precision"),
        ([("consent-study", "no")], Reason.QUESTIONS_CHANGED, "consent-study"),
        ([("consent-study", "yes"), ("consent-study", "yes")], Reason.MALFORMED, ""),
        ([("consent-silence", "yes")], Reason.QUESTIONS_CHANGED, "consent-silence"),
        *(
            ([(name, "1"), (name, "2")], Reason.MALFORMED, "")
            for name in ("what", "how", "where", "when-day", "when-about", "dead-from", "reach")
        ),
    ],
)
def test_what_is_too_long_twice_or_not_offered_is_refused(
    asked: Questionnaire, fields: list[tuple[str, str]], reason: Reason, field: str
) -> None:
    with pytest.raises(Refusal) as caught:
        read(asked, *fields)
    assert (caught.value.reason, caught.value.field) == (reason, field)


def test_what_is_sensitive_does_not_tell_whether_what_identifies_was_answered(
    tmp_path: Path,
) -> None:
    text = EVERYTHING.replace("identifying = true", "identifying = true\nsensitive = true", 1)
    asked = questionnaire(tmp_path, text)
    assert read(asked).sensitive == ("reach",)
    assert read(asked, ("reach", "x")).sensitive == ("reach",)
    assert read(asked, ("how", "x"), ("friend", "x")).sensitive == ("how", "reach")


def test_what_identifies_stands_apart_from_everything_else(asked: Questionnaire) -> None:
    answers = read(asked, ("reach", "ဒေါ်အေး\n၀၉"), ("friend", "x" * 900), ("what", "a fire"))
    assert answers.identifying == {"reach": "ဒေါ်အေး\n၀၉", "friend": "x" * 900}
    assert answers.given == {"what": "a fire"}
    assert answers.text == "What was it?\n    a fire"


def test_the_most_that_identifies_fits_beside_the_most_custodians() -> None:
    most = MOST_RECIPIENTS[Role.CUSTODIANS]
    custodians = [HybridIdentity.generate().recipient() for _ in range(most)]
    worst = "\x01" * (ANSWERS_CHARACTERS // MOST_IDENTIFYING)
    answers = {f"{n:a>32}": worst for n in range(MOST_IDENTIFYING)}
    assert seal_identity(answers, custodians)


def test_what_is_sensitive_is_named(asked: Questionnaire) -> None:
    assert read(asked, ("what", "a fire")).sensitive == ()
    assert read(asked, ("what", "a fire"), ("how", "bad")).sensitive == ("how",)


def test_an_answer_counts_whatever_the_condition_and_the_language(asked: Questionnaire) -> None:
    answers = read(asked, ("saw", "yes"), ("heard", "radio"), ("local", "x"), language="en")
    assert answers.given == {"saw": "yes", "heard": ["radio"], "local": "x"}
    assert "ဒေသခံ အခေါ်အဝေါ်\n    x" in answers.text


# --- consents ------------------------------------------------------------------------------------


def test_no_consent_is_given_by_silence(asked: Questionnaire) -> None:
    consents = read(asked).consents
    assert [c["id"] for c in consents] == ["study", "share-iimm", "share-court", "silence"]
    assert [c["granted"] for c in consents[:3]] == [False] * 3
    assert (consents[3]["chosen"], consents[3]["chosen_text"]) == (None, None)


def test_a_consent_stands_with_the_text_that_was_shown(asked: Questionnaire) -> None:
    fields = [("consent-share-court", "yes"), ("consent-silence", "destroy")]
    study, iimm, court, silence = read(asked, *fields, language="my").consents
    assert (study["granted"], iimm["granted"]) == (False, False)
    assert court == {
        "id": "share-court",
        "text": "တရားရုံး ကို ပေးပါ။",
        "hint": "",
        "language": "my",
        "version": "1",
        "granted": True,
    }
    assert silence == {
        "id": "silence",
        "text": "ကျွန်ုပ်ထံက ဘာမှ မကြားရင်",
        "hint": "",
        "language": "my",
        "version": "1",
        "chosen": "destroy",
        "chosen_text": "ဖျက်ဆီးပါ",
    }
    assert read(asked).consents[0]["hint"] == "Nobody else gets it."


# --- as a person reads it ------------------------------------------------------------------------


def test_answers_are_read_as_questions_with_lines_below_them(asked: Questionnaire) -> None:
    answers = read(
        asked,
        ("what", "a fire"),
        ("how", "one\n\ntwo\n"),
        ("saw", "no"),
        ("heard", "radio"),
        ("heard", "shots"),
        ("when-year", "2026"),
        ("when-month", "2"),
        ("when-about", "yes"),
        ("where", "a hill"),
        ("where-precision", "near"),
        ("dead-from", "3"),
    )
    assert answers.text.split("\n") == [
        "What was it?",
        "    a fire",
        "",
        "⚠ How was it?",
        "    one",
        "    ",
        "    two",
        "",
        "Did you see it?",
        "    No",
        "",
        "What did you hear?",
        "    Shots",
        "    The radio",
        "",
        "When was it?",
        "    2026-02~",
        "",
        "Where was it?",
        "    a hill",
        "    Near there",
        "",
        "How many died?",
        "    3 – ?",
    ]


def test_they_are_read_in_the_language_of_the_form(asked: Questionnaire) -> None:
    answers = read(asked, ("saw", "no"), ("when-year", "၁၃၈၈"), language="my")
    assert answers.text == "မြင်ခဲ့သလား။\n    မမြင်ဘူး\n\nဘယ်တုန်းကလဲ။\n    ၁၃၈၈-?-?"


BREAKS = ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("line_end", BREAKS, ids=ascii)
@pytest.mark.parametrize("name", ["what", "how", "where", "when-year", "dead-from"])
def test_no_line_of_an_answer_passes_for_another_answer(
    asked: Questionnaire, name: str, line_end: str
) -> None:
    typed = line_end.join(["x", "Did you see it?", "    Yes", "", "⚠"])
    answers = read(asked, (name, typed))
    question, *lines = answers.text.splitlines()
    assert question.endswith("?")
    assert lines
    assert all(line.startswith("    ") for line in lines)
