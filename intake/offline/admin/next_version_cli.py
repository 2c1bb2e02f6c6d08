"""The commands of ``intake-keys`` that change the next version of the manifest."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import click

from intake.command_line import today, yes_option
from intake.manifest.calendar import EpochLength
from intake.manifest.model import Manifest, Role
from intake.manifest.outlook import WARNING_DAYS, covered_until
from intake.offline.admin.changes import changes, span
from intake.offline.admin.next_version import (
    ended,
    revoked,
    rotated,
    with_admins,
)
from intake.offline.admin.options import (
    EPOCH_LENGTHS,
    Options,
    acks_option,
    read_admin_file,
    read_signer_file,
    with_option,
)
from intake.offline.admin.saving import save
from intake.offline.passphrase import work_factor_option
from intake.offline.safe_names import printable

_A_DAY = dt.timedelta(days=1)
#: Whoever must be there, or nothing is taken.
_OPEN = Role.REVIEWERS


@click.command("add-server")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def add_server(options: Options, file: Path) -> None:
    """Name the key in FILE, from 'intake keys server', as the one that signs bundles.

    Only with it can the vaults know that a bundle is the server's, and that an epoch is closed.
    """
    home = options.admin_home()
    home.root()
    signer = read_signer_file(file)
    save(home, dataclasses.replace(home.pending(today()), server=signer.key))


@click.command()
@click.option("--epoch-length", type=EPOCH_LENGTHS, help="Epochs of another length from now on.")
@click.pass_obj
def rotate(options: Options, epoch_length: str | None) -> None:
    """Open the next epochs: make the next version, renewed and without epochs that are long over.

    What the reviewers have brought ('add-recipients') is in it. It says who is missing where, and
    until when accounts can be taken.
    """
    home = options.admin_home()
    home.root()
    length = EpochLength(epoch_length) if epoch_length else None
    rotation = rotated(home.pending(today()), today(), length)
    manifest = rotation.manifest
    for epoch in manifest.epochs:
        if epoch.ends > today():
            names = [printable(r.name) for r in manifest.recipients_in(epoch, Role.REVIEWERS)]
            others = [printable(r.name) for r in manifest.recipients_in(epoch, Role.CUSTODIANS)]
            apart = f"; custodians: {', '.join(others)}" if others else ""
            click.echo(f"{epoch.id}: {', '.join(names) or 'nobody'}{apart}")
    for name, epochs in rotation.missing.items():
        click.echo(
            f"Warning: {printable(name)} has brought no recipient for {span(epochs)}.", err=True
        )
    if length is not None:
        click.echo(f"This deployment's epochs are a {length.value} long from now on.")
    if rotation.forgotten:
        click.echo(f"Left out, being long over: {', '.join(rotation.forgotten)}.")
    for epoch_id, alone in rotation.blind.items():
        click.echo(
            f"Warning: {', '.join(map(printable, alone))} is a custodian in {epoch_id} and no "
            "reviewer, and can open nothing alone: let them bring recipients for both.",
            err=True,
        )
    _say_coverage(manifest)
    save(home, manifest)


def _say_coverage(manifest: Manifest) -> None:
    until = covered_until(manifest, today())
    if until <= today():
        click.echo("With this no account can be taken today.")
    else:
        click.echo(f"The last day on which accounts can be taken: {until - _A_DAY}.")
    later = [e for e in manifest.epochs if e.begins > until and manifest.recipients_in(e, _OPEN)]
    if later:
        click.echo(
            f"Warning: from {until} to {later[0].begins - _A_DAY} nobody can be sealed to: "
            f"recipients for the epochs between are missing.",
            err=True,
        )
    elif (until - today()).days <= WARNING_DAYS:
        click.echo(
            "Warning: let the reviewers bring recipients for the epochs after that: "
            "'intake-review keys new'.",
            err=True,
        )


@click.command()
@yes_option
@click.pass_obj
def discard(options: Options, yes: bool) -> None:
    """Drop the version that waits to be signed, with every change in it.

    Changes are made anew then: 'add-recipients', 'revoke' and so on.
    """
    home = options.admin_home()
    home.root()
    if not yes:
        click.confirm("Drop everything that has been changed and not completed?", abort=True)
    if home.discard(today()):
        click.echo("Dropped what waited to be signed.")
    else:
        click.echo("Nothing waits to be signed.")


@click.command()
@click.argument("epoch_id", metavar="EPOCH")
@click.pass_obj
def end(options: Options, epoch_id: str) -> None:
    """End EPOCH today, before its time, so that shorter epochs can follow at once.

    For the day when an epoch that is running cannot be used any more, because it was called closed
    by mistake or everybody's keys of it are lost. Then 'rotate --epoch-length day', and let the
    reviewers bring recipients for the days that are left.
    """
    home = options.admin_home()
    home.root()
    manifest = ended(home.pending(today()), epoch_id, today())
    click.echo(f"The epoch {epoch_id} ends before {today()}.")
    save(home, manifest)


@click.command()
@click.argument("name", metavar="EPOCH|RECIPIENT")
@click.option("--epoch", metavar="EPOCH", help="Only what this person has in this epoch.")
@acks_option
@click.pass_obj
def revoke(options: Options, name: str, epoch: str | None, acks_required: int | None) -> None:
    """Revoke an epoch, a recipient (age1pq1...), or everything of a person, by name.

    A person's vault may not acknowledge any more either, unless only one epoch is revoked.
    Nothing is sealed to it from the moment the server has the new version. What was sealed to it
    before, whoever has the key can open: 'intake status' lists it. An epoch that is revoked stays
    so; to go on in it, revoke the person instead and let somebody bring a new recipient.
    """
    home = options.admin_home()
    home.root()
    before = home.pending(today())
    manifest = revoked(before, name, home.history(), epoch=epoch, acks_required=acks_required)
    for line in changes(before, manifest, home.history())[1:]:
        click.echo(printable(line))
    coming = [epoch for epoch in manifest.epochs if epoch.ends > today()]
    closed = [e.id for e in coming if e.id in manifest.revocations]
    left = [e.id for e in coming if not manifest.recipients_in(e, _OPEN) and e.id not in closed]
    if closed:
        click.echo(
            f"Warning: nothing will ever be taken in {span(closed)}. To go on in it, 'discard', "
            "and revoke the people instead.",
            err=True,
        )
    if left:
        click.echo(
            f"Warning: nobody is left in {span(left)}: nothing will be taken then, until somebody "
            "brings new recipients.",
            err=True,
        )
    save(home, manifest)


@click.command()
@click.option("--add", multiple=True, metavar="NAME", help="A new admin who works in this home.")
@with_option
@click.option("--remove", multiple=True, metavar="NAME", help="An admin who is one no longer.")
@click.option("--threshold", type=click.IntRange(min=1), help="How many must sign from now on.")
@work_factor_option
@click.pass_obj
def admins(
    options: Options,
    add: tuple[str, ...],
    others: tuple[Path, ...],
    remove: tuple[str, ...],
    threshold: int | None,
    work_factor: int,
) -> None:
    """Change who the admins are; without options, list them.

    Enough of the present admins must sign the change, and enough of the new ones.
    """
    home = options.admin_home()
    home.root()
    before = manifest = home.pending(today())
    if add or others or remove or threshold:
        new = [
            *(read_admin_file(path) for path in others),
            *(
                home.new_admin(name, options.new_passphrase(name), work_factor=work_factor)
                for name in add
            ),
        ]
        manifest = with_admins(manifest, add=new, remove=remove, threshold=threshold)
    for admin in manifest.admins:
        click.echo(f"admin: {printable(admin.name)}")
    click.echo(f"signatures needed: {manifest.threshold}")
    if manifest != before:
        save(home, manifest)
