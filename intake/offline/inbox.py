"""Bringing a bundle into the vault: checked, header replaced, durable, one file at a time.

Only the age header changes: the file key is wrapped to the vault's own recipient, so that an
epoch's identity can be destroyed later. The payload stays byte for byte as it was received. What a
quorum opens keeps its header as well: else the vault's key alone would open it from then on.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from intake.age.header import parse_header
from intake.age.opening.identity import unwrap_file_key
from intake.age.opening.rewrap import replace_header
from intake.courier.bundle import SUBMISSIONS, Bundle, BundledSubmission, open_regular, read_bundle
from intake.durable import sync_folder
from intake.errors import AgeError, BundleBroken, IntakeError, NotForUs
from intake.manifest.model import Role
from intake.offline import trust
from intake.offline.catalogue import Entry
from intake.offline.identity_answers import keep_answers
from intake.offline.trust import Belief
from intake.offline.vault import Vault

_BLOCK = 1024 * 1024

#: After how many submissions the catalogue is written, so that little is done again after a crash.
_SAVE_EVERY = 1000


@dataclass(frozen=True)
class ImportReport:
    """What came of an import: ids that are new here, that were here, and that were refused.

    ``closed`` are the epochs whose keys may be destroyed now, ``warnings`` sentences for the
    reviewer, ``pinned`` the fingerprint of the root that this bundle was the first to bring.
    """

    imported: tuple[str, ...]
    known: tuple[str, ...]
    refused: tuple[tuple[str, IntakeError], ...]
    closed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    pinned: str | None = None


def import_bundle(vault: Vault, folder: Path, progress: Callable[[int], object]) -> ImportReport:
    """Take every submission of the bundle at ``folder`` that is not here yet.

    What is refused is named in the report and leaves nothing behind; the rest is taken. Safe to
    repeat. ``progress`` is told of every block's length in bytes.

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
        closed = intake.close_epochs(listing.bundle) if judgement.signed else ()
        intake.save()
    return ImportReport(
        tuple(intake.imported),
        tuple(intake.known),
        tuple(intake.refused),
        closed,
        judgement.warnings,
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
        self._progress = progress
        self._saved = self._catalogue = vault.catalogue()
        self._entries = dict(self._catalogue.entries)
        #: Epochs of which something is on the stick that should be in the vault and is not.
        self._incomplete: set[str] = set()
        self.imported: list[str] = []
        self.known: list[str] = []
        self.refused: list[tuple[str, IntakeError]] = []

    def take(self, submission: BundledSubmission) -> None:
        """Take one submission, or note why not."""
        entry = self._entries.get(submission.id)
        if entry is not None and entry.received_sha256 == submission.sha256:
            if submission.epoch in self._vault.keys.custodians:
                keep_answers(self._vault, submission.id)
            self.known.append(submission.id)
            self._progress(submission.size)
            return
        try:
            _refuse_substitute(entry, submission)
            self._entries[submission.id] = self._receive(submission)
        except IntakeError as error:
            self.refused.append((submission.id, error))
            if not (isinstance(error, NotForUs) and self._foreign(submission, *Role)):
                self._incomplete.add(submission.epoch)
            return
        self.imported.append(submission.id)
        if len(self.imported) % _SAVE_EVERY == 0:
            self.save()

    def close_epochs(self, bundle: Bundle) -> tuple[str, ...]:
        """Note which epochs are closed, with all of them here; return those we have keys of."""
        keys = self._vault.keys
        ours = {*keys.epochs, *keys.custodians} - self._incomplete
        closed = tuple(epoch for epoch in bundle.closed_epochs if epoch in ours)
        before = self._catalogue.closed - self._incomplete
        self._catalogue = dataclasses.replace(self._catalogue, closed=before.union(closed))
        return closed

    def save(self) -> None:
        """Write the catalogue, if anything in it has changed."""
        changed = dataclasses.replace(self._catalogue, entries=dict(self._entries))
        if changed != self._saved:
            self._vault.save_catalogue(changed)
            self._saved = changed

    def _receive(self, submission: BundledSubmission) -> Entry:
        """Bring one sealed file into the vault; return its entry."""
        if self._vault.path(submission.id).exists():
            self._recognise(submission)
        else:
            self._copy(submission)
        keep_answers(self._vault, submission.id)
        return dataclasses.replace(
            self._vault.describe(submission.id),
            epoch=submission.epoch,
            day=submission.day,
            received_sha256=submission.sha256,
        )

    def _recognise(self, submission: BundledSubmission) -> None:
        """See that a file whose entry was lost has the payload of the one in the bundle.

        Neither needs to be opened: the key of its epoch may be destroyed by now.
        """
        digest = hashlib.sha256()
        with _bundled(submission, self._folder) as source:
            try:
                parse_header(source)
            except AgeError as error:
                raise _damaged(submission) from error
            self._read_all(submission, source, digest.update)
        if _payload_sha256(self._vault.path(submission.id)) != digest.digest():
            raise _substitute(submission)

    def _copy(self, submission: BundledSubmission) -> None:
        target = self._vault.path(submission.id)
        partial = target.with_suffix(".partial")
        try:
            with _bundled(submission, self._folder) as source, partial.open("wb") as copy:
                copy.write(self._header(submission, source))
                self._read_all(submission, source, copy.write)
                copy.flush()
                os.fsync(copy.fileno())
            partial.rename(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

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
            raise _changed(submission)

    def _header(self, submission: BundledSubmission, source: BinaryIO) -> bytes:
        """Return the header to keep, leaving ``source`` at the payload."""
        try:
            own = tuple(self._vault.keys.epochs.values())
            return _quorums_header(self._vault, source) or replace_header(
                source, own, [self._vault.keys.vault.recipient()]
            )
        except NotForUs as error:
            raise self._not_for_us(submission) from error
        except AgeError as error:
            raise _damaged(submission) from error

    def _not_for_us(self, submission: BundledSubmission) -> NotForUs:
        name, epoch = submission.id, submission.epoch
        if epoch in self._vault.keys.destroyed:
            return NotForUs(
                f"The submission {name} does not open any more: the key of its epoch {epoch} was "
                "destroyed here. Keep the stick, and ask the other reviewers."
            )
        if self._foreign(submission, Role.REVIEWERS):
            return NotForUs(
                f"The submission {name} is sealed to somebody else: this vault was no recipient in "
                f"the epoch {epoch}. If a quorum was, run 'intake-review unlock --epoch {epoch}' "
                "and import the stick there."
            )
        return NotForUs(
            f"The submission {name} is sealed to somebody else: this vault has no key "
            f"that opens it (epoch {epoch})."
        )

    def _foreign(self, submission: BundledSubmission, *roles: Role) -> bool:
        """Return whether the manifest shows that no key of this vault's was ever to open it."""
        named = [
            self._belief.recipients(submission.epoch, submission.manifest_version, role)
            for role in roles
        ]
        return all(
            recipients is not None and not recipients & self._recipients for recipients in named
        )

    @functools.cached_property
    def _recipients(self) -> frozenset[str]:
        keys = self._vault.keys
        own = (*keys.epochs.values(), *keys.custodians.values())
        return frozenset(str(identity.recipient()) for identity in own)


def _quorums_header(vault: Vault, source: BinaryIO) -> bytes | None:
    """Return the header as it was received, if an identity that was lent opens the file."""
    lent = vault.lent_to(Role.REVIEWERS)
    if not lent:
        return None
    try:
        unwrap_file_key(parse_header(source), lent)
    except NotForUs:
        source.seek(0)
        return None
    length = source.tell()
    source.seek(0)
    return source.read(length)


def _refuse_substitute(entry: Entry | None, submission: BundledSubmission) -> None:
    """Refuse another file under an id that the vault holds: nothing received is ever replaced.

    Where the catalogue was lost there is no hash to compare; the payloads are.
    """
    if entry is not None and entry.received_sha256 is not None:
        raise _substitute(submission)


def _payload_sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        parse_header(file)
        return hashlib.file_digest(file, "sha256").digest()


def _bundled(submission: BundledSubmission, folder: Path) -> BinaryIO:
    """Open a submission's file on the stick, if it has the size that the listing says."""
    try:
        source = os.fdopen(_open_bundled(submission, folder), "rb")
    except OSError as error:
        raise BundleBroken(
            f"The bundle names {submission.id}, but the file is missing; export again."
        ) from error
    if os.fstat(source.fileno()).st_size != submission.size:
        source.close()
        raise _changed(submission)
    return source


def _open_bundled(submission: BundledSubmission, folder: Path) -> int:
    """Open a submission's file, whose folder must be no link either."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    files = os.open(folder / SUBMISSIONS, flags)
    try:
        return open_regular(Path(submission.path(folder).name), folder=files)
    finally:
        os.close(files)


def _substitute(submission: BundledSubmission) -> BundleBroken:
    return BundleBroken(
        f"The bundle holds another file under the id {submission.id} than the one received "
        "before; keep the stick and find out who changed it."
    )


def _changed(submission: BundledSubmission) -> BundleBroken:
    return BundleBroken(
        f"The file of {submission.id} is not the one that was exported; export again."
    )


def _damaged(submission: BundledSubmission) -> BundleBroken:
    return BundleBroken(f"The file of {submission.id} is damaged; export again.")
