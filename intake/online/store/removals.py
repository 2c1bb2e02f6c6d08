"""Blobs that are to be removed, noted in the very transaction that takes their rows.

Whoever deletes a row because its blob has to go notes the blob; the note goes once the blob is gone
for good. So a blob that neither a row nor a note names was deleted by nobody: the database is not
the one it was committed to, or an older one, and the blob stays.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import Connection, Engine, delete, insert, select

from intake.courier.bundle import UNKNOWN_EPOCH
from intake.online.store.reaching import reading, until_alone, writing
from intake.online.store.rows import RemovalRow, SubmissionRow

#: How many ids a statement names at most; SQLite takes 32,766 values.
BATCH = 5000
_HASH_SIZE = 32


def note_removals(connection: Connection, blob_ids: Collection[bytes]) -> None:
    """Note that these blobs are to be removed, within the transaction that takes their rows."""
    if blob_ids:
        connection.execute(insert(RemovalRow), [{"id": blob_id} for blob_id in blob_ids])


def noted_removals(engine: Engine) -> frozenset[bytes]:
    """Return the blobs that are still to be removed.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    with reading(engine) as connection:
        return frozenset(connection.execute(select(RemovalRow.id)).scalars())


def forget_removals(engine: Engine, blob_ids: Collection[bytes]) -> None:
    """Take away the notes of blobs that are gone for good.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    if not blob_ids:
        return
    with writing(engine, looks_first=False) as connection:
        for some in batches(blob_ids):
            connection.execute(delete(RemovalRow).where(RemovalRow.id.in_(some)))


def adopt_rows(engine: Engine, sizes: Mapping[bytes, int], day: dt.date, version: int) -> int:
    """Make a row for each of these blobs, of ``sizes`` by id, that has none; return how many.

    Nobody knows any more whose they were nor of which epoch: no code finds them, and they leave.

    Raises:
        StoreUnavailable: the database does not answer; nothing was done.
    """

    def transaction() -> int:
        with writing(engine) as connection:
            known = set(connection.execute(select(SubmissionRow.id)).scalars())
            known.update(connection.execute(select(RemovalRow.id)).scalars())
            new = [_adopted(i, size, day, version) for i, size in sizes.items() if i not in known]
            if new:
                connection.execute(insert(SubmissionRow), new)
            return len(new)

    return until_alone(transaction)


def _adopted(blob_id: bytes, size: int, day: dt.date, version: int) -> dict[str, object]:
    return {
        "id": blob_id,
        "address": secrets.token_bytes(_HASH_SIZE),
        "sameness": secrets.token_bytes(_HASH_SIZE),
        "epoch": UNKNOWN_EPOCH,
        "manifest_version": version,
        "day": day,
        "size": size,
    }


def batches(ids: Collection[bytes]) -> Iterator[list[bytes]]:
    """Yield ids in as many as one statement names."""
    left = list(ids)
    for at in range(0, len(left), BATCH):
        yield left[at : at + BATCH]
