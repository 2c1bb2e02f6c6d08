"""What stands before every command of ``intake-review``: which vault, and its passphrase."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from intake.errors import VaultUnusable
from intake.offline import passphrase
from intake.offline.vault import Vault


@dataclass(frozen=True)
class Options:
    """What stands before the command; ``opened`` is the vault where it is unlocked already."""

    vault: str | None
    passphrase_file: str | None
    opened: Vault | None = None

    def folder(self) -> Path:
        """Return the vault's folder.

        Raises:
            VaultUnusable: nobody said which.
        """
        if not self.vault:
            raise VaultUnusable("Say which vault: --vault DIR, or INTAKE_VAULT in the environment.")
        return Path(self.vault)

    def unlock(self) -> Vault:
        """Ask for the passphrase and open the vault."""
        if self.opened is not None:
            return self.opened
        folder = self.folder()
        if not (folder / "vault.json").exists():
            raise VaultUnusable(
                f"{folder} is not a vault; make one with 'intake-review init', or name another."
            )
        secret = passphrase.obtain(self.passphrase_file, what="the vault")
        return Vault.unlock(folder, secret)
