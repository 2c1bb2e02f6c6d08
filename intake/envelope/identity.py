"""``identity.age``: the answers that identify a witness, sealed apart from the account.

It is always there and always one size, so that nobody can tell whether anything stands in it.
Where the epoch has no custodians it is sealed to a recipient whose seed is thrown away here.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping, Sequence

from intake.age import payload
from intake.age.sealing.hybrid import HybridRecipient
from intake.age.sealing.recipient import Recipient
from intake.age.sealing.seal import SealingWriter
from intake.envelope import members
from intake.secret import Secret

SEED_SIZE = 32

#: How many characters all answers together may have. JSON writes the worst of them, a control
#: character, in six bytes; beside the stanzas of 15 custodians there is room for 9,311 bytes.
ANSWERS_CHARACTERS = 1000


def identity_document(answers: Mapping[str, str]) -> bytes:
    """Return the JSON that is sealed, before it is padded."""
    document = {"format": members.IDENTITY_FORMAT, "answers": dict(answers)}
    return json.dumps(document, ensure_ascii=False).encode("utf-8")


def seal_identity(answers: Mapping[str, str], custodians: Sequence[Recipient]) -> bytes:
    """Seal ``answers`` to the custodians: an age file of ``members.IDENTITY_SIZE`` bytes.

    Raises:
        ValueError: the answers and the custodians' stanzas do not fit, or there are answers and
            nobody to open them.
    """
    if answers and not custodians:
        raise ValueError("identifying answers would be sealed to nobody")
    sealed: list[bytes] = []
    writer = SealingWriter(lambda data: sealed.append(bytes(data)), custodians or (_nobody(),))
    plaintext = identity_document(answers)
    room = members.IDENTITY_SIZE - writer.header_length - payload.NONCE_SIZE - payload.TAG_SIZE
    if len(plaintext) > room:
        raise ValueError("the identifying answers do not fit their fixed size")
    writer.write(plaintext.ljust(room))
    writer.close()
    return b"".join(sealed)


@functools.cache
def _nobody() -> Recipient:
    """Return a recipient that nobody will ever hold the identity of, made once a process."""
    return HybridRecipient.from_seed(Secret(os.urandom(SEED_SIZE)))
