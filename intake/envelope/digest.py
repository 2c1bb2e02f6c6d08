"""SHA-256 beside the sealing, on the machine's other core."""

from __future__ import annotations

import hashlib

from intake.background import Background

#: An attachment smaller than this is hashed where it is: starting a thread would cost more.
INLINE_LIMIT = 4 * 1024 * 1024


class BackgroundSha256:
    """A running SHA-256. Blocks handed in must not change afterwards."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._seen = 0
        self._background: Background | None = None

    def update(self, data: bytes) -> None:
        """Hash ``data``."""
        self._seen += len(data)
        if self._background is None:
            if self._seen <= INLINE_LIMIT:
                self._sha256.update(data)
                return
            self._background = Background(self._sha256.update)
        self._background.put(data)

    def hexdigest(self) -> str:
        """Wait for what is still being hashed and return the digest; nothing may follow."""
        if self._background is not None:
            self._background.finish()
        return self._sha256.hexdigest()

    def close(self) -> None:
        """End the thread, if one was started; what it has not hashed is forgotten."""
        if self._background is not None:
            self._background.abandon()
