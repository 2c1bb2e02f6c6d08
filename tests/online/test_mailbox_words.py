"""Words in an open mailbox that were not sent yet: they come along into another language."""

from __future__ import annotations

import html
import re
from urllib.parse import urlencode

import pytest
from werkzeug.test import Client, TestResponse

from intake.online.refusal import Reason
from intake.online.witness.app import create_app
from intake.receipt.code import Code
from tests.support.deployments import Scene, hidden_fields
from tests.support.mailboxes import Visitor, records

WORDS = "ထပ်ပြောချင်တယ် </textarea><b>"


@pytest.fixture
def visitor(scene: Scene) -> Visitor:
    visitor = Visitor(Client(create_app(scene.deployment())))
    visitor.open(Code.generate())
    return visitor


def switch(
    visitor: Visitor, fields: dict[str, str], lang: str = "my", **extra: object
) -> TestResponse:
    return visitor.client.post(
        f"/{lang}/mailbox/open?switch=1",
        data=urlencode(fields),
        content_type="application/x-www-form-urlencoded",
        **extra,
    )


def message(page: str) -> str:
    [found] = re.findall(r'<textarea id="message".*?>\n(.*?)</textarea>', page, re.DOTALL)
    return html.unescape(found)


def notes(visitor: Visitor) -> dict[str, str]:
    """Return the hidden fields of the form for a message in the open mailbox."""
    page = visitor.client.get("/en/mailbox/open").text
    return hidden_fields(page.split('name="seen"')[0].rsplit("<form", 1)[1]) | {"action": "send"}


def test_a_switch_of_language_brings_the_words_and_keeps_nothing(
    scene: Scene, visitor: Visitor
) -> None:
    answer = switch(visitor, notes(visitor) | {"message": WORDS, "attachments": "a.jpg"})
    assert answer.status_code == 200
    assert answer.text.startswith('<!doctype html>\n<html lang="my"')
    assert message(answer.text) == WORDS
    assert 'class="error"' not in answer.text
    assert 'id="code"' not in answer.text
    assert records(scene) == []


def test_without_words_a_switch_goes_on_to_the_mailbox(visitor: Visitor) -> None:
    answer = switch(visitor, notes(visitor) | {"message": " "})
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/my/mailbox/open"


def test_words_for_another_mailbox_are_not_offered_to_the_one_that_is_open(
    visitor: Visitor,
) -> None:
    first = notes(visitor)
    visitor.open(Code.generate())
    page = switch(visitor, first | {"message": WORDS}).text
    assert 'id="code"' in page
    assert message(page) == WORDS
    # What this page was told of the mailbox is nothing: it goes on asking for the code.
    again = switch(visitor, {**hidden_fields(page), "code": "12", "message": WORDS}, "en").text
    assert 'id="code"' in again
    assert 'value="12"' in again
    assert message(again) == WORDS


def test_a_switch_from_elsewhere_shows_nothing(visitor: Visitor) -> None:
    answer = switch(visitor, {"message": WORDS}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == Reason.ELSEWHERE.status
    assert "<form" not in answer.text
    assert WORDS not in html.unescape(answer.text)


CODE = "3141592653589793238462643382"


@pytest.mark.parametrize("path", ["/mailbox", "/mailbox/open", "/mailbox/open?switch=1"])
@pytest.mark.parametrize("ours", [True, False])
def test_a_code_comes_back_only_to_the_visit_that_typed_it(
    visitor: Visitor, path: str, *, ours: bool
) -> None:
    """Another site could fill in its own, and a witness would write to whoever knows it."""
    fields = notes(visitor) if ours else {"csrf_token": "of another visit", "action": "send"}
    fields |= {"message": WORDS, "code": CODE[:-1]}
    if path == "/mailbox":
        fields["code"] = CODE + "1"
    kind = "application/x-www-form-urlencoded"
    answer = visitor.client.post(
        f"/en{path}", data=urlencode(fields), content_type=kind, headers={"Origin": "null"}
    )
    if answer.status_code == 303:
        answer = visitor.client.get("/en/mailbox")
    assert 'name="code"' in answer.text
    assert (f'value="{fields["code"]}"' in answer.text) is ours
    assert path == "/mailbox" or message(answer.text) == WORDS


def test_words_that_came_back_are_sent_to_another_address_than_their_own(visitor: Visitor) -> None:
    at = "/en/mailbox/open?sent=1"
    for _ in range(3):
        answer = visitor.client.post(at, data={"action": "send", "message": WORDS})
        assert answer.status_code == Reason.WRONG_TOKEN.status
        [action] = re.findall(r'id="message-form" method="post" action="([^"]+)"', answer.text)
        assert action != at
        assert message(answer.text) == WORDS
        at = action


def test_a_form_of_another_visit_is_not_offered_to_the_mailbox_that_is_open(
    scene: Scene, visitor: Visitor
) -> None:
    fields = notes(visitor) | {"message": WORDS, "csrf_token": "of nobody"}
    visitor.open(Code.generate())
    answer = visitor.post("/mailbox/open", [*fields.items()])
    assert answer.status_code == Reason.WRONG_TOKEN.status
    assert message(answer.text) == WORDS
    assert 'id="code"' in answer.text
    assert records(scene) == []
