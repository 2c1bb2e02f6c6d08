"""``intake-keys``: the admins' work on the manifest, on a machine that never touches a network."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import click

from intake import command_line
from intake.command_line import json_option, print_json
from intake.errors import VaultUnusable
from intake.offline import passphrase
from intake.offline.admin_home import AdminHome
from intake.offline.recipients_file import read_recipients
from intake.offline.vault import WORK_FACTOR


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


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home", envvar="INTAKE_ADMIN", metavar="DIR", help="The admin's offline home. [INTAKE_ADMIN]"
)
@click.option(
    "--passphrase-file",
    envvar="INTAKE_PASSPHRASE_FILE",
    metavar="FILE",
    help="Read the passphrase from this file instead of asking. [INTAKE_PASSPHRASE_FILE]",
)
@click.option("--debug", is_flag=True, help="Print a traceback when something fails.")
@click.pass_context
def keys(
    context: click.Context, home: str | None, passphrase_file: str | None, debug: bool
) -> None:
    """Make and sign the manifest: which keys are in force, for whom, and until when.

    \b
    The first time:  intake-keys --home H init --organisation NAME --admin ME
                     intake-keys --home H add-recipients recipients.json
                     intake-keys --home H sign
    Then carry H/root.pub and H/manifest.json to the server.
    """
    del debug  # read by command_line.run, wherever it stands
    context.obj = Options(home, passphrase_file)


@keys.command()
@click.option("--organisation", required=True, help="Whose deployment this is.")
@click.option("--admin", default="admin", show_default=True, help="Your name as an admin.")
@click.option(
    "--work-factor",
    type=click.IntRange(10, 20),
    default=WORK_FACTOR,
    show_default=True,
    help="How slow guessing the passphrase is: scrypt's log2 N.",
)
@click.pass_obj
def init(options: Options, organisation: str, admin: str, work_factor: int) -> None:
    """Begin a deployment: your signing identity, and root.pub for the server."""
    home = options.admin_home()
    secret = passphrase.obtain(options.passphrase_file, what="the admin's keys", confirm=True)
    home.create(
        organisation=organisation,
        admin=admin,
        passphrase=secret,
        today=_today(),
        work_factor=work_factor,
    )
    click.echo(f"Made {home.root_file}. The server pins it; carry it there once, by hand.")


@keys.command("add-recipients")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def add_recipients(options: Options, file: Path) -> None:
    """Add the recipients in FILE, which a reviewer made with 'intake-review keys new'."""
    home = options.admin_home()
    home.root()
    epochs = read_recipients(file)
    manifest = home.add_recipients(epochs, _today())
    click.echo(
        f"Added {len(epochs)} recipients to version {manifest.version}, which must be signed now: "
        "'intake-keys sign'."
    )


@keys.command()
@click.option("--admin", help="Who signs, where the home holds several admins.")
@click.pass_obj
def sign(options: Options, admin: str | None) -> None:
    """Sign the version that is waiting."""
    home = options.admin_home()
    home.root()
    admins = home.admins()
    if admin is None and len(admins) != 1:
        raise VaultUnusable(f"Say who signs with --admin: {', '.join(admins)}.")
    secret = passphrase.obtain(options.passphrase_file, what="the admin's keys")
    manifest = home.sign(admin or admins[0], secret, _today())
    if manifest is None:
        click.echo("Signed. More admins must sign before it is complete.")
    else:
        click.echo(f"Version {manifest.version} is complete: {home.manifest_file}.")


@keys.command()
@json_option
@click.pass_obj
def show(options: Options, as_json: bool) -> None:
    """Show the newest complete manifest."""
    home = options.admin_home()
    home.root()
    manifest = home.current(_today())
    if manifest is None:
        raise VaultUnusable("No version is complete yet: 'add-recipients', then 'sign'.")
    epoch = manifest.epoch_on(_today())
    summary = {
        "organisation": manifest.organisation,
        "version": manifest.version,
        "expires": manifest.expires.isoformat(),
        "epoch": None if epoch is None else epoch.id,
        "epoch_ends": None if epoch is None else epoch.ends.isoformat(),
        "epochs": [e.id for e in manifest.epochs],
    }
    if as_json:
        print_json(summary)
        return
    for name, value in summary.items():
        text = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{name.replace('_', ' ')}: {text}")


def main() -> None:
    """Run ``intake-keys``."""
    command_line.run(keys)
