"""``intake-review keys destroy`` and ``rekey``: keys of a vault that go for good."""

from __future__ import annotations

import datetime as dt

import click

from intake.command_line import progress_bar, today, yes_option
from intake.errors import ManifestRefused
from intake.manifest.calendar import Period, period_named
from intake.offline import passphrase, trust
from intake.offline.destroying import Survey, survey, total_size
from intake.offline.destroying import destroy as destroy_key
from intake.offline.rekeying import rekey as rekey_vault
from intake.offline.rekeying import total_size as size_to_rekey
from intake.offline.review_options import Options
from intake.offline.vault import Vault

_A_DAY = dt.timedelta(days=1)


@click.command()
@click.argument("epoch")
@yes_option
@click.option(
    "--lose-damaged",
    is_flag=True,
    help="Give up what then opens nowhere: what of the epoch is damaged, missing or out of reach.",
)
@click.pass_obj
def destroy(options: Options, epoch: str, yes: bool, lose_damaged: bool) -> None:
    """Destroy the key of EPOCH, once it is closed and all of it is in this vault.

    Every account of it is read to its end first. From then on nothing that was sealed in it opens
    on the server, on a stick or in a backup of them. What is in the vault opens as before.
    """
    vault = options.unlock()
    if epoch in vault.keys.destroyed:
        click.echo(f"The key of the epoch {epoch} is gone already.")
        return
    with progress_bar(total_size(vault, epoch), "Reading") as advance:
        seen = survey(vault, epoch, today(), advance)
    if not lose_damaged:
        seen.check()
    _say_what_is_lost(vault, seen)
    if not yes:
        click.confirm("Destroy it?", abort=True, err=True)
    with vault.exclusive():
        destroy_key(vault, seen, today(), lose=lose_damaged)
    click.echo(f"Destroyed the key of the epoch {epoch}.")
    click.echo(
        "The old key file was overwritten. Where the disk is flash (SSD, stick, card) or its file "
        "system copies on write, old blocks can stay all the same: only a disk that is encrypted "
        "as a whole keeps them shut. Backups of the vault's identities.age still hold the key: "
        "destroy them too."
    )


def _say_what_is_lost(vault: Vault, seen: Survey) -> None:
    click.echo(
        f"The epoch {seen.epoch} ({days_of(seen.epoch)}) is closed, and {seen.kept} accounts of it "
        "are in this vault. They open with its passphrase as before. What lies on the server, on "
        "sticks and in backups of them opens for nobody once every reviewer has destroyed this "
        "epoch's key, and a quorum its shares."
    )
    if seen.quorum:
        click.echo(f"{seen.quorum} more are sealed to a quorum and open with its shares alone.")
    for loss in seen.losses:
        click.echo(f"Given up: {loss.submission} {loss.reason}.")
    if seen.unopened:
        click.echo("Given up: the answers in accounts that this vault could not open.")
    click.echo(
        "The bundle that closed it belongs to the root with this fingerprint; make sure that the "
        f"admins read out the same words: {trust.load(vault.folder).fingerprint}"
    )


@click.command()
@click.option("--new-passphrase", is_flag=True, help="Ask for a new passphrase as well.")
@click.option(
    "--new-passphrase-file",
    metavar="FILE",
    help="Read a new passphrase from this file instead of asking.",
)
@click.pass_obj
def rekey(options: Options, new_passphrase: bool, new_passphrase_file: str | None) -> None:
    """Renew the vault's own key, and its passphrase if you like. Safe to repeat if interrupted.

    Every submission is wrapped to the new key by its header alone; its payload stays as it was
    received.
    """
    vault = options.unlock()
    secret = None
    if new_passphrase or new_passphrase_file is not None:
        what = "the vault from now on"
        secret = passphrase.obtain(new_passphrase_file, what=what, confirm=True)
    with progress_bar(size_to_rekey(vault), "Renewing") as advance:
        report = rekey_vault(vault, advance, secret)
    click.echo(f"Wrapped {report.rewrapped} files to a new vault key.")
    if report.left:
        click.echo(f"{report.left} were never wrapped to the vault's key, and stay as they are.")
    click.echo(
        "Copies of the vault made before still open with the old key and the old passphrase: "
        "destroy them."
    )


def days_of(epoch: str) -> str:
    """Return an epoch's first and last day."""
    period = period_or_none(epoch)
    return "" if period is None else f"{period.begins} to {period.ends - _A_DAY}"


def period_or_none(epoch: str) -> Period | None:
    """Return the epoch of that id, where the calendar has one."""
    try:
        return period_named(epoch)
    except ManifestRefused:
        return None
