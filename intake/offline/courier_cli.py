"""``intake-review reply``, ``replies`` and ``courier``: what goes back to the server."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from intake.command_line import counted, json_option, print_json, progress_bar, today
from intake.offline import replies as vault_replies
from intake.offline.answering import MOST_READ, again, decode_text, is_unasked_for, queue
from intake.offline.replies import State
from intake.offline.returning import total_size, write_return
from intake.offline.review_options import Options
from intake.offline.showing import say_replies

_STDIN = "-"
_NEXT = (
    "'intake-review courier DIR' writes it to the stick. The witness finds it in the mailbox once "
    "'intake import DIR' was run on the server."
)


@click.command()
@click.argument("submission", metavar="ID")
@click.option(
    "--text-file",
    metavar="FILE",
    help="The reply, as plain text in UTF-8; - reads standard input. At most 62 KiB.",
)
@click.option(
    "--again",
    "is_again",
    is_flag=True,
    help="Send anew what was lost when the server was restored"
    " from a backup; ID is the reply's, or the submission's that it answers.",
)
@click.pass_obj
def reply(options: Options, submission: str, text_file: str | None, is_again: bool) -> None:
    """Queue a reply to the witness of submission ID, for the next return.

    Only the witness's code opens it. The mailbox shows plain text and at most eight replies; a
    ninth waits on the server until the witness deletes one.
    """
    if (text_file is None) is not is_again:
        raise click.UsageError(
            "Say what to send: --text-file FILE, or - to read it from standard input. (--again "
            "alone sends anew what was lost.)"
        )
    if is_again:
        for queued in again(options.unlock(), submission):
            click.echo(f"Queued the reply to {queued.submission} again, as {queued.id}. {_NEXT}")
        return
    text = decode_text(_read(options, text_file or _STDIN))
    vault = options.unlock()
    found = vault.find(submission)
    queued = queue(vault, found, text, today())
    if is_unasked_for(vault, found):
        click.echo(
            "Note: this witness did not tick that you may write to them. The reply is queued all "
            "the same: nobody sees it who does not come back with the code."
        )
    click.echo(f"Queued the reply {queued.id}. {_NEXT}")


def _read(options: Options, name: str) -> bytes:
    if name == _STDIN:
        if options.opened is not None:
            raise click.UsageError("At this prompt, name a file: standard input is the prompt's.")
        return sys.stdin.buffer.read(MOST_READ + 1)
    with Path(name).open("rb") as file:
        return file.read(MOST_READ + 1)


@click.command("replies")
@json_option
@click.pass_obj
def replies_(options: Options, as_json: bool) -> None:
    """List the replies, and how far each is.

    \b
    queued    goes with every return until a bundle says that it arrived
    filed     is in the mailbox; whether it was read nobody can know
    waiting   is on the server, and goes with every return: eight others were in the mailbox
    gone      was on the server: the witness deleted it, or its time was over
    refused   is not sent: the witness has taken back what it answers
    lost      was or may have been on the server, which was restored from a backup
              since; it goes again only with 'reply ID --again'

    After that stands with which returns it went. What goes again and again may have found no room:
    a mailbox shows eight replies, and eight more wait.
    """
    vault = options.unlock()
    kept = vault_replies.load(vault)
    for name in kept.damaged:
        click.echo(
            f"Warning: the file replies/{name} in the vault is damaged; remove it.", err=True
        )
    found = kept.replies.values()
    if as_json:
        print_json([one.to_json() for one in found])
        return
    if not found:
        click.echo("There are no replies; 'reply ID --text-file FILE' queues one.")
    say_replies(found, vault.catalogue().sequence)
    if any(one.state is State.LOST for one in found):
        click.echo(
            "What was lost goes again with 'reply ID --again'. The witness may have read and "
            "deleted it already."
        )


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, readable=False))
@click.pass_obj
def courier(options: Options, folder: Path) -> None:
    """Write replies and acknowledgements to the stick at DIR, for 'intake import DIR'.

    What is acknowledged the server may delete, so each account is read here to its end before,
    every time.
    A stick that is lost is made good by the next: each return says all that is not known to have
    arrived. DIR may be the folder that the bundle came in, and may hold what other reviewers send.
    """
    vault = options.unlock()
    with progress_bar(total_size(vault), "Reading") as advance:
        returned = write_return(vault, folder, advance)
    for warning in returned.warnings:
        click.echo(f"Warning: {warning}", err=True)
    content = returned.content
    click.echo(
        f"Wrote return {content.sequence} with "
        f"{counted(len(content.replies), 'reply', 'replies')} and "
        f"{counted(len(content.acknowledgements), 'acknowledgement', 'acknowledgements')}."
    )
    click.echo("Unmount the stick before you take it out; on the server: 'intake import DIR'.")
