"""The addresses of a mailbox: eight slots for replies, as many for those that wait, one mark.

All of them come from the reply key, which the code yields and ``account.json`` carries sealed: so
the witness finds the replies, and a reviewer can say where they go, and nobody else sees that two
rows belong together.
"""

from __future__ import annotations

from intake.receipt.derivation import row_address
from intake.secret import Secret

#: Replies that a mailbox shows.
SLOTS = 8
#: Replies that may wait until a slot is free.
WAITING = 8

#: Addresses that a reply is carried with: slots, waiting places, and the mark of a withdrawal.
ADDRESSES = SLOTS + WAITING + 1


class MailboxAddresses:
    """Where the rows of one mailbox stand, each at 32 bytes that tell nothing of the others."""

    def __init__(self, addresses: tuple[bytes, ...]) -> None:
        """Take ``ADDRESSES`` addresses, as :meth:`of` makes them.

        Raises:
            ValueError: there are more or fewer.
        """
        if len(addresses) != ADDRESSES:
            raise ValueError("a mailbox has other addresses")
        self.all = addresses
        #: Where the replies are that the mailbox shows.
        self.slots = addresses[:SLOTS]
        #: Where the replies are that wait.
        self.waiting = addresses[SLOTS:-1]
        #: Where it is noted that the witness has withdrawn.
        self.withdrawn = addresses[-1]

    @classmethod
    def of(cls, reply_key: Secret) -> MailboxAddresses:
        """Derive the addresses from the reply key (32 bytes)."""
        return cls(tuple(row_address(reply_key, n) for n in range(ADDRESSES)))
