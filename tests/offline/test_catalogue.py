from __future__ import annotations

import dataclasses
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.age.sealing.seal import seal_bytes
from intake.envelope.account import Kind
from intake.errors import VaultUnusable
from intake.offline import catalogue
from intake.offline.catalogue import Catalogue, Entry, Status

IDENTITY = HybridIdentity.generate()
ENTRY = Entry("0f" * 16, "2026-11", dt.date(2026, 11, 23), Status.READ, 2, "my", "ab" * 32)
FULL = dataclasses.replace(
    ENTRY,
    id="1f" * 16,
    payload_sha256="cd" * 32,
    kind=Kind.MESSAGE,
    mailbox="ef" * 16,
    bundle=(dt.date.min, 7),
    at_server=True,
    acknowledged=3,
)
LOST = Entry("f0" * 16, "", None, Status.DAMAGED, 0, "", None)


def test_entries_round_trip_sealed(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.age"
    assert catalogue.load(path, [IDENTITY]) == Catalogue()
    saved = Catalogue(
        {ENTRY.id: ENTRY, LOST.id: LOST, FULL.id: FULL},
        frozenset({"2026-10", "2026-W40"}),
        frozenset({"2026-10"}),
        (dt.date(2026, 11, 20), 12),
        5,
    )
    catalogue.save(path, IDENTITY.recipient(), saved)
    assert catalogue.load(path, [HybridIdentity.generate(), IDENTITY]) == saved
    for secret in (ENTRY.id, ENTRY.epoch, "2026"):
        assert secret.encode() not in path.read_bytes()


@pytest.mark.parametrize("status", Status)
def test_every_status_is_kept(status: Status, tmp_path: Path) -> None:
    entry = dataclasses.replace(ENTRY, status=status)
    catalogue.save(tmp_path / "c", IDENTITY.recipient(), Catalogue({entry.id: entry}))
    assert catalogue.load(tmp_path / "c", [IDENTITY]).entries == {entry.id: entry}


def sealed(document: object) -> bytes:
    return seal_bytes(json.dumps(document).encode(), [IDENTITY.recipient()])


GOOD = ENTRY.to_json()


NEW = {"payload_sha256", "kind", "mailbox", "bundle", "at_server", "acknowledged"}


@pytest.mark.parametrize("version", [1, 2])
def test_a_catalogue_of_an_earlier_version_is_read(version: int, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.age"
    entry = {name: value for name, value in GOOD.items() if name not in NEW}
    path.write_bytes(sealed({"format": f"intake-catalogue-{version}", "entries": [entry]}))
    assert catalogue.load(path, [IDENTITY]) == Catalogue({ENTRY.id: ENTRY})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"words",
        sealed(None),
        sealed([]),
        sealed({}),
        sealed({"entries": [1]}),
        sealed({"entries": [{}]}),
        sealed({"entries": [{**GOOD, "day": "no day"}]}),
        sealed({"entries": [{**GOOD, "status": "eaten"}]}),
        sealed({"entries": [{**GOOD, "attachments": "many"}]}),
        sealed({"entries": [GOOD]})[:-1],
        sealed({"entries": [], "closed": 1}),
        sealed({"entries": [], "unopened": 1}),
        sealed({"entries": [], "newest": 1}),
        sealed({"entries": [], "newest": ["no day", 1]}),
        sealed({"entries": [], "sequence": "many"}),
        sealed({"entries": [{**GOOD, "kind": "rumour"}]}),
        sealed({"entries": [{**GOOD, "bundle": [1]}]}),
        seal_bytes(b"{", [IDENTITY.recipient()]),
        seal_bytes(b'{"entries": []}', [HybridIdentity.generate().recipient()]),
    ],
)
def test_a_damaged_catalogue_is_refused_with_the_way_out(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.age"
    path.write_bytes(data)
    with pytest.raises(VaultUnusable, match="remove it"):
        catalogue.load(path, [IDENTITY])


def test_a_catalogue_for_another_key_says_what_to_restore_first(tmp_path: Path) -> None:
    """As beside an identities.age from before a rekey: removing it alone would lose accounts."""
    path = tmp_path / "catalogue.age"
    catalogue.save(path, HybridIdentity.generate().recipient(), Catalogue())
    with pytest.raises(VaultUnusable, match="restore the newest copy of identities"):
        catalogue.load(path, [IDENTITY])


@pytest.mark.parametrize(
    ("changes", "unopened", "whole"),
    [
        ({}, (), True),
        ({"status": Status.DAMAGED}, (), False),
        ({"status": Status.MISSING}, (), False),
        ({"status": Status.LOCKED}, (), True),
        ({"status": Status.DAMAGED, "epoch": "2026-10"}, (), True),
        ({}, ("2026-11",), False),
        ({}, ("2026-10",), True),
    ],
)
def test_an_epoch_is_whole_when_nothing_is_known_to_be_wrong_with_it(
    changes: dict[str, Any], unopened: tuple[str, ...], *, whole: bool
) -> None:
    entry = dataclasses.replace(ENTRY, **changes)
    found = Catalogue({ENTRY.id: entry}, unopened=frozenset(unopened))
    assert found.is_whole("2026-11") is whole
