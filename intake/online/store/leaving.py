"""What is known of a submission's way out: the bundle it left with, and who has acknowledged it.

Nothing here removes a blob: that comes after the row says so, durably.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import (
    Connection,
    Engine,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from intake.manifest.dsse import ed25519_keyid
from intake.manifest.model import Manifest, Signer
from intake.online.store.reaching import reading, until_alone, writing
from intake.online.store.removals import batches, note_removals
from intake.online.store.rows import AcknowledgementRow, ReturnRow, SubmissionRow

_NOTE = (
    update(SubmissionRow)
    .where(SubmissionRow.id == bindparam("of"))
    .values(
        bundle=func.coalesce(SubmissionRow.bundle, bindparam("carried_by")),
        sha256=bindparam("hash"),
    )
)


@dataclass(frozen=True)
class Quorum:
    """How many distinct ``vaults`` (keyids, 32 bytes each) have to acknowledge a submission."""

    required: int
    vaults: frozenset[bytes]

    @classmethod
    def of(cls, manifest: Manifest) -> Quorum:
        """Return what a manifest asks for."""
        return cls(manifest.acks_required, frozenset(keyid_of(v) for v in manifest.vaults))


def keyid_of(vault: Signer) -> bytes:
    """Return what a vault is known by here: the id of its Ed25519 key."""
    return bytes.fromhex(ed25519_keyid(vault.key))


class Leaving:
    """The way out of every submission."""

    def __init__(self, engine: Engine) -> None:
        """Note it with ``engine``."""
        self._engine = engine

    def note_bundle(self, sequence: int, hashes: Mapping[bytes, bytes]) -> None:
        """Note that bundle ``sequence`` carried submissions whose files have these SHA-256.

        What an earlier bundle carried stays noted with that one.

        Raises:
            StoreUnavailable: the database does not answer; nothing was noted.
        """
        rows = [{"of": i, "carried_by": sequence, "hash": h} for i, h in hashes.items()]
        if rows:
            with writing(self._engine, looks_first=False) as connection:
                connection.execute(_NOTE, rows)

    def last_bundle(self) -> int:
        """Return the largest number of a bundle that a row names, 0 if none does.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        with reading(self._engine) as connection:
            return connection.execute(select(func.max(SubmissionRow.bundle))).scalar() or 0

    def taken(self) -> dict[bytes, int]:
        """Return the number of the last return taken of each vault, by its keyid.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        query = select(ReturnRow.vault, ReturnRow.sequence).order_by(ReturnRow.vault)
        with reading(self._engine) as connection:
            return {row.vault: row.sequence for row in connection.execute(query)}

    def note_taken(self, vault: bytes, sequence: int) -> None:
        """Note that the return ``sequence`` of ``vault`` was taken; never a lower one.

        Raises:
            StoreUnavailable: the database does not answer.
        """

        def transaction() -> None:
            with writing(self._engine) as connection:
                known = connection.execute(
                    select(ReturnRow.sequence).where(ReturnRow.vault == vault)
                ).scalar()
                if known is None:
                    connection.execute(insert(ReturnRow), {"vault": vault, "sequence": sequence})
                elif known < sequence:
                    newer = update(ReturnRow).where(ReturnRow.vault == vault)
                    connection.execute(newer.values(sequence=sequence))

        until_alone(transaction)

    def acknowledge(self, vault: bytes, submissions: Collection[bytes]) -> int:
        """Note that ``vault`` holds these submissions; return for how many that is new.

        Those whose rows are gone, or say that enough have acknowledged them, are passed over.

        Raises:
            StoreUnavailable: the database does not answer; nothing was noted.
        """

        def transaction() -> int:
            with writing(self._engine) as connection:
                known = select(AcknowledgementRow.submission).where(
                    AcknowledgementRow.vault == vault
                )
                waiting = select(SubmissionRow.id).where(
                    SubmissionRow.acknowledged.is_(None), SubmissionRow.id.not_in(known)
                )
                open_ = set(connection.execute(waiting).scalars())
                new = [{"submission": i, "vault": vault} for i in submissions if i in open_]
                if new:
                    connection.execute(insert(AcknowledgementRow), new)
                return len(new)

        return until_alone(transaction)

    def settle(self, quorum: Quorum, today: dt.date) -> int:
        """Mark what ``quorum`` has acknowledged; return how many that is new for.

        Raises:
            StoreUnavailable: the database does not answer; nothing was marked.
        """

        def transaction() -> int:
            with writing(self._engine) as connection:
                done = _acknowledged_by(connection, quorum)
                for some in batches(done):
                    connection.execute(
                        update(SubmissionRow)
                        .where(SubmissionRow.id.in_(some))
                        .values(acknowledged=today)
                    )
                    connection.execute(
                        delete(AcknowledgementRow).where(AcknowledgementRow.submission.in_(some))
                    )
                return len(done)

        return until_alone(transaction)

    def acknowledgements(self) -> dict[bytes, frozenset[bytes]]:
        """Return which vaults have acknowledged what enough have not, by submission.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        query = select(AcknowledgementRow.submission, AcknowledgementRow.vault)
        found: dict[bytes, set[bytes]] = {}
        with reading(self._engine) as connection:
            for row in connection.execute(query):
                found.setdefault(row.submission, set()).add(row.vault)
        return {submission: frozenset(vaults) for submission, vaults in found.items()}

    def warn(self, submissions: Collection[bytes], today: dt.date) -> None:
        """Note that the admins were warned of the removal of these, if they were not before.

        Raises:
            StoreUnavailable: the database does not answer; nothing was noted.
        """
        due = update(SubmissionRow).where(SubmissionRow.warned.is_(None)).values(warned=today)
        with writing(self._engine, looks_first=False) as connection:
            for some in batches(submissions):
                connection.execute(due.where(SubmissionRow.id.in_(some)))

    def forget_warnings(self, submissions: Collection[bytes]) -> None:
        """Note that nobody was warned of the removal of these: their time is longer now.

        Raises:
            StoreUnavailable: the database does not answer; nothing was noted.
        """
        with writing(self._engine, looks_first=False) as connection:
            for some in batches(submissions):
                of_these = update(SubmissionRow).where(SubmissionRow.id.in_(some))
                connection.execute(of_these.values(warned=None))

    def delete(self, submissions: Collection[bytes], *, acknowledged: bool) -> None:
        """Delete rows, each if it is still ``acknowledged``, or still not, as was seen.

        Their blobs are noted to be removed.

        Raises:
            StoreUnavailable: the database does not answer; nothing was deleted.
        """
        state = SubmissionRow.acknowledged
        as_seen = state.is_not(None) if acknowledged else state.is_(None)
        over = delete(SubmissionRow).where(as_seen)
        with writing(self._engine, looks_first=False) as connection:
            for some in batches(submissions):
                gone = over.where(SubmissionRow.id.in_(some)).returning(SubmissionRow.id)
                note_removals(connection, list(connection.execute(gone).scalars()))


def _acknowledged_by(connection: Connection, quorum: Quorum) -> list[bytes]:
    """Return what so many distinct vaults have acknowledged that are vaults still."""
    if not 1 <= quorum.required <= len(quorum.vaults):
        return []
    query = (
        select(AcknowledgementRow.submission)
        .where(AcknowledgementRow.vault.in_(quorum.vaults))
        .group_by(AcknowledgementRow.submission)
        .having(func.count() >= quorum.required)
    )
    return list(connection.execute(query).scalars())
