"""``intake-review``: the reviewer's work, on the machine that never touches a network."""

from __future__ import annotations

from pathlib import Path

import click

from intake import command_line
from intake.command_line import json_option, print_json, progress_bar
from intake.courier.bundle import read_bundle
from intake.errors import DocumentMalformed, ManifestRefused, VaultUnusable
from intake.manifest.fingerprint import root_fingerprint
from intake.manifest.model import NAME_LIMIT, is_name
from intake.offline import passphrase, trust
from intake.offline.destroying_cli import rekey
from intake.offline.identity_answers import read_answers
from intake.offline.inbox import ImportReport, import_bundle
from intake.offline.network import warn_of_networks
from intake.offline.passphrase import work_factor_option
from intake.offline.review_options import Options
from intake.offline.safe_names import printable
from intake.offline.unlock_cli import unlock
from intake.offline.vault import Vault
from intake.offline.vault_keys_cli import keys


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
    When an epoch is over: intake-review --vault V keys destroy 2026-12
    """
    del debug  # read by command_line.run, wherever it stands
    context.obj = Options(vault, passphrase_file)
    warn_of_networks()


@review.command()
@click.option("--name", default="reviewer", show_default=True, help="Whose vault this is.")
@work_factor_option
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The deployment's root.pub. Without it, the first bundle that is imported brings one.",
)
@click.pass_obj
def init(options: Options, name: str, work_factor: int, root: Path | None) -> None:
    """Make an empty vault behind a new passphrase."""
    if not is_name(name):
        raise VaultUnusable(
            f"A name is 1 to {NAME_LIMIT} characters that can be seen, without spaces around it; "
            "choose another with --name."
        )
    folder = options.folder()
    pinned = None if root is None else _read_root(root)
    secret = passphrase.obtain(options.passphrase_file, what="the new vault", confirm=True)
    Vault.create(folder, name, secret, work_factor=work_factor, root=pinned)
    click.echo(f"Made a vault in {folder}. Nobody can open it without its passphrase, we neither.")
    if pinned is not None:
        _say_root(root_fingerprint(pinned))


def _read_root(path: Path) -> bytes:
    data = path.read_bytes()
    try:
        trust.read_root(data)
    except (DocumentMalformed, ManifestRefused) as error:
        raise VaultUnusable(f"{path} is no root.pub; ask the admins for theirs.") from error
    return data


def _say_root(words: str) -> None:
    click.echo(
        "This vault belongs from now on to the deployment whose root has this fingerprint; make "
        f"sure that the admins read out the same words: {words}"
    )


@review.command("import")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_obj
def import_(options: Options, folder: Path) -> None:
    """Take what is new in the bundle at DIR into the vault. Safe to repeat."""
    bundle = read_bundle(folder).bundle
    vault = options.unlock()
    total = sum(submission.size for submission in bundle.submissions)
    with progress_bar(total, "Importing") as advance:
        report = import_bundle(vault, folder, advance, command_line.today())
    for warning in report.warnings:
        click.echo(f"Warning: {warning}", err=True)
    click.echo(f"Imported {len(report.imported)}; {len(report.known)} were here already.")
    for epoch in report.closed:
        click.echo(
            f"Epoch {epoch} is closed and all of it is here: 'intake-review keys destroy {epoch}' "
            "removes its key."
        )
    if report.pinned is not None:
        _say_root(report.pinned)
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
        answers = read_answers(vault, found, envelope)
    vault.mark_read(found)
    if as_json:
        attachments = [
            {"name": a.name, "type": a.type, "size": a.size, "sha256": a.sha256}
            for a in record.attachments
        ]
        print_json(
            {**record.raw, "id": found, "account": text, "identity": answers}
            | {"attachments": attachments}
        )
        return
    click.echo(f"Submission {found}, epoch {printable(record.epoch)}, language ", nl=False)
    click.echo(printable(record.language))
    for attachment in record.attachments:
        click.echo(
            f"  {printable(attachment.name)}  {printable(attachment.type)}  {attachment.size} bytes"
        )
    if answers:
        click.echo("How to reach the witness:")
    for question, answer in (answers or {}).items():
        # A line break must not let an answer pass for the account below it.
        click.echo(f"  {printable(question)}: {printable(answer)}")
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


review.add_command(keys)
review.add_command(rekey)
review.add_command(unlock)


def main() -> None:
    """Run ``intake-review``."""
    command_line.run(review)
