"""What a newer or older server may have written into ``account.json``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from intake.envelope.account import Kind
from intake.offline.account_document import read_account_document
from tests.support.submissions import record


def document(**changes: Any) -> bytes:
    written = {**json.loads(record().to_bytes()), **changes}
    return json.dumps({name: value for name, value in written.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    ("kind", "read"),
    [
        (..., Kind.ACCOUNT),
        ("account", Kind.ACCOUNT),
        ("message", Kind.MESSAGE),
        ("files", Kind.FILES),
        ("withdrawal", Kind.WITHDRAWAL),
        ("a voice recording", Kind.ACCOUNT),
        ("Withdrawal", Kind.ACCOUNT),
    ],
)
def test_a_kind_that_we_do_not_know_is_an_account_and_kept(kind: object, read: Kind) -> None:
    found = read_account_document(document(kind=kind))
    assert found.kind is read
    assert found.raw.get("kind", ...) == kind


def test_a_mailbox_has_one_name_that_tells_nothing_of_its_key() -> None:
    one, same, other = (
        read_account_document(document(reply_key=key, language=language)).mailbox
        for key, language in (("5a" * 32, "my"), ("5a" * 32, "en"), ("a5" * 32, "my"))
    )
    assert one == same != other
    assert (len(one), one in "5a" * 32) == (32, False)
