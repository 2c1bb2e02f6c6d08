"""Where a passphrase comes from: a file, or a person at the keyboard."""

from __future__ import annotations

from pathlib import Path

import click

from intake.age.sealing.passphrase import DEFAULT_WORK_FACTOR
from intake.errors import VaultUnusable
from intake.secret import Secret

work_factor_option = click.option(
    "--work-factor",
    type=click.IntRange(10, 20),
    default=DEFAULT_WORK_FACTOR,
    show_default=True,
    help="How slow guessing the passphrase is: scrypt's log2 N.",
)


def obtain(file: str | None, *, what: str, confirm: bool = False) -> Secret:
    """Return the passphrase for ``what``: the first line of ``file``, else asked for.

    Raises:
        VaultUnusable: the file cannot be read, or the passphrase is empty.
    """
    if file is None:
        text = click.prompt(
            f"Passphrase for {what}", hide_input=True, confirmation_prompt=confirm, err=True
        )
    else:
        try:
            text = Path(file).read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise VaultUnusable(f"Cannot read the passphrase file {file}.") from error
    if not text:
        raise VaultUnusable("The passphrase is empty; choose one of six words or more.")
    return Secret(text.encode("utf-8"))
