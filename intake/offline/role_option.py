"""``--role``, as every command has it that makes, shows or joins keys of one role."""

from __future__ import annotations

import click

from intake.manifest.model import Role

#: Gives a command the role as its argument ``role``: the text of a :class:`Role`.
role_option = click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.REVIEWERS.value,
    show_default=True,
    help="What the keys open: accounts, or the answers that identify a witness.",
)
