from __future__ import annotations

import json
import re

import pytest

from intake import strict_json
from intake.errors import DocumentMalformed
from intake.manifest import chain
from intake.manifest.chain import parse_chain, serialise_chain
from tests.support.manifests import History

CHAIN = History().then().then().chain
DATA = serialise_chain(CHAIN)


def test_chains_round_trip() -> None:
    assert parse_chain(DATA) == CHAIN
    assert parse_chain(serialise_chain(())) == ()
    assert set(json.loads(DATA)) == {"format", "envelopes"}


def test_the_payload_comes_out_byte_for_byte_as_it_was_signed() -> None:
    odd = CHAIN[0].payload.replace(b" ", b"\t\r\n  ")
    envelope = type(CHAIN[0])(CHAIN[0].payload_type, odd, ())
    assert parse_chain(serialise_chain([envelope]))[0].payload == odd


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        DATA[:-10],
        DATA + DATA,
        DATA.replace(b"chain-1", b"chain-2"),
        DATA.replace(b'"format"', b'"fromat"'),
        re.sub(rb'"envelopes": \[', b'"envelopes": [[],', DATA),
        strict_json.dumps({"format": chain.CHAIN_FORMAT, "envelopes": {}}),
        strict_json.dumps({"format": chain.CHAIN_FORMAT, "envelopes": [], "new": 1}),
    ],
)
def test_what_is_no_manifest_file(data: bytes) -> None:
    with pytest.raises(DocumentMalformed):
        parse_chain(data)


def test_a_file_larger_than_any_manifest_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "MAX_FILE_SIZE", len(DATA))
    parse_chain(DATA)
    with pytest.raises(DocumentMalformed, match="larger"):
        parse_chain(DATA + b" ")
