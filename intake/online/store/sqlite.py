"""What only SQLite needs: durability, no remnants, and writers that wait in line.

``secure_delete`` overwrites deleted rows with zeros, on each connection. The rollback journal is
truncated, not persisted and not a write-ahead log, because those keep deleted text on the disk
(measured; docs/threat-model.md). ``synchronous=FULL`` syncs journal, database and truncation.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import TimeoutError as WaitedTooLong
from sqlalchemy.pool import QueuePool

#: How long a writer waits for another one, in seconds, before it says that nothing can be kept.
BUSY_SECONDS = 10

#: How often the first in line asks whether another process has let go, in seconds.
_POLL_SECONDS = 0.001

_PRAGMAS = (
    "PRAGMA journal_mode=TRUNCATE",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA foreign_keys=ON",
    "PRAGMA trusted_schema=OFF",
)


def create(url: URL) -> Engine:
    """Make an engine for an SQLite database in a file."""
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    # SQLAlchemy begins transactions itself, below; pysqlite's own beginning is switched off.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin(connection: object) -> None:
    connection.exec_driver_sql("BEGIN")  # type: ignore[attr-defined]  # SQLAlchemy's Connection


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[None]:
    """Hold the one place in line to write, if the database is SQLite's.

    SQLite's own waiting sleeps and polls, and the unlucky wait long. Here the threads of a process
    wait in the order in which they came, and only the first of them asks for the file lock.

    Raises:
        WaitedTooLong: somebody else has held it for ``BUSY_SECONDS``.
    """
    if engine.dialect.name != "sqlite" or not engine.url.database:
        yield
        return
    with _locked(Path(engine.url.database + ".lock")):
        yield


migration_lock = writing


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    deadline = time.monotonic() + BUSY_SECONDS
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with _line(path).turn(deadline):
            _flock(descriptor, deadline)
            yield
    finally:
        os.close(descriptor)


def _flock(descriptor: int, deadline: float) -> None:
    """Lock a file by ``deadline``: a kernel that waits for us would wait for ever."""
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise _too_long() from None
            time.sleep(_POLL_SECONDS)


class _Line:
    """Those of this process who want to write, in the order in which they came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()

    @contextlib.contextmanager
    def turn(self, deadline: float) -> Iterator[None]:
        """Wait for a turn until ``deadline``, and have it until the end of the block."""
        mine = threading.Event()
        with self._lock:
            self._waiting.append(mine)
            self._wake_first()
        try:
            if not mine.wait(max(0.0, deadline - time.monotonic())):
                raise _too_long()
            yield
        finally:
            with self._lock:
                self._waiting.remove(mine)
                self._wake_first()

    def _wake_first(self) -> None:
        if self._waiting:
            self._waiting[0].set()


@functools.cache
def _line(_path: Path) -> _Line:
    return _Line()


def _too_long() -> WaitedTooLong:
    return WaitedTooLong("another writer holds the database")
