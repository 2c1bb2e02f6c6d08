"""Where the offline programs begin: they say plainly when only the server's half is installed."""

from __future__ import annotations

import importlib
import sys


def review() -> None:
    """Run ``intake-review``."""
    _run("intake.offline.cli")


def keys() -> None:
    """Run ``intake-keys``."""
    _run("intake.offline.admin.cli")


def _run(module: str) -> None:
    try:
        program = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("intake"):
            raise
        sys.exit(
            "Error: The offline programs' libraries are not installed here: pip install "
            "'.[offline]'."
        )
    program.main()
