"""``intake export``, ``import`` and ``sweep``: what leaves, what comes back, and what goes."""

from __future__ import annotations

from pathlib import Path

import click

from intake.command_line import counted, json_option, print_json, progress_bar
from intake.errors import StoreUnavailable
from intake.online.courier import Seal, export_bundle
from intake.online.deployment import Deployment
from intake.online.importing import Import
from intake.online.options import Options
from intake.online.retention import Swept, sweep
from intake.online.returned import import_returns
from intake.online.status import (
    problems_with_strays,
    problems_with_the_clock,
    problems_with_the_signing_key,
)
from intake.online.store.replies import Filing

#: Whether it can be read we see ourselves, and say what to do: it is no mistake in the command.
_STICK = click.Path(path_type=Path, readable=False)

_SUBMISSIONS = ("submission", "submissions")
_STRAYS = (
    "sealed file that belonged to no row",
    "sealed files that belonged to no row",
)
_LEFT_OUT = (
    "submission could not be read whole and was",
    "submissions could not be read whole and were",
)


@click.command("export")
@click.argument("folder", metavar="DIR", type=_STICK)
@click.pass_obj
def export_(options: Options, folder: Path) -> None:
    """Copy every sealed submission into a bundle at DIR, to be carried to the reviewers.

    Safe to repeat, and to interrupt: what stood there counts until the new bundle is whole and was
    read back from the stick. When this says done, the stick can be taken out. What reviewers put
    there for this server stays, and is taken in with 'intake import DIR'.
    """
    settings = options.settings()
    deployment = Deployment.open(settings)
    # Before the submissions are looked up: of a closed epoch they are then all there.
    seal = Seal.of(deployment)
    total = sum(submission.size for submission in deployment.store.submissions())
    # Each byte is copied, and read back.
    with progress_bar(2 * total, "Exporting") as advance:
        export = export_bundle(deployment.store, seal, settings.state, folder, advance)
    bundle = export.bundle
    click.echo(
        f"Wrote bundle {bundle.sequence} with {len(bundle.submissions)} to {folder}, and read it "
        "back: it is whole."
    )
    if bundle.closed_epochs:
        click.echo(f"Closed, and this is all of them: {', '.join(bundle.closed_epochs)}.")
    for problem in (
        *problems_with_the_signing_key(settings, deployment.keys),
        *problems_with_the_clock(deployment.keys, deployment.today()),
        *problems_with_strays(deployment.store),
    ):
        click.echo(f"Warning: {problem}", err=True)
    if export.unreadable:
        raise StoreUnavailable(
            f"{counted(len(export.unreadable), *_LEFT_OUT)} left out; see the disk of "
            f"{settings.blobs}: {', '.join(export.unreadable)}."
        )


@click.command("import")
@click.argument("folder", metavar="DIR", type=_STICK)
@click.pass_obj
def import_(options: Options, folder: Path) -> None:
    """Take in what the reviewers put on the stick at DIR: replies and acknowledgements.

    Every vault's return there is taken by itself: one that is refused keeps no other back. Replies
    go into their mailboxes. A submission is deleted here once as many vaults as the manifest asks
    for have acknowledged that they hold it. Safe to repeat, and to interrupt.
    """
    settings = options.settings()
    deployment = Deployment.open(settings)
    well = True
    for found in import_returns(
        deployment.store,
        deployment.keys,
        folder,
        deployment.today(),
        kept_days=settings.retention.acknowledged_days,
    ):
        if found.taken is not None:
            _say_taken(found.taken)
        # At once: what the database refuses next is raised, and must not hide it.
        for problem in found.problems:
            well = False
            click.echo(f"Error: {problem}", err=True)
    if not well:
        click.get_current_context().exit(1)


def _say_taken(found: Import) -> None:
    again = ", which was taken before" if found.again else ""
    filings = found.filings
    click.echo(f"Took return {found.sequence} of {found.vault}{again}.")
    click.echo(
        f"Replies: {filings[Filing.FILED]} filed, "
        f"{counted(filings[Filing.WAITING], 'waits', 'wait')} for a free slot, "
        f"{counted(filings[Filing.KNOWN], 'was', 'were')} here already."
    )
    click.echo(
        f"Acknowledgements: {found.acknowledged} new; "
        f"{counted(found.enough, 'submission has', 'submissions have')} enough now, "
        f"{counted(found.deleted, 'was', 'were')} deleted."
    )


@click.command("sweep")
@json_option
@click.option(
    "--adopt", is_flag=True, help="Take in sealed files that belong to no row of this database."
)
@click.pass_obj
def sweep_(options: Options, as_json: bool, adopt: bool) -> None:
    """Remove what need not be here any more, as [retention] in the settings says.

    The server does it every day by itself, and when it starts. Nothing unacknowledged is removed
    without a warning weeks before ('intake status'), and nothing that this database does not know.
    Where a database was lost and no backup is left, --adopt takes in what it knew: no code finds
    it any more, but it leaves with the next export.
    """
    settings = options.settings()
    deployment = Deployment.open(settings)
    adopted: tuple[bytes, ...] = ()
    if adopt:
        newest = deployment.keys.history()[-1].version
        adopted = deployment.store.adopt(deployment.today(), newest)
    swept = sweep(deployment.store, deployment.keys, settings.retention, deployment.today())
    for problem in problems_with_strays(deployment.store):
        click.echo(f"Warning: {problem}", err=True)
    if as_json:
        print_json({**swept.to_json(), "adopted": [i.hex() for i in adopted]})
    else:
        if adopt:
            click.echo(f"Took in {counted(len(adopted), *_STRAYS)}; export them now.")
        removed = counted(len(swept.removed), *_SUBMISSIONS)
        click.echo(f"Removed {removed} whose time was over{_ids(swept)}.")
        click.echo(f"Removed the files of {swept.acknowledged} acknowledged submissions.")
        click.echo(
            f"Removed {counted(swept.replies, 'reply', 'replies')}, and "
            f"{counted(swept.debris, 'file', 'files')} left by a crash."
        )
        warned = counted(swept.warned, *_SUBMISSIONS)
        click.echo(f"Warned of {warned} that will be removed unacknowledged.")
    if swept.doubt:
        raise StoreUnavailable(
            f"Nothing was removed for its age, because the day is in doubt: {swept.doubt}. If the "
            "clock is right, run 'intake keys reset-day', and then this again."
        )


def _ids(swept: Swept) -> str:
    return f": {', '.join(swept.removed)}" if swept.removed else ""
