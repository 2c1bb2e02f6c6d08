"""Bringing a bundle into the vault: what is new in it, and what it says of the state of things.

Each sealed file is taken by :mod:`intake.offline.receiving`, one at a time. What the bundle says of
the rest (which epochs are closed, what the server holds, what became of our replies) is believed by
the rule of :mod:`intake.offline.bundled_state`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from intake.courier.bundle import UNKNOWN_EPOCH, Bundle, BundledSubmission, read_bundle
from intake.durable import sync_folder
from intake.envelope.account import Kind
from intake.errors import BundleBroken, IntakeError, NotForUs
from intake.manifest.model import Role
from intake.offline import replies, trust
from intake.offline.bundled_state import (
    believing,
    first_listed,
    is_of_a_day_to_come,
    is_older,
    last_taken,
    was_restored,
)
from intake.offline.catalogue import Status
from intake.offline.foreign import Judge
from intake.offline.identity_answers import keep_answers
from intake.offline.mailboxes import withdrawals
from intake.offline.receiving import Receiver
from intake.offline.trust import Belief
from intake.offline.vault import Vault

_A_DAY = dt.timedelta(days=1)

#: After how many submissions the catalogue is written, so that little is done again after a crash.
_SAVE_EVERY = 1000


@dataclass(frozen=True)
class ImportReport:
    """What came of an import: ids that are new here, that were here, and that were refused.

    What was missing or damaged here and was brought again counts as new. ``foreign`` are those
    that no key of this vault was ever meant to open. ``notices`` are those of the new ones in which
    a witness takes something back. ``closed`` are the epochs whose keys may be destroyed now,
    ``warnings`` sentences for the reviewer, ``pinned`` the fingerprint of the root that this bundle
    was the first to bring.
    """

    imported: tuple[str, ...]
    known: tuple[str, ...]
    refused: tuple[tuple[str, IntakeError], ...]
    foreign: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    pinned: str | None = None


def import_bundle(
    vault: Vault,
    folder: Path,
    progress: Callable[[int], object],
    today: dt.date,
    *,
    believe: bool = False,
) -> ImportReport:
    """Take every submission of the bundle at ``folder`` that is not here yet.

    What is refused is named in the report and leaves nothing behind; the rest is taken. Safe to
    repeat. ``progress`` is told of every block's length in bytes. ``today`` is what this machine's
    clock shows: an epoch that is not over is not taken for closed. ``believe`` is a person's word
    that this bundle is the server's newest, although a newer one was believed before.

    Raises:
        BundleBroken: the folder holds no bundle, one that is not this deployment's server's
            (:mod:`intake.offline.trust`), or an older one than was taken before that brings
            nothing new.
        OSError: the vault's disk is full or cannot be written.
    """
    listing = read_bundle(folder)
    with vault.exclusive():
        known = trust.load(vault.folder)
        judgement = trust.judge(known, folder, listing)
        vault.remove_partial()
        intake = _Import(vault, folder, judgement.belief, listing.bundle, progress)
        older = judgement.signed and not believe and intake.is_older()
        to_come = judgement.signed and not believe and intake.is_of_a_day_to_come(today)
        believed = judgement.signed and not older and not to_come
        for submission in listing.bundle.submissions:
            intake.take(submission)
        sync_folder(vault.submissions_folder)
        trust.save(vault.folder, judgement.belief)
        closed: tuple[str, ...] = ()
        if judgement.signed:
            closed = intake.close_epochs(listing.bundle.closed_epochs if believed else (), today)
        if believed:
            intake.believe_state()
        intake.heed_withdrawals()
        intake.save()
    report = ImportReport(
        tuple(intake.imported),
        tuple(intake.known),
        tuple(intake.refused),
        tuple(intake.foreign),
        intake.notices(),
        closed,
        (*judgement.warnings, *intake.warnings),
        None if known.root_file else judgement.belief.fingerprint,
    )
    return _of_an_older_bundle(report) if older else report


def _of_an_older_bundle(report: ImportReport) -> ImportReport:
    """Return the report with a warning.

    Raises:
        BundleBroken: there is nothing else to report.
    """
    older = "This bundle is older than the newest that this vault has taken"
    if not report.imported and not report.refused:
        raise BundleBroken(
            f"{older}, and brings nothing new; import the newest stick. If this is the newest: "
            "'intake-review import --help' says what --believe does."
        )
    warning = f"{older}: what it says of epochs, replies and the server is not believed."
    return dataclasses.replace(report, warnings=(*report.warnings, warning))


class _Import:
    """One import as it goes on."""

    def __init__(
        self,
        vault: Vault,
        folder: Path,
        belief: Belief,
        bundle: Bundle,
        progress: Callable[[int], object],
    ) -> None:
        self._vault = vault
        self._belief = belief
        self._bundle = bundle
        self._judge = Judge(vault.keys, belief)
        self._receiver = Receiver(vault, folder, self._judge, progress)
        self._progress = progress
        self._saved = self._catalogue = vault.catalogue()
        self._entries = dict(self._catalogue.entries)
        #: Epochs of which something is on the stick that should be in the vault and is not.
        self._incomplete: set[str] = set()
        #: Epochs of which something is on the stick that is for others, with answers for us in it.
        self._unopened: set[str] = set()
        self.imported: list[str] = []
        self.known: list[str] = []
        self.refused: list[tuple[str, IntakeError]] = []
        self.foreign: list[str] = []
        self.warnings: list[str] = []

    def is_older(self) -> bool:
        """Return whether the bundle is older than the newest that was believed."""
        return is_older(self._bundle, self._catalogue)

    def is_of_a_day_to_come(self, today: dt.date) -> bool:
        """Return whether the server calls itself restored on a day to come; warn where it does."""
        to_come = is_of_a_day_to_come(self._bundle, self._catalogue, today)
        if to_come:
            self.warnings.append(
                f"The bundle says that the server was restored on {self._bundle.restored}, and "
                f"this machine's clock shows {today}: what it says of epochs, replies and the "
                "server is not believed. Set this clock and the server's right; if both are, "
                "'intake-review import --help' says what --believe does."
            )
        return to_come

    def take(self, submission: BundledSubmission) -> None:
        """Take one submission, or note why not."""
        entry = self._entries.get(submission.id)
        if entry is not None and self._receiver.is_here(entry, submission):
            if submission.epoch in {*self._vault.keys.custodians, UNKNOWN_EPOCH}:
                keep_answers(self._vault, submission.id)
            self._entries[submission.id] = first_listed(entry, self._bundle.order)
            self.known.append(submission.id)
            self._progress(submission.size)
        else:
            try:
                found = self._receiver.receive(submission, entry)
            except IntakeError as error:
                self._refuse(submission, error)
                return
            self._entries[submission.id] = first_listed(found, self._bundle.order)
            # What came damaged is looked at each time, and is no news when it has not changed.
            new = found != entry or entry.status is not Status.DAMAGED
            (self.imported if new else self.known).append(submission.id)
            if new and len(self.imported) % _SAVE_EVERY == 0:
                self.save()
        self._warn_of_damage(submission)

    def _refuse(self, submission: BundledSubmission, error: IntakeError) -> None:
        """Note what is not taken, and what that means for its epoch."""
        never_ours = isinstance(error, NotForUs) and self._judge.is_foreign(submission, *Role)
        if never_ours and submission.epoch not in self._vault.keys.destroyed:
            self.foreign.append(submission.id)
            return
        self.refused.append((submission.id, error))
        if submission.epoch == UNKNOWN_EPOCH:
            # It may be of any.
            self._incomplete.update(self._vault.keys.epochs, self._vault.keys.custodians)
        elif not isinstance(error, NotForUs):
            self._incomplete.add(submission.epoch)
        elif not never_ours:
            reviews = submission.epoch in self._vault.keys.epochs
            (self._incomplete if reviews else self._unopened).add(submission.epoch)

    def _warn_of_damage(self, submission: BundledSubmission) -> None:
        entry = self._entries[submission.id]
        if entry.status is Status.DAMAGED and entry.epoch not in self._vault.keys.destroyed:
            at_stake = f"the key of its epoch {entry.epoch} is not destroyed"
            if entry.epoch == UNKNOWN_EPOCH:
                at_stake = "no key is destroyed, because it may be of any epoch"
            self.warnings.append(
                f"The account {submission.id} came damaged and is kept as it came. Import another "
                "stick that holds it whole, an earlier one or another reviewer's; until then "
                f"{at_stake}."
            )

    def close_epochs(self, named: tuple[str, ...], today: dt.date) -> tuple[str, ...]:
        """Note which epochs are closed, with all of them here; return whose keys may go now."""
        keys = self._vault.keys
        ours = {*keys.epochs, *keys.custodians} - self._incomplete
        claimed = [epoch for epoch in named if epoch in ours]
        closed = [epoch for epoch in claimed if self._is_over(epoch, today)]
        self._catalogue = dataclasses.replace(
            self._catalogue,
            closed=(self._catalogue.closed - self._incomplete).union(closed),
            unopened=self._catalogue.unopened.difference(closed)
            | self._unopened.intersection(closed),
        )
        found = dataclasses.replace(self._catalogue, entries=self._entries)
        shown = self._vault.shown(found)
        return tuple(epoch for epoch in closed if shown.is_whole(epoch))

    def _is_over(self, epoch: str, today: dt.date) -> bool:
        """Return whether an epoch is over by our own clock; warn where it is not."""
        end = self._belief.end_of(epoch)
        if end is None or end <= today:
            return True
        self.warnings.append(
            f"The bundle calls the epoch {epoch} closed, which ends on {end - _A_DAY}, and this "
            f"machine's clock shows {today}: that is not believed. Set this clock and the server's "
            "right, and import the server's next bundle."
        )
        return False

    def believe_state(self) -> None:
        """Note what the server holds and has taken.

        The replies first: by what the catalogue says, a killed import knows that it must do them
        again.
        """
        taken = last_taken(self._bundle, self._catalogue, self._vault.signer())
        if taken.warning is not None:
            self.warnings.append(taken.warning)
        restored = was_restored(self._bundle, self._catalogue)
        lost = replies.follow(self._vault, self._bundle.replies, restored=restored)
        self.warnings += [
            f"The server was restored from a backup, and the reply {reply.id} was lost with it, "
            "unless the witness has read and deleted it; "
            f"'intake-review reply {reply.id} --again' sends it again."
            for reply in lost
        ]
        changed = dataclasses.replace(self._catalogue, entries=self._entries)
        self._catalogue = believing(changed, self._bundle, taken.sequence)
        self._entries = dict(self._catalogue.entries)

    def heed_withdrawals(self) -> None:
        """Send nothing more in reply to what has been taken back, whichever bundle says so."""
        if withdrawn := withdrawals(self._entries):
            replies.refuse(self._vault, withdrawn)

    def notices(self) -> tuple[str, ...]:
        """Return the ids of new notices in which a witness takes something back."""
        kinds = {name: self._entries[name].kind for name in self.imported}
        return tuple(name for name, kind in kinds.items() if kind is Kind.WITHDRAWAL)

    def save(self) -> None:
        """Write the catalogue, if anything in it has changed."""
        changed = dataclasses.replace(self._catalogue, entries=dict(self._entries))
        if changed != self._saved:
            self._vault.save_catalogue(changed)
            self._saved = changed
