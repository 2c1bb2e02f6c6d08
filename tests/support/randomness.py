"""Random samples that are the same in every run."""

from __future__ import annotations

import random


def seeded(seed: int) -> random.Random:
    """Return a generator of samples."""
    return random.Random(seed)  # noqa: S311  # samples, no secrets
