"""Copying sealed files to a stick, and reading them back from it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from intake.courier.digest import FIRST_BLOCK, SealedHashes
from intake.errors import StoreUnavailable
from intake.online.stick import Progress, Stick
from intake.online.store.submissions import Store, StoredSubmission


@dataclass(frozen=True)
class Copied:
    """The ``hashes`` of what is on the stick, by id, and the ids of what could not be read whole.

    What was withdrawn or acknowledged meanwhile is in neither.
    """

    hashes: Mapping[bytes, SealedHashes]
    unreadable: frozenset[bytes]


class Copying:
    """Copies sealed files to a stick and reads them back."""

    def __init__(self, store: Store, stick: Stick, progress: Progress) -> None:
        """Copy from ``store`` to ``stick``; ``progress`` is told of every byte twice."""
        self._store = store
        self._stick = stick
        self._progress = progress

    def all_of(self, submissions: tuple[StoredSubmission, ...]) -> Copied:
        """Return what is on the stick, read back from it.

        Raises:
            BundleBroken: the stick does not hold what was written; there is no bundle on it now.
            OSError: it is full or cannot be written; what was written is removed again.
        """
        found: dict[bytes, SealedHashes] = {}
        unread: set[bytes] = set()
        written: dict[bytes, str] = {}
        try:
            for submission in submissions:
                hashes = self._there(submission)
                if hashes is None:
                    with contextlib.suppress(StoreUnavailable):
                        hashes = self._copy(submission)
                        written[submission.id] = hashes.sha256
                if hashes is None:
                    unread.add(submission.id)
                else:
                    found[submission.id] = hashes
            # Once for all of it: ten thousand small files would wait ten thousand times.
            os.sync()
        except BaseException:
            self._stick.remove(i.hex() for i in written)
            raise
        self._read_back(written)
        return Copied(found, self._still_held(unread))

    def _still_held(self, unread: Collection[bytes]) -> frozenset[bytes]:
        """Return which of these were neither withdrawn nor acknowledged meanwhile.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        if not unread:
            return frozenset()
        rows = self._store.rows()
        return frozenset(r.id for r in rows if r.id in unread and r.acknowledged is None)

    def _there(self, submission: StoredSubmission) -> SealedHashes | None:
        """Return the hashes of what an earlier export wrote, if the stick still holds it."""
        submission_id = submission.id.hex()
        if submission.sha256 is None or self._stick.size(submission_id) != submission.size:
            return None
        hashes = self._stick.hashes(submission_id, submission.size, self._progress)
        if hashes is None or hashes.sha256 != submission.sha256.hex():
            return None
        self._progress(submission.size)
        return hashes

    def _copy(self, submission: StoredSubmission) -> SealedHashes:
        """Copy a sealed file.

        Raises:
            StoreUnavailable: it cannot be read, or is not what it was when it was committed.
            OSError: the stick is full or cannot be written.
        """
        submission_id = submission.id.hex()
        with self._store.open_blob(submission.id) as source:
            blocks = _blocks(source, submission.size)
            hashes = self._stick.write(submission_id, blocks, submission.size, self._progress)
        if submission.sha256 not in {None, bytes.fromhex(hashes.sha256)}:
            self._stick.remove([submission_id])
            raise StoreUnavailable("A sealed file has changed; see the server's disk.")
        return hashes

    def _read_back(self, written: Mapping[bytes, str]) -> None:
        for blob_id, sha256 in written.items():
            if not self._stick.reads_back(blob_id.hex(), sha256, self._progress):
                raise self._stick.unfaithful()


def _blocks(source: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield a sealed file, which has to have ``size`` bytes.

    Raises:
        StoreUnavailable: it cannot be read (which is not the stick's failure), or is shorter or
            longer.
    """
    left = size
    while left >= 0 and (block := _read(source)):
        left -= len(block)
        yield block
    if left:
        raise StoreUnavailable("A sealed file is cut short or overgrown; see the server's disk.")


def _read(source: BinaryIO) -> bytes:
    try:
        return source.read(FIRST_BLOCK)
    except OSError as error:
        raise StoreUnavailable("A sealed file cannot be read; see the server's disk.") from error
