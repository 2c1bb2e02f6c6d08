"""Destroying the key of an epoch, once everything of the epoch was seen to open without it.

The rule: no key goes while anything of its epoch would then open nowhere. The catalogue only says
which files to look at. Each is read to its end with the vault's own key; what a quorum alone opens
must be the very file that came. What would be lost is named, and given up by a word of its own.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from intake.age.opening.hybrid import HybridIdentity
from intake.courier.bundle import UNKNOWN_EPOCH
from intake.errors import NotInVault, VaultUnusable
from intake.manifest.model import Role
from intake.offline import trust
from intake.offline.catalogue import Entry, Status
from intake.offline.identity_answers import answers_are_kept, restore_answers
from intake.offline.sealed_files import is_whole, opens, sha256_of
from intake.offline.vault import Vault

_A_DAY = dt.timedelta(days=1)
_MISSING = "is missing from the vault"
_DAMAGED = "is damaged"
_UNWRAPPED = "is not wrapped to the vault's key yet"
_STRANGE = "has a damaged header, or one for another key than the vault's"
_ANSWERS = "has answers that only the custodian's key opens"

#: Losses that a sentence names; it counts the others.
_NAMED = 5


@dataclass(frozen=True)
class Loss:
    """One account that would open nowhere, and why."""

    submission: str
    reason: str


@dataclass(frozen=True)
class Survey:
    """What was seen of an epoch in the vault.

    ``kept`` accounts open with the vault's own key, ``quorum`` ones with a quorum's shares, and
    ``losses`` would open nowhere. ``unopened`` says whether there are accounts that never came in,
    with answers in them for this custodian. ``files`` is how the files stood meanwhile.
    """

    epoch: str
    kept: int
    quorum: int
    losses: tuple[Loss, ...]
    unopened: bool
    files: frozenset[tuple[str, int, int, int]]

    def check(self) -> None:
        """See that nothing would be lost.

        Raises:
            VaultUnusable: something would; it says what.
        """
        if self.losses:
            named = "; ".join(f"{x.submission} {x.reason}" for x in self.losses[:_NAMED])
            more = len(self.losses) - _NAMED
            raise VaultUnusable(
                f"Without the key of the epoch {self.epoch}, accounts would open nowhere "
                f"({len(self.losses)} of them): {named}{f'; and {more} more' if more > 0 else ''}. "
                "Import a stick that holds them whole; where there is none any more, "
                "--lose-damaged gives them up."
            )
        if self.unopened:
            raise VaultUnusable(
                f"This vault could not open all accounts of the epoch {self.epoch}, and without "
                "its custodian's key the answers in them would open nowhere. If a quorum reviews, "
                f"run 'intake-review unlock --epoch {self.epoch}' and import the newest stick "
                "there; otherwise --lose-damaged gives the answers up."
            )


def survey(vault: Vault, epoch: str, today: dt.date, progress: Callable[[int], object]) -> Survey:
    """Look at everything of an epoch; what is damaged is noted, so that an import can mend it.

    ``progress`` is told of every block's length in bytes (:func:`total_size`).

    Raises:
        NotInVault: the vault has no key of that epoch.
        VaultUnusable: it is gone already, or accounts that only it opens may still come.
    """
    _check_closed(vault, epoch, today)
    with vault.exclusive():
        for name in _with_answers(vault, epoch):
            restore_answers(vault, name)
        files = _files(vault)
    look = _Look(vault, epoch, progress)
    for name, entry in _of_epoch(vault, epoch).items():
        look.at(name, entry)
    with vault.exclusive():
        _note_damage(vault, look.losses)
    unopened = epoch in vault.catalogue().unopened
    return Survey(epoch, look.kept, look.quorum, tuple(look.losses), unopened, files)


def total_size(vault: Vault, epoch: str) -> int:
    """Return about how many bytes a survey goes through."""
    paths = map(vault.path, _of_epoch(vault, epoch))
    return sum(path.stat().st_size for path in paths if path.exists())


def destroy(vault: Vault, seen: Survey, today: dt.date, *, lose: bool = False) -> None:
    """Destroy the identities of an epoch, of every role. Only within :meth:`Vault.exclusive`.

    ``lose`` gives up what would open nowhere.

    Raises:
        NotInVault, VaultUnusable: as :func:`survey` and :meth:`Survey.check`, or the vault has
            changed since.
    """
    _check_closed(vault, seen.epoch, today)
    if not lose:
        seen.check()
    if _files(vault) != seen.files:
        raise VaultUnusable("The vault has changed meanwhile; run this again.")
    vault.replace_keys(vault.keys.without(seen.epoch))


def _check_closed(vault: Vault, epoch: str, today: dt.date) -> None:
    keys = vault.keys
    if epoch in keys.destroyed:
        raise VaultUnusable(f"The key of the epoch {epoch} is gone already: it was destroyed.")
    if epoch not in {*keys.epochs, *keys.custodians}:
        raise NotInVault(
            f"The vault has no key for the epoch {epoch}; 'intake-review keys show' lists "
            "those it has."
        )
    if epoch not in vault.closed_epochs():
        raise VaultUnusable(
            f"The epoch {epoch} is not known to be closed and all of it to be in this vault: "
            "without its key, what is still to come never opens. Import the server's newest "
            "bundle, which says when the epoch is closed."
        )
    end = trust.load(vault.folder).end_of(epoch)
    if end is not None and today < end:
        raise VaultUnusable(
            f"The epoch {epoch} ends on {end - _A_DAY}, and this machine's clock shows {today}: "
            "what is not over cannot be closed. Set this clock and the server's right, and import "
            "the server's next bundle."
        )


def _of_epoch(vault: Vault, epoch: str) -> dict[str, Entry]:
    """Return whatever is, was or may be of an epoch: files without an entry may."""
    entries = vault.catalogue().entries
    of_it = {epoch, "", UNKNOWN_EPOCH}
    return {name: entry for name, entry in entries.items() if entry.epoch in of_it}


def _with_answers(vault: Vault, epoch: str) -> Iterator[str]:
    if epoch in vault.keys.custodians:
        for name in _of_epoch(vault, epoch):
            if vault.is_ours(name):
                yield name


def _files(vault: Vault) -> frozenset[tuple[str, int, int, int]]:
    """Return how every file stands: one that is written to or replaced stands otherwise."""
    found = ((path.name, path.stat()) for path in vault.submissions_folder.iterdir())
    return frozenset((name, s.st_ino, s.st_size, s.st_mtime_ns) for name, s in found)


def _note_damage(vault: Vault, losses: Sequence[Loss]) -> None:
    known = vault.catalogue()
    damaged = {loss.submission for loss in losses if loss.reason == _DAMAGED}
    noted = {
        name: dataclasses.replace(entry, status=Status.DAMAGED)
        for name, entry in known.entries.items()
        if name in damaged and entry.status is not Status.DAMAGED
    }
    if noted:
        vault.save_catalogue(dataclasses.replace(known, entries={**known.entries, **noted}))


class _Look:
    """What is found, one account at a time."""

    def __init__(self, vault: Vault, epoch: str, progress: Callable[[int], object]) -> None:
        keys = vault.keys
        self._vault = vault
        self._epoch = epoch
        self._progress = progress
        self._own = keys.own()
        self._epochs = tuple(keys.epochs.values())
        self._custodian = keys.custodians.get(epoch)
        self.kept = 0
        self.quorum = 0
        self.losses: list[Loss] = []

    def at(self, name: str, entry: Entry) -> None:
        """Look at one account."""
        ours, reason = self._stands(self._vault.path(name), entry)
        if reason is None and not self._answers_stay(name, ours=ours):
            reason = _ANSWERS
        if reason is not None:
            self.losses.append(Loss(name, reason))
        elif entry.epoch == self._epoch:
            self.kept += ours
            self.quorum += not ours

    def _stands(self, path: Path, entry: Entry) -> tuple[bool, str | None]:
        """Return whether the vault's own key opens a file, and why it would be lost."""
        if not path.exists():
            return False, _MISSING
        if opens(path, self._own):
            return True, None if is_whole(path, self._own, self._progress) else _DAMAGED
        if opens(path, self._epochs):
            return False, _UNWRAPPED
        return False, None if entry.received_sha256 == sha256_of(path) else _STRANGE

    def _answers_stay(self, name: str, *, ours: bool) -> bool:
        """Return whether the answers that the custodian's key opens, open without it."""
        if self._custodian is None:
            return True
        if ours:
            return answers_are_kept(self._vault, name, [self._custodian])
        # A quorum's account cannot be looked into: the copy is there, or there was none to make.
        copy = self._vault.identity_path(name)
        return opens(copy, self._own) or not self._is_named(self._custodian)

    def _is_named(self, custodian: HybridIdentity) -> bool:
        named = trust.load(self._vault.folder).recipients_ever(self._epoch, Role.CUSTODIANS)
        return str(custodian.recipient()) in named
