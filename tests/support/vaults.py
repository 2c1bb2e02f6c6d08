"""Vaults and programs of the offline half, as a reviewer's machine has them."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from intake.age.opening.hybrid import HybridIdentity
from intake.courier.returns import return_folder
from intake.manifest.model import Epoch, Recipient, Role
from intake.manifest.signing import SigningIdentity
from intake.offline.vault import Vault
from intake.secret import Secret
from tests.support.manifests import History, epoch
from tests.support.submissions import EPOCH, LATER

PASSPHRASE = Secret(b"demo")
#: scrypt's least: these vaults hold nothing.
WORK_FACTOR = 10
#: The key that the server signs bundles with.
SERVER = SigningIdentity.generate("server")


def make_vault(folder: Path, *epochs: str) -> Vault:
    """Make a vault that has keys for these epochs (else the one that test submissions are of)."""
    vault = Vault.create(folder, "reviewer", PASSPHRASE, work_factor=WORK_FACTOR)
    with vault.exclusive():
        vault.add_epochs({epoch: HybridIdentity.generate() for epoch in epochs or (EPOCH,)})
    return vault


def november(*identities: HybridIdentity, custodians: Sequence[HybridIdentity] = ()) -> Epoch:
    """Return the epoch of test submissions with these reviewers and custodians."""
    holders = [
        *((Role.REVIEWERS, i) for i in identities),
        *((Role.CUSTODIANS, i) for i in custodians),
    ]
    return epoch(
        recipients=tuple(
            Recipient(f"{role.value} {at}", role, str(identity.recipient()))
            for at, (role, identity) in enumerate(holders)
        )
    )


def history_of(vault: Vault) -> History:
    """Return the first manifest of a deployment that this vault reviews for."""
    signer = vault.signer()
    assert signer is not None
    return History().then(
        server=SERVER.public().key,
        vaults=(signer.public(),),
        epochs=(
            november(vault.keys.epochs[EPOCH], custodians=tuple(vault.keys.custodians.values())),
        ),
    )


def environment(**added: str) -> dict[str, str]:
    """Return an environment without the settings of whoever runs the tests."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("INTAKE")}
    return {**ours, "LC_ALL": "C.UTF-8", **added}


def returned(vault: Vault, stick: Path) -> Path:
    """Return where the vault's return lies on a stick."""
    signer = vault.signer()
    assert signer is not None
    return return_folder(stick, signer.public())


@dataclass(frozen=True)
class Done:
    """What a program printed, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The sentences on stderr, without the warnings."""
        return [line for line in self.err.splitlines() if not line.startswith("Warning: ")]

    @property
    def warnings(self) -> list[str]:
        """The warnings, without the one that this machine has a network."""
        lines = [line for line in self.err.splitlines() if line.startswith("Warning: ")]
        return [line for line in lines if not line.startswith("Warning: this machine has")]


@dataclass(frozen=True)
class Program:
    """One of the programs, run as its own process: ``intake.offline.cli`` or ``keys_cli``."""

    module: str
    options: tuple[str, ...] = ()
    #: Python to run first in that process: what makes this machine worse than it is.
    before: str = ""

    def __call__(self, *arguments: str | Path, stdin: str = "", **added: str) -> Done:
        script = f"{self.before}\nfrom {self.module} import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", script, *self.options, *map(str, arguments)],
            input=stdin,
            env=environment(**added),
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def well(self, *arguments: str | Path) -> str:
        """Run it, expecting it to succeed; return what it printed."""
        done = self(*arguments)
        assert (done.status, done.errors) == (0, []), done
        return done.out

    def fails(self, *arguments: str | Path, status: int = 1) -> str:
        """Run it, expecting one plain sentence on stderr and nothing else; return the sentence."""
        done = self(*arguments)
        assert done.status == status, done
        assert done.out == ""
        assert "Traceback" not in done.err
        assert len(done.errors) == 1, done.err
        assert done.errors[0].startswith("Error: ")
        return done.errors[0].removeprefix("Error: ")


def on(day: dt.date) -> str:
    """Return Python that sets a program's clock."""
    return (
        "import datetime as _dt, intake.command_line as _cl\n"
        f"_cl._now = lambda: _dt.datetime({day.year}, {day.month}, {day.day}, 12, tzinfo=_dt.UTC)"
    )


def review(vault: Path, passphrase_file: Path, before: str = "", today: dt.date = LATER) -> Program:
    """Return ``intake-review`` with its vault and passphrase named."""
    options = ("--vault", str(vault), "--passphrase-file", str(passphrase_file))
    return Program("intake.offline.cli", options, f"{on(today)}\n{before}")
