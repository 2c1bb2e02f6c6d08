"""What a witness sends, as what, and by what the same sent again is known."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from intake.age.sealing.hybrid import HybridRecipient
from intake.envelope.account import AccountRecord, Kind
from intake.manifest.model import Role
from intake.online.store.submissions import Outcome


@dataclass(frozen=True)
class Words:
    """What a witness wrote: valid Unicode, LF line ends."""

    language: str
    account: str
    #: How the witness can be reached; empty where that was not said.
    reach: str
    #: Fields in which something was no valid Unicode and was replaced.
    repaired: tuple[str, ...]

    def identifying(self) -> dict[str, str]:
        """Return the answers that stand in ``identity.age`` and nowhere else, by field."""
        return {"reach": self.reach} if self.reach else {}


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


@dataclass(frozen=True)
class Sent:
    """As what something is sent, and what was there already when it was.

    ``context`` tells apart what reads the same: "yes" to another question is another message.
    """

    kind: Kind
    context: bytes = b""

    def parts(
        self, sealed_to: bytes, record: AccountRecord, text: bytes, identity: bytes
    ) -> Iterator[bytes]:
        """Yield what makes two submissions the same: all that was sent, and to whom it is sealed.

        A key may have been lost and revoked between two tries: the second opens where the first
        does not, and must not be dropped for it. So the recipients come first, as ``digest_of``
        them.
        """
        yield sealed_to
        yield self.kind.value.encode("ascii")
        yield self.context
        yield text
        yield identity
        for attachment in record.attachments:
            yield attachment.name.encode("utf-8")
            yield attachment.type.encode("utf-8")
            yield bytes.fromhex(attachment.sha256)
