"""Threat 7 where it meets the manifest file: rolled back, truncated, spliced, re-signed by too
few, spelt so that two readers see two things, or simply enormous."""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from intake.errors import DocumentMalformed, IntakeError, ManifestRefused
from intake.manifest import dsse
from intake.manifest.acceptance import NOTHING_SEEN, Seen, accept_chain
from intake.manifest.chain import CHAIN_FORMAT, MAX_FILE_SIZE, parse_chain, serialise_chain
from intake.manifest.model import Manifest
from intake.manifest.payload import parse_root, serialise_manifest, serialise_root
from tests.support.manifests import (
    TODAY,
    History,
    admin,
    epoch,
    manifest,
    public,
    recipient,
    root,
    sign,
)

ROOT = root()
HISTORY = History().then().then(epochs=(epoch(),)).then()
DATA = serialise_chain(HISTORY.chain)


def accept(data: bytes, seen: Seen = NOTHING_SEEN) -> Manifest:
    return accept_chain(ROOT, parse_chain(data), today=TODAY, seen=seen)


def test_the_file_that_is_attacked_is_good() -> None:
    assert accept(DATA).version == 3


# --- spelt twice -----------------------------------------------------------------------------

PAYLOAD = serialise_manifest(manifest())


def after_format(addition: bytes) -> bytes:
    return PAYLOAD.replace(b'"format": "intake-manifest-1",', addition, 1)


SPELLINGS = {
    "a version twice": PAYLOAD.replace(b'"version": 1,', b'"version": 1, "version": 2,'),
    "a version twice, the same": PAYLOAD.replace(b'"version": 1,', b'"version": 1, "version": 1,'),
    "a version twice, once escaped": PAYLOAD.replace(
        b'"version": 1,', rb'"version": 1, "v\u0065rsion": 2,'
    ),
    "admins twice": PAYLOAD.replace(b'"admins":', b'"admins": [], "admins":'),
    "a recipient twice": PAYLOAD.replace(b'"recipient":', b'"recipient": "x", "recipient":'),
    "a float": PAYLOAD.replace(b'"version": 1,', b'"version": 1.0,'),
    "an exponent": PAYLOAD.replace(b'"version": 1,', b'"version": 1e0,'),
    "not a number": PAYLOAD.replace(b'"version": 1,', b'"version": NaN,'),
    "infinity": PAYLOAD.replace(b'"version": 1,', b'"version": Infinity,'),
    "true for one": PAYLOAD.replace(b'"threshold": 1,', b'"threshold": true,'),
    "a number of 5000 digits": PAYLOAD.replace(
        b'"version": 1,', b'"version": 1%s,' % (b"0" * 5000)
    ),
    "an unknown field": after_format(b'"format": "intake-manifest-1", "sealed_to": "everybody",'),
    "another format": after_format(b'"format": "intake-manifest-2",'),
    "no format": after_format(b""),
    "not UTF-8": PAYLOAD.replace(b'"Test"', b'"T\xe9st"'),
    "UTF-16": PAYLOAD.decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + PAYLOAD,
    "half a surrogate pair": PAYLOAD.replace(b'"Test"', rb'"\ud800"'),
    "half a pair in an admin's name": PAYLOAD.replace(b'"name": "a"', rb'"name": "\udfff"'),
    "a NUL at the end": PAYLOAD + b"\x00",
    "two documents": PAYLOAD + PAYLOAD,
    "a comment": b"// hello\n" + PAYLOAD,
    "nested without an end": b'{"a":' * 100_000,
    "cut short": PAYLOAD[:-2],
    "nothing": b"",
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_even_signed_by_an_admin_a_payload_has_one_reading_or_none(name: str) -> None:
    assert SPELLINGS[name] != PAYLOAD
    with pytest.raises(DocumentMalformed):
        accept(serialise_chain([sign(SPELLINGS[name], "a")]))


@pytest.mark.parametrize("name", SPELLINGS)
def test_unsigned_it_is_not_even_read(name: str) -> None:
    with pytest.raises(ManifestRefused, match="signed by too few"):
        accept(serialise_chain([sign(SPELLINGS[name])]))


FILES = {
    "formats twice": DATA.replace(b'"format"', b'"format": "x", "format"', 1),
    "envelopes twice": DATA.replace(b'"envelopes":', b'"envelopes": [], "envelopes":'),
    "a payload twice": DATA.replace(b'"payload":', b'"payload": "", "payload":', 1),
    "signatures twice": DATA.replace(b'"signatures":', b'"signatures": [], "signatures":', 1),
    "an unknown field": DATA.replace(b'"envelopes":', b'"latest": 1, "envelopes":'),
    "an unknown field in an envelope": DATA.replace(b'"payload":', b'"x": 1, "payload":', 1),
    "base64 with a line break": DATA.replace(b'"payload": "ewog', rb'"payload": "ewog\n', 1),
    "base64 for the web": DATA.replace(b'"payload": "ewog', b'"payload": "_-og', 1),
    "base64 cut short": DATA.replace(b'"payload": "ewog', b'"payload": "wog', 1),
    "base64 in Burmese": DATA.replace(b'"payload": "ewog', '"payload": "က'.encode(), 1),
    "not UTF-8": DATA.replace(CHAIN_FORMAT.encode(), b"\xff"),
    "an array": b"[" + DATA + b"]",
    "nested without an end": b"[" * 200_000,
    "larger than any": DATA + b" " * MAX_FILE_SIZE,
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_one_reading_or_none(name: str) -> None:
    assert FILES[name] != DATA
    with pytest.raises(DocumentMalformed):
        accept(FILES[name])


def test_cut_anywhere_it_is_refused() -> None:
    for length in range(0, len(DATA) - 2, 199):
        with pytest.raises(IntakeError):
            accept(DATA[:length], seen=HISTORY.seen(3))


# --- spliced ---------------------------------------------------------------------------------

OTHER = History().then().then(revocations=(epoch().id,)).then()


def test_no_other_selection_or_order_of_versions_is_believed() -> None:
    versions = (*HISTORY.chain, *OTHER.chain)
    believed = []
    for length in range(1, 5):
        for selection in itertools.permutations(range(len(versions)), length):
            chain = [versions[at] for at in selection]
            try:
                accept_chain(ROOT, chain, today=TODAY, seen=NOTHING_SEEN)
            except ManifestRefused:
                continue
            believed.append(selection)
    # The first versions are the same payload, so either history may begin with either's first.
    assert {tuple(at % 3 for at in selection) for selection in believed} == {
        (0,),
        (0, 1),
        (0, 1, 2),
    }
    for selection in believed:
        assert len({at // 3 for at in selection[1:]}) <= 1


def test_a_rollback_of_the_whole_file_is_refused() -> None:
    accept(DATA, seen=HISTORY.seen(3))
    for length in (1, 2):
        with pytest.raises(ManifestRefused, match="version 3"):
            accept(serialise_chain(HISTORY.chain[:length]), seen=HISTORY.seen(3))


def test_every_flipped_bit_of_a_payload_or_a_signature_is_noticed() -> None:
    [envelope] = History().then().chain
    payload = envelope.payload
    for at in range(0, len(payload), 37):
        changed = payload[:at] + bytes([payload[at] ^ 1]) + payload[at + 1 :]
        with pytest.raises(ManifestRefused):
            accept(
                serialise_chain(
                    [dsse.Envelope(envelope.payload_type, changed, envelope.signatures)]
                )
            )
    for number, signature in enumerate(envelope.signatures):
        for at in range(0, len(signature.sig), 61):
            sig = signature.sig[:at] + bytes([signature.sig[at] ^ 0x80]) + signature.sig[at + 1 :]
            signatures = list(envelope.signatures)
            signatures[number] = dsse.Signature(signature.keyid, sig)
            forged = dsse.Envelope(envelope.payload_type, payload, tuple(signatures))
            with pytest.raises(ManifestRefused):
                accept(serialise_chain([forged]))


# --- too few ---------------------------------------------------------------------------------

THREE = {"admins": public("a", "b", "c"), "threshold": 2}


@pytest.mark.parametrize(
    "signers", [(), ("a",), ("b",), ("a", "a"), ("a", "x"), ("x", "y", "z")], ids=str
)
def test_one_admin_of_two_cannot_replace_the_recipients(signers: tuple[str, ...]) -> None:
    pinned = root("a", "b", "c", threshold=2)
    good = History().then("a", "b", **THREE)
    stolen = good.then(
        *(signers or ("nobody",)), **THREE, epochs=(epoch(recipients=(recipient(66),)),)
    )
    with pytest.raises(ManifestRefused, match="too few"):
        accept_chain(pinned, stolen.chain, today=TODAY, seen=good.seen(1))


def test_a_stolen_admin_cannot_make_the_others_leave() -> None:
    pinned = root("a", "b", "c", threshold=2)
    good = History().then("a", "b", **THREE)
    for admins, threshold in ((("a",), 1), (("a", "thief"), 2), (("thief",), 1)):
        coup = good.then("a", "thief", admins=public(*admins), threshold=threshold)
        with pytest.raises(ManifestRefused, match="too few"):
            accept_chain(pinned, coup.chain, today=TODAY, seen=good.seen(1))


def test_a_signature_of_an_old_version_is_none_of_the_next() -> None:
    first, second = HISTORY.chain[:2]
    mixed = dsse.Envelope(second.payload_type, second.payload, first.signatures)
    with pytest.raises(ManifestRefused):
        accept(serialise_chain([first, mixed]))


def test_a_bundles_signature_is_no_manifests() -> None:
    """The type is signed too: what the same key signed for another purpose is not believed."""
    listing = sign(PAYLOAD, "a", kind="application/vnd.intake.bundle+json")
    for kind in (listing.payload_type, dsse.MANIFEST_TYPE):
        with pytest.raises(ManifestRefused):
            accept(serialise_chain([dsse.Envelope(kind, PAYLOAD, listing.signatures)]))


# --- enormous --------------------------------------------------------------------------------


def junk(keyid: str, size: int, count: int) -> list[dict[str, str]]:
    sig = base64.b64encode(bytes(size)).decode()
    return [{"keyid": keyid, "sig": sig}] * count


KEY = admin("a").public().key
ENORMOUS: dict[str, Callable[[dict[str, Any]], object]] = {
    "signatures of nobody": lambda e: e.update(signatures=junk("00" * 32, 64, 50_000)),
    "empty signatures of ours": lambda e: e.update(
        signatures=junk(dsse.ed25519_keyid(KEY), 0, 100_000)
    ),
    "wrong signatures of ours": lambda e: e.update(
        signatures=junk(dsse.ml_dsa_65_keyid(KEY), 3309, 2000)
    ),
    "a payload of 20 MB": lambda e: e.update(payload=base64.b64encode(bytes(20_000_000)).decode()),
}


@pytest.mark.parametrize("name", ENORMOUS)
def test_an_enormous_file_is_refused_in_bounded_time(name: str) -> None:
    document = json.loads(serialise_chain(HISTORY.chain[:1]))
    ENORMOUS[name](document["envelopes"][0])
    data = json.dumps(document).encode()
    assert len(data) < MAX_FILE_SIZE
    began = time.monotonic()
    with pytest.raises(ManifestRefused):
        accept(data)
    assert time.monotonic() - began < 10


# --- the root --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b'"threshold": 1', b'"threshold": 0'),
        lambda data: data.replace(b'"threshold": 1', b'"threshold": 1, "threshold": 1'),
        lambda data: data.replace(b'"threshold"', b'"extra": 1, "threshold"'),
        lambda data: data[:-5],
        lambda data: data.replace(b'"ed25519": "', b'"ed25519": "AAAA'),
        lambda _data: b"",
    ],
)
def test_a_root_is_read_as_strictly(change: Callable[[bytes], bytes]) -> None:
    good = serialise_root(ROOT)
    assert parse_root(good) == ROOT
    with pytest.raises(DocumentMalformed):
        parse_root(change(good))


def test_another_deployments_manifest_is_refused_whoever_signed_it() -> None:
    pinned = root("b")
    with pytest.raises(ManifestRefused):
        accept_chain(pinned, HISTORY.chain, today=TODAY, seen=NOTHING_SEEN)
