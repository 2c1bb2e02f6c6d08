"""Letting a changed manifest be the next version, and saying who has to sign it."""

from __future__ import annotations

import click

from intake.manifest.model import Manifest
from intake.offline.admin.home import AdminHome


def save(home: AdminHome, manifest: Manifest, *, aside: bool = False) -> None:
    """Let this be the next version, and say who has to sign it.

    Args:
        home: whose next version.
        manifest: what it is from now on.
        aside: say so on stderr, where the command's own output is for a program.
    """
    before = home.waiting()
    home.save(manifest)
    click.echo(f"Version {manifest.version} must be signed now: 'intake-keys sign'.", err=aside)
    if before is not None and before.signed and before.manifest != manifest:
        click.echo(
            f"The signatures of {', '.join(before.signed)} were for what it said before: they must "
            "sign anew.",
            err=aside,
        )
