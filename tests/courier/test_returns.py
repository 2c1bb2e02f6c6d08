"""The listing of a return: what it says, and what is no such listing."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from intake.courier import returns as module
from intake.courier.returns import (
    RETURN,
    RETURN_TYPE,
    RETURNS,
    Acknowledgement,
    CarriedReply,
    Return,
    folder_name,
    parse_return,
    read_return,
    return_folder,
    return_folders,
    serialise_return,
)
from intake.errors import BundleBroken, DocumentMalformed
from intake.manifest import dsse
from intake.manifest.signing import SigningIdentity

VAULT, OTHER = SigningIdentity.generate("ko"), SigningIdentity.generate("ma")
ADDRESSES = tuple(bytes([n] * 32).hex() for n in range(17))
CONTENT = Return(
    root="ef" * 32,
    sequence=4,
    acknowledgements=(Acknowledgement("0f" * 16, "ab" * 32), Acknowledgement("f0" * 16, "cd" * 32)),
    replies=(CarriedReply("12" * 16, "34" * 32, ADDRESSES),),
)


def test_a_return_round_trips_and_is_known_by_its_vault(tmp_path: Path) -> None:
    (tmp_path / RETURN).write_bytes(serialise_return(CONTENT, VAULT))
    signed = read_return(tmp_path)
    assert signed.content == CONTENT
    vaults = [OTHER.public(), VAULT.public()]
    assert signed.signer(vaults) == VAULT.public()
    assert signed.signer(vaults[:1]) is None
    assert signed.signer([]) is None


def listing(change: Callable[[dict[str, Any]], object]) -> bytes:
    payload = json.loads(base64.b64decode(json.loads(serialise_return(CONTENT, VAULT))["payload"]))
    change(payload)
    return around(json.dumps(payload).encode())


def around(payload: bytes, kind: str = RETURN_TYPE) -> bytes:
    return dsse.envelope_bytes(dsse.Envelope(kind, payload, ()))


def of(field: str, **changes: object) -> Callable[[dict[str, Any]], object]:
    return lambda payload: payload[field][0].update(changes)


@pytest.mark.parametrize(
    "change",
    [
        lambda payload: payload.update(new=1),
        lambda payload: payload.update(format="intake-return-2"),
        lambda payload: payload.update(sequence=0),
        lambda payload: payload.update(sequence=2**31),
        lambda payload: payload.update(root="ef" * 31),
        lambda payload: payload["acknowledgements"].append(payload["acknowledgements"][0]),
        lambda payload: payload["replies"].append(payload["replies"][0]),
        lambda payload: payload["replies"].append(1),
        of("acknowledgements", submission="../../etc/passwd"),
        of("acknowledgements", sha256=""),
        of("acknowledgements", sha256=None),
        of("acknowledgements", more=1),
        of("replies", id="12" * 15),
        of("replies", sha256="x"),
        of("replies", addresses=ADDRESSES[:16]),
        of("replies", addresses=(*ADDRESSES, "77" * 32)),
        of("replies", addresses=(*ADDRESSES[:16], ADDRESSES[0])),
        of("replies", addresses=(*ADDRESSES[:16], 1)),
        of("replies", addresses="x" * 17),
    ],
)
def test_a_listing_that_breaks_its_rules_is_refused(
    change: Callable[[dict[str, Any]], object], tmp_path: Path
) -> None:
    data = listing(change)
    with pytest.raises(DocumentMalformed):
        parse_return(data)
    (tmp_path / RETURN).write_bytes(data)
    with pytest.raises(BundleBroken, match="is damaged"):
        read_return(tmp_path)


@pytest.mark.parametrize(
    "data", [b"", b"[]", around(b""), around(b"{}"), around(b"{}", "application/x")]
)
def test_what_is_no_listing(data: bytes) -> None:
    with pytest.raises(DocumentMalformed):
        parse_return(data)


def test_where_there_is_none_it_is_said_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BundleBroken, match="'intake-review courier DIR'"):
        read_return(tmp_path)


def test_a_listing_larger_than_any_is_not_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / RETURN).write_bytes(serialise_return(CONTENT, VAULT))
    monkeypatch.setattr(module, "MAX_LISTING_SIZE", 100)
    with pytest.raises(BundleBroken, match="larger"):
        read_return(tmp_path)


# --- many of them on one stick -------------------------------------------------------------------


def test_a_vaults_folder_is_named_by_its_key(tmp_path: Path) -> None:
    keyid = dsse.ed25519_keyid(VAULT.public().key)
    assert return_folder(tmp_path, VAULT.public()) == tmp_path / "returns" / keyid[:16]
    assert folder_name(OTHER.public()) != keyid[:16]


def test_what_is_named_like_a_vaults_folder_is_found_in_order(tmp_path: Path) -> None:
    ours = ["f" * 16, "0" * 16, "0123456789abcdef"]
    for name in (*ours, "F" * 16, "0" * 15, "0" * 17, "lost+found", "2025"):
        (tmp_path / RETURNS / name).mkdir(parents=True)
    assert [path.name for path in return_folders(tmp_path)] == sorted(ours)
    assert return_folders(tmp_path / "none") == []


def test_a_link_is_no_folder_of_returns_and_none_of_a_vault(tmp_path: Path) -> None:
    away, stick = tmp_path / "away", tmp_path / "stick"
    (away / ("0" * 16)).mkdir(parents=True)
    (away / ("0" * 16) / RETURN).write_bytes(serialise_return(CONTENT, VAULT))
    stick.mkdir()
    (stick / RETURNS).symlink_to(away)
    with pytest.raises(BundleBroken, match="is a link"):
        return_folders(stick)
    (stick / RETURNS).unlink()
    (stick / RETURNS).mkdir()
    (stick / RETURNS / ("0" * 16)).symlink_to(away / ("0" * 16))
    [folder] = return_folders(stick)
    with pytest.raises(BundleBroken, match="no plain file in a plain folder"):
        read_return(folder)
