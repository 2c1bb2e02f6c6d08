"""What the commands of ``intake-keys`` share: options, passphrases, files they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from intake.errors import VaultUnusable
from intake.manifest.calendar import EpochLength
from intake.manifest.fingerprint import signer_fingerprint
from intake.manifest.model import Admin
from intake.manifest.signing import parse_signer
from intake.offline import passphrase
from intake.offline.admin.home import AdminHome
from intake.offline.safe_names import printable
from intake.secret import Secret

EPOCH_LENGTHS = click.Choice([length.value for length in EpochLength])


@dataclass(frozen=True)
class Options:
    """What stands before the command."""

    home: str | None
    passphrase_file: str | None

    def admin_home(self) -> AdminHome:
        """Return the admin home.

        Raises:
            VaultUnusable: nobody said which.
        """
        if not self.home:
            raise VaultUnusable("Say which home: --home DIR, or INTAKE_ADMIN in the environment.")
        return AdminHome(Path(self.home))

    def new_passphrase(self, name: str) -> Secret:
        """Return the passphrase that an admin chooses for their signing keys."""
        what = f"{name}'s signing keys"
        return passphrase.obtain(self.passphrase_file, what=what, confirm=True)

    def passphrase(self, name: str) -> Secret:
        """Return the passphrase of an admin's signing keys."""
        return passphrase.obtain(self.passphrase_file, what=f"{name}'s signing keys")


def read_signer_file(path: Path) -> Admin:
    """Return the signer in a public file, and show the words by which to know them.

    Raises:
        DocumentMalformed: the file holds none.
    """
    data = path.read_bytes()
    signer = parse_signer(data)
    click.echo(f"{printable(signer.name)}: {signer_fingerprint(data)}")
    return signer
