"""``intake-review unlock``: one process that holds a quorum's identity until it ends.

The shares are joined in memory, the vault is lent the identity, and nothing that holds it is ever
written: accounts sealed to a quorum are not wrapped to the vault's own key.
"""

from __future__ import annotations

import dataclasses
import shlex

import click

from intake.age.opening.hybrid import HybridIdentity
from intake.command_line import sentence
from intake.errors import IntakeError, ShareRefused
from intake.manifest.model import Role
from intake.offline import trust
from intake.offline.quorum import Gathering
from intake.offline.review_options import Options
from intake.offline.role_option import role_option
from intake.offline.terminal import read_line, wiped_screen
from intake.offline.vault import Vault

_PROMPT = "intake-review> "
_WIDTH = 32
_LEAVE = {"exit", "quit"}
_HELP = "help"

#: What the prompt takes: also a further quorum, where custodians have one too. All else works
#: without a quorum, outside.
_TAKEN = ("import", "list", "show", "extract", "reply", "courier", "unlock")


@click.command()
@click.option("--epoch", required=True, metavar="EPOCH", help="Whose quorum comes together.")
@role_option
@click.pass_obj
def unlock(options: Options, epoch: str, role: str) -> None:
    """Open what is sealed to a quorum: ask for its shares, then for commands.

    The joined key is held in memory until the program ends. Each share is typed on one line; the
    first four letters of a word are enough.
    """
    vault = options.unlock()
    known = _known_recipients(vault, epoch, Role(role))
    with wiped_screen():
        identity = HybridIdentity(_gather().join())
    if known is not None and str(identity.recipient()) not in known:
        raise ShareRefused(
            f"These shares open nothing of the epoch {epoch}: they are of another ceremony."
        )
    vault.lend(epoch, Role(role), identity)
    click.echo(
        f"The quorum of {epoch} is open until this program ends: 'help' lists what it takes, "
        "'exit' ends it.",
        err=True,
    )
    # Within the prompt, a further quorum has been opened: the prompt goes on.
    if options.opened is None:
        _take_commands(dataclasses.replace(options, opened=vault))


def _known_recipients(vault: Vault, epoch: str, role: Role) -> set[str] | None:
    """Return whom any version of the manifest names in an epoch; ``None`` if none names it."""
    return set(trust.load(vault.folder).recipients_ever(epoch, role)) or None


def _gather() -> Gathering:
    """Ask for shares until there are enough, or no more come."""
    gathering = Gathering()
    while gathering.missing != 0 and (line := read_line(_asking(gathering))) is not None:
        try:
            gathering.add(line)
        except ShareRefused as refused:
            click.echo(f"Error: {refused}", err=True)
    return gathering


def _asking(gathering: Gathering) -> str:
    number = gathering.given + 1
    if gathering.missing is None:
        return f"Share {number}: "
    return f"Share {number} of {gathering.given + gathering.missing}: "


def _take_commands(options: Options) -> None:
    """Run one command a line until the last. What fails is said, and the next is taken."""
    while (line := read_line(_PROMPT)) is not None:
        try:
            words = _split(line)
            if words and words[0] in _LEAVE:
                return
            _run(words, options)
        except (IntakeError, OSError, click.ClickException, click.Abort) as error:
            click.echo(f"Error: {sentence(error)}", err=True)


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        raise click.UsageError("A quotation mark is not closed; type the line again.") from None


def _run(words: list[str], options: Options) -> None:
    commands = _commands()
    if not words:
        return
    name, *arguments = words
    if name == _HELP:
        _help(commands)
    elif name in commands:
        commands[name].main(arguments, prog_name=name, standalone_mode=False, obj=options)
    else:
        raise click.UsageError("There is no such command here; 'help' lists what it takes.")


def _commands() -> dict[str, click.Command]:
    # The program's commands have this one among them: neither can be first.
    from intake.offline.cli import review  # noqa: PLC0415

    return {name: review.commands[name] for name in _TAKEN}


def _help(commands: dict[str, click.Command]) -> None:
    for name, command in commands.items():
        click.echo(f"{_usage(name, command):{_WIDTH}} {command.get_short_help_str(limit=100)}")
    click.echo(f"{'exit':{_WIDTH}} End the program and forget the key.")


def _usage(name: str, command: click.Command) -> str:
    return " ".join((name, *(_in_usage(parameter) for parameter in command.params)))


def _in_usage(parameter: click.Parameter) -> str:
    if not isinstance(parameter, click.Option):
        return parameter.human_readable_name
    if parameter.required:
        return f"{parameter.opts[0]} {parameter.human_readable_name.upper()}"
    return f"[{parameter.opts[0]}]"
