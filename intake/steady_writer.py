"""Writing a large file while its content is still being made, and syncing it soon after.

A small file is written where it is. A large one is written by a thread of its own, and the disk is
told to begin every few megabytes, so that the fsync at the end has little left to wait for.
"""

from __future__ import annotations

import os

from intake.background import Background, Block

#: A file larger than this is written by a thread beside the one that makes its content.
INLINE_LIMIT = 4 * 1024 * 1024
#: After so many bytes the disk is told to begin.
_SETTLE = 16 * 1024 * 1024


class SteadyWriter:
    """Writes blocks to a file descriptor, which it does not close.

    Blocks must not change afterwards. Every method raises the ``OSError`` of any earlier write.
    """

    def __init__(self, descriptor: int) -> None:
        """Write to ``descriptor`` from where it stands."""
        self._descriptor = descriptor
        self._background: Background | None = None
        self._taken = self._settled = 0

    def write(self, block: Block) -> None:
        """Append ``block``."""
        self._taken += len(block)
        if self._background is None and self._taken > INLINE_LIMIT:
            self._background = Background(self._write_out)
        if self._background is None:
            self._write_out(block)
        else:
            self._background.put(block)

    def finish(self) -> None:
        """Wait until everything is written; nothing may follow. It is not durable yet."""
        if self._background is not None:
            self._background.finish()

    def abandon(self) -> None:
        """End the thread, if one was started. Never raises."""
        if self._background is not None:
            self._background.abandon()

    def _write_out(self, block: Block) -> None:
        view = memoryview(block)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._settled += len(block)
        if self._settled >= _SETTLE:
            os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            self._settled = 0
