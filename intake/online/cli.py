"""``intake``: the server, and the admin's work on it."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from intake import command_line
from intake.command_line import counted, json_option, print_json
from intake.online import private_logging
from intake.online.backup_cli import backup, restore_
from intake.online.courier_cli import export_, import_, sweep_
from intake.online.demo import DEFAULT_PORT, make_demo
from intake.online.doctor import examine
from intake.online.doctor_pages import advice_on_languages, examine_pages
from intake.online.keys_cli import keys, last_day
from intake.online.on_the_way import OnTheWay
from intake.online.options import Options
from intake.online.preview import LOOPBACK, pages_server, write_pages
from intake.online.preview_states import preview
from intake.online.server import serve
from intake.online.settings import find_settings, read_settings
from intake.online.status import look


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
    When it comes back:  intake import /media/stick
    """
    del debug  # read by command_line.run, wherever it stands
    private_logging.configure()
    context.obj = Options(config)


@intake.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help=f"Where it listens; else {DEFAULT_PORT}, or where the demo did before.",
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("var/demo"),
    show_default=True,
    help="Where the demo lives. It is made there the first time, and used again later.",
)
def demo(port: int | None, folder: Path) -> None:
    """Make a whole working set to try everything, and serve its form on 127.0.0.1.

    Server, admin and reviewer are all in one folder, with the passphrase 'demo'. For trying only.
    """
    if not (folder / "intake.toml").exists():
        click.echo("Making keys, an admin's home and a vault ...")
    path = make_demo(folder, port, dt.datetime.now(dt.UTC).date())
    settings = read_settings(path)
    click.echo(f"The form:  http://{settings.listen}/   (stop with Ctrl-C)")
    click.echo("To read what arrives, in another terminal:  make demo-review   or")
    click.echo(
        f"  intake --config {path} export {folder}/stick && intake-review --vault "
        f"{folder}/offline --passphrase-file {folder}/passphrase import {folder}/stick"
    )
    serve(settings)


@intake.command("serve")
@click.pass_obj
def serve_(options: Options) -> None:
    """Serve the pages, as the settings say, until stopped."""
    serve(options.settings(), lambda sentence: click.echo(sentence, err=True))


@intake.command("preview")
@click.option("--port", type=click.IntRange(1, 65535), default=8001, show_default=True)
@click.option(
    "--write",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write the pages into DIR and end, instead of serving them.",
)
@click.pass_obj
def preview_(options: Options, port: int, folder: Path | None) -> None:
    """Show every page in every state and language, to look through.

    With the settings, words, questionnaire and templates of this deployment, and with keys that are
    thrown away: nothing of its state is read or changed, and nothing can be sent. Says what on
    them would keep a witness from sending; with --write the exit status is then 1.
    """
    settings = read_settings(find_settings(options.config, os.environ))
    states = preview(settings)
    problems = [problem for state in states for problem in state.problems]
    advised = [advice for state in states for advice in state.advice]
    for advice in (*advice_on_languages(settings), *advised):
        click.echo(f"advice: {advice}", err=True)
    for problem in problems:
        click.echo(f"problem: {problem}", err=True)
    if folder is not None:
        write_pages(states, folder)
        click.echo(f"{counted(len(states), 'page', 'pages')} in {folder}")
        click.get_current_context().exit(1 if problems else 0)
    server = pages_server(states, port)
    click.echo(f"Every page:  http://{LOOPBACK}:{port}/   (stop with Ctrl-C)")
    server.serve_forever()


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
    for line in [] if found.on_the_way is None else _on_the_way(found.on_the_way):
        click.echo(line)
    click.echo(f"manifest version: {_known(found.manifest_version)}")
    if found.epoch is None:
        click.echo("epoch: none: no account is taken")
    else:
        click.echo(f"epoch: {found.epoch}, to {_last_day(found.epoch_ends)}")
        click.echo(f"last day on which accounts can be taken: {_last_day(found.covered_until)}")
    for revoked in found.revocations:
        click.echo(
            f"revoked: {revoked.name}, {counted(revoked.recipients, 'recipient', 'recipients')}; "
            "nothing is sealed to them any more"
        )
    for exposed in found.exposed:
        click.echo(
            f"exposed: epoch {exposed.epoch}, manifest version {exposed.manifest_version}, "
            f"to {', '.join(exposed.names)}; {exposed.still_here} still here"
        )
    for problem in found.problems:
        click.echo(f"problem: {problem}")


def _on_the_way(way: OnTheWay) -> Iterator[str]:
    yield f"  never left: {way.never_left}"
    for carried in way.carried:
        yield f"  left with bundle {carried.bundle}, awaited back: {carried.submissions}"
    if way.acknowledged_by_some:
        yield f"  acknowledged by some vaults, not by enough: {way.acknowledged_by_some}"
    if way.acknowledged_here:
        yield f"  acknowledged, and here for a while: {way.acknowledged_here}"
    if way.removal is not None:
        yield f"  removed from {way.removal} on, unless acknowledged: {way.warned}"
    waiting = counted(way.replies_waiting, "waits", "wait")
    yield f"replies: {way.replies_filed} in mailboxes, {waiting} for a free slot"


def _last_day(end: str | None) -> dt.date | None:
    return None if end is None else last_day(dt.date.fromisoformat(end))


def _known(value: int | None) -> str:
    return "unknown" if value is None else str(value)


@intake.command()
@json_option
@click.pass_obj
def doctor(options: Options, as_json: bool) -> None:
    """Look for what is wrong with this deployment, and say what mends it.

    Exit status 1 if anything is. What is only advised may be meant so, and is no fault.
    """
    looked_at = options.settings(), options.keys(), command_line.today()
    findings = [*examine(*looked_at), examine_pages(*looked_at)]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(f"{finding.what}: {'see below' if finding.problems else 'well'}")
        for problem in (p for finding in findings for p in finding.problems):
            click.echo(f"problem: {problem}")
        for advice in (a for finding in findings for a in finding.advice):
            click.echo(f"advice: {advice}")
    if any(finding.problems for finding in findings):
        click.get_current_context().exit(1)


for command in (keys, export_, import_, sweep_, backup, restore_):
    intake.add_command(command)


def main() -> None:
    """Run ``intake``."""
    command_line.run(intake)
