"""tests/vectors/envelope.json: one sealed submission, the seed that opens it, what is in it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any, cast

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_age, open_bytes
from intake.age.sealing.seal import SealingWriter
from intake.envelope.account import AccountRecord, Attachment, Kind
from intake.envelope.identity import identity_document, seal_identity
from intake.envelope.writer import EnvelopeWriter
from intake.offline.account_document import read_account_document
from intake.offline.unpacking import Envelope
from intake.online.questionnaire.answers import read_answers
from intake.online.sent import Sent, Words, digest_of
from intake.secret import Secret
from tests.support.questionnaires import form, questionnaire
from tests.support.submissions import ACCOUNT, record
from tests.support.vectors import vectors

SEED = bytes(range(32))
CUSTODIAN_SEED = bytes(range(32, 64))
FILES = [("ဓာတ်ပုံ ၁.jpg", b"\xff\xd8\xff not really a picture"), ("../../etc/passwd", b"")]
IDENTIFYING = {"name": "မောင်မောင်"}
#: An answer of every kind; one consent that was given, one that was not, one that was chosen.
ANSWERED = (
    ("what", 'မီး \x7f\t"\\ 🔥'),
    ("how", "one\n\ntwo"),
    ("saw", "yes"),
    ("heard", "radio"),
    ("heard", "shots"),
    ("when-year", "၂၀၂၆"),
    ("when-month", "2"),
    ("when-about", "yes"),
    ("where", "a hill"),
    ("where-precision", "near"),
    ("dead-from", "၃"),
    ("dead-to", "many"),
    ("consent-study", "yes"),
    ("consent-silence", "wait"),
)


def identity(seed: bytes) -> HybridIdentity:
    return HybridIdentity(Secret(seed))


def make() -> dict[str, Any]:
    sealed = io.BytesIO()
    envelope = EnvelopeWriter(SealingWriter(sealed.write, [identity(SEED).recipient()]))
    attachments = []
    for name, content in FILES:
        with envelope.attachment() as attachment:
            attachment.write(content)
        stored = attachment.stored()
        attachments.append(
            Attachment(stored.member, name, "image/jpeg", stored.size, stored.sha256)
        )
    with tempfile.TemporaryDirectory() as folder:
        answers = read_answers(questionnaire(Path(folder)), form(*ANSWERED), "my")
    text, account_bytes = Words("my", ACCOUNT, (), answers).text()
    document = dataclasses.replace(
        record(attachments),
        account_bytes=account_bytes,
        questionnaire=answers.shown,
        answers=answers.given,
        sensitive=answers.sensitive,
        consents=answers.consents,
        reply_to=str(identity(bytes(32)).recipient()),
    )
    custodian = identity(CUSTODIAN_SEED).recipient()
    parts = Sent(Kind.ACCOUNT).parts(
        digest_of([identity(SEED).recipient()], [custodian]),
        document,
        ACCOUNT.encode(),
        identity_document(IDENTIFYING),
    )
    envelope.finish(
        account_text=text,
        identity=seal_identity(IDENTIFYING, [custodian]),
        account_json=document.to_bytes(),
    )
    with zipfile.ZipFile(open_age(io.BytesIO(sealed.getvalue()), [identity(SEED)])) as archive:
        members = [
            {
                "name": info.filename,
                "offset": info.header_offset,
                "size": info.file_size,
                "sha256": hashlib.sha256(archive.read(info)).hexdigest(),
            }
            for info in archive.infolist()
        ]
    return {
        "reviewer_seed": SEED.hex(),
        "reviewer_identity": identity(SEED).encode(),
        "reviewer_recipient": str(identity(SEED).recipient()),
        "custodian_seed": CUSTODIAN_SEED.hex(),
        "size": len(sealed.getvalue()),
        "sha256": hashlib.sha256(sealed.getvalue()).hexdigest(),
        "members": members,
        "account": ACCOUNT,
        "account.txt": text.decode(),
        "account.json": json.loads(document.to_bytes()),
        "identity.age": {"format": "intake-identity-1", "answers": IDENTIFYING},
        "sameness_parts": [part.hex() for part in parts],
        "sealed": base64.b64encode(sealed.getvalue()).decode("ascii"),
    }


VECTOR = vectors("envelope", make)
SEALED = base64.b64decode(VECTOR["sealed"])
REVIEWER = identity(bytes.fromhex(VECTOR["reviewer_seed"]))


def test_the_seed_is_the_identity() -> None:
    assert REVIEWER.encode() == VECTOR["reviewer_identity"]
    assert str(REVIEWER.recipient()) == VECTOR["reviewer_recipient"]


def test_the_sealed_file_is_the_one_described() -> None:
    assert len(SEALED) == VECTOR["size"]
    assert hashlib.sha256(SEALED).hexdigest() == VECTOR["sha256"]


def test_any_zip_program_finds_the_members_where_they_are_said_to_be() -> None:
    with zipfile.ZipFile(io.BytesIO(open_bytes(SEALED, [REVIEWER]))) as archive:
        infos = archive.infolist()
        assert len(infos) == len(VECTOR["members"])
        for info, expected in zip(infos, VECTOR["members"], strict=True):
            assert (info.filename, info.header_offset, info.file_size) == (
                expected["name"],
                expected["offset"],
                expected["size"],
            )
            assert hashlib.sha256(archive.read(info)).hexdigest() == expected["sha256"]


def test_our_reader_reads_what_is_expected() -> None:
    envelope = Envelope(open_age(io.BytesIO(SEALED), [REVIEWER]))
    assert envelope.account_text() == VECTOR["account"]
    assert envelope.answers_text() == VECTOR["account.txt"][len(VECTOR["account"]) :].strip("\n")
    assert envelope.record.raw == VECTOR["account.json"]
    for attachment, content in zip(envelope.record.attachments, FILES, strict=True):
        assert envelope.open_attachment(attachment).read() == content[1]
    custodian = identity(bytes.fromhex(VECTOR["custodian_seed"]))
    answers = json.loads(open_bytes(envelope.identity(), [custodian]))
    assert answers == VECTOR["identity.age"]


def test_the_same_again_is_known_by_these_parts() -> None:
    document = read_account_document(json.dumps(VECTOR["account.json"]).encode())
    custodian = identity(bytes.fromhex(VECTOR["custodian_seed"]))
    parts = Sent(document.kind).parts(
        digest_of([REVIEWER.recipient()], [custodian.recipient()]),
        cast("AccountRecord", document),  # its fields are the same
        VECTOR["account"].encode(),
        identity_document(VECTOR["identity.age"]["answers"]),
    )
    assert [part.hex() for part in parts] == VECTOR["sameness_parts"]
