"""Between committing to an epoch and calling it closed: one of the two, never both at once.

Whoever commits holds the epoch's lock together with others, from the question whether it was
called closed until the row is there. Whoever calls it closed first notes so where the committers
look, and then needs the lock alone: who asked before has committed by then, who asks later sees
the note. Each epoch has a lock of its own, so that a crowd of today's accounts keeps nobody from
closing an epoch that is over.

The locks are bytes of one file that is there already (fcntl(2), "Open file description locks"): a
file for each epoch would tell when the first account of it came. They know nothing of flock(2)'s
lock of the whole file.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path

#: ``struct flock``: type, whence, start, length, and a process id that has to be 0.
_FLOCK = "hhqqi4x"
#: Bytes of an epoch's hash that choose its byte: an offset is positive, and 64 bits at most.
_OFFSET_BYTES = 7


class EpochLocks:
    """The locks of one deployment, in the file ``path``."""

    def __init__(self, path: Path) -> None:
        """Lock bytes of ``path``; nothing is ever written to it."""
        self._path = path

    @contextlib.contextmanager
    def held(self, epoch: str) -> Iterator[None]:
        """Hold the lock of the epoch with that id, as one of many.

        Raises:
            OSError: the file cannot be used.
        """
        with self._opened() as descriptor:
            _lock(descriptor, fcntl.F_OFD_SETLKW, fcntl.F_RDLCK, epoch)
            yield

    def nobody_holds(self, epoch: str) -> bool:
        """Return whether nobody held it at some moment since the call.

        Nobody is waited for: a process that was stopped in the middle of a commit would keep every
        account from leaving.

        Raises:
            OSError: the file cannot be used.
        """
        with self._opened() as descriptor:
            try:
                _lock(descriptor, fcntl.F_OFD_SETLK, fcntl.F_WRLCK, epoch)
            except (BlockingIOError, PermissionError):  # EAGAIN or EACCES, says fcntl(2)
                return False
        return True

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        # Closing it lets go: the lock belongs to this opening, not to the process.
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _lock(descriptor: int, command: int, kind: int, epoch: str) -> None:
    digest = hashlib.sha256(epoch.encode("utf-8")).digest()
    start = int.from_bytes(digest[:_OFFSET_BYTES], "big")
    fcntl.fcntl(descriptor, command, struct.pack(_FLOCK, kind, os.SEEK_SET, start, 1, 0))
