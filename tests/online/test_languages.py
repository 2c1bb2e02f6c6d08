"""Every language that is offered is complete."""

from __future__ import annotations

import re

import pytest
from babel.messages.pofile import read_po
from werkzeug.test import Client

from intake.online.witness import languages
from intake.online.witness.catalogues import collect, renew
from intake.online.witness.languages import CATALOGUES, Language

TRANSLATED = [language.tag for language in languages.LANGUAGES if language.tag != "en"]


def test_there_is_a_catalogue_for_each_language_and_no_other() -> None:
    assert sorted(path.stem for path in CATALOGUES.glob("*.po")) == TRANSLATED


@pytest.mark.parametrize("tag", TRANSLATED)
def test_every_sentence_is_translated_and_none_is_fuzzy(tag: str) -> None:
    path = CATALOGUES / f"{tag}.po"
    wanted = {message.id for message in collect() if message.id}
    with path.open("rb") as file:
        catalogue = read_po(file)
    assert {m.id for m in catalogue if m.id and m.string and not m.fuzzy} == wanted
    assert {m.id for m in renew(path) if m.id} == wanted
    for message in catalogue:
        names = re.findall(r"%\(\w+\)s", str(message.id))
        assert sorted(re.findall(r"%\(\w+\)s", str(message.string))) == sorted(names), message.id


def test_a_translated_page_shows_no_english(client: Client) -> None:
    english = {str(m.id) for m in collect() if m.id and "%" not in str(m.id)}
    for path in ("/my/", "/my/submit", "/my/receipt", "/my/keys", "/my/nothing"):
        page = client.get(path).text
        assert 'lang="my"' in page
        assert [sentence for sentence in english if sentence in page] == []


@pytest.mark.parametrize(
    ("accepted", "tag"),
    [("", "en"), ("my", "my"), ("my-MM,my;q=0.9,en;q=0.5", "my"), ("de,fr", "en"), ("en-GB", "en")],
)
def test_the_browser_chooses_the_first_language(client: Client, accepted: str, tag: str) -> None:
    answer = client.get("/", headers={"Accept-Language": accepted})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/{tag}/")


def test_digits_are_written_in_the_language() -> None:
    assert languages.in_digits("2026-11", languages.BY_TAG["my"]) == "၂၀၂၆-၁၁"
    assert languages.in_digits("2026", Language("xx", "x")) == "2026"
