"""The rows as lines of JSON, whatever the database: what a backup holds of it, and back again.

Replies are not among them: whatever a witness deletes after a backup was made would come back with
it. That a reply was filed once is, so that none is filed twice.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    Engine,
    Integer,
    LargeBinary,
    Table,
    func,
    select,
)

from intake import strict_json
from intake.errors import DocumentMalformed
from intake.manifest.model import EPOCH_ID
from intake.online.store.reaching import reading, writing
from intake.online.store.rows import (
    AcknowledgementRow,
    Base,
    ReplyMarkRow,
    ReturnRow,
    SubmissionRow,
    WithdrawnRow,
)
from intake.strict_json import Fields

#: The tables of a backup, each after what it refers to.
TABLES: Mapping[str, Table] = {
    str(row.__tablename__): Base.metadata.tables[row.__tablename__]
    for row in (SubmissionRow, AcknowledgementRow, ReplyMarkRow, WithdrawnRow, ReturnRow)
}

#: Values of one row, by the names of its columns.
Row = Mapping[str, object]

#: Every text that a row holds is an epoch's id.
_TEXT = re.compile(EPOCH_ID)
_AT_ONCE = 1000


def dump(engine: Engine) -> dict[str, Sequence[Row]]:
    """Return every row of every table of a backup, as of one moment.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    with reading(engine) as connection:
        if engine.dialect.name != "sqlite":
            connection.execution_options(isolation_level="REPEATABLE READ")
        # All at once, and let go: whoever writes them to a stick takes long.
        return {name: _rows(connection, table) for name, table in TABLES.items()}


def _rows(connection: Connection, table: Table) -> Sequence[Row]:
    rows = connection.execute(select(table).order_by(*table.primary_key))
    return [dict(row) for row in rows.mappings()]


def lines(rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield rows as lines of JSON: bytes in hex, days as ``YYYY-MM-DD``."""
    for row in rows:
        document = {name: _written(value) for name, value in row.items()}
        yield json.dumps(document, separators=(",", ":")).encode() + b"\n"


def read_lines(name: str, lines: Iterable[bytes]) -> list[Row]:
    """Read the lines of table ``name``.

    Raises:
        DocumentMalformed: they are none, or two of them cannot stand in one table.
    """
    table = TABLES[name]
    rows = [_read(table, strict_json.loads(line)) for line in lines]
    alone = [[column.name] for column in table.columns if column.unique]
    for columns in ([column.name for column in table.primary_key], *alone):
        if len({tuple(row[name] for name in columns) for row in rows}) != len(rows):
            raise DocumentMalformed(f"Two rows of {table.name} in the backup are the same.")
    return rows


def is_empty(engine: Engine) -> bool:
    """Return whether no table holds anything, the replies' among them.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    tables = Base.metadata.sorted_tables
    with reading(engine) as connection:
        counts = (connection.execute(select(func.count()).select_from(t)) for t in tables)
        return not any(count.scalar_one() for count in counts)


def load(engine: Engine, tables: Mapping[str, Sequence[Row]]) -> None:
    """Put rows into an empty database: all of them, or none.

    Raises:
        StoreUnavailable: the database does not answer, or holds the like already.
    """
    with writing(engine) as connection:
        for name, table in TABLES.items():
            for at in range(0, len(tables[name]), _AT_ONCE):
                some = [dict(row) for row in tables[name][at : at + _AT_ONCE]]
                connection.execute(table.insert(), some)


def _written(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, dt.date) else value


def _read(table: Table, document: object) -> Row:
    fields = Fields(document, f"row of {table.name}")
    row = {column.name: _value(fields, column) for column in table.columns}
    fields.end()
    return row


def _value(fields: Fields, column: Column[object]) -> object:
    take = fields.optional if column.nullable else fields.take
    if isinstance(column.type, Integer):
        number = take(column.name, int)
        if number is not None and not 1 <= number <= _most(column):
            raise DocumentMalformed(f"A row of the backup has a wrong {column.name}.")
        return number
    text = take(column.name, str)
    if text is None:
        return None
    try:
        value = _parsed(column, text)
    except ValueError:
        value = None
    if value is None or _written(value) != text:
        raise DocumentMalformed(f"A row of the backup has a wrong {column.name}.")
    if isinstance(value, bytes) and len(value) != getattr(column.type, "length", None):
        raise DocumentMalformed(f"A row of the backup has a wrong {column.name}.")
    return value


def _most(column: Column[object]) -> int:
    """Return the largest number that every database here holds in such a column."""
    bits = 63 if isinstance(column.type, BigInteger) else 31
    return (1 << bits) - 1


def _parsed(column: Column[object], text: str) -> object:
    if isinstance(column.type, LargeBinary):
        return bytes.fromhex(text)
    if isinstance(column.type, Date):
        return dt.date.fromisoformat(text)
    return text if _TEXT.fullmatch(text) else None
