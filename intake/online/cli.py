"""``intake``: the server, and the admin's work on it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from intake import command_line
from intake.command_line import json_option, print_json, progress_bar
from intake.errors import StoreUnavailable
from intake.online import private_logging
from intake.online.courier import Seal, export_bundle
from intake.online.demo import make_demo
from intake.online.deployment import Deployment
from intake.online.doctor import examine
from intake.online.keys_cli import keys, last_day
from intake.online.options import Options
from intake.online.server import serve
from intake.online.settings import read_settings
from intake.online.status import look, problems_with_the_clock, problems_with_the_signing_key


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    metavar="FILE",
    help="The settings; else INTAKE_CONFIG, ./intake.toml or /etc/intake/intake.toml.",
)
@click.option("--debug", is_flag=True, help="Print a traceback when something fails.")
@click.pass_context
def intake(context: click.Context, config: str | None, debug: bool) -> None:
    """Take accounts from witnesses, sealed as they arrive.

    \b
    To try everything:   intake demo
    On a real server:    intake serve
    When a stick waits:  intake export /media/stick
    """
    del debug  # read by command_line.run, wherever it stands
    private_logging.configure()
    context.obj = Options(config)


@intake.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("var/demo"),
    show_default=True,
    help="Where the demo lives. It is made there the first time, and used again later.",
)
def demo(port: int, folder: Path) -> None:
    """Make a whole working set to try everything, and serve its form on 127.0.0.1.

    Server, admin and reviewer are all in one folder, with the passphrase 'demo'. For trying only.
    """
    if not (folder / "intake.toml").exists():
        click.echo("Making keys, an admin's home and a vault ...")
    settings = make_demo(folder, port, dt.datetime.now(dt.UTC).date())
    click.echo(f"The form:  http://127.0.0.1:{port}/   (stop with Ctrl-C)")
    click.echo("To read what arrives, in another terminal:  make demo-review   or")
    click.echo(
        f"  intake --config {settings} export {folder}/stick && intake-review --vault "
        f"{folder}/offline --passphrase-file {folder}/passphrase import {folder}/stick"
    )
    serve(read_settings(settings))


@intake.command("serve")
@click.pass_obj
def serve_(options: Options) -> None:
    """Serve the pages, as the settings say, until stopped."""
    serve(options.settings(), lambda sentence: click.echo(sentence, err=True))


@intake.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_obj
def export_(options: Options, folder: Path) -> None:
    """Copy every sealed submission into a bundle at DIR, to be carried to the reviewers.

    Safe to repeat, and to interrupt: a bundle counts only once its listing is written, at the end.
    """
    settings = options.settings()
    deployment = Deployment.open(settings)
    # Before the submissions are looked up: of a closed epoch they are then all there.
    seal = Seal.of(deployment)
    total = sum(submission.size for submission in deployment.store.submissions())
    with progress_bar(total, "Exporting") as advance:
        export = export_bundle(deployment.store, seal, settings.state, folder, advance)
    bundle = export.bundle
    click.echo(f"Wrote bundle {bundle.sequence} with {len(bundle.submissions)} to {folder}.")
    if bundle.closed_epochs:
        click.echo(f"Closed, and this is all of them: {', '.join(bundle.closed_epochs)}.")
    for problem in (
        *problems_with_the_signing_key(settings, deployment.keys),
        *problems_with_the_clock(deployment.keys, deployment.today()),
    ):
        click.echo(f"Warning: {problem}", err=True)
    if export.unreadable:
        raise StoreUnavailable(
            f"{len(export.unreadable)} submissions could not be read whole and were left out; see "
            f"the disk of {settings.blobs}: {', '.join(export.unreadable)}."
        )


@intake.command()
@json_option
@click.pass_obj
def status(options: Options, as_json: bool) -> None:
    """Show what the server holds, which keys are in force, and what needs doing."""
    found = look(options.settings(), options.keys(), command_line.today())
    if as_json:
        print_json(found.to_json())
        return
    click.echo(f"submissions: {_known(found.submissions)}")
    click.echo(f"manifest version: {_known(found.manifest_version)}")
    if found.epoch is None:
        click.echo("epoch: none: no account is taken")
    else:
        click.echo(f"epoch: {found.epoch}, to {_last_day(found.epoch_ends)}")
        click.echo(f"last day on which accounts can be taken: {_last_day(found.covered_until)}")
    for revoked in found.revocations:
        click.echo(
            f"revoked: {revoked.name}, {revoked.recipients} recipients; nothing is sealed to them "
            "any more"
        )
    for exposed in found.exposed:
        click.echo(
            f"exposed: epoch {exposed.epoch}, manifest version {exposed.manifest_version}, "
            f"to {', '.join(exposed.names)}; {exposed.still_here} still here"
        )
    for problem in found.problems:
        click.echo(f"problem: {problem}")


def _last_day(end: str | None) -> dt.date | None:
    return None if end is None else last_day(dt.date.fromisoformat(end))


def _known(value: int | None) -> str:
    return "unknown" if value is None else str(value)


@intake.command()
@json_option
@click.pass_obj
def doctor(options: Options, as_json: bool) -> None:
    """Look for what is wrong with this deployment, and say what mends it.

    Exit status 1 if anything is.
    """
    findings = list(examine(options.settings(), options.keys(), command_line.today()))
    if as_json:
        print_json([{"what": f.what, "problems": f.problems} for f in findings])
    else:
        for finding in findings:
            click.echo(f"{finding.what}: {'see below' if finding.problems else 'well'}")
        for problem in (p for finding in findings for p in finding.problems):
            click.echo(f"problem: {problem}")
    if any(finding.problems for finding in findings):
        click.get_current_context().exit(1)


intake.add_command(keys)


def main() -> None:
    """Run ``intake``."""
    command_line.run(intake)
