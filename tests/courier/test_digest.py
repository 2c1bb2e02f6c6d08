"""The two hashes of a sealed file."""

from __future__ import annotations

import hashlib
import os

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.age.sealing.seal import seal_bytes
from intake.courier.digest import SealedDigest, header_size
from intake.errors import HeaderBroken

RECIPIENT = HybridIdentity.generate().recipient()


@pytest.mark.parametrize("size", [0, 1, 70_000, 5 << 20])
@pytest.mark.parametrize("block", [1 << 20, 1 << 22])
def test_the_whole_and_the_payload_are_hashed_in_one_pass(size: int, block: int) -> None:
    sealed = seal_bytes(os.urandom(size), [RECIPIENT])
    digest = SealedDigest(len(sealed))
    for at in range(0, len(sealed), block):
        digest.update(sealed[at : at + block])
    hashes = digest.finish()
    assert hashes.sha256 == hashlib.sha256(sealed).hexdigest()
    header, payload = sealed[: header_size(sealed)], sealed[header_size(sealed) :]
    assert header.splitlines()[-1].startswith(b"--- ")
    assert hashes.payload_sha256 == hashlib.sha256(payload).hexdigest()


@pytest.mark.parametrize("beginning", [b"", b"age-encryption.org/v1\n", b"PK\x03\x04" * 100])
def test_what_has_no_header_has_no_hashes(beginning: bytes) -> None:
    digest = SealedDigest(10 << 20)
    with pytest.raises(HeaderBroken):
        digest.update(beginning)
    digest.abandon()
    digest.abandon()
