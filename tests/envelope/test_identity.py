from __future__ import annotations

import io
import json

import pytest

from intake.age.header import parse_header
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.envelope import members
from intake.envelope.identity import seal_identity
from intake.errors import NotForUs
from intake.manifest.acceptance import MOST_RECIPIENTS
from intake.manifest.model import Role

CUSTODIANS = [HybridIdentity.generate() for _ in range(MOST_RECIPIENTS[Role.CUSTODIANS])]
ANSWERS = {"name": "မောင်မောင်", "phone": "၀၉ ၁၂၃ ၄၅၆"}


@pytest.mark.parametrize("count", range(len(CUSTODIANS) + 1))
def test_it_is_one_size_for_any_number_of_custodians(count: int) -> None:
    custodians = [custodian.recipient() for custodian in CUSTODIANS[:count]]
    for answers in ({}, ANSWERS, {"long": "က" * 1300}):
        assert len(seal_identity(answers, custodians)) == members.IDENTITY_SIZE == 32 * 1024


def test_every_custodian_reads_the_answers_and_nobody_else() -> None:
    sealed = seal_identity(ANSWERS, [custodian.recipient() for custodian in CUSTODIANS[:3]])
    for custodian in CUSTODIANS[:3]:
        document = json.loads(open_bytes(sealed, [custodian]))
        assert document == {"format": "intake-identity-1", "answers": ANSWERS}
    with pytest.raises(NotForUs):
        open_bytes(sealed, CUSTODIANS[3:])


def test_without_custodians_it_looks_as_with_one_and_is_for_a_new_nobody_each_time() -> None:
    one, two = (parse_header(io.BytesIO(seal_identity({}, []))).stanzas for _ in range(2))
    real = parse_header(io.BytesIO(seal_identity({}, [CUSTODIANS[0].recipient()]))).stanzas
    assert len(one) == len(two) == len(real) == 1
    assert (one[0].type, len(bytes(one[0]))) == (real[0].type, len(bytes(real[0])))
    assert one != two


def test_answers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        seal_identity({"long": "က" * 11_000}, [])
    with pytest.raises(ValueError, match="do not fit"):
        seal_identity({}, [HybridIdentity.generate().recipient() for _ in range(25)])
