"""The rows: what the server knows of submissions and replies, and all it knows.

No time finer than a day, no order, no link between two rows of one witness: the primary key is
random, and the address finds a row only for whoever holds the code.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger, Boolean, Date, ForeignKey, Integer, LargeBinary, String
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
    #: Keyed hash over all that was sent and what it was sealed to, to know the same sent twice.
    sameness: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    epoch: Mapped[str] = mapped_column(String(64))
    manifest_version: Mapped[int] = mapped_column(Integer)
    #: The day it was received, UTC.
    day: Mapped[dt.date] = mapped_column(Date)
    #: Size of the sealed file in bytes: one of ``intake.envelope.sizes``.
    size: Mapped[int] = mapped_column(BigInteger)
    #: The number of the first bundle that carried it, and the sealed file's SHA-256 as it left.
    bundle: Mapped[int | None] = mapped_column(Integer)
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    #: The day on which enough vaults had acknowledged it. Its blob may be gone; the row stays a
    #: while to know the same sent again.
    acknowledged: Mapped[dt.date | None] = mapped_column(Date)
    #: The day on which the admins were first warned that it will be removed unacknowledged.
    warned: Mapped[dt.date | None] = mapped_column(Date)


class RemovalRow(Base):
    """That a blob is to be removed: noted where its row goes, gone when the blob is."""

    __tablename__ = "removals"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012  # as above

    id: Mapped[bytes] = mapped_column(LargeBinary(ID_SIZE), primary_key=True)


class AcknowledgementRow(Base):
    """That one vault has acknowledged one submission."""

    __tablename__ = "acknowledgements"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012  # as above

    submission: Mapped[bytes] = mapped_column(
        LargeBinary(ID_SIZE),
        ForeignKey(SubmissionRow.id, ondelete="CASCADE", onupdate="CASCADE"),
        primary_key=True,
    )
    #: The keyid of the vault's Ed25519 key (``intake.manifest.dsse``).
    vault: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)


class ReplyRow(Base):
    """One sealed reply, at an address that only a code, or its reviewer, finds."""

    __tablename__ = "replies"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012  # as above

    #: One of ``intake.receipt.mailbox.MailboxAddresses``.
    address: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    #: 128 random bits, which the vault chose.
    id: Mapped[bytes] = mapped_column(LargeBinary(ID_SIZE), unique=True)
    #: An age file of ``intake.envelope.reply.SLOT_SIZE`` bytes.
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    #: The day it was filed, UTC, or moved up into its slot.
    day: Mapped[dt.date] = mapped_column(Date)
    #: Whether it waits for a free slot.
    waiting: Mapped[bool] = mapped_column(Boolean)


class ReplyMarkRow(Base):
    """That a reply was filed once: what its witness has deleted is not filed again."""

    __tablename__ = "reply_marks"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012  # as above

    id: Mapped[bytes] = mapped_column(LargeBinary(ID_SIZE), primary_key=True)


class WithdrawnRow(Base):
    """That the witness of a mailbox has withdrawn: no reply is filed in it any more."""

    __tablename__ = "withdrawn"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012  # as above

    #: The last of ``intake.receipt.mailbox.MailboxAddresses``.
    address: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    day: Mapped[dt.date] = mapped_column(Date)


class ReturnRow(Base):
    """The last return that was taken of a vault."""

    __tablename__ = "returns"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012  # as above

    #: The keyid of the vault's Ed25519 key.
    vault: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    sequence: Mapped[int] = mapped_column(Integer)
