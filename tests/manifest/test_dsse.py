from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from intake.errors import DocumentMalformed
from intake.manifest import dsse
from intake.manifest.dsse import Envelope, Signature
from intake.manifest.model import Signer, SigningKey
from tests.support.manifests import admin, public, sign


def test_the_pre_authentication_encoding_of_the_specification() -> None:
    # https://github.com/secure-systems-lab/dsse/blob/master/protocol.md, "Test Vectors"
    envelope = Envelope("http://example.com/HelloWorld", b"hello world", ())
    assert envelope.signed_bytes() == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Envelope("a", b"b", ()), Envelope("b", b"a", ())),
        (Envelope("a", b"1 b", ()), Envelope("a 3", b"b", ())),
        (Envelope("", b" 0 ", ()), Envelope(" 0 ", b"", ())),
        (Envelope("က", b"", ()), Envelope("က ", b"", ())),
    ],
)
def test_no_two_envelopes_are_signed_as_the_same_bytes(one: Envelope, other: Envelope) -> None:
    assert one.signed_bytes() != other.signed_bytes()


def test_lengths_are_in_bytes() -> None:
    assert Envelope("က", "ခဂ".encode(), ()).signed_bytes() == "DSSEv1 3 က 6 ခဂ".encode()


def test_key_ids_are_hashes_of_kind_and_key() -> None:
    key = admin("a").public().key
    assert dsse.ed25519_keyid(key) == hashlib.sha256(b"ed25519:" + key.ed25519).hexdigest()
    assert dsse.ml_dsa_65_keyid(key) == hashlib.sha256(b"ml-dsa-65:" + key.ml_dsa_65).hexdigest()


def test_signers_are_counted_once_however_often_they_signed() -> None:
    envelope = sign(b"payload", "a", "b")
    doubled = Envelope(envelope.payload_type, envelope.payload, envelope.signatures * 3)
    for signed in (envelope, doubled):
        assert dsse.signers(signed, public("a", "b", "c")) == public("a", "b")


def test_the_order_of_signatures_means_nothing() -> None:
    envelope = sign(b"payload", "a", "b")
    turned = Envelope(envelope.payload_type, envelope.payload, envelope.signatures[::-1])
    assert dsse.signers(turned, public("a", "b")) == public("a", "b")


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 3308, 3309, 3310, 100_000])
def test_signatures_of_any_length_are_just_wrong(size: int) -> None:
    key = admin("a").public().key
    keyids = (dsse.ed25519_keyid(key), dsse.ml_dsa_65_keyid(key))
    junk = tuple(Signature(keyid, bytes(size)) for keyid in keyids)
    assert dsse.signers(Envelope("type", b"payload", junk), public("a")) == ()


@pytest.mark.parametrize("filler", [b"\x00", b"\xff"])
def test_keys_of_nobody_sign_nothing(filler: bytes) -> None:
    nobody = Signer("nobody", SigningKey(filler * 32, filler * 1952))
    keyids = (dsse.ed25519_keyid(nobody.key), dsse.ml_dsa_65_keyid(nobody.key))
    for content in (bytes(64), bytes(3309), b"\x01" + bytes(63)):
        junk = tuple(Signature(keyid, content) for keyid in keyids)
        assert dsse.signers(Envelope("type", b"payload", junk), [nobody]) == ()


def test_the_digest_is_of_the_payload_alone() -> None:
    assert sign(b"payload", "a").digest() == hashlib.sha256(b"payload").hexdigest()
    assert sign(b"payload", "a").digest() == sign(b"payload", "b").digest()


def test_envelopes_round_trip() -> None:
    envelope = sign("ရွာ".encode() + b"\x00\xff", "a", "b")
    assert dsse.read_envelope(dsse.write_envelope(envelope)) == envelope
    assert dsse.read_envelope(json.loads(dsse.envelope_bytes(envelope))) == envelope


PAYLOAD = base64.b64encode(b"payload").decode()


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "payload",
        {},
        {"payloadType": "t", "payload": PAYLOAD},
        {"payloadType": "t", "payload": PAYLOAD, "signatures": None},
        {"payloadType": "t", "payload": PAYLOAD, "signatures": {}},
        {"payloadType": "t", "payload": PAYLOAD, "signatures": [1]},
        {"payloadType": "t", "payload": PAYLOAD, "signatures": [{"keyid": "k"}]},
        {"payloadType": "t", "payload": PAYLOAD, "signatures": [{"sig": ""}]},
        {"payloadType": "t", "payload": PAYLOAD, "signatures": [{"keyid": "k", "sig": "~"}]},
        {"payloadType": "t", "payload": PAYLOAD, "signatures": [{"keyid": "k", "sig": "", "x": 1}]},
        {"payloadType": "t", "payload": PAYLOAD, "signatures": [], "new": 1},
        {"payloadType": 1, "payload": PAYLOAD, "signatures": []},
        {"payloadType": "t", "payload": None, "signatures": []},
        {"payloadType": "t", "payload": PAYLOAD[:-1], "signatures": []},
        {"payloadType": "t", "payload": PAYLOAD + "\n", "signatures": []},
        {"payloadType": "t", "payload": PAYLOAD + "AAAA", "signatures": []},
        {"payloadType": "t", "payload": "_-" + PAYLOAD, "signatures": []},
        {"payloadType": "t", "payload": "က", "signatures": []},
    ],
)
def test_what_is_no_envelope(document: Any) -> None:
    with pytest.raises(DocumentMalformed):
        dsse.read_envelope(document)
