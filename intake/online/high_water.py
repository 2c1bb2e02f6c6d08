"""What the server must never go back behind: the newest manifest, the latest day, closed epochs.

It stands in ``state/high-water-<16 hex digits of the root's hash>.json`` and is only ever replaced
whole. Whoever pins another root begins anew beside it; the same one, spaced differently, is the
same. Whoever can restore an old copy of the state folder can roll it back; the threat model says
so.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from intake import strict_json
from intake.durable import remove_drafts, write_file
from intake.errors import DocumentMalformed, ManifestRefused
from intake.manifest.acceptance import NOTHING_SEEN, Seen
from intake.manifest.model import Root
from intake.manifest.payload import serialise_root
from intake.strict_json import Fields

#: Digits of the root's hash in the name of its record.
_DIGITS = 16
_FORMAT = "intake-high-water-1"

#: The name of the file that whoever changes a record locks, in the state folder.
LOCK = "high-water.lock"

#: Days that may go by unseen before it looks as if the clock had been set forward.
JUMP_DAYS = 7


@dataclass(frozen=True)
class Record:
    """What was seen.

    ``jump`` is the last time that many days went by at once, from which day to which: the server
    was off, or the clock was set forward. ``closed`` are the ids of the epochs that a bundle has
    called closed: their keys may be destroyed by now.
    """

    seen: Seen = NOTHING_SEEN
    jump: tuple[dt.date, dt.date] | None = None
    closed: tuple[str, ...] = ()

    def jumped(self, today: dt.date) -> tuple[dt.date, dt.date] | None:
        """Return from which day to which the clock went at once, if nobody has confirmed it."""
        if dt.date.min < self.seen.day < today - JUMP_DAYS * dt.timedelta(days=1):
            return self.seen.day, today  # no day is seen while nothing is in force
        return self.jump


class HighWater:
    """The record of one deployment, at ``path``."""

    def __init__(self, state: Path, root: Root) -> None:
        """Keep it in the folder ``state``, for ``root``."""
        # Of what the root says and not of its file: an editor adds a line end.
        self._root = hashlib.sha256(serialise_root(root)).hexdigest()
        self.path = state / f"high-water-{self._root[:_DIGITS]}.json"
        self._lock = state / LOCK

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing the record meanwhile.

        Raises:
            OSError: the state folder cannot be used.
        """
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            remove_drafts(self.path)
            yield
        finally:
            os.close(descriptor)

    def stamp(self) -> tuple[int, int] | None:
        """Return something that changes whenever the record does.

        Raises:
            OSError: it cannot be told.
        """
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino

    def read(self) -> Record:
        """Return what was seen.

        Raises:
            ManifestRefused: the record is damaged: it must not be taken for an empty one.
            OSError: it cannot be read.
        """
        try:
            fields = Fields(strict_json.loads(self.path.read_bytes()), "high-water record")
        except FileNotFoundError:
            return Record()
        except DocumentMalformed as error:
            raise self._damaged() from error
        try:
            if fields.take("format", str) != _FORMAT:
                raise self._damaged()
            if fields.take("root", str) != self._root:
                raise self._damaged()
            record = Record(
                Seen(
                    version=fields.take("version", int),
                    sha256=fields.optional("sha256", str),
                    day=fields.day("day"),
                ),
                jump=_read_jump(fields.each("jump", _day)),
                closed=fields.each("closed", _epoch),
            )
            fields.end()
            if record.seen.version < 0 or bool(record.seen.version) != bool(record.seen.sha256):
                raise self._damaged()
        except (DocumentMalformed, ValueError) as error:
            raise self._damaged() from error
        return record

    def raise_to(self, version: int, sha256: str) -> None:
        """Note that a manifest was accepted. Only within :meth:`locked`."""
        record = self.read()
        if version > record.seen.version:
            seen = Seen(version, sha256, record.seen.day)
            self._write(dataclasses.replace(record, seen=seen))

    def see_day(self, today: dt.date) -> bool:
        """Note that keys were in force on ``today``; return whether it is the first time."""
        with self.locked():
            record = self.read()
            seen = record.seen
            if today <= seen.day:
                return False
            jump = record.jump
            if seen.day != dt.date.min and (today - seen.day).days > JUMP_DAYS:
                jump = (seen.day, today)
            seen = dataclasses.replace(seen, day=today)
            self._write(dataclasses.replace(record, seen=seen, jump=jump))
        return True

    def close(self, epochs: Sequence[str]) -> None:
        """Note that nothing may be sealed to ``epochs`` any more, whatever the clock says."""
        with self.locked():
            record = self.read()
            if not set(epochs) <= set(record.closed):
                closed = tuple(dict.fromkeys((*record.closed, *epochs)))
                self._write(dataclasses.replace(record, closed=closed))

    def confirm_day(self, today: dt.date) -> None:
        """Take ``today`` for the latest day, whatever was seen: a person says that it is right."""
        with self.locked():
            record = self.read()
            seen = dataclasses.replace(record.seen, day=today)
            self._write(dataclasses.replace(record, seen=seen, jump=None))

    def _write(self, record: Record) -> None:
        document = {
            "format": _FORMAT,
            "root": self._root,
            "version": record.seen.version,
            "sha256": record.seen.sha256,
            "day": record.seen.day.isoformat(),
            "jump": [day.isoformat() for day in record.jump or ()],
            "closed": list(record.closed),
        }
        write_file(self.path, strict_json.dumps(document))

    def _damaged(self) -> ManifestRefused:
        return ManifestRefused(
            f"{self.path} is damaged, and only it knows which manifest was the newest here and "
            "which epochs were called closed: restore it from a backup. If there is none, both are "
            "lost: make sure with the admins that the manifest is the newest, and with the "
            "reviewers that they have not destroyed the keys of the epoch in force (if they have, "
            "'intake-keys revoke EPOCH'). Then remove the file, and run 'intake keys install FILE'."
        )


def _day(element: object) -> dt.date:
    return dt.date.fromisoformat(str(element))


def _epoch(element: object) -> str:
    if not isinstance(element, str):
        raise DocumentMalformed("An epoch of the record is no text.")
    return element


def _read_jump(days: tuple[dt.date, ...]) -> tuple[dt.date, dt.date] | None:
    if not days:
        return None
    before, after = days
    return before, after
