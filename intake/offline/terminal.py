"""Asking at a terminal for what nobody else may see, and wiping it away again."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import click


def read_line(prompt: str) -> str | None:
    """Ask for a line, visibly and without a history; ``None`` when the input has ended."""
    click.echo(prompt, nl=False, err=True)
    try:
        line = sys.stdin.readline()
    except UnicodeDecodeError:
        # A keyboard in another encoding: no word of any list, and no command.
        line = "\N{REPLACEMENT CHARACTER}\n"
    if not sys.stdin.isatty():
        # Nobody pressed Enter: the next sentence begins a line all the same.
        click.echo(err=True)
    return line.rstrip("\n") if line else None


@contextlib.contextmanager
def wiped_screen() -> Iterator[None]:
    """Leave an empty screen behind, however it ends, and an empty scrollback.

    A terminal may not know the sequence for its scrollback (xterm's ``3J``): then it stays.
    """
    try:
        yield
    finally:
        if sys.stderr.isatty():
            click.echo("\033[H\033[2J\033[3J", nl=False, err=True)
