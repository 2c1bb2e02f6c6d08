from __future__ import annotations

import io
import os

import pytest

from intake.age.header import parse_header
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.age.opening.rewrap import replace_header
from intake.age.opening.x25519 import X25519Identity
from intake.age.payload import CHUNK_SIZE
from intake.age.sealing.recipient import Recipient
from intake.age.sealing.seal import seal_bytes
from intake.errors import HeaderBroken, HeaderForged, KeyMalformed, NotForUs

OLD = HybridIdentity.generate()
NEW = HybridIdentity.generate()
PLAINTEXT = os.urandom(2 * CHUNK_SIZE + 3)
FILE = seal_bytes(PLAINTEXT, [OLD.recipient()])


def test_the_payload_is_the_same_and_another_key_opens_it() -> None:
    source = io.BytesIO(FILE)
    header = replace_header(source, [OLD], [NEW.recipient()])
    payload = source.read()
    assert FILE.endswith(payload)
    assert open_bytes(header + payload, [NEW]) == PLAINTEXT
    with pytest.raises(NotForUs):
        open_bytes(header + payload, [OLD])
    again = io.BytesIO(header)
    assert len(parse_header(again).stanzas) == 1
    assert again.read() == b""


def test_only_who_opens_it_can_replace_it() -> None:
    with pytest.raises(NotForUs):
        replace_header(io.BytesIO(FILE), [NEW], [NEW.recipient()])


def test_a_forged_header_is_not_blessed() -> None:
    forged = FILE.replace(b"---", b"-> grease\n\n---", 1)
    with pytest.raises(HeaderForged):
        replace_header(io.BytesIO(forged), [OLD], [NEW.recipient()])


def test_the_same_rules_on_recipients_as_in_sealing() -> None:
    mixture: list[Recipient] = [NEW.recipient(), X25519Identity.generate().recipient()]
    cases: list[list[Recipient]] = [[], mixture, [NEW.recipient(), NEW.recipient()]]
    for recipients in cases:
        with pytest.raises(KeyMalformed):
            replace_header(io.BytesIO(FILE), [OLD], recipients)


def test_armor_has_to_be_taken_off_first() -> None:
    with pytest.raises(HeaderBroken):
        replace_header(io.BytesIO(b"-----BEGIN AGE ENCRYPTED FILE-----\n"), [OLD], [])
