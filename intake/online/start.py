"""Where the ``intake`` program begins: it says plainly when only the offline half is installed."""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``intake``."""
    try:
        from intake.online.cli import main as run  # noqa: PLC0415  # it may not be importable
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("intake"):
            raise
        sys.exit("Error: The server's libraries are not installed here: pip install '.[server]'.")
    run()
