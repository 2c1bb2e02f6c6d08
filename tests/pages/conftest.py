"""Every page in every state and language, as ``intake preview`` makes them, for its judges."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deployments import make_scene
from tests.support.node import why_not

HERE = Path(__file__).parent
_INTAKE = [sys.executable, "-c", "from intake.online.cli import main; main()"]


@pytest.fixture(scope="session")
def states(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the pages of a deployment in every state and language, by their files' names."""
    folder = tmp_path_factory.mktemp("states")
    config = make_scene(folder / "deployment").config
    subprocess.run(
        [*_INTAKE, "--config", str(config), "preview", "--write", str(folder / "pages")],
        check=True,
    )
    pages = {path.name: path.read_bytes() for path in sorted((folder / "pages").iterdir())}
    assert {"front-usual-en.html", "submit-usual-my.html", "receipt-text-my.html"} <= set(pages)
    return pages


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """Return the folder with axe-core and html-validate."""
    reason = why_not(HERE)
    if reason is not None:
        pytest.skip(reason)
    return HERE / "node_modules"
