"""A deployment's own templates take the place of ours; a broken one is found before a witness."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from werkzeug.test import Client

from intake.errors import SettingsMistaken
from intake.online.cli import intake
from intake.online.preview import problems_with_pages, refuse_broken_templates
from intake.online.settings import Settings
from intake.online.witness.app import create_app
from tests.support.deployments import Scene

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
    ],
)
def test_a_template_that_does_not_parse_is_found_at_start(
    scene: Scene, text: str, said: str
) -> None:
    with pytest.raises(SettingsMistaken, match=said):
        client_of(scene, with_templates(scene, front=text))


def test_a_folder_that_is_not_there_is_found_at_start(scene: Scene) -> None:
    pages = replace(scene.settings.pages, templates=Path("/nowhere"))
    with pytest.raises(SettingsMistaken, match=r"pages\.templates"):
        client_of(scene, replace(scene.settings, pages=pages))


@pytest.mark.parametrize("text", ["{{ nothing }}", "{{ 1 // 0 }}", '{% include "none.html" %}'])
def test_a_template_that_fails_when_it_is_shown_is_found_at_start(scene: Scene, text: str) -> None:
    settings = with_templates(scene, receipt="{% extends 'ours/receipt.html' %}", keys=text)
    with pytest.raises(SettingsMistaken, match="A page cannot be made"):
        refuse_broken_templates(settings)
    (problem,) = problems_with_pages(settings)
    assert "keys.html, line 1" in problem


def test_the_doctor_finds_what_is_wrong_with_the_pages(scene: Scene) -> None:
    with_templates(scene, keys="{{ nothing }}")
    text = scene.config.read_text()
    scene.config.write_text(text.replace("[pages]", '[pages]\ntemplates = "templates"'))
    done = CliRunner().invoke(intake, ["--config", str(scene.config), "doctor"])
    assert done.exit_code == 1
    assert "pages: see below" in done.output
    assert "'nothing' is undefined" in done.output
