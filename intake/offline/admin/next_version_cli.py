"""The commands of ``intake-keys`` that change the next version of the manifest."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from collections.abc import Sequence
from pathlib import Path

import click

from intake.command_line import today, yes_option
from intake.manifest.calendar import EpochLength
from intake.manifest.fingerprint import recipients_fingerprint
from intake.manifest.model import Epoch, Manifest, Role
from intake.manifest.outlook import WARNING_DAYS, covered_until
from intake.offline.admin.changes import changes, span
from intake.offline.admin.home import AdminHome
from intake.offline.admin.next_version import (
    ended,
    passed_over,
    revoked,
    rotated,
    with_admins,
    with_recipients,
)
from intake.offline.admin.options import EPOCH_LENGTHS, Options, read_signer_file
from intake.offline.passphrase import work_factor_option
from intake.offline.recipients_file import read_recipients
from intake.offline.safe_names import printable

_A_DAY = dt.timedelta(days=1)
#: Whoever must be there, or nothing is taken.
_OPEN = Role.REVIEWERS


@click.command("add-recipients")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def add_recipients(options: Options, file: Path) -> None:
    """Add the recipients in FILE, which a reviewer made with 'intake-review keys new'.

    Compare the words with those that the reviewer's machine showed, by voice, before you sign.
    """
    home = options.admin_home()
    home.root()
    epochs = read_recipients(file)
    before = home.pending(today())
    manifest = with_recipients(before, epochs)
    owner = epochs[0].recipients[0]
    click.echo(f"fingerprint: {recipients_fingerprint(file.read_bytes())}")
    click.echo(
        f"Compare it by voice with what {printable(owner.name)}'s machine showed: if a word "
        "differs, somebody has changed the file."
    )
    click.echo("If they are not the same: 'intake-keys discard', and find out who did.")
    _warn_of_what_is_useless(manifest, epochs)
    _warn_of_namesakes(manifest, owner.name)
    if manifest.epoch_length is not before.epoch_length:
        click.echo(f"This deployment's epochs are a {manifest.epoch_length.value} long.")
    click.echo(f"Added the recipients of {span([epoch.id for epoch in epochs])}.")
    _save(home, manifest)


def _warn_of_what_is_useless(manifest: Manifest, epochs: Sequence[Epoch]) -> None:
    revoked_ones = passed_over(manifest, epochs)
    if revoked_ones:
        click.echo(f"Warning: left out, being revoked: {', '.join(revoked_ones)}.", err=True)
    over = [epoch.id for epoch in epochs if epoch.ends <= today()]
    if over:
        click.echo(f"Warning: over already, and of no use: {span(over)}.", err=True)


def _warn_of_namesakes(manifest: Manifest, name: str) -> None:
    for epoch, role in itertools.product(manifest.epochs, Role):
        if [r.name for r in manifest.recipients_in(epoch, role)].count(name) > 1:
            click.echo(
                f"Warning: two {role.value} of {epoch.id} are called {printable(name)}; 'revoke' "
                "by name means both. 'intake-review init --name' gives a vault a name of its own.",
                err=True,
            )
            return


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
    _save(home, dataclasses.replace(home.pending(today()), server=signer.key))


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
    _save(home, manifest)


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


def _save(home: AdminHome, manifest: Manifest) -> None:
    """Let this be the next version, and say who has to sign it."""
    before = home.waiting()
    home.save(manifest)
    click.echo(f"Version {manifest.version} must be signed now: 'intake-keys sign'.")
    if before is not None and before.signed and before.manifest != manifest:
        click.echo(
            f"The signatures of {', '.join(before.signed)} were for what it said before: they must "
            "sign anew."
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
    _save(home, manifest)


@click.command()
@click.argument("name", metavar="EPOCH|RECIPIENT")
@click.option("--epoch", metavar="EPOCH", help="Only what this person has in this epoch.")
@click.pass_obj
def revoke(options: Options, name: str, epoch: str | None) -> None:
    """Revoke an epoch, a recipient (age1pq1...), or everything of a person, by name.

    Nothing is sealed to it from the moment the server has the new version. What was sealed to it
    before, whoever has the key can open: 'intake status' lists it. An epoch that is revoked stays
    so; to go on in it, revoke the person instead and let somebody bring a new recipient.
    """
    home = options.admin_home()
    home.root()
    before = home.pending(today())
    manifest = revoked(before, name, home.history(), epoch=epoch)
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
    _save(home, manifest)


@click.command()
@click.option("--add", multiple=True, metavar="NAME", help="A new admin who works in this home.")
@click.option(
    "--with",
    "others",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The public file of a new admin with a home elsewhere, from 'intake-keys join'.",
)
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
            *(read_signer_file(path) for path in others),
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
        _save(home, manifest)
