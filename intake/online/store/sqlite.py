"""What only SQLite needs: durability, no remnants, and writers that wait in line.

``secure_delete`` overwrites deleted rows with zeros, on each connection. The rollback journal is
truncated, not persisted and not a write-ahead log, because those keep deleted text on the disk
(measured; docs/threat-model.md). ``synchronous=FULL`` syncs journal, database and truncation.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

#: How long a writer waits for another one, in seconds, before it says that nothing can be kept.
BUSY_SECONDS = 10

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

    SQLite's own waiting sleeps and polls, and the unlucky wait long; a file lock wakes the next
    writer at once.
    """
    if engine.dialect.name != "sqlite" or not engine.url.database:
        yield
        return
    with _locked(Path(engine.url.database + ".lock")):
        yield


migration_lock = writing


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
