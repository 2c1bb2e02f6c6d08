"""What a witness sends, as what, and by what the same sent again is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from intake.age.sealing.hybrid import HybridRecipient
from intake.envelope.account import AccountRecord, Kind
from intake.manifest.model import Role
from intake.online.questionnaire.answers import NO_ANSWERS, Answers
from intake.online.store.submissions import Outcome


@dataclass(frozen=True)
class Words:
    """What a witness wrote: valid Unicode, LF line ends."""

    language: str
    account: str
    #: Fields in which something was no valid Unicode and was replaced.
    repaired: tuple[str, ...] = ()
    #: What was answered beside the account.
    answers: Answers = NO_ANSWERS

    def text(self) -> tuple[bytes, int]:
        """Return ``account.txt``, and how many of its bytes are the account itself."""
        account, answers = self.account.encode("utf-8"), self.answers.text.encode("utf-8")
        return (account + b"\n\n" + answers + b"\n" if answers else account), len(account)


@dataclass(frozen=True)
class Taken:
    """What a receipt may tell: how much arrived."""

    outcome: Outcome
    characters: int
    #: Sizes of the attachments in bytes.
    attachments: tuple[int, ...]
    #: The keyed hash (32 bytes) by which the same sent again is known.
    sameness: bytes


def digest_of(reviewers: Sequence[HybridRecipient], custodians: Sequence[HybridRecipient]) -> bytes:
    """Return the SHA-256 over whom something is sealed to, in whatever order they are named.

    No two epochs have a recipient in common, so it tells them apart as well.
    """
    named = [
        f"{role.value} {recipient}\n"
        for role, recipients in ((Role.REVIEWERS, reviewers), (Role.CUSTODIANS, custodians))
        for recipient in sorted(map(str, recipients))
    ]
    return hashlib.sha256("".join(named).encode("ascii")).digest()


def _canonical(answers: Mapping[str, object]) -> bytes:
    """Return JSON of which there is one way to write it (docs/formats.md)."""
    return json.dumps(answers, sort_keys=True, separators=(",", ":")).encode("ascii")


@dataclass(frozen=True)
class Sent:
    """As what something is sent, and what was there already when it was.

    ``context`` tells apart what reads the same: "yes" to another question is another message.
    """

    kind: Kind
    context: bytes = b""

    def parts(
        self, sealed_to: bytes, record: AccountRecord, account: bytes, identity: bytes
    ) -> Iterator[bytes]:
        """Yield what makes two submissions the same: all that was sent, and to whom it is sealed.

        A key may have been lost and revoked between two tries: the second opens where the first
        does not, and must not be dropped for it. So the recipients come first, as ``digest_of``
        them.

        Answers and consents count by what was chosen, not by the texts that were shown: the same
        form in another language is the same. With another questionnaire it is not, because the
        same tick may have consented to something else.
        """
        yield sealed_to
        yield self.kind.value.encode("ascii")
        yield self.context
        yield account
        yield identity
        yield bytes.fromhex(record.questionnaire.sha256)
        yield _canonical(record.answers)
        yield _canonical({str(c["id"]): c.get("granted", c.get("chosen")) for c in record.consents})
        for attachment in record.attachments:
            yield attachment.name.encode("utf-8")
            yield attachment.type.encode("utf-8")
            yield bytes.fromhex(attachment.sha256)
