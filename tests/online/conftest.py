"""Fixtures of the tests of the server's half."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from intake.online.store.submissions import Store
from tests.support.databases import empty_tables


@pytest.fixture
def store(database: str, tmp_path: Path) -> Iterator[Store]:
    """An empty store, in SQLite and in PostgreSQL."""
    found = Store.open(database=database, blobs=tmp_path / "blobs")
    empty_tables(found)
    yield found
    found._engine.dispose()
