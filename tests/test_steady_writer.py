"""What is written steadily is written whole, and what fails is said."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from intake.steady_writer import INLINE_LIMIT, SteadyWriter
from tests.support.randomness import seeded


@pytest.mark.parametrize("size", [0, 1, INLINE_LIMIT, INLINE_LIMIT + 1, 40_000_001])
def test_every_byte_is_written_in_order(tmp_path: Path, size: int) -> None:
    data = seeded(size).randbytes(size)
    descriptor = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    writer = SteadyWriter(descriptor)
    for at in range(0, size, 300_007):
        writer.write(data[at : at + 300_007])
    writer.finish()
    writer.abandon()
    os.close(descriptor)
    assert (tmp_path / "file").read_bytes() == data


def test_an_error_beside_is_raised_at_the_latest_when_it_is_finished() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    writer = SteadyWriter(descriptor)
    with pytest.raises(OSError) as refused:  # noqa: PT011, PT012  # wherever it comes up
        for _ in range(20):
            writer.write(bytes(1_000_000))
        writer.finish()
    assert refused.value.errno == errno.ENOSPC
    writer.abandon()
    os.close(descriptor)
