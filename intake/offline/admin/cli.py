"""``intake-keys``: the admins' work on the manifest, on a machine that never touches a network."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from intake import command_line
from intake.command_line import json_option, print_json, today
from intake.durable import write_file
from intake.errors import VaultUnusable
from intake.manifest import dsse
from intake.manifest.calendar import EpochLength
from intake.manifest.fingerprint import manifest_fingerprint, root_fingerprint, signer_fingerprint
from intake.manifest.outlook import covered_until
from intake.offline.admin.backups_cli import open_backup_command
from intake.offline.admin.ceremony_cli import ceremony
from intake.offline.admin.changes import changes
from intake.offline.admin.next_version_cli import (
    add_server,
    admins,
    discard,
    end,
    revoke,
    rotate,
)
from intake.offline.admin.options import (
    EPOCH_LENGTHS,
    Options,
    admin_option,
    read_admin_file,
    which_admin,
    with_option,
)
from intake.offline.admin.recipients_cli import add_recipients
from intake.offline.admin.vaults_cli import vaults
from intake.offline.network import warn_of_networks
from intake.offline.passphrase import work_factor_option
from intake.offline.safe_names import printable


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
    The first time:        intake-keys --home H init --organisation NAME --admin ME
                           intake-keys --home H add-recipients recipients.json
                           intake-keys --home H sign
    Every few months:      intake-keys --home H add-recipients recipients.json
                           intake-keys --home H rotate
                           intake-keys --home H sign
    When a key is lost:    intake-keys --home H revoke NAME
                           intake-keys --home H sign
    When a server is lost: intake-keys --home H open-backup FILE OUT
    Then carry H/manifest.json to the server: 'intake keys install FILE'. H/root.pub goes there
    once, by hand.
    """
    del debug  # read by command_line.run, wherever it stands
    context.obj = Options(home, passphrase_file)
    warn_of_networks()


@keys.command()
@click.option("--organisation", required=True, help="Whose deployment this is.")
@click.option(
    "--admin",
    "admins",
    multiple=True,
    default=("admin",),
    show_default=True,
    help="The name of an admin who works in this home; once for each.",
)
@with_option
@click.option(
    "--threshold",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many admins must sign.",
)
@click.option(
    "--epoch-length", type=EPOCH_LENGTHS, default=EpochLength.MONTH.value, show_default=True
)
@work_factor_option
@click.pass_obj
def init(
    options: Options,
    organisation: str,
    admins: tuple[str, ...],
    others: tuple[Path, ...],
    threshold: int,
    epoch_length: str,
    work_factor: int,
) -> None:
    """Begin a deployment: the admins' signing identities, and root.pub for the server."""
    home = options.admin_home()
    elsewhere = [read_admin_file(path) for path in others]
    home.create(
        organisation=organisation,
        admins={name: options.new_passphrase(name) for name in admins},
        others=elsewhere,
        threshold=threshold,
        epoch_length=EpochLength(epoch_length),
        today=today(),
        work_factor=work_factor,
    )
    click.echo(f"Made {home.root_file}. The server pins it; carry it there once, by hand.")
    click.echo(f"fingerprint of the root: {root_fingerprint(home.root_bytes())}")
    click.echo(f"{threshold} of {len(admins) + len(elsewhere)} admins must sign each version.")


@keys.command()
@click.option("--admin", required=True, help="Your name as an admin.")
@work_factor_option
@click.pass_obj
def join(options: Options, admin: str, work_factor: int) -> None:
    """Make your signing identity in a home of your own, for a deployment begun elsewhere.

    Bring the public file to the admin who begins it ('init --with') or changes who the admins are
    ('admins --with'). Then copy root.pub and manifest.json from there into this home.
    """
    home = options.admin_home()
    public = home.join(admin, options.new_passphrase(admin), work_factor=work_factor)
    click.echo(f"Made {public}. Bring it to the other admins.")
    click.echo(f"fingerprint: {signer_fingerprint(public.read_bytes())}")
    click.echo(
        f"Then copy root.pub, and manifest.json once there is one, from their home into "
        f"{public.parent}, and sign what they bring: 'intake-keys sign FILE'."
    )


@keys.command()
@click.argument(
    "file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@admin_option("Who signs, where the home holds several admins.")
@click.pass_obj
def sign(options: Options, file: Path | None, admin: str | None) -> None:
    """Show what the version that waits changes, and sign it.

    FILE is the pending.json of another admin's home: its signatures are taken, and ours is added
    to it. Carry it on to the next admin, or back.
    """
    home = options.admin_home()
    home.root()
    waiting = home.waiting() if file is None else home.collect(file)
    if waiting is None:
        raise VaultUnusable("Nothing waits to be signed; change something first.")
    name = None if waiting.complete else which_admin(home, admin, "Say who signs", waiting.signed)
    click.echo(f"fingerprint of the root: {root_fingerprint(home.root_bytes())}")
    for line in changes(home.current(), waiting.manifest, home.history()):
        click.echo(printable(line))
    if name is not None:
        waiting = home.sign(name, options.passphrase(name))
    if file is not None:
        write_file(file, dsse.envelope_bytes(waiting.envelope))
    if not waiting.complete:
        click.echo(f"Signed by {', '.join(waiting.signed)}.")
        for count, names in waiting.needed:
            click.echo(f"More admins must sign: {count} of {', '.join(names)}.")
        click.echo(f"Carry {home.pending_file} to those who have homes of their own.")
        return
    home.complete(waiting)
    click.echo(
        f"Version {waiting.manifest.version} is complete: {home.manifest_file}. Carry it to the "
        "server, and into the admins' other homes."
    )
    click.echo(f"fingerprint: {manifest_fingerprint(waiting.envelope.payload)}")


@keys.command()
@json_option
@click.pass_obj
def show(options: Options, as_json: bool) -> None:
    """Show the newest complete manifest, and what waits to be signed."""
    home = options.admin_home()
    home.root()
    current, waiting = home.current(), home.waiting()
    manifest = current or home.pending(today())
    epoch = None if current is None else current.epoch_on(today())
    covered = manifest.issued if current is None else covered_until(current, today())
    summary: dict[str, object] = {
        "organisation": manifest.organisation,
        "fingerprint": manifest_fingerprint(home.chain()[-1].payload) if current else None,
        "version": None if current is None else current.version,
        "epoch": None if epoch is None else epoch.id,
        "epoch_ends": None if epoch is None else epoch.ends.isoformat(),
        "covered_until": covered.isoformat() if covered > today() else None,
        "expires": manifest.expires.isoformat(),
        "epoch_length": manifest.epoch_length.value,
        "epochs": [e.id for e in manifest.epochs],
        "admins": [admin.name for admin in manifest.admins],
        "threshold": manifest.threshold,
        "vaults": [vault.name for vault in manifest.vaults],
        "acks_required": manifest.acks_required,
        "root_fingerprint": root_fingerprint(home.root_bytes()),
        "waiting": None if waiting is None else waiting.manifest.version,
        "signed_by": [] if waiting is None else list(waiting.signed),
    }
    if as_json:
        print_json(summary)
        return
    for name, value in summary.items():
        click.echo(printable(f"{_LABELS.get(name, name.replace('_', ' '))}: {_text(name, value)}"))


_LABELS = {
    "acks_required": "acknowledgements required",
    "epoch_ends": "its last day",
    "covered_until": "last day on which accounts can be taken",
}


#: Days that are ends: a person is told the last one before.
_ENDS = ("epoch_ends", "covered_until")


def _text(name: str, value: object) -> str:
    """Return a value as a person reads it: days that are ends as the last ones before."""
    if value in (None, []):
        return "none"
    if name in _ENDS:
        return str(dt.date.fromisoformat(str(value)) - dt.timedelta(days=1))
    return ", ".join(value) if isinstance(value, list) else str(value)


for command in (
    *(add_recipients, add_server, rotate, revoke, end, discard, admins, vaults),
    *(ceremony, open_backup_command),
):
    keys.add_command(command)


def main() -> None:
    """Run ``intake-keys``."""
    command_line.run(keys)
