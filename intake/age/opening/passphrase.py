"""Opening with a passphrase (C2SP age.md, "The scrypt recipient type"; RFC 7914)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intake.age import base64
from intake.age.header import WRAPPED_KEY_SIZE
from intake.age.opening.filekey import decrypt_file_key
from intake.age.sealing.passphrase import (
    MAX_WORK_FACTOR,
    SALT_SIZE,
    STANZA_TYPE,
    passphrase_wrapping_key,
)
from intake.errors import HeaderBroken, WrongPassphrase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intake.age.header import Stanza
    from intake.secret import Secret

# Canonical, and short enough that no number has to be feared.
_WORK_FACTOR = re.compile(r"[1-9][0-9]?")


@dataclass(frozen=True)
class PassphraseIdentity:
    """Whoever knows the passphrase.

    Attributes:
        passphrase: UTF-8.
        max_work_factor: the most work a file may demand, as base-2 logarithm of scrypt's N.
    """

    passphrase: Secret
    max_work_factor: int = MAX_WORK_FACTOR

    def unwrap(self, stanzas: Sequence[Stanza]) -> Secret | None:
        ours = [stanza for stanza in stanzas if stanza.type == STANZA_TYPE]
        if not ours:
            return None
        if len(stanzas) != 1:
            raise HeaderBroken("The file's header has a passphrase beside other recipients.")
        salt, work_factor = self._parse(ours[0])
        key = passphrase_wrapping_key(self.passphrase, salt, work_factor)
        file_key = decrypt_file_key(ours[0].body, key)
        if file_key is None:
            raise WrongPassphrase("The passphrase is wrong; type it again.")
        return file_key

    def _parse(self, stanza: Stanza) -> tuple[bytes, int]:
        """Return salt and work factor; everything cheap is checked before the hard work."""
        if len(stanza.args) != 2:  # noqa: PLR2004  # salt and work factor
            raise HeaderBroken("The passphrase's entry in the file's header has the wrong form.")
        salt = base64.decode(stanza.args[0])
        if len(salt) != SALT_SIZE or len(stanza.body) != WRAPPED_KEY_SIZE:
            raise HeaderBroken("The passphrase's entry in the file's header has the wrong length.")
        if not _WORK_FACTOR.fullmatch(stanza.args[1]):
            raise HeaderBroken("The work factor in the file's header is not a proper number.")
        work_factor = int(stanza.args[1])
        # Denial of service: each step doubles time and memory; 30 would take a terabyte.
        if work_factor > self.max_work_factor:
            raise HeaderBroken("The file demands more work for its passphrase than we give.")
        return salt, work_factor
