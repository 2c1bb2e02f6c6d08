"""The same form again, and a form with another answer or consent: decided by the store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import Client

from intake.online.witness.app import create_app
from intake.online.witness.seen import questions_seen
from tests.support.deployments import Scene, hidden_fields
from tests.support.questionnaires import EVERYTHING, answer, asking_everything, questionnaire

ACCOUNT = "ရွာကို မီးရှို့ခဲ့တယ်။"
Fields = Mapping[str, str | tuple[str, ...]]

FIRST: Fields = {
    "account": ACCOUNT,
    "how": "bad",
    "saw": "no",
    "heard": ("shots", "radio"),
    "when-year": "2026",
    "when-about": "yes",
    "where": "a hill",
    "dead-from": "3",
    "consent-study": "yes",
    "consent-silence": "wait",
}


def pairs(fields: Fields) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        yield from ((name, one) for one in ((value,) if isinstance(value, str) else value))


@pytest.fixture
def client(scene: Scene) -> Client:
    return Client(asking_everything(scene))


def send(client: Client, hidden: Mapping[str, str], fields: Fields, lang: str = "en") -> None:
    assert answer(client, list(pairs(fields)), hidden=hidden, lang=lang).status_code == 303


@pytest.mark.parametrize(
    ("change", "lang", "kept"),
    [
        ({}, "en", 1),
        ({}, "my", 1),
        ({"what": " \n"}, "en", 1),
        ({"heard": ("radio", "shots")}, "en", 1),
        ({"consent-share-court": ""}, "en", 1),
        ({"what": "a fire"}, "en", 2),
        ({"how": ""}, "en", 2),
        ({"how": "", "what": "bad"}, "en", 2),
        ({"how": "bad "}, "en", 2),
        ({"saw": "yes"}, "en", 2),
        ({"heard": ("shots",)}, "en", 2),
        ({"when-about": ""}, "en", 2),
        ({"when-year": "၂၀၂၆"}, "en", 2),
        ({"where-precision": "near"}, "en", 2),
        ({"dead-from": "", "dead-to": "3"}, "en", 2),
        ({"consent-study": ""}, "en", 2),
        ({"consent-share-court": "yes"}, "en", 2),
        ({"consent-study": "", "consent-share-court": "yes"}, "my", 2),
        ({"consent-silence": "destroy"}, "en", 2),
        ({"consent-silence": ""}, "en", 2),
        ({"account": f"{ACCOUNT}\n\n⚠ How was it?\n    bad"}, "en", 2),
    ],
)
def test_what_was_answered_and_consented_to_counts_for_what_is_the_same(
    scene: Scene, client: Client, change: Fields, lang: str, kept: int
) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    send(client, hidden, FIRST)
    send(client, hidden, {**FIRST, **change}, lang)
    assert len(scene.sealed()) == kept


def test_the_same_ticks_under_another_questionnaire_are_something_new(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    """Its consents may say something else under the same id."""
    hidden = hidden_fields(client.get("/en/submit").text)
    send(client, hidden, FIRST)
    visit = client.get_cookie("visit")
    assert visit is not None
    text = EVERYTHING.replace("Keep it and study it.", "Publish it.")
    changed = replace(scene.deployment(), questionnaire=questionnaire(tmp_path, text))
    later = Client(create_app(changed))
    later.set_cookie("visit", visit.value)
    read_anew = {**hidden, "questions_seen": questions_seen(changed.questionnaire)}
    send(later, read_anew, FIRST)
    consents = []
    for path in scene.sealed():
        with scene.opened(path) as envelope:
            consents.append(envelope.record.consents[0]["text"])
    assert sorted(map(str, consents)) == ["Keep it and study it.", "Publish it."]


def test_answers_and_consents_are_sealed_with_the_account(scene: Scene, client: Client) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    send(client, hidden, FIRST)
    (sealed,) = scene.sealed()
    members = scene.members(sealed)
    document = json.loads(members["account.json"])
    assert document["questionnaire"]["id"] == "everything"
    assert list(document["answers"]) == ["how", "saw", "heard", "when", "where", "dead"]
    assert document["sensitive"] == ["how"]
    assert [c.get("granted", c.get("chosen")) for c in document["consents"]] == [
        True,
        False,
        False,
        "wait",
    ]
    text = members["account.txt"].decode()
    assert text.startswith(f"{ACCOUNT}\n\n⚠ How was it?\n    bad\n\nDid you see it?\n    No\n")
    assert text.endswith("How many died?\n    3 – ?\n")
    assert document["account_bytes"] == len(ACCOUNT.encode())
    with scene.opened(sealed) as envelope:
        assert envelope.account_text() == ACCOUNT
