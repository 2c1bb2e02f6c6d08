"""``intake-keys open-backup``: an admin opens what the server sealed to all of them."""

from __future__ import annotations

from pathlib import Path

import click

from intake.command_line import progress_bar
from intake.offline.admin.backups import check_place, open_backup
from intake.offline.admin.options import Options, admin_option, which_admin


@click.command("open-backup")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("out", type=click.Path(path_type=Path))
@admin_option("Who opens it, where the home holds several admins.")
@click.pass_obj
def open_backup_command(options: Options, file: Path, out: Path, admin: str | None) -> None:
    """Open the backup in FILE, which 'intake backup' made, and write it to OUT.

    OUT is not sealed, and the server's keys stand in it: write it to a stick of its own, or to a
    disk that is encrypted, for the one way to the fresh machine.
    """
    home = options.admin_home()
    name = which_admin(home, admin, "Say who opens it")
    check_place(out)
    identity = home.backup_identity(name, options.passphrase(name))
    with progress_bar(file.stat().st_size, "Opening") as progress:
        open_backup(file, identity, out, whose=name, progress=progress)
    click.echo(f"Opened {file} with {name}'s keys: {out}. It is not sealed any more.")
    click.echo(
        f"Carry it to the fresh machine, run 'intake restore {out.name}' there, and destroy the "
        "stick: whoever reads it has the server's keys."
    )
