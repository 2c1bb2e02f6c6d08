"""``intake``: the server, and the admin's work on it."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path

import click

from intake import command_line
from intake.command_line import json_option, print_json, progress_bar
from intake.errors import StoreUnavailable
from intake.manifest.model import Role
from intake.online import private_logging
from intake.online.courier import export_bundle
from intake.online.demo import make_demo
from intake.online.deployment import Deployment
from intake.online.server import serve
from intake.online.settings import Settings, find_settings, read_settings


@dataclass(frozen=True)
class Options:
    """What stands before the command."""

    config: str | None

    def settings(self) -> Settings:
        """Read the settings."""
        return read_settings(find_settings(self.config, os.environ))


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
    serve(options.settings())


@intake.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_obj
def export_(options: Options, folder: Path) -> None:
    """Copy every sealed submission into a bundle at DIR, to be carried to the reviewers.

    Safe to repeat, and to interrupt: a bundle counts only once its listing is written, at the end.
    """
    settings = options.settings()
    deployment = Deployment.open(settings)
    total = sum(submission.size for submission in deployment.store.submissions())
    with progress_bar(total, "Exporting") as advance:
        export = export_bundle(deployment.store, settings.state, folder, advance)
    bundle = export.bundle
    click.echo(f"Wrote bundle {bundle.sequence} with {len(bundle.submissions)} to {folder}.")
    if export.unreadable:
        raise StoreUnavailable(
            f"{len(export.unreadable)} submissions could not be read and were left out; see the "
            f"disk of {settings.blobs}: {', '.join(export.unreadable)}."
        )


@intake.group()
def keys() -> None:
    """Show which keys are in force."""


@keys.command("show")
@json_option
@click.pass_obj
def keys_show(options: Options, as_json: bool) -> None:
    """Show the manifest's version, the epoch in force and its recipients."""
    deployment = Deployment.open(options.settings())
    in_force = deployment.keys.on(deployment.today())
    summary = {
        "version": in_force.manifest.version,
        "epoch": in_force.epoch.id,
        "epoch_ends": in_force.epoch.ends.isoformat(),
        "recipients": [entry.recipient for entry in in_force.epoch.of(Role.REVIEWERS)],
    }
    if as_json:
        print_json(summary)
        return
    click.echo(f"version: {summary['version']}")
    click.echo(f"epoch: {in_force.epoch.id}, ends before {in_force.epoch.ends}")
    for entry in in_force.epoch.of(Role.REVIEWERS):
        click.echo(f"recipient: {entry.name}")


def main() -> None:
    """Run ``intake``."""
    command_line.run(intake)
