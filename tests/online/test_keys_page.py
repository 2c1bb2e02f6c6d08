"""What the pages tell of the keys, and what they say when there are none."""

from __future__ import annotations

import html
import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import Client

from intake.age.opening.hybrid import HybridIdentity
from intake.online.refusal import Reason
from intake.online.witness import languages
from intake.online.witness.app import create_app
from tests.support.deployments import NOON, TODAY, Scene, hidden_fields, make_scene, send

CUSTODIAN = HybridIdentity.generate()
DAY_SECONDS = 24 * 3600
PAGES = ("submit", "keys")
FILES = ("/keys/manifest.json", "/keys/recipients.txt")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene(tmp_path / "deployment", custodian=CUSTODIAN)


def words(page: str) -> list[str]:
    """Return the words of the one element with id fingerprint."""
    match = re.search(r'<ol[^>]* id="fingerprint" translate="no">(.*?)</ol>', page, re.DOTALL)
    assert match is not None, page
    return re.findall(r'<li lang="en">(\w+)</li>', match[1])


# --- a good day ----------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", [language.tag for language in languages.complete()])
def test_the_keys_page_shows_the_words_to_compare(scene: Scene, client: Client, lang: str) -> None:
    page = client.get(f"/{lang}/keys").text
    found = words(page)
    assert len(found) == 12
    assert " ".join(found) == scene.deployment().keys.on(TODAY).fingerprint


def test_the_words_change_with_the_manifest(scene: Scene, client: Client) -> None:
    before = words(client.get("/en/keys").text)
    scene.publish(scene.manifest, replace(scene.manifest, version=2))
    assert words(client.get("/en/keys").text) != before


def test_the_keys_page_shows_version_epoch_end_and_how_many_can_open(client: Client) -> None:
    items = re.findall(r"<li>(.*?)</li>", client.get("/en/keys").text)
    assert [re.sub(r"\D*: ", "", item) for item in items] == [
        "1",
        "2026-11",
        "2026-12-01",
        "1",
        "1",
    ]


def test_custodians_are_not_among_the_recipients_to_seal_to(scene: Scene, client: Client) -> None:
    lines = client.get("/keys/recipients.txt").text.splitlines()
    keys = [line for line in lines if not line.startswith("#")]
    assert keys == [str(scene.reviewer.recipient())]


# --- a bad day -----------------------------------------------------------------------------------


def missing(scene: Scene) -> None:
    (scene.folder / "manifest.json").unlink()


def revoked(scene: Scene) -> None:
    second = replace(scene.manifest, version=2, revocations=("2026-11",))
    scene.publish(scene.manifest, second)


def rolled_back(scene: Scene) -> None:
    scene.publish(scene.manifest, replace(scene.manifest, version=2))
    scene.deployment().keys.on(TODAY)
    scene.publish(scene.manifest)


BAD_DAYS = [missing, revoked, rolled_back]


@pytest.mark.parametrize("bad_day", BAD_DAYS)
@pytest.mark.parametrize("lang", [language.tag for language in languages.complete()])
def test_no_page_lets_anybody_write_in_vain(
    scene: Scene, client: Client, lang: str, bad_day: object
) -> None:
    bad_day(scene)  # type: ignore[operator]
    said = languages.load_translations()[lang].gettext(Reason.NO_KEYS.sentence)
    for page in PAGES:
        answer = client.get(f"/{lang}/{page}")
        assert answer.status_code == 503
        assert said in answer.text
        assert "<form" not in answer.text
        assert "Set-Cookie" not in answer.headers
    front = client.get(f"/{lang}/")
    assert front.status_code == 200
    assert front.text.index(said) < front.text.index("<h2>")
    assert f"/{lang}/submit" not in front.text
    assert f"/{lang}/keys" not in front.text


def test_words_that_were_sent_before_it_was_known_come_back(scene: Scene, client: Client) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    missing(scene)
    answer = send(client, "what I saw", hidden=hidden, lang="en", reach="at the market")
    assert answer.status_code == 503
    assert Reason.NO_KEYS.sentence in html.unescape(answer.text)
    assert "\nwhat I saw</textarea>" in answer.text
    assert "\nat the market</textarea>" in answer.text
    assert scene.sealed() == []


def test_the_form_is_back_when_the_keys_are(scene: Scene, client: Client) -> None:
    kept = (scene.folder / "manifest.json").read_bytes()
    missing(scene)
    assert client.get("/en/submit").status_code == 503
    (scene.folder / "manifest.json").write_bytes(kept)
    assert send(client, "x", lang="en").status_code == 303
    assert "/en/submit" in client.get("/en/").text


def test_the_files_are_not_there_either(scene: Scene, client: Client) -> None:
    missing(scene)
    for path in FILES:
        answer = client.get(path, headers={"Accept-Language": "my"})
        assert answer.status_code == 503
        assert "age1" not in answer.text
        assert 'href="/en/"' in answer.text


def test_a_manifest_without_an_epoch_can_still_be_checked(scene: Scene, client: Client) -> None:
    revoked(scene)
    assert [client.get(path).status_code for path in FILES] == [200, 503]


def test_the_log_tells_why_once_a_day_and_no_page_does(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client(create_app(scene.deployment()))
    hidden = hidden_fields(client.get("/en/submit").text)
    revoked(scene)
    caplog.clear()
    answers = [client.get(f"/en/{page}") for page in ("", *PAGES)] * 2
    answers += [client.get(path) for path in FILES]
    answers.append(send(client, "x", hidden=hidden, lang="en"))
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert [record.exc_info for record in caplog.records] == [None]
    assert "no account is taken: " in caplog.text
    cause = caplog.messages[0].removeprefix("no account is taken: ")
    assert not any(cause in html.unescape(answer.text) for answer in answers)


def test_the_log_tells_it_again_the_next_day(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    now = NOON
    client = Client(create_app(replace(scene.deployment(), clock=lambda: now)))
    missing(scene)
    for days in (0, 0, 1, 1):
        now = NOON + days * DAY_SECONDS
        client.get("/en/keys")
    assert len(caplog.records) == 2


def test_an_address_without_a_language_leads_to_the_page(client: Client) -> None:
    for asked, tag in (("my", "my"), ("en-GB", "en"), ("fr", "my")):
        answer = client.get("/keys", headers={"Accept-Language": asked})
        assert answer.status_code == 303
        assert answer.headers["Location"].endswith("/keys")
        if asked != "fr":
            assert f"/{tag}/" in answer.headers["Location"]
