"""Blobs: sealed submissions as plain files, durable before anybody is told of them.

A blob is ``<id>.draft``, synced together with its name, until its row is committed, and
``<id>.age`` from then on: whatever bears that name was committed once, also where no row says so
any more. Its writer holds a lock on it until then, so that the sweep can tell what a killed process
left behind from what a living one is still making.

A removal takes the draft's name first and the other one second, a rename goes the other way: so
whoever removes a blob while it is being renamed removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
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
#: What a sealed file begins with, whatever is in it.
_BEGINNING = b"age-encryption.org/"
_ID = re.compile(r"[0-9a-f]{32}")


class Draft(Protocol):
    """A blob in the making."""

    def write(self, data: Block) -> None:
        """Append bytes.

        Raises:
            StoreUnavailable: they cannot be kept.
        """

    def keep(self) -> None:
        """Make the blob durable, as a draft still.

        Raises:
            StoreUnavailable: it cannot be.
        """

    def settle(self) -> None:
        """Make a blob that was kept a draft no more: its row is committed. Never raises."""

    def release(self) -> None:
        """Let go of it as it is: the sweep will find out whether its row was committed."""

    def discard(self) -> None:
        """Remove every trace, unless it was let go of. Safe to call twice; never raises."""


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
        """Yield the id of every blob whose row was committed once, in no meaningful order."""

    def is_sealed(self, blob_id: bytes) -> bool:
        """Return whether a blob is there, and begins as sealed files do."""

    def sweep_drafts(self, is_committed: Callable[[bytes], bool]) -> int:
        """Settle or remove the drafts of processes that are gone; return how many were removed.

        ``is_committed`` is asked of each once no living process can commit its row any more.
        """

    def size(self, blob_id: bytes) -> int | None:
        """Return a blob's size in bytes, or ``None`` where it is not there."""

    def remove(self, blob_ids: Iterable[bytes]) -> int:
        """Remove blobs, whether they are there or not; return how many were.

        When this returns they stay away, whatever happens.

        Raises:
            StoreUnavailable: one of them stays; the sweep will try again.
        """


class FileBlobs:
    """Blobs as files of one folder."""

    def __init__(self, folder: Path) -> None:
        """Keep blobs in ``folder``, which must be there."""
        self._folder = folder

    def draft(self, blob_id: bytes) -> FileDraft:
        return FileDraft(self._folder, blob_id.hex())

    def open(self, blob_id: bytes) -> BinaryIO:
        for path in self._places(blob_id):
            try:
                return path.open("rb")
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _unavailable() from error
        raise _unavailable()

    def free_bytes(self) -> int:
        try:
            status = os.statvfs(self._folder)
        except OSError as error:
            raise _unavailable() from error
        if status.f_files and not status.f_favail:
            return 0
        return status.f_bavail * status.f_frsize

    def ids(self) -> Iterator[bytes]:
        return (blob_id for _, blob_id in self._named(_SEALED))

    def is_sealed(self, blob_id: bytes) -> bool:
        try:
            with self.open(blob_id) as file:
                return file.read(len(_BEGINNING)) == _BEGINNING
        except (OSError, StoreUnavailable):
            return False

    def sweep_drafts(self, is_committed: Callable[[bytes], bool]) -> int:
        drafts = self._named(_DRAFT)
        removed = sum(_end_unlocked(path, blob_id, is_committed) for path, blob_id in drafts)
        if drafts:
            self._sync()
        return removed

    def size(self, blob_id: bytes) -> int | None:
        for path in self._places(blob_id):
            with contextlib.suppress(OSError):
                return path.stat().st_size
        return None

    def remove(self, blob_ids: Iterable[bytes]) -> int:
        ids = list(blob_ids)
        removed = sum(self._remove(blob_id) for blob_id in ids)
        if ids:
            # Also what was gone already: a killed process may have removed it, and not synced.
            self._sync()
        return removed

    def _remove(self, blob_id: bytes) -> bool:
        removed = False
        for suffix in (_DRAFT, _SEALED):
            try:
                self._path(blob_id, suffix).unlink()
                removed = True
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _unavailable() from error
        return removed

    def _places(self, blob_id: bytes) -> Iterator[Path]:
        """Yield where a blob may be; the first again, for it may be settled meanwhile."""
        for suffix in (_SEALED, _DRAFT, _SEALED):
            yield self._path(blob_id, suffix)

    def _path(self, blob_id: bytes, suffix: str) -> Path:
        return self._folder / (blob_id.hex() + suffix)

    def _sync(self) -> None:
        try:
            sync_folder(self._folder)
        except OSError as error:
            raise _unavailable() from error

    def _named(self, suffix: str) -> list[tuple[Path, bytes]]:
        """Return the files of this kind, and the ids of their blobs."""
        try:
            found = [path for path in self._folder.iterdir() if path.suffix == suffix]
        except OSError as error:
            raise _unavailable() from error
        return [(path, bytes.fromhex(path.stem)) for path in found if _ID.fullmatch(path.stem)]


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
            sync_folder(self._folder)
        except OSError as error:
            raise _unavailable() from error

    def settle(self) -> None:
        # Where this fails, or a power cut undoes it, the sweep does it: the row is what counts.
        with contextlib.suppress(OSError):
            self._path.rename(self._kept)
        self.release()

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def discard(self) -> None:
        if self._fd < 0:
            return
        self._writer.abandon()
        with contextlib.suppress(OSError):
            self._path.unlink()
        self.release()


def _end_unlocked(path: Path, blob_id: bytes, is_committed: Callable[[bytes], bool]) -> bool:
    """Settle or remove a draft whose writer is gone; return whether it was removed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_committed(blob_id):
            path.rename(path.with_suffix(_SEALED))
            return False
        path.unlink()
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable("The folder of sealed submissions cannot be used; see its disk.")
