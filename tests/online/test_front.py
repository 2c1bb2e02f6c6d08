"""The first page: the organisation's own words, what is true, and the way over Tor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from intake.errors import SettingsMistaken
from intake.online.deployment import Deployment
from intake.online.witness.app import create_app
from intake.online.words import MOST_CHARACTERS, read_words, to_html
from tests.support.deployments import Scene

ONION = "http://" + "a" * 56 + ".onion"
HOST = {"Host": "a" * 56 + ".onion"}


def opened(scene: Scene, **pages: Any) -> Client:
    """Return a client of the deployment of ``scene`` with other ``pages``, in two languages."""
    changed = replace(scene.settings.pages, **{"languages": ("en", "my"), **pages})
    settings = replace(scene.settings, hosts=(), pages=changed)
    clock = scene.deployment().clock
    return Client(create_app(replace(Deployment.open(settings), clock=clock)))


def written(folder: Path, **texts: str) -> Path:
    folder.mkdir()
    for tag, text in texts.items():
        (folder / f"{tag}.md").write_text(text, encoding="utf-8")
    return folder


def test_the_organisations_own_words_stand_on_the_first_page(scene: Scene, tmp_path: Path) -> None:
    words = written(tmp_path / "words", en="We are *nine* people.", my="ကျွန်ုပ်တို့ **ကိုးယောက်**")
    client = opened(scene, words=words)
    assert "<p>We are <em>nine</em> people.</p>" in client.get("/en/").text
    assert "<p>ကျွန်ုပ်တို့ <strong>ကိုးယောက်</strong></p>" in client.get("/my/").text
    assert "nine" not in client.get("/my/").text


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("# One", "<h3>One</h3>"),
        ("Two\n===", "<h3>Two</h3>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("1. a", "<ol>\n<li>a</li>\n</ol>"),
        ("> a", "<blockquote>\n<p>a</p>\n</blockquote>"),
        ("[our site](https://a.example/)", "<p>our site (https://a.example/)</p>"),
        ("<https://a.example/>", "<p>https://a.example/</p>"),
        ("[*us*](https://a.example/)", "<p><em>us</em> (https://a.example/)</p>"),
        ("a & b < c", "<p>a &amp; b &lt; c</p>"),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ('<img src="https://a.example/">', '&lt;img src="https://a.example/"&gt;'),
        ("![p](https://a.example/p.png)", "<p>!p (https://a.example/p.png)</p>"),
        ("{{ 7 * 7 }}", "<p>{{ 7 * 7 }}</p>"),
        ("`code`", "<p>code</p>"),
    ],
)
def test_markdown_becomes_little_html_and_nothing_that_acts(markdown: str, html: str) -> None:
    made = to_html(markdown)
    assert made.replace("&quot;", '"').removeprefix("<p>").removesuffix(
        "</p>"
    ) == html.removeprefix("<p>").removesuffix("</p>")


def test_words_from_an_editor_that_marks_its_files_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "en.md").write_bytes(b"\xef\xbb\xbf# Who we are")
    (tmp_path / "my.md").write_bytes(b"# Who we are")
    words = read_words(tmp_path, ["en", "my"])
    assert words["en"] == words["my"]


def test_no_words_are_run_as_a_template(scene: Scene, tmp_path: Path) -> None:
    words = written(tmp_path / "words", en="{{ 7 * 7 }}{% if %}", my="က")
    assert "{{ 7 * 7 }}{% if %}" in opened(scene, words=words).get("/en/").text


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _path: None, "en.md"),
        (lambda path: path.write_text(" \n"), "is empty"),
        (lambda path: path.write_text("a" * (MOST_CHARACTERS + 1)), str(MOST_CHARACTERS)),
        (lambda path: path.write_bytes(b"\xff"), "is not UTF-8"),
        (lambda path: path.mkdir(), "Cannot read"),
    ],
)
def test_words_that_cannot_be_used_are_said(tmp_path: Path, make: Any, said: str) -> None:
    make(tmp_path / "en.md")
    with pytest.raises(SettingsMistaken, match=said):
        read_words(tmp_path, ["en"])


def test_without_words_the_page_names_the_organisation(client: Client) -> None:
    assert "The reviewers of Test &amp; &lt;Co&gt;" in client.get("/en/").text


def test_who_came_by_the_ordinary_web_is_told_of_tor(scene: Scene) -> None:
    client = opened(scene, onion=ONION)
    for tag in ("en", "my"):
        answer = client.get(f"/{tag}/")
        assert f">{ONION}/{tag}/</p>" in answer.text
        assert f'href="{ONION}' not in answer.text
        assert answer.headers["Onion-Location"] == f"{ONION}/{tag}/"
    assert client.get("/en/submit").headers["Onion-Location"] == f"{ONION}/en/submit"


def test_who_came_over_tor_is_not(scene: Scene) -> None:
    client = opened(scene, onion=ONION)
    answer = client.get("/en/", headers=HOST)
    assert "Onion-Location" not in answer.headers
    assert "If you came without Tor Browser" not in answer.text
    assert ONION not in answer.text


def test_nobody_is_moved_away_from_what_they_have_begun(scene: Scene) -> None:
    """Some browsers follow the header by themselves, and the visit would stay behind."""
    client = opened(scene, onion=ONION)
    for path in ("/en/receipt", "/en/mailbox", "/en/mailbox/open", "/en/nothing", "/", "/en/leave"):
        assert "Onion-Location" not in client.get(path).headers
    assert "Onion-Location" not in client.post("/en/submit").headers


def test_without_an_onion_service_none_is_named(client: Client) -> None:
    answer = client.get("/en/")
    assert "Onion-Location" not in answer.headers
    assert ".onion" not in answer.text


def test_on_a_day_without_keys_the_page_invites_nobody_to_write(scene: Scene) -> None:
    client = Client(create_app(scene.deployment()))
    (scene.folder / "manifest.json").unlink()
    page = client.get("/en/").text
    assert 'class="error"' in page
    assert "/en/submit" not in page
    assert "/en/keys" not in page
    assert "/en/mailbox" in page
