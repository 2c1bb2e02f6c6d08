from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from intake import strict_json
from intake.courier import bundle as module
from intake.courier.bundle import (
    BUNDLE_TYPE,
    LISTING,
    Bundle,
    BundledSubmission,
    ReplyState,
    parse_bundle,
    read_bundle,
    serialise_bundle,
)
from intake.errors import BundleBroken, DocumentMalformed
from intake.manifest import dsse

SUBMISSION = BundledSubmission(
    id="0f" * 16,
    epoch="2026-11",
    manifest_version=3,
    day=dt.date(2026, 11, 23),
    size=262_144,
    sha256="ab" * 32,
    payload_sha256="cd" * 32,
)
OTHER = dataclasses.replace(SUBMISSION, id="f0" * 16)
BUNDLE = Bundle(
    7,
    ("2026-09", "2026-W38"),
    (SUBMISSION, OTHER),
    restored=dt.date(2026, 11, 2),
    taken={"12" * 32: 3},
    replies={
        "34" * 16: ReplyState.FILED,
        "56" * 16: ReplyState.WAITING,
        "78" * 16: ReplyState.GONE,
    },
)


@pytest.mark.parametrize(
    "bundle",
    [BUNDLE, Bundle(1, (), ()), Bundle(2**31 - 1, (), (), taken={"12" * 32: 2**31 - 1})],
)
def test_listings_round_trip(bundle: Bundle, tmp_path: Path) -> None:
    data = serialise_bundle(bundle, None)
    assert parse_bundle(data).bundle == bundle
    (tmp_path / LISTING).write_bytes(data)
    assert read_bundle(tmp_path).bundle == bundle


def test_a_listing_is_an_envelope_around_the_documented_fields() -> None:
    envelope = json.loads(serialise_bundle(BUNDLE, None))
    assert envelope["payloadType"] == "application/vnd.intake.bundle+json"
    payload = json.loads(base64.b64decode(envelope["payload"]))
    assert list(payload) == [
        *("format", "sequence", "closed_epochs", "submissions"),
        *("restored", "taken", "replies"),
    ]
    assert payload["restored"] == "2026-11-02"
    assert payload["taken"] == [{"vault": "12" * 32, "sequence": 3}]
    assert payload["replies"] == [
        {"id": "34" * 16, "state": "filed"},
        {"id": "56" * 16, "state": "waiting"},
        {"id": "78" * 16, "state": "gone"},
    ]
    assert payload["submissions"][0] == {
        "id": "0f" * 16,
        "epoch": "2026-11",
        "manifest_version": 3,
        "day": "2026-11-23",
        "size": 262_144,
        "sha256": "ab" * 32,
        "payload_sha256": "cd" * 32,
    }


def test_bundles_after_a_restoration_come_after_all_before() -> None:
    days = (None, dt.date(2026, 11, 2), dt.date(2026, 11, 3))
    bundles = [Bundle(n, (), (), restored=day) for day in days for n in (1, 9)]
    assert sorted(bundles, key=lambda bundle: bundle.order) == bundles


def test_a_sealed_file_lies_under_its_id() -> None:
    assert SUBMISSION.path(Path("/stick")) == Path(f"/stick/submissions/{'0f' * 16}.age")


def listing(change: Callable[[dict[str, Any]], object]) -> bytes:
    payload = json.loads(base64.b64decode(json.loads(serialise_bundle(BUNDLE, None))["payload"]))
    change(payload)
    return around(json.dumps(payload).encode())


def around(payload: bytes, kind: str = BUNDLE_TYPE) -> bytes:
    return dsse.envelope_bytes(dsse.Envelope(kind, payload, ()))


def of_submission(**fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda payload: payload["submissions"][0].update(fields)


@pytest.mark.parametrize(
    "change",
    [
        lambda payload: payload.update(new=1),
        lambda payload: payload.update(format="intake-bundle-1"),
        lambda payload: payload.update(format="intake-bundle-3"),
        lambda payload: payload.pop("restored"),
        lambda payload: payload.update(restored="yesterday"),
        lambda payload: payload.update(restored=3),
        lambda payload: payload.update(taken=[{"vault": "12" * 32, "sequence": 0}]),
        lambda payload: payload.update(taken=[{"vault": "12", "sequence": 1}]),
        lambda payload: payload.update(taken={}),
        lambda payload: payload["taken"].append(payload["taken"][0]),
        lambda payload: payload["replies"].append(payload["replies"][0]),
        lambda payload: payload.update(replies=[{"id": "34" * 16, "state": "read"}]),
        lambda payload: payload.update(replies=[{"id": "34" * 15, "state": "filed"}]),
        lambda payload: payload.update(replies=["34" * 16]),
        lambda payload: payload.update(sequence=0),
        lambda payload: payload.update(sequence=2**31),
        lambda payload: payload.update(taken=[{"vault": "12" * 32, "sequence": 2**31}]),
        lambda payload: payload.update(sequence="1"),
        lambda payload: payload.update(sequence=True),
        lambda payload: payload.update(closed_epochs=[1]),
        lambda payload: payload.update(closed_epochs=["../x"]),
        lambda payload: payload.update(closed_epochs=["\x1b]0;x\x07"]),
        lambda payload: payload.update(submissions={}),
        lambda payload: payload["submissions"].append(payload["submissions"][0]),
        lambda payload: payload["submissions"][1].update(id="0f" * 16),
        lambda payload: payload["submissions"].append("x"),
        lambda payload: payload["submissions"][0].pop("day"),
        of_submission(new=1),
        of_submission(id="0F" * 16),
        of_submission(id="0f" * 15),
        of_submission(id="0f" * 16 + "\n"),
        of_submission(id="../" + "0f" * 16),
        of_submission(id="../../../../../etc/passwd-------"),
        of_submission(id="၀" * 32),
        of_submission(epoch=""),
        of_submission(epoch="2026-11\n"),
        of_submission(epoch="\x1b[31m"),
        of_submission(epoch="e" * 65),
        of_submission(epoch=7),
        of_submission(manifest_version=0),
        of_submission(day="23.11.2026"),
        of_submission(day=None),
        of_submission(size=0),
        of_submission(size=-1),
        of_submission(size=1.5),
        of_submission(sha256="AB" * 32),
        of_submission(sha256="ab" * 31),
        of_submission(sha256=""),
        of_submission(payload_sha256=""),
        of_submission(payload_sha256=None),
    ],
)
def test_a_listing_that_breaks_its_rules_is_refused(
    change: Callable[[dict[str, Any]], object], tmp_path: Path
) -> None:
    data = listing(change)
    with pytest.raises(DocumentMalformed):
        parse_bundle(data)
    (tmp_path / LISTING).write_bytes(data)
    with pytest.raises(BundleBroken):
        read_bundle(tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        around(b""),
        around(b"[]"),
        around(b'{"format": "intake-bundle-1"}'),
        around(b"{}", "application/vnd.intake.manifest+json"),
        serialise_bundle(BUNDLE, None)[:-10],
    ],
)
def test_what_is_no_listing(data: bytes) -> None:
    with pytest.raises(DocumentMalformed):
        parse_bundle(data)


def linked(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(serialise_bundle(BUNDLE, None))
    path.symlink_to(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "make",
    [
        lambda _path, _tmp_path: None,
        lambda path, _tmp_path: path.mkdir(),
        linked,
        lambda path, _tmp_path: path.symlink_to("/dev/zero"),
        lambda path, _tmp_path: os.mkfifo(path),
    ],
    ids=["missing", "folder", "link", "link to a device", "named pipe"],
)
def test_a_listing_that_is_no_plain_file_is_not_read(
    make: Callable[[Path, Path], object], tmp_path: Path
) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    make(folder / LISTING, tmp_path)
    with pytest.raises(BundleBroken, match="holds no bundle"):
        read_bundle(folder)
    with pytest.raises(BundleBroken, match="holds no bundle"):
        read_bundle(tmp_path / "nowhere")


def test_a_listing_larger_than_any_is_not_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = serialise_bundle(BUNDLE, None)
    (tmp_path / LISTING).write_bytes(data)
    monkeypatch.setattr(module, "MAX_LISTING_SIZE", len(data))
    assert read_bundle(tmp_path).bundle == BUNDLE
    monkeypatch.setattr(module, "MAX_LISTING_SIZE", len(data) - 1)
    with pytest.raises(BundleBroken, match="larger"):
        read_bundle(tmp_path)


def test_payloads_are_written_as_strict_json() -> None:
    payload = base64.b64decode(json.loads(serialise_bundle(BUNDLE, None))["payload"])
    assert strict_json.dumps(strict_json.loads(payload)) == payload
