"""The commands of ``intake-keys`` that change the next version of the manifest."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from pathlib import Path

import click

from intake.command_line import today
from intake.manifest.calendar import EpochLength
from intake.manifest.fingerprint import recipients_fingerprint
from intake.manifest.model import Manifest, Role
from intake.manifest.outlook import WARNING_DAYS, covered_until
from intake.offline.admin.changes import changes, span
from intake.offline.admin.next_version import revoked, rotated, with_admins
from intake.offline.admin.options import EPOCH_LENGTHS, Options, read_signer_file
from intake.offline.passphrase import work_factor_option
from intake.offline.recipients_file import read_recipients
from intake.offline.safe_names import printable


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
    manifest = home.add_recipients(epochs, today())
    owner = epochs[0].recipients[0]
    click.echo(f"fingerprint: {recipients_fingerprint(file.read_bytes())}")
    click.echo(
        f"Compare it by voice with what {printable(owner.name)}'s machine showed: if a word "
        "differs, somebody has changed the file."
    )
    _warn_of_namesakes(manifest, owner.name)
    click.echo(
        f"Added {len(epochs)} recipients to version {manifest.version}, which must be signed now: "
        "'intake-keys sign'."
    )


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
    manifest = home.pending(today())
    home.save(dataclasses.replace(manifest, server=signer.key))
    _say_next(manifest)


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
    home.save(rotation.manifest)
    manifest = rotation.manifest
    for epoch in manifest.epochs:
        if epoch.ends > today():
            names = [printable(r.name) for r in manifest.recipients_in(epoch, Role.REVIEWERS)]
            click.echo(f"{epoch.id}: {', '.join(names) or 'nobody'}")
    for name, epochs in rotation.missing.items():
        click.echo(
            f"Warning: {printable(name)} has brought no recipient for {span(epochs)}.", err=True
        )
    if rotation.forgotten:
        click.echo(f"Left out, being long over: {', '.join(rotation.forgotten)}.")
    _say_coverage(manifest)
    _say_next(manifest)


def _say_coverage(manifest: Manifest) -> None:
    until = covered_until(manifest, today())
    click.echo(f"The last day on which accounts can be taken: {until - dt.timedelta(days=1)}.")
    if (until - today()).days <= WARNING_DAYS:
        click.echo(
            "Warning: let the reviewers bring recipients for the epochs after that: "
            "'intake-review keys new'.",
            err=True,
        )


def _say_next(manifest: Manifest) -> None:
    click.echo(f"Version {manifest.version} must be signed now: 'intake-keys sign'.")


@click.command()
@click.argument("name", metavar="EPOCH|RECIPIENT")
@click.pass_obj
def revoke(options: Options, name: str) -> None:
    """Revoke an epoch, a recipient (age1pq1...), or everything of a person, by name.

    Nothing is sealed to it from the moment the server has the new version. What was sealed to it
    before, whoever has the key can open: 'intake status' lists it. An epoch that is revoked stays
    so; to go on in it, revoke the person instead and let somebody bring a new recipient.
    """
    home = options.admin_home()
    home.root()
    before = home.pending(today())
    manifest = revoked(before, name, home.history())
    home.save(manifest)
    for line in changes(before, manifest, home.history())[1:]:
        click.echo(printable(line))
    coming = [epoch for epoch in manifest.epochs if epoch.ends > today()]
    left = [e.id for e in coming if not manifest.recipients_in(e, Role.REVIEWERS)]
    if left:
        click.echo(
            f"Warning: nobody is left in {span(left)}: nothing will be taken then, until somebody "
            "brings new recipients.",
            err=True,
        )
    _say_next(manifest)


@click.command()
@click.option(
    "--add", multiple=True, metavar="NAME|FILE", help="A new admin here, or a public file."
)
@click.option("--remove", multiple=True, metavar="NAME", help="An admin who is one no longer.")
@click.option("--threshold", type=click.IntRange(min=1), help="How many must sign from now on.")
@work_factor_option
@click.pass_obj
def admins(
    options: Options,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    threshold: int | None,
    work_factor: int,
) -> None:
    """Change who the admins are; without options, list them.

    Enough of the present admins must sign the change, and enough of the new ones.
    """
    home = options.admin_home()
    home.root()
    manifest = home.pending(today())
    if add or remove or threshold:
        new = [
            read_signer_file(Path(name))
            if Path(name).is_file()
            else home.new_admin(name, options.new_passphrase(name), work_factor=work_factor)
            for name in add
        ]
        manifest = with_admins(manifest, add=new, remove=remove, threshold=threshold)
        home.save(manifest)
    for admin in manifest.admins:
        click.echo(f"admin: {printable(admin.name)}")
    click.echo(f"signatures needed: {manifest.threshold}")
    if add or remove or threshold:
        _say_next(manifest)
