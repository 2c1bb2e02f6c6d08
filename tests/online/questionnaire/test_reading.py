"""A questionnaire's file: every mistake in it gets one sentence, which names the place."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import Client

from intake.errors import SettingsMistaken
from intake.online.questionnaire.checks import MOST_SENT, RESERVED
from intake.online.questionnaire.model import Kind
from intake.online.questionnaire.reading import DEFAULT, read_questionnaire
from intake.online.receiving import FIELDS_LIMIT
from intake.online.witness.app import create_app
from intake.online.witness.forms import OWN_FIELDS
from tests.support.deployments import Scene
from tests.support.questionnaires import BODIES, EVERYTHING, questionnaire


def test_what_is_written_is_read(tmp_path: Path) -> None:
    read = questionnaire(tmp_path)
    assert (read.id, read.version) == ("everything", "1")
    assert [section.id for section in read.sections] == ["facts", "reaching"]
    questions = {question.id: question for question in read.questions()}
    assert {question.kind for question in questions.values()} == set(Kind)
    assert [q.id for q in questions.values() if q.sensitive] == ["how"]
    assert [q.id for q in questions.values() if q.identifying] == ["reach", "friend"]
    assert questions["heard"].shown_if is not None
    assert not questions["local"].is_asked_in("en")
    assert [consent.id for consent in read.consents] == [
        "study",
        "share-iimm",
        "share-court",
        "silence",
    ]
    assert read.consents[1].label == {"en": "Give it to the Mechanism.", "my": "ယန္တရား ကို ပေးပါ။"}


def test_a_text_may_be_long_and_a_hint_of_sharing_names_the_body_too(tmp_path: Path) -> None:
    long = "?" * 2000
    shared = EVERYTHING.replace("What was it?", long).replace(
        'id = "share"\n', 'id = "share"\nhint = { en = "Only %(body)s.", my = "%(body)s သာ" }\n'
    )
    read = questionnaire(tmp_path, shared)
    assert next(read.questions()).label["en"] == long
    assert [consent.hint.get("en", "") for consent in read.consents] == [
        "Nobody else gets it.",
        "Only the Mechanism.",
        "Only the court.",
        "",
    ]


def test_its_hash_is_that_of_the_file(tmp_path: Path) -> None:
    first = questionnaire(tmp_path)
    assert len(first.sha256) == 64
    assert questionnaire(tmp_path, EVERYTHING + "# a comment\n").sha256 != first.sha256


def test_a_consent_to_sharing_is_not_there_where_nobody_is_shared_with(tmp_path: Path) -> None:
    read = questionnaire(tmp_path, bodies={})
    assert [consent.id for consent in read.consents] == ["study", "silence"]


def test_a_file_may_speak_more_languages_than_are_offered(tmp_path: Path) -> None:
    read = questionnaire(tmp_path, languages=["en"], bodies={"iimm": {"en": "the Mechanism"}})
    for question in read.questions():
        assert set(question.label) <= {"en"}


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    assert questionnaire(tmp_path, "\ufeff" + EVERYTHING).id == questionnaire(tmp_path).id


def test_the_one_that_comes_with_the_program_is_right_in_both_languages() -> None:
    read = read_questionnaire(DEFAULT, ["en", "my"], BODIES)
    assert read.consents
    for question in read.questions():
        for tag in ("en", "my"):
            assert question.label[tag] or not question.is_asked_in(tag)


def change(old: str, new: str) -> str:
    """Return the file with something in it changed once."""
    assert old in EVERYTHING
    return EVERYTHING.replace(old, new, 1)


WHAT = 'id = "what"\nkind = "text"\n'
SAW = 'id = "saw"\nkind = "choice"\n'
MISTAKES = {
    "it is not TOML": ("format", "is not TOML"),
    "no format": (
        change('format = "intake-questionnaire-1"\n', ""),
        "in the questionnaire, format",
    ),
    "another format": (
        change("questionnaire-1", "questionnaire-9"),
        "in the questionnaire, format",
    ),
    "no id": (change('id = "everything"\n', ""), "in the questionnaire, id"),
    "an id with capitals": (change('"everything"', '"Everything"'), "in the questionnaire, id"),
    "no version": (change('version = "1"', ""), "in the questionnaire everything, version"),
    "a version that is a number": (
        change('version = "1"', "version = 1"),
        "in the questionnaire everything, version",
    ),
    "a version of spaces": (
        change('version = "1"', 'version = " "'),
        "in the questionnaire everything, version",
    ),
    "an unknown entry": (change('version = "1"', 'version = "1"\nauthor = "x"'), "author"),
    "sections that are a table": (
        'format = "intake-questionnaire-1"\nid = "x"\nversion = "1"\n[section]\nid = "a"\n',
        "[[section]]",
    ),
    "an unknown entry of a section": (
        change('id = "facts"', 'id = "facts"\nfolded = true'),
        "everything, section facts has an entry that we do not know: folded",
    ),
    "a title in one language": (
        change('title = { en = "The facts", my = "အချက်များ" }', 'title = { en = "The facts" }'),
        "section facts, title is missing or wrong; it must be there in every language offered; "
        "it lacks my",
    ),
    "a title of spaces": (change('"အချက်များ"', '"  "'), "section facts, title"),
    "a title that is a text": (
        change('title = { en = "The facts", my = "အချက်များ" }', 'title = "The facts"'),
        "section facts, title",
    ),
    "a title of numbers": (change('"The facts"', "7"), "section facts, title"),
    "a hint in one language": (change(', my = "ပြောချင်တာသာ ပြောပါ။"', ""), "section facts, hint"),
    "two sections with one id": (change('id = "reaching"', 'id = "facts"'), "two sections"),
    "no kind": (change(WHAT, 'id = "what"\n'), "question what, kind"),
    "an unknown kind": (
        change(WHAT, 'id = "what"\nkind = "essay"\n'),
        "question what, kind is missing or wrong; it must be one of text, long-text, choice",
    ),
    "no label": (change('label = { en = "What was it?", my = "ဘာလဲ။" }\n', ""), "what, label"),
    "an id of another script": (change('id = "what"', 'id = "ဘာ"'), "section facts, question, id"),
    "an id with an underscore": (change('id = "what"', 'id = "code_mac"'), "question, id"),
    "an id that ends a line": (change('id = "what"', 'id = "what\\n"'), "question, id"),
    "an id that is too long": (change('id = "what"', f'id = "{"w" * 33}"'), "question, id"),
    "an unknown entry of a question": (
        change(WHAT, WHAT + "required = true\n"),
        "question what has an entry that we do not know: required",
    ),
    "sensitive that is a text": (change("sensitive = true", 'sensitive = "yes"'), "how, sensitive"),
    "identifying that is a number": (
        change("identifying = true", "identifying = 1"),
        "question reach, identifying",
    ),
    "a choice that identifies": (
        change(SAW, SAW + "identifying = true\n"),
        "question saw, identifying",
    ),
    "a choice without options": (
        change(WHAT, 'id = "what"\nkind = "choice"\n'),
        "question what, options is missing or wrong; it must be a list of options",
    ),
    "a text with options": (
        change(SAW, 'id = "saw"\nkind = "text"\n'),
        "question saw, options is missing or wrong; it must be left out",
    ),
    "an option without a label": (
        change('{ id = "yes", label = { en = "Yes", my = "ဟုတ်ကဲ့" } }', '{ id = "yes" }'),
        "question saw, options yes, label",
    ),
    "an option in one language": (change(', my = "ဟုတ်ကဲ့"', ""), "question saw, options yes, label"),
    "an option with more in it": (
        change('{ id = "yes",', '{ id = "yes", checked = true,'),
        "options yes has an entry that we do not know: checked",
    ),
    "options that are texts": (
        change('options = [\n  { id = "exact"', 'options = ["a", "b"]\nx = [\n  { id = "exact"'),
        "question where, options",
    ),
    "an option twice": (change('id = "no",', 'id = "yes",'), "question saw, options"),
    "no languages": (change('["my"]', "[]"), "question local, languages"),
    "languages that are a text": (change('["my"]', '"my"'), "question local, languages"),
    "a language that nobody knows": (
        change('["my"]', '["my", "mm"]'),
        "question local, languages is missing or wrong; it must be of en, my, shn",
    ),
    "a language without its text": (change('["my"]', '["en", "my"]'), "question local, label"),
    "a condition that is a text": (
        change('{ question = "saw", any = ["no"] }', '"saw"'),
        "question heard, shown_if",
    ),
    "a condition without options": (
        change(', any = ["no"]', ""),
        "question heard, shown_if, any",
    ),
    "a condition with more in it": (
        change('any = ["no"]', 'any = ["no"], not = true'),
        "shown_if has an entry that we do not know: not",
    ),
    "a condition on an option that is not there": (
        change('any = ["no"]', 'any = ["no", "maybe"]'),
        "the question heard is shown if maybe is chosen in saw, which does not offer it",
    ),
    "a condition on a question that is not there": (
        change('question = "saw"', 'question = "smelt"'),
        "the question heard is shown if something is chosen in smelt, and no question before it",
    ),
    "a condition on itself": (
        change('{ question = "saw", any = ["no"] }', '{ question = "heard", any = ["shots"] }'),
        "the question heard is shown if",
    ),
    "a condition on a later question": (
        change(SAW, SAW + 'shown_if = { question = "heard", any = ["shots"] }\n'),
        "the question saw is shown if",
    ),
    "a condition on how precise a place is": (
        change('id = "dead"\n', 'id = "dead"\nshown_if = { question = "where", any = ["near"] }\n'),
        "the question dead is shown if",
    ),
    "a condition on what is not asked in this language": (
        change(SAW, SAW + 'languages = ["my"]\n'),
        "the question heard is asked in a language in which the one that it depends on, saw",
    ),
    "two questions with one id": (change('id = "what"', 'id = "how"'), "called how"),
    "two questions of other fields with one id": (change('id = "when"', 'id = "dead"'), "dead"),
    "a question called like a part of another": (
        change('id = "what"', 'id = "when-year"'),
        "called when-year",
    ),
    "a question called like a consent": (
        change('id = "what"', 'id = "consent-study"'),
        "begins with consent-",
    ),
    "two consents with one id": (change('id = "silence"', 'id = "study"'), "called study"),
    "a consent called like one to sharing": (
        change('id = "study"', 'id = "share-court"'),
        "called share-court",
    ),
    "sharing in one language alone": (
        change('my = "%(body)s ကို', 'my = "သူတို့ကို'),
        "consent share, label is missing or wrong; it must be with %(body)s",
    ),
    "a hint of a consent about a body that its label does not speak of": (
        change('en = "Nobody else gets it."', 'en = "%(body)s gets it."'),
        "consent study, hint is missing or wrong; it must be without %(body)s",
    ),
    "an option of a consent about a body": (
        change('en = "Wait"', 'en = "Ask %(body)s"'),
        "consent silence, options wait, label is missing or wrong; it must be without %(body)s",
    ),
    "a question about a body": (
        change('en = "What was it?"', 'en = "Did %(body)s ask?"'),
        "question what, label is missing or wrong; it must be without %(body)s",
    ),
    "a hint of a question about a body": (
        change('en = "As it comes."', 'en = "As %(body)s asks."'),
        "question how, hint is missing or wrong; it must be without %(body)s",
    ),
    "an option about a body": (
        change('en = "The radio"', 'en = "The radio of %(body)s"'),
        "question heard, options radio, label is missing or wrong; it must be without %(body)s",
    ),
    "a title about a body": (
        change('en = "The facts"', 'en = "The facts for %(body)s"'),
        "section facts, title is missing or wrong; it must be without %(body)s",
    ),
    "a hint of a section about a body": (
        change('en = "Only what you want to tell."', 'en = "%(body)s reads it."'),
        "section facts, hint is missing or wrong; it must be without %(body)s",
    ),
    "a version that is too long": (
        change('version = "1"', f'version = "{"1" * 2001}"'),
        "the questionnaire everything, version is missing or wrong; it must be at most 2000",
    ),
    "a label that is too long": (
        change("What was it?", "?" * 2001),
        "question what, label is missing or wrong; it must be at most 2000 characters long",
    ),
    "a hint of a consent that is too long": (
        change("Nobody else gets it.", "?" * 2001),
        "consent study, hint is missing or wrong; it must be at most 2000 characters long",
    ),
    "a consent that is too long with the names in it": (
        change("Give it to %(body)s.", "%(body)s" * 200),
        "consent share, label is missing or wrong; it must be at most 2000 characters long",
    ),
    "an option that is too long": (
        change('en = "The radio"', f'en = "{"?" * 2001}"'),
        "question heard, options radio, label is missing or wrong; it must be at most 2000",
    ),
    "a consent in one language": (change(', my = "သိမ်းပြီး လေ့လာပါ။"', ""), "consent study, label"),
    "a consent that is given unless it is not": (
        change('id = "study"\n', 'id = "study"\ndefault = true\n'),
        "consent study has an entry that we do not know: default",
    ),
    **{
        f"a question called {name}": (change('id = "what"', f'id = "{name}"'), f"called {name}")
        for name in RESERVED
    },
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_one_sentence_that_names_the_place(tmp_path: Path, name: str) -> None:
    text, place = MISTAKES[name]
    with pytest.raises(SettingsMistaken) as caught:
        questionnaire(tmp_path, text)
    sentence = str(caught.value)
    assert place in sentence
    assert str(tmp_path / "questionnaire.toml") in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("bodies", "place"),
    [
        ({"court": {"en": "the court"}}, "pages.shared_with.court"),
        ({"court": {"en": "the court", "my": " "}}, "it lacks my"),
        ({"court": {"en": "x" * 2001, "my": "x"}}, "pages.shared_with.court is too long"),
        ({"The Court": {"en": "the court", "my": "x"}}, "'The Court'"),
        ({'"><script>': {"en": "the court", "my": "x"}}, "it must be a small letter"),
    ],
)
def test_whom_accounts_are_shared_with_is_checked_too(
    tmp_path: Path, bodies: dict[str, dict[str, str]], place: str
) -> None:
    with pytest.raises(SettingsMistaken, match=re.escape(place)):
        questionnaire(tmp_path, bodies=bodies)


def test_a_file_that_is_not_there_or_not_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsMistaken, match="Cannot read"):
        read_questionnaire(tmp_path / "none.toml", ["en"], {})
    with pytest.raises(SettingsMistaken, match="Cannot read"):
        read_questionnaire(tmp_path, ["en"], {})
    (tmp_path / "bytes.toml").write_bytes(b'format = "\xff"')
    with pytest.raises(SettingsMistaken, match="is not TOML"):
        read_questionnaire(tmp_path / "bytes.toml", ["en"], {})


def many(count: int, kind: str, rest: str = "") -> str:
    """Return a questionnaire of that many questions of one kind."""
    head = EVERYTHING.split("[[section.question]]", maxsplit=1)[0]
    label = '{ en = "?", my = "?" }'
    return head + "".join(
        f'[[section.question]]\nid = "q{n}"\nkind = "{kind}"\nlabel = {label}\n{rest}\n'
        for n in range(count)
    )


OPTIONS = ", ".join(f'{{ id = "o{n}", label = {{ en = "?", my = "?" }} }}' for n in range(10))


@pytest.mark.parametrize(
    ("most", "kind", "rest", "place"),
    [
        (200, "date", "", "800 fields"),
        (80, "choices", f"options = [{OPTIONS}]", "800 fields"),
        (199, "long-text", "", "2000000 characters"),
        (20, "text", "identifying = true", "20 questions"),
    ],
)
def test_what_no_form_could_send_or_no_reader_take_is_refused(
    tmp_path: Path, most: int, kind: str, rest: str, place: str
) -> None:
    assert len(list(questionnaire(tmp_path, many(most, kind, rest)).questions())) == most
    with pytest.raises(SettingsMistaken, match=place):
        questionnaire(tmp_path, many(most + 1, kind, rest))


def test_the_longest_form_with_the_most_files_is_still_read(scene: Scene) -> None:
    ours = len(OWN_FIELDS)
    assert MOST_SENT + ours + scene.settings.limits.attachments <= FIELDS_LIMIT


def test_no_question_can_be_called_like_anything_that_the_form_itself_has(scene: Scene) -> None:
    head = EVERYTHING.split("[[section]]", maxsplit=1)[0]
    app = create_app(replace(scene.deployment(), questionnaire=questionnaire(scene.folder, head)))
    for lang in ("en", "my"):
        page = Client(app).get(f"/{lang}/submit").text
        ours = set(re.findall(r' (?:name|id)="([a-z][a-z0-9-]*)"', page))
        assert {"account", "attachments", "code"} <= ours
        assert ours - {"viewport", "color-scheme"} <= RESERVED  # what a meta element is called
