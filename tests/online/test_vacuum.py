"""What is deleted leaves the database's files: SQLite overwrites, PostgreSQL is asked to."""

from __future__ import annotations

import os

from sqlalchemy import text

from intake.online.store.submissions import Store
from tests.support.stores import DAY, mailbox_of

#: A reply's size, so that PostgreSQL keeps it apart from its row.
REPLY = os.urandom(64 * 1024)
_KEPT_APART = text(
    "SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE oid = 'replies'::regclass"
)


def kept(store: Store) -> int:
    """Return how many bytes of replies the database's files still have room for."""
    with store._engine.connect() as connection:
        if store._engine.dialect.name == "postgresql":
            return int(connection.execute(_KEPT_APART).scalar_one())
        path = connection.execute(text("PRAGMA database_list")).all()[0][2]
    with open(path, "rb") as file:  # noqa: PTH123  # as SQLite names it
        return len(REPLY) if REPLY[-3000:-2000] in file.read() else 0


def test_a_deleted_reply_leaves_the_files_with_the_next_sweep(store: Store) -> None:
    mailbox = mailbox_of("code")
    store.replies.file(bytes(16), REPLY, mailbox, DAY)
    assert kept(store) >= len(REPLY)
    store.replies.delete(mailbox, bytes(16), DAY)
    store.sweep()
    assert kept(store) == 0
