"""Bringing one sealed file from a stick into the vault: checked, header replaced, durable.

Only the age header changes: the file key is wrapped to the vault's own recipient, so that an
epoch's identity can be destroyed later. The payload stays byte for byte as it was received. What a
quorum alone opens keeps its header as well: else the vault's key would open it from then on.

Nothing received is ever replaced by something else. What was damaged in the vault is brought again
by the file it came as, and what came damaged by a whole one under its id.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from intake.age.header import parse_header
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.rewrap import replace_header
from intake.courier.bundle import UNKNOWN_EPOCH, BundledSubmission
from intake.envelope.digest import BackgroundSha256
from intake.errors import AgeError, NotForUs
from intake.manifest.model import Role
from intake.offline import stick
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
from intake.offline.vault import Vault
from intake.steady_writer import SteadyWriter

_BLOCK = 1024 * 1024


def _pass_over(_block: bytes) -> None:
    """Only hash it."""


class Receiver:
    """Takes the files of one stick into one vault."""

    def __init__(
        self, vault: Vault, folder: Path, judge: Judge, progress: Callable[[int], object]
    ) -> None:
        """Take them from ``folder``; ``progress`` is told of every block's length in bytes."""
        self._vault = vault
        self._folder = folder
        self._judge = judge
        self._progress = progress

    def is_here(self, entry: Entry, submission: BundledSubmission) -> bool:
        """Return whether the very file is in the vault, and the stick's would be no better."""
        return (
            entry.received_sha256 == submission.sha256
            and entry.payload_sha256 is not None
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

    def receive(self, submission: BundledSubmission, entry: Entry | None) -> Entry:
        """Bring one sealed file into the vault; return its entry.

        Raises:
            BundleBroken, NotForUs: it is not what the listing says, or not for us.
            OSError: the vault's disk is full or cannot be written.
        """
        known = entry or Entry(submission.id, "", None, Status.LOCKED, 0, "", None)
        received = known.received_sha256
        if received is not None and received != submission.sha256:
            self._replace(submission, entry)
        elif known.payload_sha256 is None and self._vault.path(submission.id).exists():
            self._recognise(submission, entry)
        else:
            self._copy(submission)
        keep_answers(self._vault, submission.id)
        found = self._vault.describe(submission.id)
        return dataclasses.replace(
            found,
            epoch=_epoch(submission, known, found),
            day=submission.day,
            status=self._status(found, entry),
            received_sha256=submission.sha256,
            payload_sha256=submission.payload_sha256,
            kind=found.kind or known.kind,
            mailbox=found.mailbox or known.mailbox,
            bundle=known.bundle,
            at_server=known.at_server,
            # What was acknowledged is one file and no other.
            acknowledged=known.acknowledged if received == submission.sha256 else None,
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
        path = self._vault.path(submission.id)
        with stick.open_bundled(submission, self._folder) as source:
            try:
                parse_header(source)
            except AgeError as error:
                raise stick.damaged(submission) from error
            length = submission.size - source.tell()
            self._read_all(submission, source)
        if sha256_of_end(path, length) != submission.payload_sha256:
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
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            with stick.open_bundled(submission, self._folder) as source:
                self._write(os.open(partial, flags, 0o600), submission, source)
            if only_whole:
                self._check_whole(partial, submission)
            partial.rename(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    def _write(self, descriptor: int, submission: BundledSubmission, source: BinaryIO) -> None:
        """Write the file under its new header, durably, and close it."""
        writer = SteadyWriter(descriptor)
        try:
            writer.write(self._header(submission, source))
            self._read_all(submission, source, writer.write)
            writer.finish()
            os.fsync(descriptor)
        finally:
            writer.abandon()
            os.close(descriptor)

    def _check_whole(self, partial: Path, submission: BundledSubmission) -> None:
        if not is_whole(partial, self._own_and_lent()):
            raise stick.substitute(submission)

    def _own_and_lent(self) -> tuple[HybridIdentity, ...]:
        return (*self._vault.keys.own(), *self._vault.lent_to(Role.REVIEWERS))

    def _read_all(
        self,
        submission: BundledSubmission,
        source: BinaryIO,
        take_payload: Callable[[bytes], object] = _pass_over,
    ) -> None:
        """Hash the whole file, and its payload, which begins where ``source`` stands."""
        header = source.tell()
        source.seek(0)
        whole, payload = BackgroundSha256(), BackgroundSha256()
        try:
            whole.update(source.read(header))
            self._progress(header)
            while block := source.read(_BLOCK):
                whole.update(block)
                payload.update(block)
                take_payload(block)
                self._progress(len(block))
            found = whole.hexdigest(), payload.hexdigest()
        finally:
            whole.close()
            payload.close()
        if found != (submission.sha256, submission.payload_sha256):
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


def _epoch(submission: BundledSubmission, known: Entry, found: Entry) -> str:
    """Return an account's epoch: where the server does not know it, what the account says."""
    if submission.epoch != UNKNOWN_EPOCH:
        return submission.epoch
    if known.epoch not in {"", UNKNOWN_EPOCH}:
        return known.epoch
    return found.epoch or UNKNOWN_EPOCH


def _quorums_header(vault: Vault, source: BinaryIO) -> bytes | None:
    """Return the header as it was received, if an identity that was lent opens the file."""
    if not header_opens(source, vault.lent_to(Role.REVIEWERS)):
        return None
    length = source.tell()
    source.seek(0)
    return source.read(length)
