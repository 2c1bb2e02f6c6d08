"""What the commands of ``intake-keys`` share: options, passphrases, files they are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from intake.errors import VaultUnusable
from intake.manifest.calendar import EpochLength
from intake.manifest.fingerprint import signer_fingerprint
from intake.manifest.model import Admin, Signer
from intake.manifest.signing import parse_admin, parse_signer
from intake.offline import passphrase
from intake.offline.admin.home import AdminHome
from intake.offline.safe_names import printable
from intake.secret import Secret

_Read = TypeVar("_Read", bound=Signer)
_Command = TypeVar("_Command", bound=Callable[..., object])

EPOCH_LENGTHS = click.Choice([length.value for length in EpochLength])

#: Gives a command the files of new admins as its argument ``others``.
with_option = click.option(
    "--with",
    "others",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The public file of an admin with a home elsewhere, from 'intake-keys join'.",
)

acks_option = click.option(
    "--acks-required",
    type=click.IntRange(min=1),
    help="How many vaults must have acknowledged an account before the server deletes it.",
)


def admin_option(text: str) -> Callable[[_Command], _Command]:
    """Return what gives a command ``--admin``: which of the home's admins is asked for."""
    return click.option("--admin", metavar="NAME", help=text)


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


def which_admin(home: AdminHome, name: str | None, asking: str, but: Sequence[str] = ()) -> str:
    """Return whose identity to use: ``name``, or the only one of the home.

    Args:
        home: where the admin works.
        name: who was asked for, or ``None``.
        asking: what to say where nobody was.
        but: who need not be named as an answer.

    Raises:
        VaultUnusable: several could be meant, or there is no such admin here.
    """
    here = home.admins()
    if not here:
        raise VaultUnusable(f"{home.root_file.parent} holds no admin's keys; name another home.")
    if name is None and len(here) > 1:
        left = [one for one in here if one not in but]
        raise VaultUnusable(f"{asking} with --admin: {', '.join(left or here)}.")
    if name is not None and name not in here:
        raise VaultUnusable(
            f"There is no admin {name} here; there are: {', '.join(here)}. Whoever works "
            "elsewhere has their keys there: carry the file to that home."
        )
    return name or here[0]


def read_signer_file(path: Path) -> Signer:
    """Return the signer in a public file, and show the words by which to know them.

    Raises:
        DocumentMalformed: the file holds none.
    """
    return _shown(path, parse_signer)


def read_admin_file(path: Path) -> Admin:
    """Return the admin in a public file, and show the words by which to know them.

    Raises:
        DocumentMalformed: the file holds none.
    """
    return _shown(path, parse_admin)


def _shown(path: Path, parse: Callable[[bytes], _Read]) -> _Read:
    data = path.read_bytes()
    signer = parse(data)
    click.echo(f"{printable(signer.name)}: {signer_fingerprint(data)}")
    return signer
