from __future__ import annotations

import hashlib
import threading

import pytest

from intake.envelope.digest import INLINE_LIMIT, BackgroundSha256
from tests.support.randomness import seeded

DATA = seeded(3).randbytes(INLINE_LIMIT * 2 + 17)


@pytest.mark.parametrize(
    "size", [0, 1, INLINE_LIMIT - 1, INLINE_LIMIT, INLINE_LIMIT + 1, len(DATA)]
)
@pytest.mark.parametrize("block", [65_536, 1_000_003, len(DATA)])
def test_the_digest_is_sha256_on_both_sides_of_the_limit(size: int, block: int) -> None:
    digest = BackgroundSha256()
    for at in range(0, size, block):
        digest.update(DATA[at : min(at + block, size)])
    assert digest.hexdigest() == hashlib.sha256(DATA[:size]).hexdigest()


def test_no_thread_outlives_it() -> None:
    before = threading.active_count()
    for end in (BackgroundSha256.close, BackgroundSha256.hexdigest):
        digest = BackgroundSha256()
        for _ in range(3):
            digest.update(DATA)
        assert threading.active_count() == before + 1
        end(digest)
        digest.close()
        assert threading.active_count() == before


def test_a_small_file_starts_no_thread() -> None:
    before = threading.active_count()
    digest = BackgroundSha256()
    digest.update(DATA[:INLINE_LIMIT])
    assert threading.active_count() == before
    digest.hexdigest()
