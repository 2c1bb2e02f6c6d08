"""The rows: what the server knows of a submission, and all it knows.

No time finer than a day, no order, no link between two rows of one witness: the primary key is
random, and the address finds a row only for whoever holds the code.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger, Date, Integer, LargeBinary, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ID_SIZE = 16


class Base(DeclarativeBase):
    """The base of every row."""


class SubmissionRow(Base):
    """One sealed submission, whose blob is named by ``id``."""

    __tablename__ = "submissions"
    # SQLite would number the rows of an ordinary table as they come.
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012  # SQLAlchemy's own shape

    #: 128 random bits.
    id: Mapped[bytes] = mapped_column(LargeBinary(ID_SIZE), primary_key=True)
    #: HMAC of a key from the code (``intake.receipt.derivation``).
    address: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    #: Keyed hash over all that was sent, to know the same form sent twice.
    sameness: Mapped[bytes] = mapped_column(LargeBinary(32))
    epoch: Mapped[str] = mapped_column(String(64))
    manifest_version: Mapped[int] = mapped_column(Integer)
    #: The day it was received, UTC.
    day: Mapped[dt.date] = mapped_column(Date)
    #: Size of the sealed file in bytes: one of ``intake.envelope.sizes``.
    size: Mapped[int] = mapped_column(BigInteger)
