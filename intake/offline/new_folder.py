"""A new folder that is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from intake.durable import sync_folder
from intake.errors import FolderRefused
from intake.steady_writer import SteadyWriter


def usable(folder: Path) -> Path:
    """Return the folder's absolute path, once it is known that it can be filled.

    Raises:
        FolderRefused: it is in use, a link, the folder we are in, or its parent is missing.
    """
    try:
        if folder.is_symlink():
            raise FolderRefused(f"{folder} is a link; name a folder that is not there yet.")
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise FolderRefused(f"{folder} is in use; name a folder that is not there yet.")
        target = folder.resolve()
        # The new folder takes the old one's place: whoever stands in that would see nothing.
        if target == Path.cwd():
            raise FolderRefused("This is the folder you are in; name one that is not there yet.")
        if not target.parent.is_dir():
            raise FolderRefused(f"{target.parent} is not there; make it, or name another folder.")
    except (OSError, ValueError) as error:
        raise FolderRefused(f"{folder} cannot be used; name another folder.") from error
    return target


@contextlib.contextmanager
def partial_folder(target: Path) -> Iterator[Path]:
    """Give a new folder beside ``target`` that takes its name at the end, or is removed.

    A power cut or SIGKILL leaves ``.NAME.partial-XXXX`` behind, with whatever was written to it.
    """
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.partial-", dir=target.parent))
    try:
        yield partial
        sync_folder(partial)
        # Onto a folder that is not empty by now, or a link, this fails.
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync_folder(target.parent)


def write_new(path: Path, blocks: Iterable[bytes], progress: Callable[[int], None]) -> None:
    """Write a file that was not there, durably, for its owner alone, and never through a link."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    writer = SteadyWriter(descriptor)
    try:
        for block in blocks:
            writer.write(block)
            progress(len(block))
        writer.finish()
        os.fsync(descriptor)
    finally:
        writer.abandon()
        os.close(descriptor)
