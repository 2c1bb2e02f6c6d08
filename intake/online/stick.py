"""The folder of a bundle on a stick: what stands there, what is written, and that it reads back.

Whoever had the stick may have put links on it, to make us write over files of the server: nothing
here follows one. Nothing that belongs to somebody else is removed: not the reviewers' returns, not
what the operating system put there.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from intake.courier.bundle import LISTING, MANIFEST, ROOT, SUBMISSIONS, open_regular
from intake.courier.digest import FIRST_BLOCK, SealedDigest, SealedHashes
from intake.courier.file_systems import NOBODYS, make_folders, share_file, share_folder, unreadable
from intake.courier.returns import RETURNS
from intake.durable import remove_drafts, sync_folder, write_file
from intake.errors import AgeError, BundleBroken, StoreUnavailable
from intake.steady_writer import SteadyWriter

#: What may stand in the folder beside a bundle: its own files, and the other direction.
_KNOWN = {SUBMISSIONS, ROOT, MANIFEST, RETURNS}
_OURS = re.compile(r"[0-9a-f]{32}\.age")
#: A sealed file that is not whole yet.
_PARTIAL = ".partial"
_OUR_PARTIAL = re.compile(r"[0-9a-f]{32}\.partial")
#: Drafts, and what file systems put there themselves.
_OF_NO_MATTER = re.compile(rf"(?:\..*\.draft)|(?:{NOBODYS.pattern})", NOBODYS.flags)

Progress = Callable[[int], object]


class Stick:
    """The folder of a bundle, opened and locked for one export."""

    def __init__(self, folder: Path, files: int) -> None:
        """Work in ``folder``, whose folder of submissions is open as ``files``."""
        self.folder = folder
        self._files = files

    @classmethod
    @contextlib.contextmanager
    def opened(cls, folder: Path) -> Iterator[Stick]:
        """Make the folder unless it is there, and open it.

        Raises:
            BundleBroken: it cannot be made, holds something else, or another export is writing it.
            OSError: it cannot be written.
        """
        _refuse_foreign(folder)
        path = folder / SUBMISSIONS
        make_folders(folder)
        path.mkdir(exist_ok=True)
        try:
            files = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except PermissionError as error:
            raise unreadable(path) from error
        except OSError as error:
            raise BundleBroken(f"{path} is no folder; export to an empty folder.") from error
        try:
            _lock(files, folder)
            share_folder(files)
            stick = cls(folder, files)
            stick._sweep()  # our own
            yield stick
        finally:
            os.close(files)

    def size(self, submission_id: str) -> int | None:
        """Return the size of a sealed file in bytes, or ``None`` where no plain one stands."""
        try:
            status = os.stat(_name(submission_id), dir_fd=self._files, follow_symlinks=False)
        except OSError:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def write(
        self, submission_id: str, blocks: Iterable[bytes], size: int, progress: Progress
    ) -> SealedHashes:
        """Write a sealed file of ``size`` bytes, and return its hashes. It is not durable yet.

        Raises:
            StoreUnavailable: it is no sealed file, or ``blocks`` could not be read.
            OSError: the stick is full or cannot be written.
        """
        # What stands there under its name may be the last whole copy, if ours turns out damaged.
        partial = submission_id + _PARTIAL
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(partial, flags, 0o644, dir_fd=self._files)
        writer, digest = SteadyWriter(descriptor), SealedDigest(size)
        try:
            for block in blocks:
                digest.update(block)
                writer.write(block)
                progress(len(block))
            writer.finish()
            hashes = digest.finish()
            share_file(descriptor)
            name = _name(submission_id)
            os.rename(partial, name, src_dir_fd=self._files, dst_dir_fd=self._files)
        except BaseException as error:
            writer.abandon()
            digest.abandon()
            self._unlink(partial)
            if isinstance(error, AgeError):
                raise StoreUnavailable(
                    "A sealed file is damaged; see the server's disk."
                ) from error
            raise
        finally:
            os.close(descriptor)
        return hashes

    def hashes(self, submission_id: str, size: int, progress: Progress) -> SealedHashes | None:
        """Read a sealed file from the stick itself; return ``None`` where none stands."""
        digest = SealedDigest(size)
        try:
            for block in self._blocks(_name(submission_id)):
                digest.update(block)
                progress(len(block))
            return digest.finish()
        except (OSError, AgeError):
            return None
        finally:
            digest.abandon()

    def reads_back(self, submission_id: str, sha256: str, progress: Progress) -> bool:
        """Return whether a sealed file, read from the stick itself, has this hash (hex)."""
        digest = hashlib.sha256()
        try:
            for block in self._blocks(_name(submission_id)):
                digest.update(block)
                progress(len(block))
        except OSError:
            return False
        return digest.hexdigest() == sha256

    def write_small(self, name: str, data: bytes) -> None:
        """Write a small file of the bundle: whole or not at all, durable, and for every reader.

        Raises:
            OSError: the stick is full or cannot be written.
        """
        write_file(self.folder / name, data, mode=0o644)
        descriptor = open_regular(self.folder / name)
        try:
            share_file(descriptor)
        finally:
            os.close(descriptor)

    def holds(self, name: str, data: bytes) -> bool:
        """Return whether a small file of the bundle, read from the stick itself, is ``data``."""
        try:
            descriptor = open_regular(self.folder / name)
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                _forget_cached(descriptor)
                return b"".join(iter(lambda: file.read(FIRST_BLOCK), b"")) == data
        except OSError:
            return False

    def free_bytes(self) -> int:
        """Return how many bytes the stick has left, in whole blocks of its own."""
        status = os.fstatvfs(self._files)
        return status.f_bavail * status.f_frsize

    def taken_by(self, size: int) -> int:
        """Return how many bytes of the stick a file of ``size`` bytes takes."""
        block = os.fstatvfs(self._files).f_frsize
        return -(-size // block) * block

    def others(self, ids: Collection[str]) -> dict[str, int]:
        """Return the sealed files on the stick that are not among ``ids``, with their sizes."""
        found = (n.removesuffix(".age") for n in self._names() if _OURS.fullmatch(n))
        return {i: self.size(i) or 0 for i in found if i not in ids}

    def remove(self, ids: Iterable[str]) -> None:
        """Remove sealed files, as far as it can be done."""
        for submission_id in ids:
            self._unlink(_name(submission_id))

    def remove_listing(self) -> None:
        """Make what stands here no bundle."""
        (self.folder / LISTING).unlink(missing_ok=True)
        sync_folder(self.folder)

    def unfaithful(self) -> BundleBroken:
        """Leave no bundle on a stick that does not hold what was written; return what to say."""
        with contextlib.suppress(OSError):
            self.remove_listing()
        return BundleBroken(
            f"What was written to {self.folder} does not read back the same: the stick is bad, and "
            "there is no bundle on it now. Take another one, and export again."
        )

    def _sweep(self) -> None:
        """Remove what an export that was killed left there."""
        for name in (ROOT, MANIFEST, LISTING):
            remove_drafts(self.folder / name)
        for name in self._names():
            if _OUR_PARTIAL.fullmatch(name):
                self._unlink(name)

    def _names(self) -> list[str]:
        return os.listdir(self._files)  # noqa: PTH208  # the folder itself, not where its name leads

    def _unlink(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=self._files)

    def _blocks(self, name: str) -> Iterator[bytes]:
        descriptor = open_regular(Path(name), folder=self._files)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            _forget_cached(descriptor)
            yield from iter(lambda: file.read(FIRST_BLOCK), b"")


def _name(submission_id: str) -> str:
    return f"{submission_id}.age"


def _forget_cached(descriptor: int) -> None:
    """Let the next read come from the device: what is in memory proves nothing of a stick."""
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _lock(files: int, folder: Path) -> None:
    try:
        fcntl.flock(files, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BundleBroken(
            f"Another export is writing to {folder}; wait until it is done, or name another folder."
        ) from error


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
        raise unreadable(folder)
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise BundleBroken(f"{folder} is no folder; name one on the stick.")
    if not folder.exists() or (folder / LISTING).exists():
        return
    names = (path.name for path in folder.iterdir())
    if not all(name in _KNOWN or _OF_NO_MATTER.fullmatch(name) for name in names):
        raise BundleBroken(f"{folder} holds other files; export to an empty folder.")
