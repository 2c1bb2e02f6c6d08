from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from intake.age.opening.x25519 import X25519Identity
from intake.errors import DocumentMalformed
from intake.manifest.model import Recipient, Role, SigningKey
from intake.offline.recipients_file import RecipientsFile, read_recipients, serialise_recipients
from tests.support.manifests import epoch, public, reviewer


def own(number: int, role: Role = Role.REVIEWERS) -> tuple[Recipient, ...]:
    return (Recipient("မေ", role, str(reviewer(number).recipient())),)


EPOCHS = (
    epoch(recipients=own(1)),
    epoch(id="2026-12", begins=dt.date(2026, 12, 1), ends=dt.date(2027, 1, 1), recipients=own(2)),
)
VAULT = public("vault")[0].key
DATA = serialise_recipients(RecipientsFile(EPOCHS, VAULT))


@pytest.mark.parametrize(
    "epochs", [EPOCHS, EPOCHS[:1], (epoch(recipients=own(3, Role.CUSTODIANS)),)]
)
@pytest.mark.parametrize("vault", [VAULT, None])
def test_files_round_trip(epochs: Any, vault: SigningKey | None, tmp_path: Path) -> None:
    written = RecipientsFile(epochs, vault)
    (tmp_path / "r.json").write_bytes(serialise_recipients(written))
    assert read_recipients(tmp_path / "r.json") == written
    assert written.name == "မေ"


def test_the_fields_are_the_documented_ones() -> None:
    document = json.loads(DATA)
    assert list(document) == ["format", "name", "role", "epochs", "vault"]
    assert document["format"] == "intake-recipients-2"
    assert list(document["epochs"][0]) == ["id", "begins", "ends", "recipient"]
    assert list(document["vault"]) == ["ed25519", "ml-dsa-65"]
    assert b"SECRET" not in DATA


def of_epoch(**fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["epochs"][0].update(fields)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(format="intake-recipients-1"),
        lambda document: document.update(role="admins"),
        lambda document: document.update(new=1),
        lambda document: document.pop("name"),
        lambda document: document.update(epochs={}),
        lambda document: document.update(epochs=[]),
        lambda document: document["epochs"].append("x"),
        lambda document: document.pop("vault"),
        lambda document: document.update(vault="x"),
        lambda document: document.update(vault={}),
        lambda document: document["vault"].pop("ml-dsa-65"),
        lambda document: document["vault"].update(ed25519="AAAA"),
        lambda document: document["vault"].update(new=1),
        of_epoch(new=1),
        of_epoch(begins="November"),
        of_epoch(recipient=""),
        of_epoch(recipient=str(X25519Identity.generate().recipient())),
        of_epoch(recipient=reviewer(1).encode()),
    ],
)
def test_a_file_that_breaks_its_rules_is_refused(
    change: Callable[[dict[str, Any]], object], tmp_path: Path
) -> None:
    document = json.loads(DATA)
    change(document)
    (tmp_path / "r.json").write_text(json.dumps(document))
    with pytest.raises(DocumentMalformed):
        read_recipients(tmp_path / "r.json")
