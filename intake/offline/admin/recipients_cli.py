"""``intake-keys add-recipients``: what a reviewer brings, taken into the next version."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import click

from intake.command_line import today
from intake.manifest.fingerprint import recipients_fingerprint
from intake.manifest.model import Epoch, Manifest, Recipient, Role
from intake.offline.admin.changes import span
from intake.offline.admin.next_version import passed_over, with_recipients
from intake.offline.admin.options import Options
from intake.offline.admin.saving import save
from intake.offline.admin.vaults import vault_of, was_removed, with_vault
from intake.offline.recipients_file import RecipientsFile, read_recipients
from intake.offline.safe_names import printable


@click.command("add-recipients")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def add_recipients(options: Options, file: Path) -> None:
    """Add the recipients in FILE, which a reviewer made with 'intake-review keys new'.

    The reviewer's vault may acknowledge from then on: what it holds, the server may delete. A
    custodian's, who does not review, may not.
    Compare the words with those that the reviewer's machine showed, by voice, before you sign.
    """
    home = options.admin_home()
    home.root()
    brought = read_recipients(file)
    epochs, history = brought.epochs, home.history()
    before = home.pending(today())
    manifest = with_vault(with_recipients(before, epochs), brought.name, brought.vault, history)
    click.echo(f"fingerprint: {recipients_fingerprint(file.read_bytes())}")
    click.echo(
        f"Compare it by voice with what {printable(brought.name)}'s machine showed: if a word "
        "differs, somebody has changed the file."
    )
    click.echo("If they are not the same: 'intake-keys discard', and find out who did.")
    _warn_of_what_is_useless(manifest, epochs)
    _warn_of_namesakes(manifest, brought.name)
    if manifest.epoch_length is not before.epoch_length:
        click.echo(f"This deployment's epochs are a {manifest.epoch_length.value} long.")
    click.echo(f"Added the recipients of {span([epoch.id for epoch in epochs])}.")
    _say_vault(before, manifest, brought, history)
    _warn_of_other_words(before, brought, history)
    save(home, manifest)


def _say_vault(
    before: Manifest, after: Manifest, brought: RecipientsFile, history: Sequence[Manifest]
) -> None:
    name = printable(brought.name)
    if brought.vault is not None and was_removed(after, brought.vault, history):
        click.echo(
            f"Warning: {name}'s vault was taken out of the manifest before, and may not "
            "acknowledge. If that was a mistake: 'intake-keys vaults --readmit NAME'.",
            err=True,
        )
    elif vault_of(before, brought.name) != vault_of(after, brought.name):
        click.echo(f"{name}'s vault may acknowledge.")
        count = len(after.vaults)
        if count > after.acks_required:
            click.echo(
                f"Of {count} vaults, {after.acks_required} must acknowledge an account before the "
                f"server deletes it: 'intake-keys vaults --acks-required {count}' lets it wait for "
                "all of them."
            )


def _warn_of_other_words(
    before: Manifest, brought: RecipientsFile, history: Sequence[Manifest]
) -> None:
    """Warn where what came without a vault's key waits to be signed: its words change with one."""
    if brought.vault is None or vault_of(before, brought.name) is not None:
        return
    signed = _recipients_of(brought.name, history[-1].epochs if history else ())
    if (
        _recipients_of(brought.name, before.epochs)
        - signed
        - _recipients_of(brought.name, brought.epochs)
    ):
        name = printable(brought.name)
        click.echo(
            f"Warning: {name} has brought a file without the vault's key before, and 'sign' shows "
            f"other words for it than you compared. Let {name} write it again ('intake-review keys "
            "show --role custodians --out FILE'), and add that too.",
            err=True,
        )


def _recipients_of(name: str, epochs: Sequence[Epoch]) -> set[Recipient]:
    return {r for epoch in epochs for r in epoch.recipients if r.name == name}


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
