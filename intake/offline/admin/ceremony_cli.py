"""``intake-keys ceremony``: an identity that no one holds, its shares shown once each.

Every word that is shown or asked for goes to stderr and is wiped from the screen before the next
holder comes. Only the recipient is written, and only when every share has been typed back: a
ceremony that is broken off leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import stat
import sys

import click

from intake.age.opening.hybrid import HybridIdentity
from intake.command_line import today
from intake.errors import ManifestRefused, ShareRefused, VaultUnusable
from intake.manifest.calendar import length_of, period_named
from intake.manifest.fingerprint import recipients_fingerprint
from intake.manifest.model import NAME_LIMIT, Epoch, Manifest, Recipient, Role, is_name
from intake.offline.admin.home import AdminHome
from intake.offline.admin.next_version import with_recipients
from intake.offline.admin.options import Options
from intake.offline.admin.vaults import with_vault
from intake.offline.quorum import WORDS, Quorum, parse_quorum, split, words_of
from intake.offline.recipients_file import RecipientsFile, serialise_recipients
from intake.offline.role_option import role_option
from intake.offline.safe_names import printable
from intake.offline.terminal import read_line, wiped_screen

#: Words in a row on the screen: 33 make eleven rows, which a person copies without losing the line.
_COLUMNS = 3
_LONGEST_WORD = 8


@click.command()
@click.option(
    "--epoch", "epoch_id", required=True, metavar="EPOCH", help="2026-12, 2026-W49 or 2026-12-01."
)
@click.option(
    "--quorum",
    "asked",
    required=True,
    metavar="K-of-N",
    help="How many of how many holders are needed: 2-of-3.",
)
@click.option(
    "--name", default="quorum", show_default=True, help="What the manifest calls the recipient."
)
@role_option
@click.pass_obj
def ceremony(options: Options, epoch_id: str, asked: str, name: str, role: str) -> None:
    """Make a key for EPOCH that no one holds: K of its N holders open the accounts together.

    Each holder in turn comes alone to the screen, copies the words of a share to paper and types
    them back. Only the recipient is kept. Have paper and pens at hand, and no cameras.
    """
    home = options.admin_home()
    home.root()
    _check_place(home)
    quorum = parse_quorum(asked)
    manifest = home.pending(today())
    epoch = _epoch(manifest, epoch_id)
    identity = HybridIdentity.generate()
    recipient = Recipient(_checked(name), Role(role), str(identity.recipient()))
    added = (dataclasses.replace(epoch, recipients=(recipient,)),)
    # What the manifest would refuse is refused now, not when the shares are on paper.
    with_vault(with_recipients(manifest, added), recipient.name, None, home.history())
    _warn(manifest, epoch, recipient.role, quorum)
    for number, share in enumerate(split(identity.seed, quorum), 1):
        _await_holder(number, quorum)
        _hand_over(f"Share {number} of {quorum.holders}", share)
    version = home.add_recipients(added, today()).version
    click.echo(f"All {quorum.holders} shares were typed back; {quorum.needed} of them open it.")
    words = recipients_fingerprint(serialise_recipients(RecipientsFile(added, vault=None)))
    click.echo(f"Its fingerprint, which 'intake-keys sign' shows as well: {words}")
    click.echo(
        f"Added it to the epoch {epoch.id} in version {version}, which must be signed now: "
        "'intake-keys sign'."
    )


def _check_place(home: AdminHome) -> None:
    """Refuse what would end in shares whose recipient is nowhere, or shares in a file."""
    folder = home.root_file.parent
    if not os.access(folder, os.W_OK):
        raise VaultUnusable(f"{folder} cannot be written; make it writable first.")
    with contextlib.suppress(OSError):  # a stderr without a descriptor is no file
        if stat.S_ISREG(os.fstat(sys.stderr.fileno()).st_mode):
            raise VaultUnusable("The shares would be written to a file; leave stderr to a screen.")


def _checked(name: str) -> str:
    if not is_name(name):
        raise ManifestRefused(
            f"A recipient's name has 1 to {NAME_LIMIT} characters that can be seen; give another "
            "with --name."
        )
    return name


def _epoch(manifest: Manifest, epoch_id: str) -> Epoch:
    """Return the epoch as the manifest has it, else by the calendar, without recipients."""
    epoch = next((there for there in manifest.epochs if there.id == epoch_id), None)
    if epoch is None:
        period = period_named(epoch_id)
        if manifest.epochs and length_of(period) is not manifest.epoch_length:
            raise ManifestRefused(
                f"This deployment's epochs are a {manifest.epoch_length.value} long; name one of "
                "them with --epoch."
            )
        epoch = Epoch(period.id, period.begins, period.ends, ())
    if epoch.ends <= today():
        raise ManifestRefused(f"The epoch {epoch.id} is over; name a later one with --epoch.")
    return epoch


def _warn(manifest: Manifest, epoch: Epoch, role: Role, quorum: Quorum) -> None:
    alone = manifest.recipients_in(epoch, role)
    if alone:
        click.echo(
            f"Warning: the epoch {epoch.id} has other {role.value}: "
            f"{', '.join(printable(recipient.name) for recipient in alone)}. Each of them opens "
            "everything without this quorum, which protects nothing there until they are revoked "
            "('intake-keys revoke') or left out.",
            err=True,
        )
    if quorum.needed == quorum.holders:
        click.echo(
            f"Warning: with {quorum}, one lost share closes everything of {epoch.id} for ever.",
            err=True,
        )


def _await_holder(number: int, quorum: Quorum) -> None:
    # Not Enter: pressed once too often, it would show this share to the holder of the last.
    asking = f"Share {number} of {quorum.holders}: let its holder come, alone, and type {number}: "
    while _answer(asking).strip() != str(number):
        pass


def _hand_over(title: str, share: str) -> None:
    """Let the holder of a share copy it, and see that they have."""
    with wiped_screen():
        _show(title, share)
        while True:
            typed = _answer(f"Type its {WORDS} words, or press Enter alone to see them again: ")
            if not typed.strip():
                _show(title, share)
            elif (mistake := _mistake(typed, share)) is None:
                break
            else:
                click.echo(f"Error: {mistake}", err=True)
    click.echo(f"{title} is right.", err=True)


def _show(title: str, share: str) -> None:
    """Show a share until its holder has copied it."""
    with wiped_screen():
        click.echo(f"{title}. Copy its {WORDS} words to paper, with their numbers.\n", err=True)
        words = [f"{n:2}. {word:{_LONGEST_WORD}}" for n, word in enumerate(share.split(), 1)]
        for begin in range(0, len(words), _COLUMNS):
            click.echo("   ".join(words[begin : begin + _COLUMNS]).rstrip(), err=True)
        _answer("\nPress Enter when they are on paper; they will be asked for.")


def _mistake(typed: str, share: str) -> str | None:
    """Return what is wrong with a share typed back, by the place of the word alone."""
    try:
        words = words_of(typed)
    except ShareRefused as refused:
        return str(refused)
    for place, (word, right) in enumerate(zip(words, share.split(), strict=True), 1):
        if word != right:
            return f"Word {place} is not the one that was shown; see whether the paper is right."
    return None


def _answer(prompt: str) -> str:
    line = read_line(prompt)
    if line is None:
        raise click.Abort
    return line
