"""What every command of every program does alike: errors in one sentence, lists as JSON."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import click

from intake.errors import IntakeError

_DEBUG = "--debug"
_STOPPED = "Stopped; nothing was left half done."

F = TypeVar("F", bound=Callable[..., object])


def run(group: click.Command, arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0, 1 with one sentence on stderr, or 2 for wrong usage.

    ``--debug`` anywhere prints the traceback as well.
    """
    # What these programs write is for nobody else on the machine.
    os.umask(0o077)
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = _DEBUG in given
    try:
        status = group.main(args=[a for a in given if a != _DEBUG], standalone_mode=False)
        # What a command gave to Context.exit comes back here.
        if isinstance(status, int):
            sys.exit(status)
    except click.exceptions.Abort:
        _fail(_STOPPED, 1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except BrokenPipeError:
        sys.exit(1)
    except (IntakeError, OSError) as error:
        if debug:
            traceback.print_exc()
        _fail(sentence(error), 1)
    except Exception as error:  # noqa: BLE001  # a person is shown a sentence, never a traceback
        if debug:
            traceback.print_exc()
        _fail(
            f"Something went wrong that we did not foresee ({type(error).__name__}); nothing was "
            "left half done. Run it again with --debug to see where, and tell the makers.",
            1,
        )


def sentence(error: IntakeError | OSError | click.ClickException | click.Abort) -> str:
    """Return what a person is told of an error."""
    if isinstance(error, click.Abort):
        return _STOPPED
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'The system'}: {error.strerror}."
    return str(error)


def _fail(message: str, status: int) -> None:
    click.echo(f"Error: {message}", err=True)
    sys.exit(status)


@contextlib.contextmanager
def progress_bar(total: int, label: str) -> Iterator[Callable[[int], None]]:
    """Show a person how far ``total`` bytes are, on stderr; show a pipe nothing."""
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=total, label=label, file=sys.stderr, hidden=hidden) as bar:
        yield bar.update


def counted(count: int, one: str, many: str) -> str:
    """Return ``count`` with what is counted, or what it does, in the right number."""
    return f"{count} {one if count == 1 else many}"


def today() -> dt.date:
    """Return the day, in UTC: what every command means by today."""
    return _now().date()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def print_json(document: object) -> None:
    """Print a document as JSON, for other programs.

    On a terminal all but ASCII is written as escapes: a stranger's text must not act there.
    """
    click.echo(json.dumps(document, ensure_ascii=sys.stdout.isatty(), indent=1))


def json_option(command: F) -> F:
    """Give a command ``--json`` as its argument ``as_json``."""
    text = "Print JSON, for other programs."
    return click.option("--json", "as_json", is_flag=True, help=text)(command)


def yes_option(command: F) -> F:
    """Give a command ``--yes``."""
    return click.option("--yes", is_flag=True, help="Answer yes to every question.")(command)
