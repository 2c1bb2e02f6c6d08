"""``intake-review``: the reviewer's work, on the machine that never touches a network."""

from __future__ import annotations

from pathlib import Path

import click

from intake import command_line
from intake.command_line import counted, json_option, print_json, progress_bar, yes_option
from intake.courier.bundle import Bundle, read_bundle
from intake.errors import DocumentMalformed, ManifestRefused, VaultUnusable
from intake.manifest.fingerprint import root_fingerprint
from intake.manifest.model import NAME_LIMIT, is_name
from intake.offline import passphrase, replies, showing, trust
from intake.offline.courier_cli import courier, replies_, reply
from intake.offline.destroying_cli import rekey
from intake.offline.identity_answers import read_answers as read_identity
from intake.offline.inbox import ImportReport, import_bundle
from intake.offline.mailboxes import same_mailbox, withdrawals
from intake.offline.network import warn_of_networks
from intake.offline.passphrase import work_factor_option
from intake.offline.review_options import Options
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
                           intake-review --vault V reply ID --text-file FILE
    Before it goes back:   intake-review --vault V courier /media/stick
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
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--believe",
    is_flag=True,
    help="Take what this bundle says for true, although the vault has seen a newer one.",
)
@yes_option
@click.pass_obj
def import_(options: Options, folder: Path, believe: bool, yes: bool) -> None:
    """Take what is new in the bundle at DIR into the vault. Safe to repeat.

    What a bundle says of epochs, of replies and of what the server holds is believed only if it is
    not older than the newest one that came. --believe is for the day when that one was false,
    because somebody had taken the server over or its clock was wrong: from then on, what counts as
    newest is this bundle. It must be signed all the same.
    """
    bundle = read_bundle(folder).bundle
    vault = options.unlock()
    if believe:
        _ask_whether_to_believe(folder, yes=yes)
    total = sum(submission.size for submission in bundle.submissions)
    with progress_bar(total, "Importing") as advance:
        report = import_bundle(vault, folder, advance, command_line.today(), believe=believe)
    for warning in report.warnings:
        click.echo(f"Warning: {warning}", err=True)
    known = counted(len(report.known), "was", "were")
    click.echo(f"Imported {len(report.imported)}; {known} here already.")
    _say_foreign(bundle, report)
    for notice in report.notices:
        click.echo(f"A witness has taken back what came before: 'show {notice}' says what.")
    for epoch in report.closed:
        click.echo(
            f"Epoch {epoch} is closed and all of it is here: 'intake-review keys destroy {epoch}' "
            "removes its key."
        )
    if report.pinned is not None:
        _say_root(report.pinned)
    _say_refused(report)


def _ask_whether_to_believe(folder: Path, *, yes: bool) -> None:
    click.echo(
        f"The vault takes what the bundle at {folder} says of epochs, of replies and of what the "
        "server holds for true, and counts it as the newest from now on, although it may have seen "
        "a newer one. Replies that were on the server may then count as lost. Do this only if the "
        "newer one was false, and if whoever runs the server says that they have just made this "
        "one."
    )
    if not yes:
        click.confirm("Believe it?", abort=True, err=True)


def _say_foreign(bundle: Bundle, report: ImportReport) -> None:
    if not report.foreign:
        return
    epochs = {s.id: s.epoch for s in bundle.submissions}
    named = sorted({epochs[name] for name in report.foreign})
    click.echo(
        f"Passed over, because sealed to others: {len(report.foreign)}. If a quorum reviews, run "
        f"'intake-review unlock --epoch {named[0]}' and import the stick there."
    )


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
    known = vault.shown(vault.catalogue())
    if as_json:
        print_json(showing.listing(known))
        return
    if not known.entries:
        click.echo("The vault is empty; 'import DIR' brings a bundle in.")
    showing.say_listing(known)


@review.command()
@click.argument("submission", metavar="ID")
@json_option
@click.pass_obj
def show(options: Options, submission: str, as_json: bool) -> None:
    """Show the account of submission ID (its first digits are enough) and what came with it.

    The account comes first, then the answers as the witness's page asked for them, then what the
    witness consented to. A consent that was not given is shown as no.
    """
    vault = options.unlock()
    found = vault.find(submission)
    with vault.envelope(found) as envelope:
        record, text = envelope.record, envelope.account_text()
        answers = envelope.answers_text()
        identity = read_identity(vault, found, envelope)
    vault.mark_read(found)
    known = vault.shown(vault.catalogue())
    withdrawal = withdrawals(known.entries).get(found)
    kept = [r for r in replies.load(vault).replies.values() if r.mailbox == record.mailbox]
    if as_json:
        attachments = [
            {"name": a.name, "type": a.type, "size": a.size, "sha256": a.sha256}
            for a in record.attachments
        ]
        print_json(
            {**record.raw, "id": found, "account": text, "identity": identity}
            | {"attachments": attachments}
            | {"withdrawn": None if withdrawal is None else withdrawal.to_json()}
            | {"same_mailbox": [entry.id for entry in same_mailbox(known.entries, found)]}
            | {"replies": [one.to_json() for one in kept]}
        )
        return
    showing.say_withdrawal(record.kind, withdrawal)
    showing.say_account(found, record, text, identity)
    showing.say_answers(found, record, answers)
    showing.say_mailbox(known, found, kept)


@review.command()
@click.argument("submission", metavar="ID")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_obj
def extract(options: Options, submission: str, folder: Path) -> None:
    """Write the account and the files of submission ID into DIR, which must be new or empty.

    The files get safe names; the names they came with stand in account.json. How to reach the
    witness goes into identity.json, where this vault may read it. Nothing is opened.
    """
    vault = options.unlock()
    found = vault.find(submission)
    with vault.envelope(found) as envelope:
        known = vault.catalogue()
        showing.say_withdrawal(envelope.record.kind, withdrawals(known.entries).get(found))
        identity = read_identity(vault, found, envelope)
        total = sum(attachment.size for attachment in envelope.record.attachments)
        with progress_bar(total, "Extracting") as advance:
            written = envelope.extract(folder, advance, answers=identity)
    vault.mark_read(found)
    click.echo(f"Wrote {counted(len(written), 'file', 'files')} into {folder}.")


review.add_command(reply)
review.add_command(replies_)
review.add_command(courier)
review.add_command(keys)
review.add_command(rekey)
review.add_command(unlock)


def main() -> None:
    """Run ``intake-review``."""
    command_line.run(review)
