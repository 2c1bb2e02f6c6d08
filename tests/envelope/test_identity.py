from __future__ import annotations

import io
import json

import pytest

from intake.age import payload
from intake.age.header import parse_header
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.envelope import members
from intake.envelope.identity import ANSWERS_CHARACTERS, identity_document, seal_identity
from intake.errors import NotForUs
from intake.manifest.acceptance import MOST_RECIPIENTS
from intake.manifest.model import Role

CUSTODIANS = [HybridIdentity.generate() for _ in range(MOST_RECIPIENTS[Role.CUSTODIANS])]
RECIPIENTS = [custodian.recipient() for custodian in CUSTODIANS]
ANSWERS = {"name": "မောင်မောင်", "phone": "၀၉ ၁၂၃ ၄၅၆"}


@pytest.mark.parametrize("count", range(1, len(CUSTODIANS) + 1))
def test_it_is_one_size_for_any_number_of_custodians(count: int) -> None:
    for answers in ({}, ANSWERS, {"long": "က" * 1300}):
        sealed = seal_identity(answers, RECIPIENTS[:count])
        assert len(sealed) == members.IDENTITY_SIZE == 32 * 1024
    assert len(seal_identity({}, [])) == members.IDENTITY_SIZE


#: A character of each length that JSON gives one, in bytes.
LENGTHS = {"x": 1, '"': 2, "က": 3, "\U0010ffff": 4, "\x01": 6}


@pytest.mark.parametrize("character", LENGTHS)
def test_the_longest_answer_fits_beside_the_most_custodians(character: str) -> None:
    answers = {"reach": character * ANSWERS_CHARACTERS}
    sealed = seal_identity(answers, RECIPIENTS)
    assert len(sealed) == members.IDENTITY_SIZE
    assert json.loads(open_bytes(sealed, CUSTODIANS[-1:]))["answers"] == answers


def test_no_character_is_longer_than_those() -> None:
    every = (chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000)
    assert max(len(json.dumps(c, ensure_ascii=False).encode()) for c in every) == 6 + len('""')


def test_every_custodian_reads_the_answers_and_nobody_else() -> None:
    sealed = seal_identity(ANSWERS, RECIPIENTS[:3])
    for custodian in CUSTODIANS[:3]:
        document = json.loads(open_bytes(sealed, [custodian]))
        assert document == {"format": "intake-identity-1", "answers": ANSWERS}
    with pytest.raises(NotForUs):
        open_bytes(sealed, CUSTODIANS[3:])


def test_the_document_is_what_stands_before_the_padding() -> None:
    for answers in ({}, ANSWERS):
        plaintext = open_bytes(seal_identity(answers, RECIPIENTS[:1]), CUSTODIANS[:1])
        assert plaintext.rstrip(b" ") == identity_document(answers)


def test_without_custodians_it_looks_as_with_one() -> None:
    one, two = (parse_header(io.BytesIO(seal_identity({}, []))).stanzas for _ in range(2))
    real = parse_header(io.BytesIO(seal_identity({}, RECIPIENTS[:1]))).stanzas
    assert len(one) == len(two) == len(real) == 1
    assert (one[0].type, len(bytes(one[0]))) == (real[0].type, len(bytes(real[0])))
    assert one != two


def test_answers_are_never_sealed_to_nobody() -> None:
    with pytest.raises(ValueError, match="to nobody"):
        seal_identity(ANSWERS, [])


def test_answers_that_do_not_fit_are_refused() -> None:
    room = members.IDENTITY_SIZE - payload.NONCE_SIZE - payload.TAG_SIZE
    with pytest.raises(ValueError, match="do not fit"):
        seal_identity({"long": "x" * room}, RECIPIENTS[:1])
    with pytest.raises(ValueError, match="do not fit"):
        seal_identity({}, [HybridIdentity.generate().recipient() for _ in range(25)])
