"""Sealing to a passphrase (C2SP age.md, "The scrypt recipient type"; RFC 7914)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from intake.age import base64
from intake.age.header import Stanza
from intake.age.sealing.filekey import encrypt_file_key
from intake.age.sealing.recipient import RecipientKind
from intake.errors import AgeError, KeyMalformed

if TYPE_CHECKING:
    from intake.secret import Secret

STANZA_TYPE = "scrypt"
SALT_SIZE = 16
DEFAULT_WORK_FACTOR = 18
"""Base-2 logarithm of scrypt's N: 256 MiB and about a second, age's own default."""
MAX_WORK_FACTOR = 20
"""1 GiB. A file that demanded more would hang or kill the machine that tries to open it."""

_LABEL = b"age-encryption.org/v1/scrypt"
_KEY_SIZE = 32


@dataclass(frozen=True)
class PassphraseRecipient:
    """Whoever knows the passphrase. Always a file's only recipient.

    Attributes:
        passphrase: UTF-8, not empty.
        work_factor: base-2 logarithm of scrypt's N, from 1 to ``MAX_WORK_FACTOR``.

    Raises:
        KeyMalformed: the passphrase is empty, or the work factor out of bounds.
    """

    passphrase: Secret
    work_factor: int = DEFAULT_WORK_FACTOR

    def __post_init__(self) -> None:
        if not self.passphrase:
            raise KeyMalformed("The passphrase is empty; choose one.")
        if not 1 <= self.work_factor <= MAX_WORK_FACTOR:
            raise KeyMalformed(f"The work factor must be from 1 to {MAX_WORK_FACTOR}.")

    @property
    def kind(self) -> RecipientKind:
        return RecipientKind.PASSPHRASE

    def wrap(self, file_key: Secret) -> tuple[Stanza, ...]:
        salt = os.urandom(SALT_SIZE)
        key = passphrase_wrapping_key(self.passphrase, salt, self.work_factor)
        body = encrypt_file_key(file_key, key)
        return (Stanza(STANZA_TYPE, (base64.encode(salt), str(self.work_factor)), body),)


def passphrase_wrapping_key(passphrase: Secret, salt: bytes, work_factor: int) -> bytes:
    """Return the 32-byte key that wraps a file key.

    Args:
        passphrase: UTF-8.
        salt: 16 bytes.
        work_factor: base-2 logarithm of N; it takes 2**(work_factor + 10) bytes of memory.

    Raises:
        AgeError: there is not as much memory.
    """
    try:
        scrypt = Scrypt(salt=_LABEL + salt, length=_KEY_SIZE, n=1 << work_factor, r=8, p=1)
        return scrypt.derive(passphrase.reveal())
    except MemoryError:
        raise AgeError(
            f"A passphrase of this strength needs {1 << work_factor >> 10} MiB of free memory."
        ) from None
