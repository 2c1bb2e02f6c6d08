"""Blobs: sealed submissions as plain files, durable before anybody is told of them.

A draft is written under a temporary name, synced, given a constant time, renamed, and the folder
synced. Its writer holds a lock on it until the row is committed, so that the sweep can tell what a
killed process left behind from what a living one is still making.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from intake.background import Block
from intake.durable import sync_folder
from intake.errors import StoreUnavailable
from intake.steady_writer import SteadyWriter

#: Modification and access time of every blob: a file's time would say when a witness wrote.
CONSTANT_TIME_NS = 315_532_800 * 10**9  # 1980-01-01, the date of the zip's members too

_SEALED = ".age"
_DRAFT = ".draft"


class Draft(Protocol):
    """A blob in the making."""

    def write(self, data: Block) -> None:
        """Append bytes.

        Raises:
            StoreUnavailable: they cannot be kept.
        """

    def keep(self) -> None:
        """Make the blob durable under its id.

        Raises:
            StoreUnavailable: it cannot be.
        """

    def release(self) -> None:
        """Let go of a blob that was kept: its row is committed."""

    def discard(self) -> None:
        """Remove every trace, whether it was kept or not. Safe to call twice; never raises."""


class Blobs(Protocol):
    """A place for sealed submissions, named by their 16-byte ids."""

    def draft(self, blob_id: bytes) -> Draft:
        """Begin a blob.

        Raises:
            StoreUnavailable: the place does not answer.
        """

    def open(self, blob_id: bytes) -> BinaryIO:
        """Open a blob for reading.

        Raises:
            StoreUnavailable: it is not there.
        """

    def free_bytes(self) -> int:
        """Return how many bytes may still be written.

        Raises:
            StoreUnavailable: the place does not answer.
        """

    def ids(self) -> Iterator[bytes]:
        """Yield the id of every blob that was kept, in no meaningful order."""

    def sweep_drafts(self) -> int:
        """Remove the drafts of processes that are gone; return how many."""

    def size(self, blob_id: bytes) -> int | None:
        """Return a blob's size in bytes, or ``None`` where it is not there."""

    def remove(self, blob_ids: Iterable[bytes]) -> int:
        """Remove blobs, whether they are there or not; return how many were.

        Raises:
            StoreUnavailable: one of them stays; the sweep will try again.
        """

    def remove_orphan(self, blob_id: bytes, is_orphan: Callable[[], bool]) -> bool:
        """Remove a blob that no row names.

        ``is_orphan`` is asked once no living process can be about to commit the row any more.
        """


class FileBlobs:
    """Blobs as files of one folder."""

    def __init__(self, folder: Path) -> None:
        """Keep blobs in ``folder``, which must be there."""
        self._folder = folder

    def draft(self, blob_id: bytes) -> FileDraft:
        return FileDraft(self._folder, blob_id.hex())

    def open(self, blob_id: bytes) -> BinaryIO:
        try:
            return (self._folder / (blob_id.hex() + _SEALED)).open("rb")
        except OSError as error:
            raise _unavailable() from error

    def free_bytes(self) -> int:
        try:
            status = os.statvfs(self._folder)
        except OSError as error:
            raise _unavailable() from error
        if status.f_files and not status.f_favail:
            return 0
        return status.f_bavail * status.f_frsize

    def ids(self) -> Iterator[bytes]:
        for entry in self._entries(_SEALED):
            with contextlib.suppress(ValueError):
                yield bytes.fromhex(entry.name.removesuffix(_SEALED))

    def sweep_drafts(self) -> int:
        return sum(_remove_unlocked(Path(entry.path)) for entry in self._entries(_DRAFT))

    def size(self, blob_id: bytes) -> int | None:
        try:
            return (self._folder / (blob_id.hex() + _SEALED)).stat().st_size
        except OSError:
            return None

    def remove(self, blob_ids: Iterable[bytes]) -> int:
        removed = 0
        try:
            for blob_id in blob_ids:
                with contextlib.suppress(FileNotFoundError):
                    (self._folder / (blob_id.hex() + _SEALED)).unlink()
                    removed += 1
            if removed:
                sync_folder(self._folder)
        except OSError as error:
            raise _unavailable() from error
        return removed

    def remove_orphan(self, blob_id: bytes, is_orphan: Callable[[], bool]) -> bool:
        return _remove_unlocked(self._folder / (blob_id.hex() + _SEALED), is_orphan)

    def _entries(self, suffix: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._folder) as entries:
                return [entry for entry in entries if entry.name.endswith(suffix)]
        except OSError as error:
            raise _unavailable() from error


class FileDraft:
    """A blob in the making, as a file that only this process may touch."""

    def __init__(self, folder: Path, name: str) -> None:
        """Create and lock the draft ``name`` in ``folder``."""
        self._folder = folder
        self._path = folder / (name + _DRAFT)
        self._kept = folder / (name + _SEALED)
        try:
            self._fd = os.open(
                self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise _unavailable() from error
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        self._writer = SteadyWriter(self._fd)

    def write(self, data: Block) -> None:
        try:
            self._writer.write(data)
        except OSError as error:
            raise _unavailable() from error

    def keep(self) -> None:
        try:
            self._writer.finish()
            os.utime(self._fd, ns=(CONSTANT_TIME_NS, CONSTANT_TIME_NS))
            os.fsync(self._fd)
            self._path.rename(self._kept)
            sync_folder(self._folder)
        except OSError as error:
            raise _unavailable() from error

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def discard(self) -> None:
        self._writer.abandon()
        for path in (self._path, self._kept):
            with contextlib.suppress(OSError):
                path.unlink()
        self.release()


def _remove_unlocked(path: Path, wanted: Callable[[], bool] = lambda: True) -> bool:
    """Remove a file whose writer is gone, if ``wanted`` says so once that is certain."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not wanted():
            return False
        path.unlink()
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable("The folder of sealed submissions cannot be used; see its disk.")
