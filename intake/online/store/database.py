"""The database: opening it, and bringing its schema up to date.

SQLAlchemy speaks to all of them; what only SQLite needs stands in ``sqlite.py``.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from intake.errors import SettingsMistaken, StoreUnavailable
from intake.online.store import sqlite
from intake.online.store.rows import Base

_MIGRATIONS = Path(__file__).parent / "migrations"


def open_database(url: str) -> Engine:
    """Open the database at SQLAlchemy's ``url``, and its schema at the newest version.

    Raises:
        SettingsMistaken: the URL is none, or its driver is not installed.
        StoreUnavailable: the database does not answer.
    """
    engine = connect_database(url)
    try:
        with sqlite.migration_lock(engine):
            _upgrade(engine)
    except (SQLAlchemyError, OSError) as error:
        raise StoreUnavailable(
            "The database does not answer; see that it runs and that store.database is right."
        ) from error
    return engine


def connect_database(url: str) -> Engine:
    """Make an engine for ``url``, which connects when it is first used.

    Raises:
        SettingsMistaken: the URL is none, or its driver is not installed.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return sqlite.create(parsed)
        return create_engine(parsed, pool_pre_ping=True, hide_parameters=True)
    except (ArgumentError, ImportError) as error:
        raise SettingsMistaken(
            "The setting store.database is no database address, or its driver is not installed."
        ) from error


def vacuum(engine: Engine) -> None:
    """Have PostgreSQL free what deleted rows took, where it would keep their bytes for long.

    SQLite needs none of it: it overwrites what it deletes (:mod:`intake.online.store.sqlite`).

    Raises:
        StoreUnavailable: the database does not answer.
    """
    if engine.dialect.name != "postgresql":
        return
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in Base.metadata.sorted_tables:
                connection.execute(text(f"VACUUM {table.name}"))
    except SQLAlchemyError as error:
        raise StoreUnavailable("The database does not answer.") from error


def _upgrade(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
