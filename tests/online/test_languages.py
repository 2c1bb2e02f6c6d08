"""Every language that is offered is complete."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from werkzeug.test import Client

from intake.age.opening.hybrid import HybridIdentity
from intake.errors import SettingsMistaken
from intake.online.deployment import Deployment
from intake.online.refusal import Reason
from intake.online.witness import languages
from intake.online.witness.app import create_app
from intake.online.witness.catalogues import collect, renew
from intake.online.witness.languages import CATALOGUES, Language
from intake.receipt.code import Code
from tests.support.deployments import Scene, hidden_fields, make_scene, send
from tests.support.mailboxes import Visitor, file_reply

TRANSLATED = [language.tag for language in languages.complete() if language.tag != "en"]


def header_of(path: Path) -> str:
    with path.open("rb") as file:
        return str(read_po(file).header_comment)


def test_every_catalogue_that_does_not_say_that_it_is_unfinished_is_complete() -> None:
    assert "my" in TRANSLATED
    finished = {p.stem for p in CATALOGUES.glob("*.po") if "Unfinished" not in header_of(p)}
    assert finished == set(TRANSLATED)


def test_a_catalogue_says_who_has_drafted_it() -> None:
    for path in CATALOGUES.glob("*.po"):
        assert "native speaker" in header_of(path)


def test_the_table_is_ready_for_the_languages_of_myanmar() -> None:
    ready = {"en", "my", "shn", "ksw", "kac", "mnw", "eky", "cnh", "rki"}
    assert {language.tag for language in languages.LANGUAGES} >= ready
    for language in languages.LANGUAGES:
        assert [int(digit) for digit in language.digits] == list(range(10))
        assert not language.tall or max(language.name) > "\u1000"


HEADER = '# Unfinished.\nmsgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'

ONE_TRANSLATED = 'msgid "a"\nmsgstr "b"\n\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder that stands for that of the catalogues."""
    monkeypatch.setattr(languages, "CATALOGUES", tmp_path)
    languages.complete.cache_clear()
    yield tmp_path
    languages.complete.cache_clear()


def catalogue(folder: Path, po: str, *, tag: str = "shn") -> None:
    (folder / f"{tag}.po").write_text(HEADER + po, encoding="utf-8")


@pytest.mark.parametrize(
    ("po", "complete"),
    [
        (ONE_TRANSLATED, True),
        ('msgid "a"\nmsgstr ""\n', False),
        ('#, fuzzy\nmsgid "a"\nmsgstr "b"\n', False),
    ],
)
def test_a_language_can_be_offered_when_nothing_is_missing_or_in_doubt(
    folder: Path, po: str, *, complete: bool
) -> None:
    catalogue(folder, po)
    tags = [language.tag for language in languages.offered(())]
    assert tags == (["en", "shn"] if complete else ["en"])


@pytest.mark.parametrize("tags", [("xx",), ("en", "shn"), ("en", "en"), ("EN",), ("",), ("ksw",)])
def test_only_a_complete_language_can_be_offered(folder: Path, tags: tuple[str, ...]) -> None:
    catalogue(folder, ONE_TRANSLATED + 'msgid "c"\nmsgstr ""\n\nmsgid "d"\nmsgstr ""\n')
    with pytest.raises(SettingsMistaken, match=r"pages\.languages") as refused:
        languages.offered(tags)
    reason = 'shn lacks 2 sentences, the first: "c"'
    assert str(refused.value).endswith(reason) is ("shn" in tags)


def test_what_a_language_waits_for_is_said(folder: Path) -> None:
    catalogue(folder, ONE_TRANSLATED, tag="kac")
    assert languages.waiting() == {}
    catalogue(folder, 'msgid "Leave now"\nmsgstr ""\n')
    catalogue(folder, ONE_TRANSLATED, tag="xx")
    assert languages.waiting() == {
        "shn": 'shn lacks 1 sentence, the first: "Leave now"',
        "xx": "xx has a catalogue and no line in our table of languages.",
    }


@pytest.mark.parametrize(
    ("po", "said"),
    [
        ('msgid "at %(number)s"\nmsgstr "%(nummer)s"\n', 'translation of "at %\\(number\\)s"'),
        ('msgid "at %(number)s"\nmsgstr "%(number) s"\n', 'translation of "at %\\(number\\)s"'),
        ('msgid "at %(number)s"\nmsgstr "b"\n', 'translation of "at %\\(number\\)s"'),
        ('msgid "at %(number)s"\nmsgstr "%(number)s%"\n', "per cent sign is written %%"),
        ('msgid "at %(number)s"\nmsgstr "%%(number)s"\n', "per cent sign is written %%"),
        ('msgid "a"\nmsgstr "100% စာ"\n', 'translation of "a" must'),
        ('msgid "a"\nmsgstr "%s"\n', 'translation of "a" must'),
        ('msgid "a"\nmsgstr "%(number)s"\n', 'translation of "a" must'),
        ('#, fuzzy\nmsgid "a"\nmsgstr "%"\n', 'translation of "a" must'),
        ('msgid "a"\nmsgstr "b\n', "line 7, is wrong"),
        ('msgid "a"\nmsgstr "b"c"\n', "line 7, is wrong"),
        ('msgid "a"\nmsgstr b"\n', "line 7, is wrong"),
        ('msgid "a"\nmsgstr "b"\nxyz\n', "line 8, is wrong"),
    ],
)
def test_a_mistake_in_a_catalogue_names_the_language_and_the_place(
    folder: Path, po: str, said: str
) -> None:
    catalogue(folder, po)
    with pytest.raises(SettingsMistaken, match=rf"shn\.po.*{said}"):
        languages.offered(())


def test_a_catalogue_that_is_not_utf_8_is_named(folder: Path) -> None:
    (folder / "shn.po").write_bytes(HEADER.encode() + b'msgid "caf"\nmsgstr "caf\xe9"\n')
    with pytest.raises(SettingsMistaken, match=r"shn\.po, line 7, is not UTF-8"):
        languages.offered(())


def test_a_per_cent_sign_is_written_twice_and_shown_once(folder: Path) -> None:
    catalogue(folder, 'msgid "a"\nmsgstr "100%% စာ"\n')
    (_, shan) = languages.offered(())
    shown = languages.load_translations([shan])["shn"].gettext("a")
    assert shown % {} == "100% စာ"


def test_a_deployment_chooses_its_languages_and_the_first_is_the_default(scene: Scene) -> None:
    for chosen in (("my",), ("my", "en")):
        pages = replace(scene.settings.pages, languages=chosen)
        deployment = Deployment.open(replace(scene.settings, pages=pages))
        client = Client(create_app(replace(deployment, clock=scene.deployment().clock)))
        answer = client.get("/", headers={"Accept-Language": "de"})
        assert answer.headers["Location"] == "/my/"
        assert (client.get("/en/").status_code == 200) is ("en" in chosen)
        assert ("English" in client.get("/my/").text) is ("en" in chosen)


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


def is_translated(page: str) -> bool:
    assert 'lang="my"' in page
    english = {str(m.id) for m in collect() if m.id and "%" not in str(m.id)}
    return not any(sentence in page for sentence in english)


PATHS = ("/my/", "/my/submit", "/my/receipt", "/my/mailbox", "/my/keys", "/my/nothing")


def test_no_page_of_a_mailbox_shows_english(scene: Scene) -> None:
    visitor, code = Visitor(Client(create_app(scene.deployment())), "my"), Code.generate()
    pages = [visitor.open(code)]
    for text in ("က", "&" * 60_000, "က"):
        file_reply(scene.deployment(), code, text)
    file_reply(scene.deployment(), code, "", sealed=b"damaged")
    pages += [visitor.page(), visitor.page("?page=2")]
    visitor.send("က", [("a", b"1")])
    pages.append(visitor.page())
    pages.append(visitor.send("က", changes={"csrf_token": "wrong"}).text)
    visitor.delete("00" * 16)
    pages.append(visitor.page())
    visitor.withdraw()
    pages.append(visitor.page())
    for typed in ("", "၁", "x", "0" * 27 + "1"):
        visitor.type_code(typed)
        pages.append(visitor.client.get("/my/mailbox").text)
    visitor.open(code)
    (scene.folder / "manifest.json").unlink()
    pages.append(visitor.client.get("/my/mailbox/open").text)
    for page in pages:
        assert is_translated(page)


@pytest.mark.parametrize("custodian", [None, HybridIdentity.generate()], ids=["none", "one"])
def test_a_translated_page_shows_no_english(
    tmp_path: Path, custodian: HybridIdentity | None
) -> None:
    scene = make_scene(tmp_path / "deployment", custodian=custodian)
    client = Client(create_app(scene.deployment()))
    hidden = hidden_fields(client.get("/my/submit").text)
    assert all(is_translated(client.get(path).text) for path in PATHS)
    assert is_translated(send(client, "", reach="x").text)
    (scene.folder / "manifest.json").unlink()
    assert all(is_translated(client.get(path).text) for path in PATHS)
    refused = send(client, "x", hidden=hidden, reach="x")
    assert refused.status_code == Reason.NO_KEYS.status
    assert is_translated(refused.text)


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
