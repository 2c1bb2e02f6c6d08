"""Reaching the database: to read, or to write in one transaction that is done or not."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from intake.errors import StoreUnavailable
from intake.online.store import sqlite

#: How often a transaction is tried that others, who write the same rows at once, keep undoing.
ATTEMPTS = 20

#: PostgreSQL's classes of "try again": a serialisation failure, and a deadlock.
_TRY_AGAIN = {"40001", "40P01"}

_T = TypeVar("_T")


class CommitUncertain(StoreUnavailable):
    """The database failed while it committed: nobody knows yet what it did."""


class Collided(StoreUnavailable):
    """Somebody else wrote the same rows at once: nothing was done, and it may be tried again."""


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection to read with.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise StoreUnavailable("The database does not answer.") from error


@contextlib.contextmanager
def writing(engine: Engine, *, looks_first: bool = True) -> Iterator[Connection]:
    """Give a connection whose transaction is committed at the end; an error undoes it all.

    What ``looks_first`` and then writes by what it saw has the database as if to itself: SQLite
    has one writer at a time anyway, PostgreSQL is asked for serialisable transactions.

    Raises:
        Collided: somebody else wrote the same at once; nothing was done.
        CommitUncertain: the database failed at the very end; it may have been done.
        StoreUnavailable: the database does not answer; nothing was done.
    """
    try:
        with sqlite.writing(engine), engine.connect() as connection:
            if looks_first and engine.dialect.name != "sqlite":
                connection.execution_options(isolation_level="SERIALIZABLE")
            yield connection
            try:
                connection.commit()
            except SQLAlchemyError as error:
                raise _collided(error) or CommitUncertain(
                    "The database does not answer; nobody knows whether it was kept."
                ) from error
    except SQLAlchemyError as error:
        raise _collided(error) or StoreUnavailable(
            "The database does not answer; nothing was kept."
        ) from error


def until_alone(work: Callable[[], _T]) -> _T:
    """Do ``work``, a whole transaction, again while it collides with somebody else's.

    Raises:
        StoreUnavailable: whatever it raised, or it collided each time.
    """
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(Collided):
            return work()
    return work()


def _collided(error: SQLAlchemyError) -> Collided | None:
    again = isinstance(error, IntegrityError) or (
        isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _TRY_AGAIN
    )
    return Collided("The database is busy with the same; try again.") if again else None
