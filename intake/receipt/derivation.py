"""From a code to everything it opens, and to nothing else.

    code --Argon2id(salt and parameters of the manifest)--> root
    root --HKDF-Expand, one label each--> address keys, sameness key, seed of the reply identity

Labels separate the keys, so that none of them tells anything about another (RFC 5869, 3.2). Row
*n* of a mailbox stands at an address that only the code finds: two rows of one witness look like
rows of two strangers.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from intake.receipt.code import Code
from intake.secret import Secret

KEY_SIZE = 32

_LABEL = b"intake/receipt/1/"


class Parameters(Protocol):
    """The public parameters of a deployment's codes, as its manifest states them (RFC 9106)."""

    @property
    def salt(self) -> bytes:
        """32 bytes."""

    @property
    def memory_kib(self) -> int:
        """Argon2id's memory."""

    @property
    def iterations(self) -> int:
        """Argon2id's passes."""

    @property
    def lanes(self) -> int:
        """Argon2id's lanes."""


# 4 MiB and one pass: 89.7 bits of entropy carry the margin, so a guess need not be made
# expensive; the memory keeps it from being as cheap as a bare hash (docs/threat-model.md).
DEFAULT_MEMORY_KIB = 4096
DEFAULT_ITERATIONS = 1
DEFAULT_LANES = 1


class ReceiptKeys:
    """What one code yields under one deployment's parameters."""

    def __init__(self, root: Secret) -> None:
        """Derive the keys of a mailbox from its root secret (32 bytes)."""
        self._submissions = _expand(root, b"submission addresses")
        self._sameness = _expand(root, b"sameness")
        #: Names the reply rows of the mailbox; travels sealed in ``account.json``.
        self.reply_key = _expand(root, b"reply addresses")
        #: The 32-byte seed of the mailbox's hybrid identity.
        self.reply_seed = _expand(root, b"reply identity")

    def submission_address(self, n: int) -> bytes:
        """Return the address (32 bytes) of this code's ``n``-th submission, counted from 0."""
        return row_address(self._submissions, n)

    def sameness(self, parts: Iterable[bytes]) -> bytes:
        """Return the keyed hash (32 bytes) over ``parts``, each one's length included.

        Two submissions are the same exactly when their hashes are. Without the code the hash
        tells nothing about what was written.
        """
        mac = hmac.new(self._sameness.reveal(), digestmod=hashlib.sha256)
        for part in parts:
            mac.update(len(part).to_bytes(8, "big"))
            mac.update(part)
        return mac.digest()


def derive(code: Code, parameters: Parameters) -> ReceiptKeys:
    """Derive a code's keys: one Argon2id, about 3 ms with the default parameters."""
    argon2 = Argon2id(
        salt=parameters.salt,
        length=KEY_SIZE,
        iterations=parameters.iterations,
        lanes=parameters.lanes,
        memory_cost=parameters.memory_kib,
    )
    return ReceiptKeys(Secret(argon2.derive(code.secret().reveal())))


def row_address(key: Secret, n: int) -> bytes:
    """Return HMAC-SHA256(key, n as 8 bytes big-endian): the address of row ``n``."""
    return hmac.digest(key.reveal(), n.to_bytes(8, "big"), "sha256")


def _expand(root: Secret, label: bytes) -> Secret:
    hkdf = HKDFExpand(algorithm=SHA256(), length=KEY_SIZE, info=_LABEL + label)
    return Secret(hkdf.derive(root.reveal()))
