"""``account.json``: what stands in it, and its bytes.

The text of the account stands once, in ``account.txt``; ``account_bytes`` says how many bytes of
that file are the account itself (answers to the questionnaire follow it there).
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from intake.envelope import members


class Kind(enum.Enum):
    """What a submission is to those that came under the same code."""

    #: What the form sent: the first, usually.
    ACCOUNT = "account"
    #: What was written in the mailbox.
    MESSAGE = "message"
    #: Files that follow the words.
    FILES = "files"
    #: The witness takes back all that came before; it has no words and no files.
    WITHDRAWAL = "withdrawal"


@dataclass(frozen=True)
class Attachment:
    """One attachment: where it lies, and what its sender called it.

    ``name`` is the name as it came, any script, any characters: data, never a path. ``size`` is in
    bytes, ``sha256`` in hex.
    """

    member: str
    name: str
    type: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Questionnaire:
    """Which questionnaire was shown: its id and the SHA-256 (hex) of its definition."""

    id: str
    sha256: str


#: The form that asks for nothing but the account; its definition is the empty string.
FREE_ACCOUNT = Questionnaire(
    "free-account", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)


@dataclass(frozen=True)
class AccountRecord:
    """Everything of a submission but its text and its files."""

    language: str
    account_bytes: int
    #: Fields in which invalid text was replaced with U+FFFD.
    repaired: tuple[str, ...]
    attachments: tuple[Attachment, ...]
    manifest_version: int
    epoch: str
    #: The mailbox's hybrid recipient: replies are sealed to it, and only the code opens them.
    reply_to: str
    #: Names the mailbox's reply rows (:func:`intake.receipt.derivation.row_address`), 32 bytes hex.
    reply_key: str
    kind: Kind = Kind.ACCOUNT
    questionnaire: Questionnaire = FREE_ACCOUNT
    answers: Mapping[str, object] = field(default_factory=dict)
    #: Answers to questions that the questionnaire calls sensitive; of identifying questions, all.
    sensitive: tuple[str, ...] = ()
    consents: tuple[Mapping[str, object], ...] = ()

    def to_bytes(self) -> bytes:
        """Return the UTF-8 JSON that goes into the envelope."""
        document = {
            "format": members.ACCOUNT_FORMAT,
            "kind": self.kind.value,
            "language": self.language,
            "questionnaire": vars(self.questionnaire),
            "answers": dict(self.answers),
            "sensitive": list(self.sensitive),
            "consents": list(self.consents),
            "account_bytes": self.account_bytes,
            "repaired": list(self.repaired),
            "attachments": [vars(attachment) for attachment in self.attachments],
            "manifest_version": self.manifest_version,
            "epoch": self.epoch,
            "reply_to": self.reply_to,
            "reply_key": self.reply_key,
        }
        return json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8") + b"\n"
