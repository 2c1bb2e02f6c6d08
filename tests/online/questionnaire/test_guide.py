"""The example in docs/guides/questionnaire.md is one, and its limits are those of the program."""

from __future__ import annotations

import re
from pathlib import Path

from intake.online.questionnaire import checks, model
from intake.online.questionnaire.model import Kind
from tests.support.questionnaires import BODIES, questionnaire

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "questionnaire.md"


def example() -> str:
    blocks = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = [block for block in blocks if block.startswith("format")]
    return str(found)


def test_the_example_is_read_and_has_what_the_guide_explains(tmp_path: Path) -> None:
    read = questionnaire(tmp_path, example())
    questions = list(read.questions())
    assert {question.kind for question in questions} == set(Kind) - {Kind.CHOICE}
    assert any(question.shown_if for question in questions)
    assert any(question.languages for question in questions)
    assert any(question.identifying for question in questions)
    assert any(question.sensitive for question in questions)
    assert len(read.consents) == 2 + len(BODIES)


def test_the_guide_names_every_kind_and_the_limits() -> None:
    page = GUIDE.read_text(encoding="utf-8")
    for kind in Kind:
        assert f"`{kind.value}`" in page
    assert f"{model.TEXT_CHARACTERS} characters" in page
    assert f"{model.LONG_TEXT_CHARACTERS:,}" in page
    assert f"at most {checks.MOST_IDENTIFYING} such questions" in page
