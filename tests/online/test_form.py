"""The form: what it asks, that what comes back is whole, and what is known before it is sent."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
from werkzeug.test import Client, TestResponse

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.online.questionnaire.model import Kind, Questionnaire
from intake.online.questionnaire.reading import DEFAULT, read_questionnaire
from intake.online.refusal import Reason
from intake.online.settings import Limits
from intake.online.witness.app import create_app
from intake.online.witness.seen import questions_seen
from intake.online.witness.shown_if import shown_if_rules
from intake.online.witness.upload_times import Unit, Wait, upload_times, wait
from tests.support.deployments import Scene, encode, hidden_fields, make_scene, receipt_code
from tests.support.parsed import Parsed
from tests.support.questionnaires import BODIES, EVERYTHING, answer, questionnaire

ACCOUNT = "ရွာကို မီးရှို့ခဲ့တယ်။ <b>"
REACH = "ဈေးထဲမှာ"
CUSTODIAN = HybridIdentity.generate()

#: Something in every field of the questionnaire that has every kind of question.
ANSWERS = [
    ("what", 'a "fire" <'),
    ("how", "first\nsecond"),
    ("saw", "no"),
    ("heard", "shots"),
    ("heard", "radio"),
    ("when-year", "၂၀၂၆"),
    ("when-month", "5"),
    ("when-day", "31"),
    ("when-about", "yes"),
    ("where", "ရွာ"),
    ("where-precision", "near"),
    ("dead-from", "3"),
    ("dead-to", "ten"),
    ("local", "ဟိုဘက်"),
    ("reach", REACH),
    ("friend", "x"),
    ("consent-study", "yes"),
    ("consent-share-court", "yes"),
    ("consent-silence", "destroy"),
]
EVERY_FIELD = [("account", ACCOUNT), *ANSWERS]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene(tmp_path / "deployment", custodian=CUSTODIAN)


def asking(scene: Scene, text: str = EVERYTHING, *, limits: Limits | None = None) -> Client:
    """Open the pages of a deployment that asks ``text``."""
    asked = questionnaire(scene.folder, text)
    return Client(create_app(replace(scene.deployment(limits=limits), questionnaire=asked)))


@pytest.fixture
def client(scene: Scene) -> Client:
    return asking(scene)


def typed(page: str) -> list[tuple[str, str]]:
    """Return what a browser would send of a form, without what nobody typed."""
    ours = {"", "csrf_token", "code", "code_mac", "questions_seen", "attachments"}
    values = Parsed.of(page).values()
    return [(n, v.removeprefix("\n")) for n in values for v in values[n] if v and n not in ours]


def switch(
    client: Client, lang: str, fields: list[tuple[str, str]], **extra: object
) -> TestResponse:
    """Press the button of another language, as a browser does."""
    return client.post(
        f"/{lang}/submit?switch=1",
        data=urlencode(fields),
        content_type="application/x-www-form-urlencoded",
        **extra,
    )


def folded_out(page: str) -> list[str]:
    """Return the ids of the sections that are open."""
    return re.findall(r'<details class="part" id="s_([\w-]+)" open', page)


# --- what is asked -------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "my"])
def test_an_empty_form_asks_for_the_account_first_and_requires_and_presets_nothing(
    client: Client, lang: str
) -> None:
    page = client.get(f"/{lang}/submit").text
    assert typed(page) == []
    assert folded_out(page) == []
    assert not re.search(r" (required|pattern|checked|capture|accept)\b", page.split("<main>")[1])
    names = re.findall(r' name="([^"]+)"', page.split("<form")[1])
    seen = names[names.index("questions_seen") + 1 :]
    assert seen[0] == "account"
    assert seen[-3:] == ["attachments"] * 3  # behind every field: what is judged before files
    assert seen.count("attachments") == 3


@pytest.mark.parametrize("lang", ["en", "my"])
def test_every_field_of_the_questionnaire_is_there_and_has_a_name_of_its_own(
    client: Client, scene: Scene, lang: str
) -> None:
    page = client.get(f"/{lang}/submit").text
    fields = questionnaire(scene.folder).fields()
    asked = fields if lang == "my" else fields - {"local"}
    names = set(re.findall(r' name="([^"]+)"', page))
    assert asked <= names
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for pointing in ("for", "aria-describedby"):
        for value in re.findall(rf' {pointing}="([^"]+)"', page):
            assert set(value.split()) <= set(ids)


def test_what_is_sensitive_says_that_it_may_be_left_out(client: Client) -> None:
    page = client.get("/en/submit").text
    hint = re.search(r'id="how_hint">(.*?)</p>', page)
    assert hint is not None
    assert hint[1].startswith("As it comes. You can leave this out")
    assert page.count("You can leave this out") == 1


def test_each_of_those_whom_it_is_shared_with_is_asked_for_by_itself(client: Client) -> None:
    page = html.unescape(client.get("/en/submit").text)
    for body, names in BODIES.items():
        assert f'name="consent-share-{body}"' in page
        assert f"Give it to {names['en']}." in page


def test_an_account_in_which_nothing_else_is_filled_in_is_taken(
    scene: Scene, client: Client
) -> None:
    page = client.get("/my/submit").text
    empty = [(name, "") for name in ("what", "how", "when-year", "where", "dead-from", "reach")]
    hidden = hidden_fields(page)
    assert answer(client, [("account", ACCOUNT), *empty], hidden=hidden).status_code == 303
    [sealed] = scene.sealed()
    with scene.opened(sealed) as envelope:
        assert envelope.record.answers == {}
        assert [c.get("granted", c.get("chosen")) for c in envelope.record.consents] == [
            False,
            False,
            False,
            None,
        ]


def test_what_was_left_open_after_all_counts_as_not_chosen(scene: Scene, client: Client) -> None:
    page = client.get("/my/submit").text
    left_open = re.findall(r'<input type="radio"[^>]* name="([^"]+)" value=""', page)
    assert "consent-silence" in left_open
    fields = [("account", ACCOUNT), *((name, "") for name in left_open)]
    assert answer(client, fields, hidden=hidden_fields(page)).status_code == 303
    [sealed] = scene.sealed()
    with scene.opened(sealed) as envelope:
        assert envelope.record.answers == {}
        assert not any(c.get("granted") or c.get("chosen") for c in envelope.record.consents)


def test_everything_that_was_answered_and_consented_to_arrives(
    scene: Scene, client: Client
) -> None:
    answered = [field for field in EVERY_FIELD if field[0] != "local"]
    assert answer(client, answered, [("a.jpg", b"x")], lang="my").status_code == 303
    [sealed] = scene.sealed()
    members = scene.members(sealed)
    record = json.loads(members["account.json"])
    assert record["answers"]["heard"] == ["shots", "radio"]
    assert record["answers"]["when"]["edtf"] == "2026-05-31~"
    consents = {consent["id"]: consent for consent in record["consents"]}
    assert consents["study"]["granted"]
    assert consents["study"]["text"] == "သိမ်းပြီး လေ့လာပါ။"
    assert consents["study"]["language"] == "my"
    assert consents["study"]["version"] == "1"
    assert not consents["share-iimm"]["granted"]
    assert consents["silence"]["chosen"] == "destroy"
    identity = json.loads(open_bytes(members["identity.age"], [CUSTODIAN]))
    assert identity["answers"] == {"reach": REACH, "friend": "x"}


# --- the questionnaire that comes with it --------------------------------------------------------


def default() -> Questionnaire:
    return read_questionnaire(DEFAULT, ["en", "my"], BODIES)


def test_the_default_has_what_an_account_of_crimes_needs() -> None:
    asked = {question.id: question for question in default().questions()}
    assert {option.id for option in asked["how-known"].options} >= {
        "saw",
        "did",
        "ordered",
        "heard",
        "document",
    }
    assert asked["day"].kind is Kind.DATE
    assert asked["place"].kind is Kind.PLACE
    assert asked["ranks"].kind is Kind.CHOICES
    assert asked["doers"].kind is Kind.NUMBERS
    assert {"order-rank", "order-day", "order-words", "order-channel"} <= set(asked)
    assert {"others", "told", "origin", "unit-base"} <= set(asked)
    assert {q.id for q in asked.values() if q.identifying} == {"reach"}
    assert {q.id for q in asked.values() if q.sensitive} == {
        "own-part",
        "sexual-more",
        "order-words",
    }
    assert [consent.id for consent in default().consents] == [
        "study",
        "contact",
        "share-iimm",
        "share-court",
        "publish",
        "files",
        "how-long",
        "silence",
    ]


def test_the_default_asks_nobody_for_a_name() -> None:
    for question in default().questions():
        said = question.label["en"].casefold()
        assert "name" not in said.split()
        assert "your" not in said.split()


# --- it comes back -------------------------------------------------------------------------------

LIMITS = Limits(submission=10_000, attachments=2, account_characters=100, disk_reserve=0)

#: What is sent instead of, or beside, everything; and why it is refused.
REFUSED: dict[str, tuple[list[tuple[str, str]], list[tuple[str, bytes]], Reason, str]] = {
    "an account too long": ([("account", "x" * 101)], [], Reason.ACCOUNT_TOO_LONG, "account"),
    "nothing told": ([("account", " ")], [], Reason.EMPTY, "account"),
    "an answer too long": ([("how", "x" * 10_001)], [], Reason.ANSWER_TOO_LONG, "how"),
    "a line too long": ([("what", "x" * 501)], [], Reason.ANSWER_TOO_LONG, "what"),
    "a place too long": ([("where", "x" * 501)], [], Reason.ANSWER_TOO_LONG, "where"),
    "a year too long": ([("when-year", "2" * 41)], [], Reason.ANSWER_TOO_LONG, "when-year"),
    "a number too long": ([("dead-to", "2" * 41)], [], Reason.ANSWER_TOO_LONG, "dead-to"),
    "too long to be reached": ([("reach", "x" * 1001)], [], Reason.REACH_TOO_LONG, "reach"),
    "a file too large": ([], [("a", b"x" * 10_001)], Reason.TOO_LARGE, "attachments"),
    "too many files": ([], [("a", b"x")] * 3, Reason.TOO_MANY_FILES, "attachments"),
    "a token of nobody": ([("csrf_token", "x")], [], Reason.WRONG_TOKEN, ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_every_word_and_choice_comes_back_and_the_error_leads_to_its_field(
    scene: Scene, name: str
) -> None:
    changes, files, reason, field = REFUSED[name]
    client = asking(scene, limits=LIMITS)
    hidden = hidden_fields(client.get("/my/submit").text)
    hidden = {n: dict(changes).get(n, v) for n, v in hidden.items()}
    sent = [(n, dict(changes).get(n, v)) for n, v in EVERY_FIELD]
    answered = answer(client, sent, files, hidden=hidden, lang="en")
    assert answered.status_code == reason.status
    page = answered.text
    # What was not sent from a page of this visit brings no consent back.
    back = [f for f in sent if reason is not Reason.WRONG_TOKEN or "consent-" not in f[0]]
    assert sorted(typed(page)) == sorted(back)
    assert folded_out(page) == ["facts", "reaching"]
    assert scene.sealed() == []

    assert "<title>Not sent yet</title>" in page
    [error] = re.findall(r'id="error" role="alert"[^>]*>(.*?)</div>', page, re.DOTALL)
    assert reason.sentence in html.unescape(error)
    marked = re.findall(r'<\w+[^>]* id="([^"]+)"[^>]* aria-invalid="true"', page)
    assert marked == ([field] if field else [])
    again = ["consents_again"] if len(back) < len(sent) else []
    assert re.findall(r'<a href="#([^"]+)"', error) == marked + again
    assert len(re.findall(r'aria-describedby="[^"]*\berror"', page)) == len(marked)


def test_files_that_are_too_large_or_too_many_are_told_how_much_is_allowed(scene: Scene) -> None:
    client = asking(scene, limits=LIMITS)
    for files in ([("a", b"x" * 10_001)], [("a", b"x")] * 3):
        page = answer(client, [("account", "x")], files).text
        assert page.count("At a time: at most 2 files, together 10 KB.") == 2
    page = answer(client, [("account", "x")], [("a", b"x" * 10_001)], lang="my").text
    assert "၁၀ KB" in page.split('id="error"')[1].split("</div>")[0]


def test_a_section_in_which_something_is_wrong_is_open(scene: Scene) -> None:
    client = asking(scene)
    page = answer(client, [("account", "x"), ("dead-to", "2" * 41)]).text
    assert folded_out(page) == ["facts"]


def test_what_was_answered_in_a_language_that_alone_is_asked_it_comes_back(
    client: Client,
) -> None:
    assert 'name="local"' not in client.get("/en/submit").text
    page = answer(client, [("account", ""), ("local", "ဟိုဘက်")], lang="en").text
    assert ("local", "ဟိုဘက်") in typed(page)
    assert "ဒေသခံ အခေါ်အဝေါ်" in page


# --- Back ----------------------------------------------------------------------------------------


def test_a_form_is_never_sent_to_the_address_that_its_page_stands_at(client: Client) -> None:
    page, at = client.get("/en/submit").text, "/en/submit"
    for _ in range(4):
        [action] = re.findall(r'<form id="account-form" method="post" action="([^"]+)"', page)
        assert action != at
        at = action
        hidden = hidden_fields(page)
        body = encode([*hidden.items(), ("account", "")], [])
        kind = "multipart/form-data; boundary=----browser1234567890"
        answered = client.post(at, data=body, content_type=kind)
        assert answered.status_code == Reason.EMPTY.status
        page = answered.text


@pytest.mark.parametrize("address", ["submit?sent=x", "submit?sent=1&sent=2", "submit?sent="])
def test_whatever_the_address_says_beside_is_no_matter(client: Client, address: str) -> None:
    body = encode([*hidden_fields(client.get("/en/submit").text).items(), ("account", "x")], [])
    kind = "multipart/form-data; boundary=----browser1234567890"
    assert client.post(f"/en/{address}", data=body, content_type=kind).status_code == 303


def test_every_form_holds_what_keeps_it_off_the_disk_and_it_is_never_sent(client: Client) -> None:
    for page in (client.get("/en/submit").text, answer(client, []).text):
        [field] = re.findall(r'<input type="password"[^>]*>', page)
        assert 'value="x"' in field
        assert " hidden" in field
        assert "name=" not in field


# --- another language ----------------------------------------------------------------------------


def test_a_switch_of_language_keeps_every_word_and_choice_and_the_code(
    scene: Scene, client: Client
) -> None:
    hidden = hidden_fields(client.get("/my/submit").text)
    sent = [*hidden.items(), *EVERY_FIELD, ("attachments", "photo.jpg")]
    answered = switch(client, "en", sent)
    assert answered.status_code == 200
    page = answered.text
    assert page.startswith('<!doctype html>\n<html lang="en"')
    assert sorted(typed(page)) == sorted(EVERY_FIELD)
    assert hidden_fields(page)["code"] == hidden["code"]
    assert "choose them again" in page
    assert 'class="error"' not in page
    assert "photo.jpg" not in page
    assert "Content-Encoding" not in answered.headers
    assert scene.sealed() == []

    back = switch(client, "my", [*hidden_fields(page).items(), *typed(page)]).text
    assert sorted(typed(back)) == sorted(EVERY_FIELD)
    assert answer(client, typed(back), hidden=hidden_fields(back), lang="my").status_code == 303
    assert receipt_code(client.get("/my/receipt").text) == hidden["code"]


def test_a_switch_shows_no_form_with_a_code_that_another_visit_brought(client: Client) -> None:
    stranger = Client(client.application)
    theirs = hidden_fields(stranger.get("/en/submit").text)
    page = switch(client, "my", [*theirs.items(), ("account", "x")]).text
    assert hidden_fields(page)["code"] != theirs["code"]


@pytest.mark.parametrize("path", ["send", "switch"])
def test_what_another_visit_was_given_brings_no_code_and_no_consent(
    client: Client, path: str
) -> None:
    """Another site could have filled it in: its owner knows the code, and ticked what it liked."""
    theirs = hidden_fields(Client(client.application).get("/en/submit").text)
    nobody = Client(client.application)
    sent = [*theirs.items(), *EVERY_FIELD]
    if path == "switch":
        answered = switch(nobody, "en", sent, headers={"Origin": "null"})
    else:
        answered = answer(nobody, EVERY_FIELD, hidden=theirs, lang="en")
    page = answered.text
    assert theirs["code"] not in page
    assert hidden_fields(page)["code_mac"] != theirs["code_mac"]
    assert sorted(typed(page)) == sorted(f for f in EVERY_FIELD if "consent-" not in f[0])
    assert "#consents_again" in page
    again = answer(nobody, typed(page), hidden=hidden_fields(page), lang="en")
    assert again.status_code == 303
    assert receipt_code(nobody.get("/en/receipt").text) == hidden_fields(page)["code"]


def test_where_no_consent_was_sent_none_has_to_be_chosen_again(client: Client) -> None:
    page = answer(client, [("account", "word")], hidden={"csrf_token": "x"}, lang="en").text
    assert "#consents_again" not in page
    assert typed(page) == [("account", "word")]


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_a_switch_from_elsewhere_is_refused(client: Client, headers: dict[str, str]) -> None:
    answered = switch(client, "my", [("account", "planted")], headers=headers)
    assert answered.status_code == Reason.ELSEWHERE.status
    assert "planted" not in answered.text


def test_a_switch_takes_a_million_characters_and_no_more_than_a_form_may_hold(
    scene: Scene, client: Client
) -> None:
    account = "က" * 1_000_000
    page = switch(client, "en", [("account", account)]).text
    assert ("account", account) in typed(page)
    small = asking(scene, limits=LIMITS)
    answered = switch(small, "en", [("account", "x" * 9_000_000)])
    assert answered.status_code == Reason.FORM_TOO_LONG.status


def test_without_a_switch_a_form_that_brings_no_files_is_none(scene: Scene, client: Client) -> None:
    answered = client.post("/en/submit", data={"account": "x"})
    assert answered.status_code == Reason.NO_FORM.status
    assert scene.sealed() == []


def test_the_first_button_of_the_form_is_one_that_enter_cannot_press(client: Client) -> None:
    for page in (client.get("/en/submit").text, answer(client, []).text):
        buttons = re.findall(r"<input type=\"submit\"[^>]*>|<button[^>]*>", page)
        assert all('form="account-form"' in button for button in buttons[:2])
        assert "disabled" in buttons[0]
        assert "disabled" not in buttons[1]
        assert 'formaction="/en/submit?stay=1"' in buttons[1]


def test_the_button_that_enter_can_press_is_answered_by_nothing(
    scene: Scene, client: Client
) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    fields = urlencode([*hidden.items(), *EVERY_FIELD])
    encoded = "application/x-www-form-urlencoded"
    answered = client.post("/en/submit?stay=1", data=fields, content_type=encoded)
    assert answered.status_code == 204
    assert answered.data == b""
    assert scene.sealed() == []


# --- the questions have changed ------------------------------------------------------------------

#: The same with other questions: one is gone, one is not identifying any more.
CHANGED = EVERYTHING.replace('id = "what"', 'id = "which"').replace("identifying = true\n", "", 1)


def test_a_form_opened_before_the_questions_changed_is_refused_once_and_loses_nothing(
    scene: Scene,
) -> None:
    old = asking(scene)
    hidden = hidden_fields(old.get("/en/submit").text)
    cookie = old.get_cookie("visit")
    assert cookie is not None
    new = asking(scene, CHANGED)
    new.set_cookie("visit", cookie.value)
    sent = [("account", "word"), ("what", "gone </textarea>"), ("reach", REACH)]
    answered = answer(new, sent, hidden=hidden)
    assert answered.status_code == Reason.QUESTIONS_CHANGED.status
    assert scene.sealed() == []
    page = answered.text
    assert typed(page) == [
        ("leftover_words", "what:\ngone </textarea>"),
        ("account", "word"),
        ("reach", REACH),
    ]

    assert answer(new, typed(page), hidden=hidden_fields(page)).status_code == 303
    assert hidden_fields(page)["code"] == hidden["code"]


def test_words_without_a_place_stay_on_every_page_until_the_account_is_taken(
    scene: Scene,
) -> None:
    client = asking(scene, limits=LIMITS)
    page = answer(client, [("account", "word"), ("gone", "one\n\n two ")]).text
    box = ("leftover_words", "gone:\none\n\n two ")
    assert box in typed(page)
    again = [box, ("account", "x" * 101), ("older", "three")]
    page = answer(client, again, hidden=hidden_fields(page)).text
    box = ("leftover_words", f"{box[1]}\n\nolder:\nthree")
    assert box in typed(page)
    page = switch(client, "my", [*hidden_fields(page).items(), *typed(page)]).text
    assert box in typed(page)
    sent = [("account", "word"), box]
    assert answer(client, sent, hidden=hidden_fields(page)).status_code == 303
    (sealed,) = scene.sealed()
    assert scene.accounts() == ["word"]
    assert not [part for part in scene.members(sealed).values() if b"three" in part]


#: A deployment that has dropped one option of every kind, and asks for other kinds of answers.
DROPPED = (
    EVERYTHING.replace('id = "no", label', 'id = "never", label')
    .replace('any = ["no"]', 'any = ["never"]')
    .replace('id = "orders", label', 'id = "words", label')
    .replace('id = "near", label', 'id = "close", label')
    .replace('id = "destroy", label', 'id = "burn", label')
    .replace('id = "study"\n', 'id = "learn"\n')
)
ONE_OF_THEM = 'options = [{ id = "x", label = { en = "X", my = "X" } }]'
#: What is replaced; what is sent; what comes back in its field; and what, in the box.
CHANGES: dict[str, tuple[str, list[tuple[str, str]], list[tuple[str, str]], str]] = {
    "an option of a choice": (DROPPED, [("saw", "no")], [], "saw:\nno"),
    "one of several ticks": (
        DROPPED,
        [("heard", "shots"), ("heard", "orders")],
        [("heard", "shots")],
        "heard:\norders",
    ),
    "a precision": (
        DROPPED,
        [("where", "a hill"), ("where-precision", "near")],
        [("where", "a hill")],
        "where-precision:\nnear",
    ),
    "an option of a consent": (DROPPED, [("consent-silence", "destroy")], [], ""),
    "a consent": (DROPPED, [("consent-study", "yes")], [], ""),
    "a text that is a choice now": (
        EVERYTHING.replace(
            'id = "what"\nkind = "text"', f'id = "what"\nkind = "choice"\n{ONE_OF_THEM}'
        ),
        [("what", "a fire")],
        [],
        "what:\na fire",
    ),
    "a long text that is a choice now": (
        EVERYTHING.replace(
            'kind = "long-text"\nsensitive = true', f'kind = "choice"\n{ONE_OF_THEM}'
        ),
        [("how", "စ" * 10_000)],
        [],
        "how:\n" + "စ" * 10_000,
    ),
    "a place that is a choice now": (
        EVERYTHING.replace('kind = "place"', 'kind = "choice"'),
        [("where", "a hill"), ("where-precision", "near")],
        [],
        "where:\na hill\n\nwhere-precision:\nnear",
    ),
    "lines that are one line now": (
        EVERYTHING.replace('kind = "long-text"\nsensitive', 'kind = "text"\nsensitive'),
        [("how", "one\ntwo")],
        [("how", "one\ntwo")],
        "how:\none\ntwo",
    ),
    "ticks of which one can be chosen now": (
        EVERYTHING.replace('kind = "choices"', 'kind = "choice"'),
        [("heard", "shots"), ("heard", "radio")],
        [],
        "heard:\nshots\n\nheard:\nradio",
    ),
    "a date that is words now": (
        EVERYTHING.replace('kind = "date"', 'kind = "text"'),
        [("when-year", "2026"), ("when-about", "yes")],
        [],
        "when-year:\n2026\n\nwhen-about:\nyes",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_form_with_what_is_not_offered_any_more_goes_through_at_the_second_send(
    scene: Scene, name: str
) -> None:
    text, sent, stays, left = CHANGES[name]
    old = asking(scene)
    hidden = hidden_fields(old.get("/en/submit").text)
    cookie = old.get_cookie("visit")
    assert cookie is not None
    new = asking(scene, text)
    new.set_cookie("visit", cookie.value)
    answered = answer(new, [("account", "word"), *sent], hidden=hidden)
    assert answered.status_code == Reason.QUESTIONS_CHANGED.status
    page = answered.text
    box = [("leftover_words", left)] if left else []
    assert sorted(typed(page)) == sorted([*box, ("account", "word"), *stays])
    assert ("nothing is ticked" in page) is any("consent" in field for field, _ in sent)
    assert answer(new, typed(page), hidden=hidden_fields(page)).status_code == 303
    assert scene.accounts() == ["word"]


@pytest.mark.parametrize(
    "field", ["saw", "heard", "where-precision", "consent-study", "consent-silence"]
)
def test_an_option_that_is_not_offered_leads_to_its_question(client: Client, field: str) -> None:
    answered = answer(client, [("account", "x"), (field, "gone")])
    assert answered.status_code == Reason.QUESTIONS_CHANGED.status
    page = answered.text
    assert f'<a href="#{field}">' in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert ids.count(field) == 1
    assert len(ids) == len(set(ids))
    assert len(re.findall(r'aria-describedby="[^"]*\berror"', page)) == 1
    if not field.startswith("consent-"):
        assert folded_out(page) == ["facts"]


def test_no_old_tick_stands_beside_a_new_text(scene: Scene) -> None:
    """Neither in the page that says so, nor where the ids were left as they were."""
    old = asking(scene)
    hidden = hidden_fields(old.get("/en/submit").text)
    cookie = old.get_cookie("visit")
    assert cookie is not None
    new = asking(scene, EVERYTHING.replace("Keep it and study it.", "Print my name."))
    new.set_cookie("visit", cookie.value)
    page = answer(new, EVERY_FIELD, hidden=hidden).text
    answers = [(name, value) for name, value in EVERY_FIELD if not name.startswith("consent-")]
    assert sorted(typed(page)) == sorted(answers)
    assert "nothing is ticked" in page
    assert answer(new, typed(page), hidden=hidden_fields(page)).status_code == 303
    (sealed,) = scene.sealed()
    with scene.opened(sealed) as envelope:
        consents = envelope.record.consents
    assert not any(c.get("granted") or c.get("chosen") for c in consents)


@pytest.mark.parametrize(
    "sent", [[("consent-study", "yes")], [("consent-silence", "wait")], [("reach", REACH)]]
)
def test_a_form_that_does_not_say_what_it_asked_consents_to_nothing_and_names_nobody(
    scene: Scene, client: Client, sent: list[tuple[str, str]]
) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    del hidden["questions_seen"]
    page = answer(client, [("account", "x" * 2_000_000), *sent], hidden=hidden).text
    for _ in range(2):  # not even past another error, or in another language
        assert hidden_fields(page)["questions_seen"] == ""
        page = switch(client, "en", [*hidden_fields(page).items(), *sent]).text
    answered = answer(client, [("account", "word"), *sent], hidden=hidden_fields(page))
    assert answered.status_code == Reason.QUESTIONS_CHANGED.status
    assert scene.sealed() == []
    assert ("nothing is ticked" in answered.text) == sent[0][0].startswith("consent-")


def test_a_form_that_brings_no_answers_need_not_say_what_it_asked(
    scene: Scene, client: Client
) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    del hidden["questions_seen"]
    assert answer(client, [("account", "word")], hidden=hidden).status_code == 303
    assert len(scene.sealed()) == 1


def test_words_of_an_older_form_go_on_under_the_questions_of_the_page_that_answered_it(
    client: Client,
) -> None:
    """Nothing was answered in the older words: what is answered next is read in these."""
    hidden = hidden_fields(client.get("/en/submit").text)
    page = answer(client, [], hidden={**hidden, "questions_seen": "an older one"}).text
    sent = [("account", "word"), ("consent-study", "yes")]
    assert answer(client, sent, hidden=hidden_fields(page)).status_code == 303


def test_what_was_identifying_does_not_go_to_the_reviewers_unseen(scene: Scene) -> None:
    """Not even past another error, or in another language."""
    old = asking(scene)
    hidden = hidden_fields(old.get("/en/submit").text)
    cookie = old.get_cookie("visit")
    assert cookie is not None
    new = asking(scene, CHANGED, limits=LIMITS)
    new.set_cookie("visit", cookie.value)
    page = answer(new, [("account", "x" * 101), ("reach", REACH)], hidden=hidden).text
    assert "too long" in page
    page = switch(new, "my", [*hidden_fields(page).items(), *typed(page)]).text
    sent = [("account", "word"), ("reach", dict(typed(page))["reach"])]
    answered = answer(new, sent, hidden=hidden_fields(page), lang="my")
    assert answered.status_code == Reason.QUESTIONS_CHANGED.status
    assert scene.sealed() == []


def test_an_account_alone_does_not_care_that_the_questions_changed(scene: Scene) -> None:
    client = asking(scene)
    hidden = hidden_fields(client.get("/en/submit").text)
    sent = {**hidden, "questions_seen": "an older one"}
    assert answer(client, [("account", "word")], hidden=sent).status_code == 303


def test_the_same_texts_for_other_bodies_are_other_questions(tmp_path: Path) -> None:
    """Where the file is the same: what it is made into may not be."""
    marks = [
        questions_seen(questionnaire(tmp_path, EVERYTHING, bodies=bodies))
        for bodies in (
            {"a": {"en": "X", "my": "x"}, "b": {"en": "Y", "my": "y"}},
            {"b": {"en": "X", "my": "x"}, "a": {"en": "Y", "my": "y"}},
            {"a": {"en": "X", "my": "x"}, "c": {"en": "Y", "my": "y"}},
            {"a": {"en": "X", "my": "y"}, "b": {"en": "Y", "my": "x"}},
            {"a": {"en": "X", "my": "x"}},
        )
    ]
    assert len(set(marks)) == len(marks)


def test_a_consent_that_names_another_body_is_another_questionnaire(tmp_path: Path) -> None:
    ours = questionnaire(tmp_path)
    others = {"court": {"en": "another court", "my": "တရားရုံး"}}
    assert questions_seen(ours) == questions_seen(questionnaire(tmp_path))
    assert questions_seen(ours) != questions_seen(questionnaire(tmp_path, bodies=others))


# --- shown if ------------------------------------------------------------------------------------


def test_a_question_with_a_condition_is_hidden_by_style_alone_and_never_if_filled_in() -> None:
    rules = shown_if_rules(default())
    assert rules.startswith("@supports selector(:has(*)){form:not(:has(")
    conditional = {q.id for q in default().questions() if q.shown_if}
    assert set(re.findall(r"#q_([\w-]+):not", rules)) == conditional
    assert rules.count(":not(:placeholder-shown)") == len(conditional)


def test_a_section_in_which_every_question_has_a_condition_is_hidden_whole(tmp_path: Path) -> None:
    more = """
[[section]]
id = "later"
title = { en = "Later", my = "x" }

[[section.question]]
id = "what-later"
kind = "text"
shown_if = { question = "saw", any = ["no"] }
label = { en = "What?", my = "x" }

[[consent]]"""
    rules = shown_if_rules(questionnaire(tmp_path, EVERYTHING.replace("[[consent]]", more, 1)))
    assert re.findall(r"#s_([\w-]+):not", rules) == ["later"]


def test_a_questionnaire_without_conditions_has_no_such_rules(tmp_path: Path) -> None:
    plain = EVERYTHING.replace('shown_if = { question = "saw", any = ["no"] }\n', "")
    assert shown_if_rules(questionnaire(tmp_path, plain)) == ""


def test_every_text_of_a_question_with_a_condition_can_be_seen_to_be_empty(scene: Scene) -> None:
    client = Client(create_app(scene.deployment()))
    page = client.get("/en/submit").text
    for question in default().questions():
        for name in question.fields:
            for field in re.findall(
                rf'<(?:textarea|input type="text")[^>]* id="{name}"[^>]*>', page
            ):
                assert ('placeholder=" "' in field) is (question.shown_if is not None)


# --- how long sending takes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "line", "expected"),
    [
        (10**6, 30, Wait(5, Unit.MINUTES)),
        (10**7, 30, Wait(45, Unit.MINUTES)),
        (10**8, 30, Wait(8, Unit.HOURS)),
        (10**6, 5000, Wait(2, Unit.SECONDS)),
        (7500, 1, Wait(1, Unit.MINUTES)),
        (7501, 1, Wait(2, Unit.MINUTES)),
        (1, 1000, Wait(1, Unit.SECONDS)),
    ],
)
def test_a_wait_is_rounded_up(size: int, line: int, expected: Wait) -> None:
    assert wait(size, line) == expected


def test_no_size_is_told_of_that_is_not_taken(scene: Scene) -> None:
    assert [size for size, _ in upload_times(10**7)] == [10**6, 10**7]
    page = asking(scene).get("/my/submit").text
    assert "<td>၄၅ မိနစ်</td>" in page


def test_three_inputs_take_files_and_those_that_are_left_empty_are_none(
    scene: Scene, client: Client
) -> None:
    page = client.get("/en/submit").text
    inputs = re.findall(r'<input[^>]* name="attachments"[^>]*>', page)
    assert ["multiple" in field for field in inputs] == [True, False, False]
    files = [("", b""), ("b.jpg", b"b"), ("", b"")]
    assert answer(client, [("account", "x")], files).status_code == 303
    [sealed] = scene.sealed()
    with scene.opened(sealed) as envelope:
        assert [a.name for a in envelope.record.attachments] == ["b.jpg"]
