"""``intake backup`` and ``intake restore``."""

from __future__ import annotations

from pathlib import Path

import click

from intake import command_line
from intake.online.backup import make_backup
from intake.online.deployment import Deployment
from intake.online.options import Options
from intake.online.restoring import finish_restoration, restore

_DAYS = "'intake keys reset-day'"


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.pass_obj
def backup(options: Options, file: Path) -> None:
    """Back up this server to FILE, sealed to the admins. Nothing of it is ever in the clear.

    \b
    In it:      the database, the server's keys, the manifest, and what must never go back
    Not in it:  sealed accounts, which go with 'intake export', and replies, so that none
                comes back that a witness has deleted

    Any one admin opens it ('intake-keys open-backup FILE OUT'); 'intake restore OUT' takes it in.
    """
    made = make_backup(Deployment.open(options.settings()), file)
    click.echo(f"Wrote {file} with {_on_record(made.submissions)}, and read it back: it is whole.")
    click.echo(f"It opens with the keys of any one of: {', '.join(made.admins)}.")


@click.command("restore")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, exists=True))
@click.pass_obj
def restore_(options: Options, file: Path) -> None:
    """Restore the opened backup FILE on a fresh machine, whole or not at all.

    The state folder must be empty, or hold the folder blobs alone. What was deleted does not come
    back; every code goes on working. Start the server afterwards as always.
    """
    settings = options.unfinished_settings()
    if finish_restoration(settings.state):
        click.echo("The restoration that was interrupted is complete now.")
        return
    done = restore(settings, file, command_line.today())
    click.echo(f"Restored the backup of {done.day}: {_on_record(done.submissions)}.")
    if done.lost:
        click.echo(
            f"Not restored, because no sealed file is here: {len(done.lost)}. What was "
            "acknowledged or withdrawn since has none, nor has what is lost; 'intake-review show "
            "ID' tells which of them the reviewers have:"
        )
        for submission in done.lost:
            click.echo(f"  {submission}")
    if done.found:
        click.echo(
            f"Sealed files that arrived after the backup: {len(done.found)}. They were taken in "
            "and leave with the next export, but no code finds them any more."
        )
    if not done.signed:
        click.echo(
            "Warning: the backup's manifest names no server key, so nobody can tell who made it. "
            "Where that was not this server's admins, start nothing and ask them.",
            err=True,
        )
    click.echo(
        "Replies are never backed up: the reviewers send them anew ('intake-review reply ID "
        f"--again'). If days went by, see that the clock is right, and run {_DAYS}."
    )


def _on_record(submissions: int) -> str:
    return f"{command_line.counted(submissions, 'submission', 'submissions')} on record"
