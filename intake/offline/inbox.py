"""Bringing a bundle into the vault: checked, header replaced, durable, one file at a time.

Only the age header changes: the file key is wrapped to the vault's own recipient, so that an
epoch's identity can be destroyed later. The payload stays byte for byte as it was received.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from intake.age.header import parse_header
from intake.age.opening.rewrap import replace_header
from intake.courier.bundle import SUBMISSIONS, BundledSubmission, open_regular, read_bundle
from intake.durable import sync_folder
from intake.errors import AgeError, BundleBroken, IntakeError, NotForUs
from intake.offline.catalogue import Entry
from intake.offline.vault import Vault

_BLOCK = 1024 * 1024

#: After how many submissions the catalogue is written, so that little is done again after a crash.
_SAVE_EVERY = 1000


@dataclass(frozen=True)
class ImportReport:
    """What came of an import: ids that are new here, that were here, and that were refused."""

    imported: tuple[str, ...]
    known: tuple[str, ...]
    refused: tuple[tuple[str, IntakeError], ...]


def import_bundle(vault: Vault, folder: Path, progress: Callable[[int], object]) -> ImportReport:
    """Take every submission of the bundle at ``folder`` that is not here yet.

    What is refused is named in the report and leaves nothing behind; the rest is taken. Safe to
    repeat. ``progress`` is told of every block's length in bytes.

    Raises:
        BundleBroken: the folder holds no bundle.
        OSError: the vault's disk is full or cannot be written.
    """
    bundle = read_bundle(folder).bundle
    imported: list[str] = []
    known: list[str] = []
    refused: list[tuple[str, IntakeError]] = []
    with vault.exclusive():
        _remove_partial(vault.submissions_folder)
        entries = vault.entries()
        for submission in bundle.submissions:
            entry = entries.get(submission.id)
            if entry is not None and entry.received_sha256 == submission.sha256:
                known.append(submission.id)
                progress(submission.size)
                continue
            try:
                _refuse_substitute(entry, submission)
                entries[submission.id] = _take(vault, submission, folder, progress)
            except IntakeError as error:
                refused.append((submission.id, error))
                continue
            imported.append(submission.id)
            if len(imported) % _SAVE_EVERY == 0:
                vault.save_entries(entries)
        sync_folder(vault.submissions_folder)
        if imported:
            vault.save_entries(entries)
    return ImportReport(tuple(imported), tuple(known), tuple(refused))


def _take(
    vault: Vault, submission: BundledSubmission, folder: Path, progress: Callable[[int], object]
) -> Entry:
    """Copy one sealed file into the vault under a new header; return its entry."""
    target = vault.path(submission.id)
    partial = target.with_suffix(".partial")
    try:
        _rewrap(vault, submission, folder, partial, progress)
        _refuse_other_payload(target, partial, submission)
        partial.rename(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return dataclasses.replace(
        vault.describe(submission.id),
        epoch=submission.epoch,
        day=submission.day,
        received_sha256=submission.sha256,
    )


def _refuse_substitute(entry: Entry | None, submission: BundledSubmission) -> None:
    """Refuse another file under an id that the vault holds: nothing received is ever replaced.

    Where the catalogue was lost there is no hash to compare; the payloads are, once copied.
    """
    if entry is not None and entry.received_sha256 is not None:
        raise _substitute(submission)


def _refuse_other_payload(target: Path, partial: Path, submission: BundledSubmission) -> None:
    """Refuse ``partial`` if ``target`` is there and differs in more than its header."""
    if target.exists() and _payload_sha256(target) != _payload_sha256(partial):
        raise _substitute(submission)


def _payload_sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        parse_header(file)
        return hashlib.file_digest(file, "sha256").digest()


def _rewrap(
    vault: Vault,
    submission: BundledSubmission,
    folder: Path,
    partial: Path,
    progress: Callable[[int], object],
) -> None:
    try:
        descriptor = _open_bundled(submission, folder)
    except OSError as error:
        raise BundleBroken(
            f"The bundle names {submission.id}, but the file is missing; export again."
        ) from error
    with os.fdopen(descriptor, "rb") as source, partial.open("wb") as copy:
        if os.fstat(source.fileno()).st_size != submission.size:
            raise _changed(submission)
        copy.write(_new_header(vault, submission, source))
        digest = hashlib.sha256()
        payload = source.tell()
        source.seek(0)
        digest.update(source.read(payload))
        progress(payload)
        while block := source.read(_BLOCK):
            digest.update(block)
            copy.write(block)
            progress(len(block))
        if digest.hexdigest() != submission.sha256:
            raise _changed(submission)
        copy.flush()
        os.fsync(copy.fileno())


def _open_bundled(submission: BundledSubmission, folder: Path) -> int:
    """Open a submission's file, whose folder must be no link either."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    files = os.open(folder / SUBMISSIONS, flags)
    try:
        return open_regular(Path(submission.path(folder).name), folder=files)
    finally:
        os.close(files)


def _new_header(vault: Vault, submission: BundledSubmission, source: BinaryIO) -> bytes:
    try:
        return replace_header(
            source,
            tuple(vault.keys.epochs.values()),
            [vault.keys.vault.recipient()],
        )
    except NotForUs as error:
        raise NotForUs(
            f"The submission {submission.id} is sealed to somebody else: this vault has no key "
            f"that opens it (epoch {submission.epoch})."
        ) from error
    except AgeError as error:
        raise BundleBroken(f"The file of {submission.id} is damaged; export again.") from error


def _substitute(submission: BundledSubmission) -> BundleBroken:
    return BundleBroken(
        f"The bundle holds another file under the id {submission.id} than the one received "
        "before; keep the stick and find out who changed it."
    )


def _changed(submission: BundledSubmission) -> BundleBroken:
    return BundleBroken(
        f"The file of {submission.id} is not the one that was exported; export again."
    )


def _remove_partial(folder: Path) -> None:
    for path in folder.glob("*.partial"):
        path.unlink()
