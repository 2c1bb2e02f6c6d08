"""How long files take to send: what a line gives, and nothing lost on the way."""

from __future__ import annotations

import enum
from dataclasses import dataclass

_KILO = 1000
_MINUTE = 60
_HOUR = 3600

#: What three lines give, in kilobits a second: the slowest on which pages open at all, a common one
#: in the country, and a good one.
LINES = (30, 500, 5000)

#: Sizes that stand for a photo, a recording and a video, in bytes: whole megabytes.
SIZES = (10**6, 10**7, 10**8)


class Unit(enum.Enum):
    """What a time is told in."""

    SECONDS = 1
    MINUTES = _MINUTE
    HOURS = _HOUR


@dataclass(frozen=True)
class Wait:
    """A time, rounded up."""

    number: int
    unit: Unit


def upload_times(most: int) -> list[tuple[int, list[Wait]]]:
    """Return, for each size of at most ``most`` bytes, how long it takes on each of ``LINES``."""
    return [(size, [wait(size, line) for line in LINES]) for size in SIZES if size <= most]


def wait(size: int, line: int) -> Wait:
    """Return how long ``size`` bytes take on a line of so many kilobits a second."""
    seconds = size * 8 / (line * _KILO)
    unit = max((u for u in Unit if u.value <= seconds), key=lambda u: u.value, default=Unit.SECONDS)
    return Wait(-int(-seconds // unit.value), unit)
