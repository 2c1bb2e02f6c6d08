"""Up to which length text accounts are all one size (docs/threat-model.md tells the bound)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import Client

from intake.age.opening.hybrid import HybridIdentity
from intake.manifest.model import Recipient, Role
from intake.online.preview_visitor import everything
from intake.online.questionnaire.model import Kind, Texts
from intake.online.questionnaire.reading import DEFAULT, read_questionnaire
from intake.online.witness.app import create_app
from tests.support.deployments import Scene, make_scene
from tests.support.questionnaires import answer

KIB = 1024
CUSTODIAN = HybridIdentity.generate()
MECHANISM = {
    "en": "the Independent Investigative Mechanism for Myanmar",
    "my": "မြန်မာနိုင်ငံဆိုင်ရာ လွတ်လပ်သော စုံစမ်းစစ်ဆေးရေး ယန္တရား",
}
BODIES: dict[str, Texts] = {f"body-{n}": MECHANISM for n in range(5)}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A deployment of 15 recipients in all."""
    scene = make_scene(tmp_path / "deployment", custodian=CUSTODIAN)
    names = [f"reviewer-{n}" for n in range(13)]
    more = (Recipient(n, Role.REVIEWERS, str(HybridIdentity.generate().recipient())) for n in names)
    epoch = scene.manifest.epochs[0]
    recipients = (*epoch.recipients, *more)
    assert len(recipients) == 15
    scene.publish(replace(scene.manifest, epochs=(replace(epoch, recipients=recipients),)))
    return scene


def sealed_size(scene: Scene, account: str, long_answers: str) -> int:
    """Send a form with every question answered and every consent given; return its sealed size."""
    asked = read_questionnaire(DEFAULT, ["en", "my"], BODIES)
    client = Client(create_app(replace(scene.deployment(), questionnaire=asked)))
    fields = everything(asked, "my")
    fields["account"] = account
    for question in asked.questions():
        if question.kind is Kind.LONG_TEXT and not question.identifying:
            fields[question.id] = long_answers
    assert answer(client, list(fields.items(multi=True)), lang="my").status_code == 303
    (sealed,) = scene.sealed()
    return sealed.stat().st_size


@pytest.mark.parametrize(
    ("account", "long_answers", "size"),
    [
        (1, 0, 256 * KIB),
        (5_000, 2_000, 256 * KIB),
        (30_000, 2_000, 256 * KIB),
        (60_000, 0, 256 * KIB),
        (1, 10_000, 1024 * KIB),  # the bound that is written down is one
    ],
)
def test_an_account_with_every_answer_and_consent_is_the_one_size_up_to_the_bound(
    scene: Scene, account: int, long_answers: int, size: int
) -> None:
    assert sealed_size(scene, "က" * account, "က" * long_answers) == size
