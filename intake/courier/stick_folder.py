"""A folder on a stick, written so that what it is said to hold is on the stick itself.

Whoever had the stick may have put links on it, to make us write over files of this machine or read
them: every folder is opened itself and not where a link leads, and every name is relative to it. A
file takes its name when it is whole and synced. What was written is read back past the cache, since
a worn stick takes bytes that it does not give back.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from intake.courier.bundle import LISTING, MANIFEST, ROOT, SUBMISSIONS, open_regular
from intake.courier.file_systems import NOBODYS, make_folders, share_file, share_folder, unreadable
from intake.courier.returns import FOLDER_NAME, REPLIES, RETURN, RETURNS, folder_name
from intake.errors import BundleBroken
from intake.manifest.model import Signer


def _any_of(*names: str) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, names)))


@dataclass(frozen=True)
class _Kind:
    """A folder that a courier writes: what makes it one, and what else may stand in it."""

    marks: re.Pattern[str]
    ours: re.Pattern[str]

    def is_foreign(self, names: frozenset[str]) -> bool:
        """Return whether a folder with these names is somebody else's."""
        if any(self.marks.fullmatch(name) for name in names):
            return False
        fine = (self.ours, _DRAFT, NOBODYS)
        return not all(any(kind.fullmatch(name) for kind in fine) for name in names)


#: What either direction writes.
_STICK = _Kind(_any_of(LISTING, RETURNS), _any_of(ROOT, MANIFEST, SUBMISSIONS))
_RETURNS = _Kind(FOLDER_NAME, FOLDER_NAME)
_ONE_RETURN = _Kind(_any_of(RETURN), _any_of(REPLIES))
_FILES = _any_of(LISTING, ROOT, MANIFEST, RETURN).pattern
_DRAFT = re.compile(rf"\.(?:{_FILES}|[0-9a-f]{{32}}\.age)\.[0-9a-f]{{12}}\.draft")


class StickFolder:
    """One open folder of a stick."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Use :meth:`opened`."""
        self.path = path
        self._descriptor = descriptor

    @classmethod
    @contextlib.contextmanager
    def opened(cls, path: Path) -> Iterator[StickFolder]:
        """Open the folder at ``path``, made if it is not there.

        Raises:
            BundleBroken: it cannot be made, is a link or no folder, or holds files that are no
                courier's.
            OSError: the stick cannot be written.
        """
        make_folders(path)
        with cls._open(path, None, path) as folder:
            folder.refuse_foreign(_STICK)
            yield folder

    @contextlib.contextmanager
    def subfolder(self, name: str) -> Iterator[StickFolder]:
        """Open a folder in it, made if it is not there.

        Raises:
            BundleBroken: it is a link or no folder, or another user's.
            OSError: the stick cannot be written.
        """
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=self._descriptor)
        with self._open(Path(name), self._descriptor, self.path / name) as folder:
            folder.share()
            yield folder

    @contextlib.contextmanager
    def return_of(self, vault: Signer) -> Iterator[StickFolder]:
        """Open the folder of a vault's return on this stick, made if it is not there.

        Raises:
            BundleBroken: it or the folder around it is a link, no folder, or somebody else's.
            OSError: the stick cannot be written.
        """
        with self.subfolder(RETURNS) as returns:
            returns.refuse_foreign(_RETURNS)
            with returns.subfolder(folder_name(vault)) as own:
                own.refuse_foreign(_ONE_RETURN)
                # Before anything stands in it: what is written there then has its way there.
                returns.sync()
                self.sync()
                yield own

    @classmethod
    @contextlib.contextmanager
    def _open(cls, path: Path, parent: int | None, shown: Path) -> Iterator[StickFolder]:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags, dir_fd=parent)
        except PermissionError as error:
            raise unreadable(shown) from error
        except NotADirectoryError as error:
            raise BundleBroken(
                f"{shown} is a link or no folder; name an empty folder on the stick."
            ) from error
        try:
            yield cls(shown, descriptor)
        finally:
            os.close(descriptor)

    def refuse_foreign(self, kind: _Kind) -> None:
        """See that the courier may write here.

        Raises:
            BundleBroken: it holds files that are no courier's, and nothing of ours.
        """
        if kind.is_foreign(self.names()):
            raise BundleBroken(f"{self.path} holds other files; name an empty folder.")

    def names(self) -> frozenset[str]:
        """Return the names in it."""
        return frozenset(os.listdir(self._descriptor))  # noqa: PTH208  # an open folder, not a path

    def write(self, name: str, data: bytes) -> None:
        """Write a file, under its name once it is whole, and read it back from the stick.

        Raises:
            BundleBroken: the stick gives back something else.
            OSError: it is full or cannot be written.
        """
        draft = f".{name}.{secrets.token_hex(6)}.draft"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(draft, flags, 0o644, dir_fd=self._descriptor)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                share_file(file.fileno())
                os.fsync(file.fileno())
            os.rename(draft, name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(draft, dir_fd=self._descriptor)
            raise
        if self.sha256(name) != hashlib.sha256(data).hexdigest():
            raise BundleBroken(
                f"{self.path / name} was read back otherwise than it was written: the stick is "
                "worn out; take another one."
            )

    def sha256(self, name: str) -> str:
        """Return the hash (hex) of a file as the stick itself holds it.

        Raises:
            OSError: it cannot be read, or is no plain file.
        """
        descriptor = open_regular(Path(name), folder=self._descriptor)
        with os.fdopen(descriptor, "rb") as file:
            # Asked for from the stick: what is in the cache only shows what we wrote.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            return hashlib.file_digest(file, "sha256").hexdigest()

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)

    def remove_drafts(self) -> None:
        """Remove what killed writers left, while nobody else writes here."""
        for name in self.names():
            if _DRAFT.fullmatch(name):
                self.remove(name)

    def share(self) -> None:
        """Let everybody look into it: it is one of ours.

        Raises:
            OSError: the stick cannot be written.
        """
        share_folder(self._descriptor)

    def sync(self) -> None:
        """Make the names in it durable.

        Raises:
            OSError: the stick cannot be written.
        """
        os.fsync(self._descriptor)
