"""``intake-review``: the reviewer's work, on the machine that never touches a network."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path

import click

from intake import command_line
from intake.age.opening.hybrid import HybridIdentity
from intake.command_line import json_option, print_json, progress_bar, yes_option
from intake.courier.bundle import read_bundle
from intake.durable import write_file
from intake.errors import NotInVault, VaultUnusable
from intake.manifest.calendar import EpochLength, periods_from
from intake.manifest.model import Epoch, Recipient, Role
from intake.offline import passphrase
from intake.offline.inbox import ImportReport, import_bundle
from intake.offline.network import networks_up
from intake.offline.recipients_file import serialise_recipients
from intake.offline.safe_names import printable
from intake.offline.vault import WORK_FACTOR, Vault


@dataclass(frozen=True)
class Options:
    """What stands before the command."""

    vault: str | None
    passphrase_file: str | None

    def folder(self) -> Path:
        """Return the vault's folder.

        Raises:
            VaultUnusable: nobody said which.
        """
        if not self.vault:
            raise VaultUnusable("Say which vault: --vault DIR, or INTAKE_VAULT in the environment.")
        return Path(self.vault)

    def unlock(self) -> Vault:
        """Ask for the passphrase and open the vault."""
        folder = self.folder()
        if not (folder / "vault.json").exists():
            raise VaultUnusable(
                f"{folder} is not a vault; make one with 'intake-review init', or name another."
            )
        secret = passphrase.obtain(self.passphrase_file, what="the vault")
        return Vault.unlock(folder, secret)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--vault", envvar="INTAKE_VAULT", metavar="DIR", help="The vault. [INTAKE_VAULT]")
@click.option(
    "--passphrase-file",
    envvar="INTAKE_PASSPHRASE_FILE",
    metavar="FILE",
    help="Read the passphrase from this file instead of asking. [INTAKE_PASSPHRASE_FILE]",
)
@click.option("--debug", is_flag=True, help="Print a traceback when something fails.")
@click.pass_context
def review(
    context: click.Context, vault: str | None, passphrase_file: str | None, debug: bool
) -> None:
    """Open and read what witnesses sent, on a machine that never touches a network.

    \b
    The first time:        intake-review --vault V init
                           intake-review --vault V keys new --from 2026-12 --count 12
    When a stick arrives:  intake-review --vault V import /media/stick
                           intake-review --vault V list
                           intake-review --vault V show ID
                           intake-review --vault V extract ID DIR
    """
    del debug  # read by command_line.run, wherever it stands
    context.obj = Options(vault, passphrase_file)
    up = networks_up()
    if up:
        click.echo(
            f"Warning: this machine has a network up ({', '.join(up)}). Keys and accounts belong "
            "on a machine that has none.",
            err=True,
        )


@review.command()
@click.option("--name", default="reviewer", show_default=True, help="Whose vault this is.")
@click.option(
    "--work-factor",
    type=click.IntRange(10, 20),
    default=WORK_FACTOR,
    show_default=True,
    help="How slow guessing the passphrase is: scrypt's log2 N.",
)
@click.pass_obj
def init(options: Options, name: str, work_factor: int) -> None:
    """Make an empty vault behind a new passphrase."""
    folder = options.folder()
    secret = passphrase.obtain(options.passphrase_file, what="the new vault", confirm=True)
    Vault.create(folder, name, secret, work_factor=work_factor)
    click.echo(f"Made a vault in {folder}. Nobody can open it without its passphrase, we neither.")


@review.group()
def keys() -> None:
    """Make and show the keys of epochs."""


def _first_day(_context: click.Context, _parameter: click.Parameter, value: str) -> dt.date:
    try:
        return dt.date.fromisoformat(value if value.count("-") > 1 else f"{value}-01")
    except ValueError:
        raise click.BadParameter("write a day or a month: 2026-12-01 or 2026-12") from None


@keys.command("new")
@click.option(
    "--from",
    "begin",
    required=True,
    callback=_first_day,
    metavar="DATE",
    help="Any date in the first epoch: 2026-12-01 or 2026-12.",
)
@click.option("--count", type=click.IntRange(1, 400), default=1, show_default=True)
@click.option(
    "--epoch-length",
    type=click.Choice([length.value for length in EpochLength]),
    default=EpochLength.MONTH.value,
    show_default=True,
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("recipients.json"),
    show_default=True,
    help="Where to write the public file for the admins.",
)
@click.pass_obj
def keys_new(options: Options, begin: dt.date, count: int, epoch_length: str, out: Path) -> None:
    """Make identities for the coming epochs, and a public file with their recipients.

    The identities stay in the vault. Carry the file to the admins: 'intake-keys add-recipients'.
    """
    if not os.access(out.parent, os.W_OK) or out.is_dir():
        # Said before the keys are made: keys whose recipients nobody has serve nobody.
        raise VaultUnusable(f"{out} cannot be written; name another file with --out.")
    vault = options.unlock()
    periods = periods_from(begin, count, EpochLength(epoch_length))
    identities = {period.id: HybridIdentity.generate() for period in periods}
    with vault.exclusive():
        vault.add_epochs(identities)
    epochs = tuple(
        Epoch(
            period.id,
            period.begins,
            period.ends,
            (Recipient(vault.name, Role.REVIEWERS, str(identities[period.id].recipient())),),
        )
        for period in periods
    )
    write_file(out, serialise_recipients(epochs), mode=0o644)
    click.echo(
        f"Made keys for {len(periods)} epochs, {periods[0].id} to {periods[-1].id}. "
        f"Bring {out} to the admins."
    )


@keys.command("reveal")
@click.argument("epoch")
@yes_option
@click.pass_obj
def keys_reveal(options: Options, epoch: str, yes: bool) -> None:
    """Print the identity of EPOCH, so that plain 'age' opens its accounts if all else fails."""
    vault = options.unlock()
    identity = vault.keys.epochs.get(epoch)
    if identity is None:
        known = ", ".join(vault.keys.epochs) or "none"
        raise NotInVault(f"The vault has no key for the epoch {epoch}; it has: {known}.")
    click.echo(
        "Warning: whoever sees the next line opens every account of this epoch. "
        "It stays in this terminal's history.",
        err=True,
    )
    if not yes:
        click.confirm("Print it?", abort=True, err=True)
    click.echo(identity.encode())


@review.command("import")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_obj
def import_(options: Options, folder: Path) -> None:
    """Take what is new in the bundle at DIR into the vault. Safe to repeat."""
    bundle = read_bundle(folder).bundle
    vault = options.unlock()
    total = sum(submission.size for submission in bundle.submissions)
    with progress_bar(total, "Importing") as advance:
        report = import_bundle(vault, folder, advance)
    click.echo(f"Imported {len(report.imported)}; {len(report.known)} were here already.")
    _say_refused(report)


def _say_refused(report: ImportReport) -> None:
    if not report.refused:
        return
    for _, error in report.refused[1:]:
        click.echo(f"Error: {error}", err=True)
    raise report.refused[0][1]


@review.command("list")
@json_option
@click.pass_obj
def list_(options: Options, as_json: bool) -> None:
    """List the submissions in the vault."""
    vault = options.unlock()
    entries = [entry for _, entry in sorted(vault.entries().items())]
    if as_json:
        fields = ("id", "epoch", "day", "status", "attachments", "language")
        print_json([{name: entry.to_json()[name] for name in fields} for entry in entries])
        return
    if not entries:
        click.echo("The vault is empty; 'import DIR' brings a bundle in.")
    for entry in entries:
        click.echo(
            f"{entry.id}  {entry.day or '----------'}  {printable(entry.epoch):8}  "
            f"{entry.status.value:8}  {entry.attachments:3} files  {printable(entry.language)}"
        )


@review.command()
@click.argument("submission", metavar="ID")
@json_option
@click.pass_obj
def show(options: Options, submission: str, as_json: bool) -> None:
    """Show the account of submission ID (its first digits are enough) and what came with it."""
    vault = options.unlock()
    found = vault.find(submission)
    with vault.envelope(found) as envelope:
        record, text = envelope.record, envelope.account_text()
    vault.mark_read(found)
    if as_json:
        attachments = [
            {"name": a.name, "type": a.type, "size": a.size, "sha256": a.sha256}
            for a in record.attachments
        ]
        print_json(
            {**record.raw, "id": found, "account": text, "identity": None}
            | {"attachments": attachments}
        )
        return
    click.echo(f"Submission {found}, epoch {printable(record.epoch)}, language ", nl=False)
    click.echo(printable(record.language))
    for attachment in record.attachments:
        click.echo(
            f"  {printable(attachment.name)}  {printable(attachment.type)}  {attachment.size} bytes"
        )
    click.echo()
    click.echo(printable(text, keep="\n\t"))


@review.command()
@click.argument("submission", metavar="ID")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_obj
def extract(options: Options, submission: str, folder: Path) -> None:
    """Write the account and the files of submission ID into DIR, which must be new or empty.

    The files get safe names; the names they came with stand in account.json. Nothing is opened.
    """
    vault = options.unlock()
    found = vault.find(submission)
    with vault.envelope(found) as envelope:
        total = sum(attachment.size for attachment in envelope.record.attachments)
        with progress_bar(total, "Extracting") as advance:
            written = envelope.extract(folder, advance)
    vault.mark_read(found)
    click.echo(f"Wrote {len(written)} files into {folder}.")


def main() -> None:
    """Run ``intake-review``."""
    command_line.run(review)
