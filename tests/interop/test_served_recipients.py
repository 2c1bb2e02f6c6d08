"""What ``/keys/recipients.txt`` serves is what ``age -R`` reads: lines for other people's age."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from werkzeug.test import Client

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.errors import NotForUs
from intake.online.witness.app import create_app
from tests.support.deployments import make_scene

if TYPE_CHECKING:
    from tests.interop.conftest import Typage


def test_what_typage_seals_to_the_served_recipients_opens_here(
    typage: Typage, tmp_path: Path
) -> None:
    custodian = HybridIdentity.generate()
    scene = make_scene(tmp_path / "deployment", custodian=custodian)
    served = Client(create_app(scene.deployment())).get("/keys/recipients.txt").text
    # age(1), RECIPIENT FILES: one recipient a line; "#" and empty lines are ignored.
    recipients = [line for line in served.splitlines() if line and not line.startswith("#")]
    file = typage.seal(b"sealed without us", recipients=recipients)
    assert open_bytes(file, [scene.reviewer]) == b"sealed without us"
    with pytest.raises(NotForUs):
        open_bytes(file, [custodian])
