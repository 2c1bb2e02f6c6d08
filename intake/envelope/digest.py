"""SHA-256 beside the sealing, on the machine's other core.

Hashing a gigabyte takes as long as sealing and writing it. ``hashlib`` lets go of the interpreter
lock while it hashes, so one thread hashes a block while the next one is received and sealed.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor

#: An attachment smaller than this is hashed where it is: starting a thread would cost more.
INLINE_LIMIT = 4 * 1024 * 1024


class BackgroundSha256:
    """A running SHA-256 that holds at most two blocks: one being hashed, one handed in."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._seen = 0
        self._thread: ThreadPoolExecutor | None = None
        self._pending: Future[None] | None = None

    def update(self, data: bytes) -> None:
        """Hash ``data``, which must not change afterwards."""
        self._seen += len(data)
        if self._thread is None:
            if self._seen <= INLINE_LIMIT:
                self._sha256.update(data)
                return
            self._thread = ThreadPoolExecutor(max_workers=1)
        if self._pending is not None:
            self._pending.result()
        self._pending = self._thread.submit(self._sha256.update, data)

    def hexdigest(self) -> str:
        """Wait for what is still being hashed and return the digest; nothing may follow."""
        self.close()
        return self._sha256.hexdigest()

    def close(self) -> None:
        """End the thread, if one was started."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
            self._thread = None
