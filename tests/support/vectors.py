"""Our own published vectors, `tests/vectors/NAME.json`: docs/formats.md says what stands in them.

They are read and checked. With INTAKE_WRITE_VECTORS=1 in the environment they are made anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "vectors"


def vectors(name: str, make: Callable[[], Any]) -> Any:
    """Return the vectors of that name."""
    path = FOLDER / f"{name}.json"
    if os.environ.get("INTAKE_WRITE_VECTORS"):
        path.write_text(json.dumps(make(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))
