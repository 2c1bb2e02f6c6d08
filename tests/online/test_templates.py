"""A deployment's own templates take the place of ours; a broken one is found before a witness."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from werkzeug.test import Client

from intake.age.opening.hybrid import HybridIdentity
from intake.errors import SettingsMistaken
from intake.online.cli import intake
from intake.online.preview import problems_with_pages, refuse_broken_templates
from intake.online.preview_form import problems_with_form
from intake.online.settings import Settings
from intake.online.witness.app import create_app
from intake.online.witness.templates import template_folder
from tests.support.deployments import Scene, make_scene

EXTENDED = '{% extends "ours/front.html" %}{% block main %}<p>Ours</p>{{ super() }}{% endblock %}'


def with_templates(scene: Scene, **texts: str) -> Settings:
    folder = scene.folder / "templates"
    folder.mkdir()
    for name, text in texts.items():
        suffix = "css" if name == "style" else "html"
        (folder / f"{name}.{suffix}").write_text(text, encoding="utf-8")
    return replace(scene.settings, pages=replace(scene.settings.pages, templates=folder))


def client_of(scene: Scene, settings: Settings) -> Client:
    return Client(create_app(replace(scene.deployment(), settings=settings)))


def test_a_template_of_the_deployment_is_used_and_may_extend_ours(scene: Scene) -> None:
    client = client_of(scene, with_templates(scene, front=EXTENDED))
    page = client.get("/en/").text
    assert "<p>Ours</p>" in page
    assert 'class="leave"' in page
    assert "/en/submit" in page
    assert client.get("/en/keys").status_code == 200


def test_a_style_sheet_of_the_deployment_is_allowed_by_the_policy(scene: Scene) -> None:
    usual = Client(create_app(scene.deployment())).get("/en/").headers["Content-Security-Policy"]
    client = client_of(scene, with_templates(scene, style="body{color:red}"))
    answer = client.get("/en/")
    assert "<style>body{color:red}</style>" in answer.text
    assert answer.headers["Content-Security-Policy"] != usual


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{% if %}", "front.html, line 1, is no template"),
        ("\n{% block main %}", "front.html, line"),
        ("{% nonsense %}", "front.html, line 1, is no template"),
        ('{% extends "our/front.html" %}', 'front.html takes in "our/front.html".*"ours/NAME"'),
        ('{% extends "front.html" %}', 'front.html takes in "front.html", which is itself'),
        ('{% include "none.html" %}', 'front.html takes in "none.html".*Ours are base.html, '),
    ],
)
def test_a_template_that_does_not_parse_is_found_at_start(
    scene: Scene, text: str, said: str
) -> None:
    with pytest.raises(SettingsMistaken, match=said):
        client_of(scene, with_templates(scene, front=text))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("style.css", b'a{content:"\xe9"}', "is not UTF-8"),
        ("form.css", b"\xff", "is not UTF-8"),
        ("front.html", b"caf\xe9", "is not UTF-8"),
        ("style.css", b"a{}</STYLE ><p>", "holds </style"),
        ("style.css/within", b"", "Cannot read"),
        ("frnt.html", b"hello", r"takes the place of no template.*Ours are .*front\.html"),
        ("styles.css", b"a{}", "takes the place of no template"),
        ("front.htm", b"hello", "takes the place of no template"),
        ("ours/front.html", b"hello", "takes the place of no template"),
    ],
)
def test_a_file_that_nobody_would_see_as_it_was_meant_is_found_at_start(
    scene: Scene, name: str, content: bytes, said: str
) -> None:
    settings = with_templates(scene)
    path = scene.folder / "templates" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(SettingsMistaken, match=said):
        client_of(scene, settings)


def test_a_template_may_take_in_others_of_the_deployment(scene: Scene) -> None:
    settings = with_templates(
        scene,
        front=EXTENDED.replace("<p>Ours</p>", '{% include "who.html" %}'),
        who="<p>We</p>",
    )
    (scene.folder / "templates" / ".front.html.swp").write_bytes(b"\xff")
    assert "<p>We</p>" in client_of(scene, settings).get("/en/").text


def test_a_folder_that_is_not_there_is_found_at_start(scene: Scene) -> None:
    pages = replace(scene.settings.pages, templates=Path("/nowhere"))
    with pytest.raises(SettingsMistaken, match=r"pages\.templates"):
        client_of(scene, replace(scene.settings, pages=pages))


@pytest.mark.parametrize("text", ["{{ nothing }}", "{{ 1 // 0 }}", '{% include "no" ~ "ne" %}'])
def test_a_template_that_fails_when_it_is_shown_is_found_at_start(scene: Scene, text: str) -> None:
    settings = with_templates(scene, receipt="{% extends 'ours/receipt.html' %}", keys=text)
    with pytest.raises(SettingsMistaken, match="A page cannot be made"):
        refuse_broken_templates(settings)
    (problem,) = problems_with_pages(settings)
    assert "keys.html, line 1" in problem


def test_our_own_pages_have_everything(scene: Scene) -> None:
    assert problems_with_pages(scene.settings) == []
    english = replace(scene.settings.pages, languages=("en",))
    assert problems_with_pages(replace(scene.settings, pages=english)) == []


OUR_FORM = (template_folder() / "submit.html").read_text(encoding="utf-8")
UNSENDABLE = {
    "no token": ('<input type="hidden" name="csrf_token"', "<input", "no hidden field csrf_token"),
    "no code": ('<input type="hidden" name="code"', "<input", "no hidden field code:"),
    "no mark": ('<input type="hidden" name="code_mac"', "<input", "no hidden field code_mac"),
    "a mark without a value": ('"{{ code_mac }}"', '""', "no hidden field code_mac"),
    "not which questions": ('name="questions_seen"', "", "no hidden field questions_seen"),
    "no password": ("{{ m.kept_off_disk() }}", "", "no password field"),
    "no account": ('name="account"', "", "no field account:"),
    "no files": (
        'm.files(limits, q.about("attachments", "attachments-hint"))',
        "0",
        "attachments:",
    ),
    "no questions": ("{{ q.section(part) }}", "", "no field own-part:"),
    "no consents": ("{{ q.consent(consent) }}", "", "no field consent-"),
    "no button": ('<button type="submit">', '<button type="button">', "no button"),
    "a form of another kind": (' enctype="multipart/form-data"', "", "no form that sends to"),
    "a form that asks": (' method="post"', "", "no form that sends to"),
    "a form for elsewhere": ("url_for('submit', ", "url_for('front', ", "no form that sends to"),
    "fields outside": ("{{ m.kept_off_disk() }}", "</form>", "no field account:"),
    "a field of its own": ("<button", '<input name="phone"><button', "has a field phone:"),
    "a field behind the files": ("<button", '<input name="submit"><button', "submit behind"),
}


@pytest.mark.parametrize("name", UNSENDABLE)
def test_a_form_that_nobody_could_send_is_told_from_one_of_ours(tmp_path: Path, name: str) -> None:
    scene = make_scene(tmp_path / "deployment", custodian=HybridIdentity.generate())
    asked = scene.deployment().questionnaire
    ours, theirs, said = UNSENDABLE[name]
    assert ours in OUR_FORM
    usual = client_of(scene, scene.settings)
    client = client_of(scene, with_templates(scene, submit=OUR_FORM.replace(ours, theirs)))
    for tag in ("en", "my"):
        page = f"/{tag}/submit"
        assert list(problems_with_form(usual.get(page).text, tag, asked)) == []
        problems = list(problems_with_form(client.get(page).text, tag, asked))
        assert any(said in problem and f" in {tag} " in problem for problem in problems), problems


def test_a_form_that_nobody_could_send_is_found_at_start(scene: Scene) -> None:
    settings = with_templates(scene, submit=OUR_FORM.replace('name="csrf_token"', ""))
    with pytest.raises(SettingsMistaken, match="The form in en has no hidden field csrf_token"):
        refuse_broken_templates(settings)


def test_a_page_that_nobody_could_leave_is_found(scene: Scene) -> None:
    problems = problems_with_pages(with_templates(scene, keys="<!doctype html>"))
    assert problems
    for problem in problems:
        assert "keys-" in problem
        assert "/leave: nobody could leave it" in problem


@pytest.mark.parametrize("page", ["receipt", "mailbox", "mailbox_open"])
def test_a_page_whose_forms_have_no_token_is_found(scene: Scene, page: str) -> None:
    text = (template_folder() / f"{page}.html").read_text(encoding="utf-8")
    assert "csrf_token" in text
    settings = with_templates(scene, **{page: text.replace("csrf_token", "''")})
    problems = problems_with_pages(settings)
    assert problems
    assert all("was answered with" in problem for problem in problems), problems


def test_the_preview_shows_a_form_that_nobody_could_send_and_says_so(
    scene: Scene, tmp_path: Path
) -> None:
    with_templates(scene, submit=OUR_FORM.replace('name="code_mac"', ""))
    text = scene.config.read_text()
    scene.config.write_text(text.replace("[pages]", '[pages]\ntemplates = "templates"'))
    arguments = ["--config", str(scene.config), "preview", "--write", str(tmp_path / "pages")]
    done = CliRunner().invoke(intake, arguments)
    assert done.exit_code == 1
    assert "problem: The form in en has no hidden field code_mac" in done.output
    assert (tmp_path / "pages" / "submit-usual-en.html").exists()


def test_the_doctor_finds_what_is_wrong_with_the_pages(scene: Scene) -> None:
    with_templates(scene, keys="{{ nothing }}")
    text = scene.config.read_text()
    scene.config.write_text(text.replace("[pages]", '[pages]\ntemplates = "templates"'))
    done = CliRunner().invoke(intake, ["--config", str(scene.config), "doctor"])
    assert done.exit_code == 1
    assert "pages: see below" in done.output
    assert "'nothing' is undefined" in done.output
