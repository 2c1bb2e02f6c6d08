from __future__ import annotations

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.keyfile import parse_identities
from intake.errors import VaultUnusable
from intake.offline.key_ring import KeyRing

VAULT, ONE, TWO = (HybridIdentity.generate() for _ in range(3))
RING = KeyRing(VAULT, {"2026-11": ONE, "2026-W50": TWO})
TEXT = RING.to_text()


def test_rings_round_trip() -> None:
    assert KeyRing.from_text(TEXT) == RING
    assert KeyRing.from_text(KeyRing(VAULT).to_text()) == KeyRing(VAULT)
    assert KeyRing.from_text(TEXT.replace("\n", "\r\n")) == RING


def test_plain_age_reads_it_as_a_key_file() -> None:
    assert parse_identities(TEXT) == (VAULT, ONE, TWO)


def test_epochs_are_added_to_what_is_there() -> None:
    assert KeyRing(VAULT, {"2026-11": ONE}).with_epochs({"2026-W50": TWO}) == RING


@pytest.mark.parametrize(
    "text",
    [
        "",
        "words",
        TEXT.replace("# vault\n", "# vault?\n"),
        TEXT.replace("# epoch 2026-11\n", "# epoch ../x\n"),
        TEXT.replace("# epoch 2026-11\n", "# epoch \n"),
        TEXT.replace("# epoch 2026-11\n", "# epoch 2026-11\n# public key: age1pq1\n"),
        TEXT.replace(ONE.encode(), ONE.encode()[:-1]),
        TEXT.replace(ONE.encode(), ""),
        TEXT[: TEXT.index(ONE.encode()) + 20],
        ONE.encode() + "\n" + TEXT,
        "# epoch 2026-11\n" + ONE.encode(),
    ],
)
def test_a_damaged_file_is_refused_and_no_key_is_passed_over(text: str) -> None:
    with pytest.raises(VaultUnusable) as refused:
        KeyRing.from_text(text)
    assert "AGE-SECRET" not in str(refused.value)


def test_no_key_is_printed() -> None:
    assert "AGE-SECRET" not in repr(RING)
    assert repr(ONE.seed.reveal()) not in repr(RING)
