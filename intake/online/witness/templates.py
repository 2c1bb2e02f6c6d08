"""Where the witness's templates lie: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path


def template_folder() -> Path:
    """Return the root of the witness's templates."""
    package = Path(__file__).parents[2]
    in_wheel = package / "templates" / "witness"
    return in_wheel if in_wheel.exists() else package.parent / "templates" / "witness"
