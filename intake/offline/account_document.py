"""``account.json`` as it is read back, where whoever sealed it may be the attacker.

The rule: every field we know is checked for type and bounds before anybody sees it; a field we do
not know is kept in ``raw`` and never acted on, because a newer server may have added it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from intake import strict_json
from intake.envelope import members
from intake.envelope.account import Attachment, Kind, Questionnaire
from intake.errors import DocumentMalformed, EnvelopeBroken
from intake.manifest.model import EPOCH_ID
from intake.strict_json import Fields

#: Characters in any one text we know: four times the longest header line the server takes, which
#: is where names and types come from.
MAX_TEXT = 64 * 1024

#: Levels of nesting in the whole document: a deeper one would exhaust the stack of whoever
#: writes it out again.
MAX_DEPTH = 32

#: Above any size a zip64 file can state and Python's, SQLite's and JSON's readers agree on.
MAX_INTEGER = 2**53 - 1

#: Hex digits of the name that a vault gives to a mailbox.
MAILBOX_DIGITS = 32

_LANGUAGE = re.compile(r"[0-9A-Za-z-]{1,35}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_EPOCH = re.compile(EPOCH_ID, re.ASCII)
#: bech32 in small letters (:mod:`intake.age.bech32`); whether it is a key is decided on replying.
_RECIPIENT = re.compile(r"age1[0-9a-z]{1,8192}", re.ASCII)


@dataclass(frozen=True)
class AccountDocument:
    """A checked ``account.json``. Its fields are those of ``AccountRecord``, and what it was.

    ``raw`` is the parsed JSON as it stood, unknown fields included.
    """

    format: str
    kind: Kind
    language: str
    questionnaire: Questionnaire
    answers: dict[str, object]
    sensitive: tuple[str, ...]
    consents: tuple[dict[str, object], ...]
    account_bytes: int
    repaired: tuple[str, ...]
    attachments: tuple[Attachment, ...]
    manifest_version: int
    epoch: str
    reply_to: str
    reply_key: str
    raw: dict[str, object]

    @property
    def mailbox(self) -> str:
        """What all that came under one code share: 16 bytes in hex, which tell nothing else."""
        return hashlib.sha256(bytes.fromhex(self.reply_key)).hexdigest()[:MAILBOX_DIGITS]


def read_account_document(data: bytes) -> AccountDocument:
    """Parse and check the bytes of ``account.json``.

    Raises:
        EnvelopeBroken: it is not one, or a field that we know is missing or out of bounds.
    """
    try:
        return _read(strict_json.loads(data))
    except DocumentMalformed as error:
        raise EnvelopeBroken(f"The submission's account.json is refused: {error}") from error


def _read(document: object) -> AccountDocument:
    _check_depth(document)
    if not isinstance(document, dict):
        raise DocumentMalformed("It is not a JSON object.")
    fields = Fields(document, "account")
    if fields.take("format", str) != members.ACCOUNT_FORMAT:
        raise DocumentMalformed(
            f"It is not in the format {members.ACCOUNT_FORMAT}; update the program."
        )
    return AccountDocument(
        format=members.ACCOUNT_FORMAT,
        kind=_read_kind(document),
        language=_matching(fields, "language", _LANGUAGE),
        questionnaire=_read_questionnaire(fields.take("questionnaire", dict)),
        answers=fields.take("answers", dict),
        # Accounts from before there were questions do not have it.
        sensitive=fields.each("sensitive", _bounded) if "sensitive" in document else (),
        consents=fields.each("consents", _read_consent),
        account_bytes=_integer(fields, "account_bytes", 0),
        repaired=fields.each("repaired", _bounded),
        attachments=fields.each("attachments", _read_attachment),
        manifest_version=_integer(fields, "manifest_version", 1),
        epoch=_matching(fields, "epoch", _EPOCH),
        reply_to=_matching(fields, "reply_to", _RECIPIENT),
        reply_key=_matching(fields, "reply_key", _SHA256),
        raw=document,
    )


def _read_kind(document: dict[str, object]) -> Kind:
    """Return what kind it is: an account where nothing says so, or says something newer."""
    if "kind" not in document:
        return Kind.ACCOUNT
    kind = _bounded(document["kind"])
    return Kind(kind) if kind in {k.value for k in Kind} else Kind.ACCOUNT


def _check_depth(document: object) -> None:
    """Refuse deep nesting, level by level: recursion is what it would exhaust."""
    level: list[object] = [document]
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        if not below:
            return
        level = below
    raise DocumentMalformed("It is nested more deeply than any that we write.")


def _bounded(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise DocumentMalformed("It holds something else where a text of usual length must be.")
    return value


def _text(fields: Fields, name: str) -> str:
    return _bounded(fields.take(name, str))


def _matching(fields: Fields, name: str, pattern: re.Pattern[str]) -> str:
    value = fields.take(name, str)
    if pattern.fullmatch(value) is None:
        raise DocumentMalformed(f"The field {name!r} in it is malformed.")
    return value


def _integer(fields: Fields, name: str, least: int) -> int:
    value = fields.take(name, int)
    if not least <= value <= MAX_INTEGER:
        raise DocumentMalformed(f"The field {name!r} in it is out of bounds.")
    return value


def _read_questionnaire(document: object) -> Questionnaire:
    fields = Fields(document, "questionnaire")
    return Questionnaire(id=_text(fields, "id"), sha256=_matching(fields, "sha256", _SHA256))


def _read_consent(document: object) -> dict[str, object]:
    if not isinstance(document, dict):
        raise DocumentMalformed("A consent in it is not a JSON object.")
    return document


def _read_attachment(document: object) -> Attachment:
    fields = Fields(document, "attachment")
    return Attachment(
        member=_text(fields, "member"),
        name=_text(fields, "name"),
        type=_text(fields, "type"),
        size=_integer(fields, "size", 0),
        sha256=_matching(fields, "sha256", _SHA256),
    )
