"""Bringing a bundle into the vault: checked, header replaced, durable, one file at a time.

Only the age header changes: the file key is wrapped to the vault's own recipient, so that an
epoch's identity can be destroyed later. The payload stays byte for byte as it was received. What a
quorum alone opens keeps its header as well: else the vault's key would open it from then on.

Nothing received is ever replaced by something else. What was damaged in the vault is brought again
by the file it came as, and what came damaged by a whole one under its id.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from intake.age.header import parse_header
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.rewrap import replace_header
from intake.courier.bundle import Bundle, BundledSubmission, read_bundle
from intake.durable import sync_folder
from intake.errors import AgeError, IntakeError, NotForUs
from intake.manifest.model import Role
from intake.offline import stick, trust
from intake.offline.catalogue import Entry, Status
from intake.offline.foreign import Judge
from intake.offline.identity_answers import keep_answers
from intake.offline.sealed_files import (
    header_opens,
    is_cut_or_changed,
    is_whole,
    opens,
    sha256_of_end,
)
from intake.offline.trust import Belief
from intake.offline.vault import Vault

_BLOCK = 1024 * 1024
_A_DAY = dt.timedelta(days=1)

#: After how many submissions the catalogue is written, so that little is done again after a crash.
_SAVE_EVERY = 1000


@dataclass(frozen=True)
class ImportReport:
    """What came of an import: ids that are new here, that were here, and that were refused.

    What was missing or damaged here and was brought again counts as new. ``closed`` are the epochs
    whose keys may be destroyed now, ``warnings`` sentences for the reviewer, ``pinned`` the
    fingerprint of the root that this bundle was the first to bring.
    """

    imported: tuple[str, ...]
    known: tuple[str, ...]
    refused: tuple[tuple[str, IntakeError], ...]
    closed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    pinned: str | None = None


def import_bundle(
    vault: Vault, folder: Path, progress: Callable[[int], object], today: dt.date
) -> ImportReport:
    """Take every submission of the bundle at ``folder`` that is not here yet.

    What is refused is named in the report and leaves nothing behind; the rest is taken. Safe to
    repeat. ``progress`` is told of every block's length in bytes. ``today`` is what this machine's
    clock shows: an epoch that is not over is not taken for closed.

    Raises:
        BundleBroken: the folder holds no bundle, or one that is not this deployment's server's
            (:mod:`intake.offline.trust`).
        OSError: the vault's disk is full or cannot be written.
    """
    listing = read_bundle(folder)
    with vault.exclusive():
        known = trust.load(vault.folder)
        judgement = trust.judge(known, folder, listing)
        vault.remove_partial()
        intake = _Import(vault, folder, judgement.belief, progress)
        for submission in listing.bundle.submissions:
            intake.take(submission)
        sync_folder(vault.submissions_folder)
        trust.save(vault.folder, judgement.belief)
        closed = intake.close_epochs(listing.bundle, today) if judgement.signed else ()
        intake.save()
    return ImportReport(
        tuple(intake.imported),
        tuple(intake.known),
        tuple(intake.refused),
        closed,
        (*judgement.warnings, *intake.warnings),
        None if known.root_file else judgement.belief.fingerprint,
    )


class _Import:
    """One import as it goes on."""

    def __init__(
        self, vault: Vault, folder: Path, belief: Belief, progress: Callable[[int], object]
    ) -> None:
        self._vault = vault
        self._folder = folder
        self._belief = belief
        self._judge = Judge(vault.keys, belief)
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
        self.warnings: list[str] = []

    def take(self, submission: BundledSubmission) -> None:
        """Take one submission, or note why not."""
        entry = self._entries.get(submission.id)
        if entry is not None and self._is_here(entry, submission):
            if submission.epoch in self._vault.keys.custodians:
                keep_answers(self._vault, submission.id)
            self.known.append(submission.id)
            self._progress(submission.size)
        else:
            try:
                self._entries[submission.id] = self._receive(submission, entry)
            except IntakeError as error:
                self._refuse(submission, error)
                return
            # What came damaged is looked at each time, and is no news when it has not changed.
            new = self._entries[submission.id] != entry or entry.status is not Status.DAMAGED
            (self.imported if new else self.known).append(submission.id)
            if new and len(self.imported) % _SAVE_EVERY == 0:
                self.save()
        self._warn_of_damage(submission)

    def _refuse(self, submission: BundledSubmission, error: IntakeError) -> None:
        """Note what is not taken, and what that means for its epoch."""
        self.refused.append((submission.id, error))
        if not isinstance(error, NotForUs):
            self._incomplete.add(submission.epoch)
        elif not self._judge.is_foreign(submission, *Role):
            reviews = submission.epoch in self._vault.keys.epochs
            (self._incomplete if reviews else self._unopened).add(submission.epoch)

    def _warn_of_damage(self, submission: BundledSubmission) -> None:
        damaged = self._entries[submission.id].status is Status.DAMAGED
        if damaged and submission.epoch not in self._vault.keys.destroyed:
            self.warnings.append(
                f"The account {submission.id} came damaged and is kept as it came. Import another "
                "stick that holds it whole, an earlier one or another reviewer's; until then the "
                f"key of its epoch {submission.epoch} is not destroyed."
            )

    def close_epochs(self, bundle: Bundle, today: dt.date) -> tuple[str, ...]:
        """Note which epochs are closed, with all of them here; return whose keys may go now."""
        keys = self._vault.keys
        ours = {*keys.epochs, *keys.custodians} - self._incomplete
        claimed = [epoch for epoch in bundle.closed_epochs if epoch in ours]
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

    def save(self) -> None:
        """Write the catalogue, if anything in it has changed."""
        changed = dataclasses.replace(self._catalogue, entries=dict(self._entries))
        if changed != self._saved:
            self._vault.save_catalogue(changed)
            self._saved = changed

    def _is_here(self, entry: Entry, submission: BundledSubmission) -> bool:
        """Return whether the very file is in the vault, and the stick's would be no better."""
        return (
            entry.received_sha256 == submission.sha256
            and self._vault.path(submission.id).exists()
            and not self._can_mend(entry, submission)
        )

    def _can_mend(self, entry: Entry | None, submission: BundledSubmission) -> bool:
        """Return whether what is here is damaged, or not wrapped to us, and the stick's opens."""
        vault, name = self._vault, submission.id
        own, lent = tuple(vault.keys.epochs.values()), vault.lent_to(Role.REVIEWERS)
        damaged = entry is not None and entry.status is Status.DAMAGED
        if vault.is_ours(name) and not damaged:
            return False
        if stick.bundled_opens(submission, self._folder, own):
            return True
        # A quorum's needs nothing as long as the quorum opens it as it stands here.
        kept = opens(vault.path(name), lent) and not damaged
        return not kept and stick.bundled_opens(submission, self._folder, lent)

    def _receive(self, submission: BundledSubmission, entry: Entry | None) -> Entry:
        """Bring one sealed file into the vault; return its entry."""
        received = None if entry is None else entry.received_sha256
        if received is not None and received != submission.sha256:
            self._replace(submission, entry)
        elif received is None and self._vault.path(submission.id).exists():
            self._recognise(submission, entry)
        else:
            self._copy(submission)
        keep_answers(self._vault, submission.id)
        found = self._vault.describe(submission.id)
        return dataclasses.replace(
            found,
            epoch=submission.epoch,
            day=submission.day,
            status=self._status(found, entry),
            received_sha256=submission.sha256,
        )

    def _status(self, found: Entry, before: Entry | None) -> Status:
        """Return what an account is now: one that was damaged is read to its end."""
        if before is None or found.status is not Status.UNREAD:
            return found.status
        if before.status is Status.READ:
            return Status.READ
        path = self._vault.path(found.id)
        if before.status is Status.DAMAGED and not is_whole(path, self._own_and_lent()):
            return Status.DAMAGED
        return Status.UNREAD

    def _recognise(self, submission: BundledSubmission, entry: Entry | None) -> None:
        """See that a file whose entry was lost has the payload of the one in the bundle.

        Neither needs to be opened: the key of its epoch may be destroyed by now.
        """
        digest, path = hashlib.sha256(), self._vault.path(submission.id)
        with stick.open_bundled(submission, self._folder) as source:
            try:
                parse_header(source)
            except AgeError as error:
                raise stick.damaged(submission) from error
            length = submission.size - source.tell()
            self._read_all(submission, source, digest.update)
        if sha256_of_end(path, length) != digest.hexdigest():
            self._replace(submission, entry)
        elif self._can_mend(entry, submission):
            self._copy(submission)

    def _replace(self, submission: BundledSubmission, entry: Entry | None) -> None:
        """Put a whole file in the place of one that came damaged; refuse any other substitute."""
        path = self._vault.path(submission.id)
        if path.exists():
            damaged = is_cut_or_changed(path, self._own_and_lent())
        else:
            damaged = entry is not None and entry.status is Status.DAMAGED
        if not damaged:
            raise stick.substitute(submission)
        self._copy(submission, only_whole=True)

    def _copy(self, submission: BundledSubmission, *, only_whole: bool = False) -> None:
        target = self._vault.path(submission.id)
        partial = target.with_suffix(".partial")
        try:
            with (
                stick.open_bundled(submission, self._folder) as source,
                partial.open("wb") as copy,
            ):
                copy.write(self._header(submission, source))
                self._read_all(submission, source, copy.write)
                copy.flush()
                os.fsync(copy.fileno())
            if only_whole:
                self._check_whole(partial, submission)
            partial.rename(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    def _check_whole(self, partial: Path, submission: BundledSubmission) -> None:
        if not is_whole(partial, self._own_and_lent()):
            raise stick.substitute(submission)

    def _own_and_lent(self) -> tuple[HybridIdentity, ...]:
        return (*self._vault.keys.own(), *self._vault.lent_to(Role.REVIEWERS))

    def _read_all(
        self,
        submission: BundledSubmission,
        source: BinaryIO,
        take_payload: Callable[[bytes], object],
    ) -> None:
        """Hash the whole file, whose payload begins where ``source`` stands."""
        header = source.tell()
        source.seek(0)
        digest = hashlib.sha256(source.read(header))
        self._progress(header)
        while block := source.read(_BLOCK):
            digest.update(block)
            take_payload(block)
            self._progress(len(block))
        if digest.hexdigest() != submission.sha256:
            raise stick.changed(submission)

    def _header(self, submission: BundledSubmission, source: BinaryIO) -> bytes:
        """Return the header to keep, leaving ``source`` at the payload.

        Ours, wherever a key of ours opens the file: a quorum that opens it as well protects
        nothing, and we could not read it when the quorum is gone.
        """
        keys = self._vault.keys
        try:
            return replace_header(source, tuple(keys.epochs.values()), [keys.vault.recipient()])
        except NotForUs as error:
            source.seek(0)
            header = _quorums_header(self._vault, source)
            if header is None:
                raise self._judge.refusal(submission) from error
            return header
        except AgeError as error:
            raise stick.damaged(submission) from error


def _quorums_header(vault: Vault, source: BinaryIO) -> bytes | None:
    """Return the header as it was received, if an identity that was lent opens the file."""
    if not header_opens(source, vault.lent_to(Role.REVIEWERS)):
        return None
    length = source.tell()
    source.seek(0)
    return source.read(length)
