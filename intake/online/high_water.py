"""What the server must never go back behind: the newest manifest, the latest day, closed epochs.

It stands in ``state/high-water.json``, is only ever replaced whole, and belongs to one pinned
root: whoever pins another begins anew. Whoever can restore an old copy of the state folder can
roll it back; the threat model says so.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import fcntl
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from intake import strict_json
from intake.durable import remove_drafts, write_file
from intake.errors import DocumentMalformed, ManifestRefused
from intake.manifest.acceptance import NOTHING_SEEN, Seen
from intake.strict_json import Fields

_NAME = "high-water.json"
_FORMAT = "intake-high-water-1"

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


class HighWater:
    """The record of one deployment."""

    def __init__(self, state: Path, root_sha256: str) -> None:
        """Keep it in the folder ``state``, for the root with that hash (hex)."""
        self._path = state / _NAME
        self._lock = state / "high-water.lock"
        self._root = root_sha256

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing the record meanwhile.

        Raises:
            OSError: the state folder cannot be used.
        """
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            remove_drafts(self._path)
            yield
        finally:
            os.close(descriptor)

    def stamp(self) -> tuple[int, int] | None:
        """Return something that changes whenever the record does.

        Raises:
            OSError: it cannot be told.
        """
        try:
            status = self._path.stat()
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
            fields = Fields(strict_json.loads(self._path.read_bytes()), "high-water record")
        except FileNotFoundError:
            return Record()
        except DocumentMalformed as error:
            raise self._damaged() from error
        try:
            if fields.take("format", str) != _FORMAT:
                raise self._damaged()
            root = fields.take("root", str)
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
        return record if root == self._root else Record()

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

    def forget_day(self) -> None:
        """Forget the latest day: the clock was wrong then, and is right now."""
        with self.locked():
            record = self.read()
            seen = dataclasses.replace(record.seen, day=dt.date.min)
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
        write_file(self._path, strict_json.dumps(document))

    def _damaged(self) -> ManifestRefused:
        return ManifestRefused(
            f"{self._path} is damaged, and only it knows which manifest was the newest here: "
            "restore it from a backup. If there is none, make sure with the admins that the "
            "manifest is the newest, remove the file, and run 'intake keys install FILE'."
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
