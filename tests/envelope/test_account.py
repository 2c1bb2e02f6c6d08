from __future__ import annotations

import hashlib
import json

from intake.envelope.account import FREE_ACCOUNT, Attachment
from intake.offline.account_document import read_account_document
from tests.support.submissions import record

BURMESE = "ဓာတ်ပုံ ၁ (ရွာမီးလောင်).jpg"
ATTACHMENT = Attachment("attachments/001", BURMESE, "image/jpeg", 3, "ab" * 32)


def test_the_fields_are_the_documented_ones() -> None:
    document = json.loads(record([ATTACHMENT]).to_bytes())
    assert list(document) == [
        "format",
        "kind",
        "language",
        "questionnaire",
        "answers",
        "sensitive",
        "consents",
        "account_bytes",
        "repaired",
        "attachments",
        "manifest_version",
        "epoch",
        "reply_to",
        "reply_key",
    ]
    assert document["format"] == "intake-account-1"
    assert document["attachments"] == [
        {
            "member": "attachments/001",
            "name": BURMESE,
            "type": "image/jpeg",
            "size": 3,
            "sha256": "ab" * 32,
        }
    ]


def test_it_is_utf_8_and_names_stand_as_they_came() -> None:
    data = record([ATTACHMENT]).to_bytes()
    assert BURMESE.encode() in data
    assert data.endswith(b"}\n")


def test_what_is_written_is_read_back_the_same() -> None:
    written = record([ATTACHMENT])
    read = read_account_document(written.to_bytes())
    for name, value in vars(written).items():
        assert getattr(read, name) == value


def test_the_free_account_has_an_empty_definition() -> None:
    assert FREE_ACCOUNT.sha256 == hashlib.sha256(b"").hexdigest()
