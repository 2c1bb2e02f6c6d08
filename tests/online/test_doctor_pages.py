"""What the doctor and the preview advise of the pages: what may be meant so, and is no fault."""

from __future__ import annotations

import datetime as dt
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from intake.age.opening.hybrid import HybridIdentity
from intake.online.cli import intake
from intake.online.doctor import Finding
from intake.online.doctor_pages import examine_pages
from intake.online.settings import Settings
from intake.online.witness import languages
from tests.support.deployments import TODAY, Scene, make_scene

WELL = Finding("pages", ())
UNASKED = (
    "1 question is asked only where there are custodians, and the epoch in force has none: reach."
)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene(tmp_path / "deployment", custodian=HybridIdentity.generate())


def in_two_languages(scene: Scene) -> Settings:
    pages = replace(scene.settings.pages, languages=("en", "my"))
    return replace(scene.settings, pages=pages)


def found(scene: Scene, settings: Settings | None = None) -> Finding:
    return examine_pages(settings or in_two_languages(scene), scene.keys(), TODAY)


def with_front(scene: Scene, text: str) -> Settings:
    folder = scene.folder / "templates"
    folder.mkdir()
    (folder / "front.html").write_text(text, encoding="utf-8")
    return replace(scene.settings, pages=replace(scene.settings.pages, templates=folder))


def test_on_a_good_day_nothing_is_advised(scene: Scene) -> None:
    assert found(scene) == WELL


def test_questions_that_nobody_is_asked_are_named(tmp_path: Path) -> None:
    alone = make_scene(tmp_path / "alone")
    assert found(alone) == replace(WELL, advice=(UNASKED,))
    alone.settings.manifest.unlink()
    assert found(alone) == WELL, "the keys' own finding says that nothing is taken at all"


def test_advice_is_printed_and_is_no_fault_of_the_pages(tmp_path: Path) -> None:
    alone = make_scene(tmp_path / "alone", today=dt.datetime.now(dt.UTC).date())
    done = CliRunner().invoke(intake, ["--config", str(alone.config), "doctor"])
    assert "pages: well" in done.output
    assert f"advice: {UNASKED}" in done.output


def test_a_page_that_makes_its_reader_wait_is_named(scene: Scene) -> None:
    extends = '{% extends "ours/front.html" %}{% block main %}'
    settings = with_front(scene, f"{extends}<p>{secrets.token_hex(20_000)}</p>{{% endblock %}}")
    finding = found(scene, settings)
    assert finding.problems == ()
    for name in ("front-usual", "front-over_tor", "front-closed"):
        for tag in ("en", "my"):
            named = f"The page {name}-{tag}.html weighs"
            assert sum(advice.startswith(named) for advice in finding.advice) == 1


@pytest.fixture
def half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Begin one more catalogue; return what is said of it."""
    folder = tmp_path / "locale"
    shutil.copytree(languages.CATALOGUES, folder)
    shan = (folder / "my.po").read_text(encoding="utf-8")
    before, after = shan.split('msgid "Leave now"\n', 1)
    rest = after.split("\n", 1)[1]
    text = f'{before}msgid "Leave now"\nmsgstr ""\n{rest}'
    (folder / "shn.po").write_text(text, encoding="utf-8")
    monkeypatch.setattr(languages, "CATALOGUES", folder)
    languages.complete.cache_clear()
    yield 'shn lacks 1 sentence, the first: "Leave now"'
    languages.complete.cache_clear()


def test_a_language_that_is_not_complete_does_not_vanish_unsaid(
    scene: Scene, tmp_path: Path, half_done: str
) -> None:
    assert half_done in found(scene, scene.settings).advice
    assert found(scene) == WELL, "whoever names languages is refused one that is not complete"
    arguments = ["--config", str(scene.config), "preview", "--write", str(tmp_path / "pages")]
    done = CliRunner().invoke(intake, arguments)
    assert done.exit_code == 0
    assert f"advice: {half_done}" in done.output
