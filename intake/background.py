"""Work on blocks beside the thread that makes them.

Hashing a gigabyte takes as long as sealing it, and so does writing it. Both let go of the
interpreter's lock, so each can go on on the machine's other core while the next block is received.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

Block = bytes | bytearray | memoryview

#: How many blocks may wait. Memory is bounded by this and by the largest block.
DEPTH = 4


class Background:
    """Hands blocks, in order, to one function on a thread of its own."""

    def __init__(self, work: Callable[[Block], object], *, depth: int = DEPTH) -> None:
        """Start the thread. ``work`` is never called by two threads at once."""
        self._work = work
        self._waiting: queue.Queue[Block | None] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, block: Block) -> None:
        """Hand over a block, which must not change afterwards; wait while too many wait.

        Raises:
            Exception: whatever ``work`` raised for an earlier block; it is not called again.
        """
        self._check()
        self._waiting.put(block)

    def finish(self) -> None:
        """Wait until every block has been worked on, and end the thread.

        Raises:
            Exception: whatever ``work`` raised.
        """
        self._end()
        self._check()

    def abandon(self) -> None:
        """End the thread without working on what still waits. Never raises."""
        self._error = self._error or _Abandoned()
        self._end()

    def _end(self) -> None:
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (block := self._waiting.get()) is not None:
            if self._error is None:
                try:
                    self._work(block)
                except BaseException as error:  # noqa: BLE001  # raised where the blocks come from
                    self._error = error


class _Abandoned(Exception):
    """Nobody wants the rest."""
