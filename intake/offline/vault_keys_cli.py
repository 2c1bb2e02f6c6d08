"""``intake-review keys``: the keys in a vault, made and shown."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from intake.age.opening.hybrid import HybridIdentity
from intake.command_line import counted, json_option, print_json, today, yes_option
from intake.durable import write_file
from intake.errors import NotInVault, VaultUnusable
from intake.manifest.calendar import EpochLength, Period, length_of, period_named, periods_from
from intake.manifest.fingerprint import recipients_fingerprint, signer_fingerprint
from intake.manifest.model import Epoch, Recipient, Role, SigningKey
from intake.manifest.signing import serialise_signer
from intake.offline import trust
from intake.offline.destroying_cli import days_of, destroy, period_or_none
from intake.offline.key_ring import KeyRing
from intake.offline.recipients_file import RecipientsFile, serialise_recipients
from intake.offline.review_options import Options
from intake.offline.role_option import role_option
from intake.offline.vault import Vault


@click.group()
def keys() -> None:
    """Make, show and destroy the keys of epochs."""


# --- made ------------------------------------------------------------------------------------


def _first_day(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> dt.date | None:
    if value is None:
        return None
    try:
        return dt.date.fromisoformat(value if value.count("-") > 1 else f"{value}-01")
    except ValueError:
        raise click.BadParameter("write a day or a month: 2026-12-01 or 2026-12") from None


@keys.command("new")
@click.option(
    "--from",
    "begin",
    callback=_first_day,
    metavar="DATE",
    help="Any date in the first epoch: 2026-12-01 or 2026-12. Without it they follow the last "
    "epoch that the vault has keys for.",
)
@click.option("--count", type=click.IntRange(1, 400), default=1, show_default=True)
@click.option(
    "--epoch-length",
    type=click.Choice([length.value for length in EpochLength]),
    help="Without it, the manifest's; a month where the vault knows none.",
)
@role_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("recipients.json"),
    show_default=True,
    help="Where to write the public file for the admins.",
)
@click.pass_obj
def keys_new(
    options: Options,
    begin: dt.date | None,
    count: int,
    epoch_length: str | None,
    role: str,
    out: Path,
) -> None:
    """Make identities for the coming epochs, and a public file with their recipients.

    The identities stay in the vault. Carry the file to the admins: 'intake-keys add-recipients'.
    """
    # Said before the keys are made: keys whose recipients nobody has serve nobody.
    _check_writable(out)
    vault = options.unlock()
    length = _length(vault) if epoch_length is None else EpochLength(epoch_length)
    with vault.exclusive():
        periods = periods_from(begin or _end_of_last(vault.keys, Role(role)), count, length)
        vault.add_epochs({period.id: HybridIdentity.generate() for period in periods}, Role(role))
    fingerprint = _write_recipients(vault, Role(role), [period.id for period in periods], out)
    click.echo(
        f"Made keys for {counted(len(periods), 'epoch', 'epochs')}, {periods[0].id} to "
        f"{periods[-1].id}. Bring {out} to the admins."
    )
    _say_fingerprint(fingerprint)
    if role == Role.CUSTODIANS.value:
        _say_who_reviews(vault.keys, [period.id for period in periods])


def _say_who_reviews(keys: KeyRing, epochs: Collection[str]) -> None:
    """Say that a custodian reviews: the answers lie in the accounts, which only reviewers open."""
    if any(epoch not in keys.epochs for epoch in epochs):
        click.echo(
            "A custodian must review as well, because the answers lie inside the accounts: make "
            "reviewers' keys of the same epochs in this vault too, unless a quorum reviews them."
        )
    if not keys.epochs:
        click.echo(
            "Until it has reviewers' keys, this vault acknowledges nothing. Once it has, bring the "
            "admins both files: 'keys show --role custodians --out FILE' writes this one again."
        )


def _length(vault: Vault) -> EpochLength:
    """Return how long an epoch is unless one is told: as the manifest says, or as they were."""
    manifest = trust.load(vault.folder).manifest
    if manifest is not None:
        return manifest.epoch_length
    last = _last(vault.keys, *Role)
    return (None if last is None else length_of(last)) or EpochLength.MONTH


def _end_of_last(ring: KeyRing, role: Role) -> dt.date:
    last = _last(ring, role)
    if last is None:
        raise VaultUnusable(
            f"The vault has no keys of {role.value} that new ones could follow; say from when: "
            f"--from {today():%Y-%m}."
        )
    # Keys of epochs that are over serve nobody.
    return max(last.ends, today())


def _last(ring: KeyRing, *roles: Role) -> Period | None:
    """Return the last epoch that there are, or were, keys for."""
    names = {*ring.destroyed, *(epoch for role in roles for epoch in ring.of(role))}
    periods = [period for name in names if (period := period_or_none(name))]
    return max(periods, key=lambda period: period.ends, default=None)


def _check_writable(out: Path) -> None:
    if not os.access(out.parent, os.W_OK) or out.is_dir():
        raise VaultUnusable(f"{out} cannot be written; name another file with --out.")


def _write_recipients(vault: Vault, role: Role, epochs: Collection[str], out: Path) -> str:
    """Write the public file of these epochs and of the vault's own key; return its fingerprint."""
    signer = _signer_brought(vault)
    identities = vault.keys.of(role)
    periods = sorted(map(period_named, epochs), key=lambda period: period.begins)
    brought = tuple(
        Epoch(
            period.id,
            period.begins,
            period.ends,
            (Recipient(vault.name, role, str(identities[period.id].recipient())),),
        )
        for period in periods
    )
    data = serialise_recipients(RecipientsFile(brought, signer))
    write_file(out, data, mode=0o644)
    return recipients_fingerprint(data)


def _signer_brought(vault: Vault) -> SigningKey | None:
    """Return the key that may acknowledge; a vault that has never reviewed has nothing to.

    What the manifest has named once stays in the file, also when all reviewers' keys are destroyed.
    """
    with vault.exclusive():
        ours = vault.signing().public().key
    history = trust.load(vault.folder).history
    named = any(ours == signer.key for version in history for signer in version.vaults)
    return ours if named or vault.keys.epochs else None


def _say_fingerprint(words: str) -> None:
    click.echo(f"Its fingerprint, which they must read out to you: {words}")


# --- shown -----------------------------------------------------------------------------------


@keys.command("show")
@json_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write the public file for the admins again, with all keys at hand.",
)
@role_option
@click.pass_obj
def keys_show(options: Options, as_json: bool, out: Path | None, role: str) -> None:
    """List the epochs that the vault has keys for, and the deployment that it belongs to.

    The words of its signing key are those that 'intake-keys vaults' shows the admins.
    """
    if out is not None:
        _check_writable(out)
    vault = options.unlock()
    if out is not None:
        _write_again(vault, Role(role), out)
        return
    belief, rows = trust.load(vault.folder), _rows(vault)
    signer = vault.signer()
    words = None if signer is None else signer_fingerprint(serialise_signer(signer.public()))
    version = None if belief.manifest is None else belief.manifest.version
    if as_json:
        print_json(
            {"root": belief.fingerprint, "manifest_version": version, "vault": words}
            | {"epochs": [asdict(row) for row in rows], "rekey_unfinished": bool(vault.keys.older)}
        )
        return
    click.echo(f"Root: {belief.fingerprint or 'not known yet; an import brings it'}")
    click.echo(f"Manifest: {'not known yet' if version is None else f'version {version}'}")
    click.echo(f"This vault's signing key: {words or 'none yet'}")
    for row in rows:
        click.echo(row.line())
    if vault.keys.older:
        click.echo("A rekey was interrupted; 'intake-review rekey' finishes it.")


def _write_again(vault: Vault, role: Role, out: Path) -> None:
    epochs = vault.keys.of(role)
    if not epochs:
        raise NotInVault(f"The vault has no keys of {role.value}; 'keys new' makes some.")
    fingerprint = _write_recipients(vault, role, epochs, out)
    made_for = counted(len(epochs), "epoch", "epochs")
    click.echo(f"Wrote the recipients of {made_for}. Bring {out} to the admins.")
    _say_fingerprint(fingerprint)


@dataclass(frozen=True)
class _Row:
    """One epoch as it is shown; days as in the manifest: ``ends`` is the one after its last."""

    epoch: str
    begins: str | None
    ends: str | None
    roles: list[str]
    state: str

    def line(self) -> str:
        """Return it as a person reads it."""
        roles = ", ".join(self.roles)
        return (
            f"{self.epoch:10}  {days_of(self.epoch):24}  {roles:21}  {_STATES[self.state]}".rstrip()
        )


_STATES = {
    "open": "",
    "closed": "closed, and all of it is here: its key can be destroyed",
    "damaged": "closed, but not all of it is whole: 'keys destroy' says what is lost",
    "destroyed": "key destroyed",
}


def _rows(vault: Vault) -> list[_Row]:
    """Return the epochs that the vault has or had keys for, oldest first."""
    ring, known = vault.keys, vault.shown(vault.catalogue())
    rows = []
    for epoch in {*ring.epochs, *ring.custodians, *ring.destroyed}:
        period = period_or_none(epoch)
        begins, ends = (str(period.begins), str(period.ends)) if period else (None, None)
        roles = [role.value for role in Role if epoch in ring.of(role)]
        state = "open"
        if epoch in known.closed:
            state = "closed" if known.is_whole(epoch) else "damaged"
        if epoch in ring.destroyed:
            state = "destroyed"
        rows.append(_Row(epoch, begins, ends, roles, state))
    return sorted(rows, key=lambda row: (row.begins or "", row.epoch))


@keys.command("reveal")
@click.argument("epoch")
@role_option
@yes_option
@click.pass_obj
def keys_reveal(options: Options, epoch: str, role: str, yes: bool) -> None:
    """Print the identity of EPOCH, so that plain 'age' opens its accounts if all else fails."""
    vault = options.unlock()
    ring = vault.keys
    identity = ring.of(Role(role)).get(epoch)
    if identity is None:
        if epoch in ring.destroyed:
            raise NotInVault(f"The key of the epoch {epoch} was destroyed; nobody has it any more.")
        known = ", ".join(ring.of(Role(role))) or "none"
        raise NotInVault(f"The vault has no key for the epoch {epoch}; it has: {known}.")
    click.echo(
        "Warning: whoever sees the next line opens every account of this epoch. "
        "It stays in this terminal's history.",
        err=True,
    )
    if not yes:
        click.confirm("Print it?", abort=True, err=True)
    click.echo(identity.encode())


keys.add_command(destroy)
