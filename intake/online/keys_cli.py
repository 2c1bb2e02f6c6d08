"""``intake keys``: which keys are in force, and accepting new ones."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from intake import command_line
from intake.command_line import json_option, print_json, yes_option
from intake.durable import write_file
from intake.errors import NothingInForce
from intake.manifest.fingerprint import root_fingerprint, signer_fingerprint
from intake.manifest.model import Role
from intake.manifest.signing import serialise_signer
from intake.online.options import Options
from intake.online.signing_key import load_signing_key


def last_day(end: dt.date) -> dt.date:
    """Return the day before ``end``, which is what a person means by the end."""
    return end - dt.timedelta(days=1)


@click.group()
def keys() -> None:
    """Show which keys are in force, and accept new ones."""


@keys.command("show")
@json_option
@click.pass_obj
def show(options: Options, as_json: bool) -> None:
    """Show what accounts are sealed to now, with the fingerprint to compare by voice."""
    found = options.keys()
    in_force = found.look(command_line.today())
    summary = {
        "version": in_force.manifest.version,
        "epoch": in_force.epoch.id,
        "epoch_ends": in_force.epoch.ends.isoformat(),
        "covered_until": in_force.covered_until.isoformat(),
        "fingerprint": in_force.fingerprint,
        "root_fingerprint": root_fingerprint(found.root_bytes),
        "recipients": [str(recipient) for recipient in in_force.reviewers],
        "custodians": [str(recipient) for recipient in in_force.custodians],
    }
    if as_json:
        print_json(summary)
        return
    click.echo(f"fingerprint: {summary['fingerprint']}")
    click.echo(f"version: {summary['version']}")
    click.echo(f"epoch: {in_force.epoch.id}, to {last_day(in_force.epoch.ends)}")
    click.echo(f"last day on which accounts can be taken: {last_day(in_force.covered_until)}")
    for role in Role:
        for entry in in_force.manifest.recipients_in(in_force.epoch, role):
            click.echo(f"{role.value}: {entry.name}")
    click.echo(f"root: {summary['root_fingerprint']}")


@keys.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def install(options: Options, file: Path) -> None:
    """Check the manifest FILE that the admins signed, and put it in force.

    Every worker uses it from its next request on; an upload under way ends under the manifest it
    began with. What is refused changes nothing.
    """
    found = options.keys()
    today = command_line.today()
    before = found.record().seen.version
    manifest = found.install(file.read_bytes(), today)
    if manifest.version == before:
        click.echo(
            f"Version {before} was in force already. If you expected a newer one, it has not been "
            "signed by enough: 'intake-keys show'."
        )
    else:
        click.echo(f"Version {manifest.version} is in force.")
    try:
        in_force = found.look(today)
    except NothingInForce as error:
        # It is installed all the same: to take nothing may be what the admins want.
        click.echo(f"Warning: no account can be taken now. {error}", err=True)
        return
    click.echo(f"fingerprint: {in_force.fingerprint}")
    click.echo(f"epoch: {in_force.epoch.id}, to {last_day(in_force.epoch.ends)}")
    warning = in_force.warning(today)
    if warning:
        click.echo(f"Warning: {warning}", err=True)


@keys.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def server(options: Options, file: Path) -> None:
    """Write the public key with which this server signs its bundles to FILE, for the admins.

    Carry it to them: 'intake-keys add-server FILE'. The words let them see that it is ours.
    """
    data = serialise_signer(load_signing_key(options.settings().state).public())
    write_file(file, data, mode=0o644)
    click.echo(f"Wrote {file}. Carry it to the admins.")
    click.echo(f"fingerprint: {signer_fingerprint(data)}")


@keys.command("reset-day")
@yes_option
@click.pass_obj
def reset_day(options: Options, yes: bool) -> None:
    """Forget the latest day that was seen, once a clock that was wrong is right.

    A clock set back would let an ended epoch be sealed to again, so the server refuses it. Only a
    person can know that the clock was wrong before and is right now.
    """
    found = options.keys().pin()
    today = command_line.today()
    if not yes:
        click.confirm(f"The clock shows {today}, UTC. Is that today's date?", abort=True)
    found.confirm_day(today)
    click.echo(f"It is {today} from the next request on, whatever was seen before.")
