"""The private keys of a vault, as they stand in ``identities.age`` behind its passphrase.

Opened with plain ``age``, the file is a key file like any other: comments, and one identity a
line, so that ``age -d -i`` opens accounts with it if all else fails.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from intake.age.opening.hybrid import HybridIdentity
from intake.errors import AgeError, VaultUnusable
from intake.manifest.model import EPOCH_ID

_TITLE = "# intake vault: whoever has this file opens every account in the vault"
_VAULT = "# vault"
_EPOCH = re.compile(rf"# epoch ({EPOCH_ID})")


@dataclass(frozen=True)
class KeyRing:
    """The vault's own identity, and the reviewer's identity of each epoch."""

    vault: HybridIdentity
    epochs: Mapping[str, HybridIdentity] = field(default_factory=dict)

    def with_epochs(self, added: Mapping[str, HybridIdentity]) -> KeyRing:
        """Return a ring that holds the identities in ``added`` as well."""
        return KeyRing(self.vault, {**self.epochs, **added})

    def to_text(self) -> str:
        """Return the key file's text: the secrets themselves."""
        lines = [_TITLE, _VAULT, self.vault.encode()]
        for epoch, identity in self.epochs.items():
            lines += [f"# epoch {epoch}", identity.encode()]
        return "\n".join([*lines, ""])

    @classmethod
    def from_text(cls, text: str) -> KeyRing:
        """Read the text of a key file.

        Raises:
            VaultUnusable: it is not a vault's.
        """
        vault: HybridIdentity | None = None
        epochs: dict[str, HybridIdentity] = {}
        label = ""
        try:
            for line in text.splitlines():
                if line.startswith("#"):
                    label = line
                elif label == _VAULT:
                    vault = HybridIdentity.parse(line)
                elif match := _EPOCH.fullmatch(label):
                    epochs[match[1]] = HybridIdentity.parse(line)
                else:
                    # To pass over a key would be to lose it when the file is next written.
                    raise VaultUnusable(
                        "The vault's key file holds a key without an epoch; restore a copy of it."
                    )
        except AgeError as error:
            raise VaultUnusable("The vault's key file is damaged; restore a copy of it.") from error
        if vault is None:
            raise VaultUnusable("The vault's key file is damaged; restore a copy of it.")
        return cls(vault, epochs)
