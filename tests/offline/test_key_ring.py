from __future__ import annotations

import base64

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.keyfile import parse_identities
from intake.errors import VaultUnusable
from intake.manifest.model import Role
from intake.offline.key_ring import KeyRing
from intake.secret import Secret

VAULT, ONE, TWO, THREE, FOUR = (HybridIdentity.generate() for _ in range(5))
RING = KeyRing(VAULT, {"2026-11": ONE, "2026-W50": TWO})
SEEDS = Secret(bytes(range(64)))
FULL = KeyRing(
    VAULT, {"2026-11": ONE}, {"2026-11": TWO}, ("2026-09", "2026-10"), (THREE, FOUR), SEEDS
)
SIGNING = f"# signing {base64.b64encode(SEEDS.reveal()).decode()}"
TEXT = RING.to_text()


def test_rings_round_trip() -> None:
    assert KeyRing.from_text(TEXT) == RING
    assert KeyRing.from_text(KeyRing(VAULT).to_text()) == KeyRing(VAULT)
    assert KeyRing.from_text(TEXT.replace("\n", "\r\n")) == RING


def test_a_ring_with_everything_round_trips() -> None:
    assert KeyRing.from_text(FULL.to_text()) == FULL
    lines = [line for line in FULL.to_text().splitlines() if line.startswith("#")]
    assert lines[1:] == [
        "# vault",
        "# older vault",
        "# older vault",
        "# epoch 2026-11",
        "# epoch 2026-11 custodians",
        "# destroyed 2026-09",
        "# destroyed 2026-10",
        SIGNING,
    ]


def test_plain_age_reads_it_as_a_key_file() -> None:
    assert parse_identities(TEXT) == (VAULT, ONE, TWO)
    assert parse_identities(FULL.to_text()) == (VAULT, THREE, FOUR, ONE, TWO)


def test_what_is_destroyed_is_gone_in_every_role_and_remembered() -> None:
    ring = FULL.without("2026-11")
    assert (ring.epochs, ring.custodians) == ({}, {})
    assert ring.destroyed == ("2026-09", "2026-10", "2026-11")
    assert (ring.vault, ring.older) == (VAULT, (THREE, FOUR))
    for identity in (ONE, TWO):
        assert identity.encode() not in ring.to_text()


def test_keys_of_one_role_leave_those_of_the_other() -> None:
    ring = FULL.with_epochs({"2026-12": FOUR}, Role.CUSTODIANS)
    assert ring.of(Role.CUSTODIANS) == {"2026-11": TWO, "2026-12": FOUR}
    assert ring.of(Role.REVIEWERS) == {"2026-11": ONE}
    assert ring.own() == (VAULT, THREE, FOUR)


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
        TEXT.replace("# epoch 2026-W50\n", "# epoch 2026-11\n"),
        TEXT.replace("# epoch 2026-W50\n", "# vault\n"),
        TEXT.replace("# epoch 2026-W50\n", ""),
        TEXT.replace("# epoch 2026-W50\n", "# destroyed 2026-W50\n"),
        TEXT.replace("# epoch 2026-W50\n", "# epoch 2026-W50 admins\n"),
        TEXT + "# signing\n",
        TEXT + "# signing AAAA\n",
        TEXT + SIGNING.removesuffix("=="),
        TEXT + f"{SIGNING}\n{SIGNING}\n",
    ],
)
def test_a_damaged_file_is_refused_and_no_key_is_passed_over(text: str) -> None:
    with pytest.raises(VaultUnusable) as refused:
        KeyRing.from_text(text)
    assert "AGE-SECRET" not in str(refused.value)


def test_no_key_is_printed() -> None:
    assert "AGE-SECRET" not in repr(RING) + repr(FULL)
    assert SIGNING.removeprefix("# signing ") not in repr(FULL)
    assert repr(ONE.seed.reveal()) not in repr(RING)
