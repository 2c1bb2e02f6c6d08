"""What the server has accepted before: the newest manifest, and the latest day.

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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from intake import strict_json
from intake.durable import write_file
from intake.errors import DocumentMalformed, ManifestRefused
from intake.manifest import dsse
from intake.manifest.acceptance import NOTHING_SEEN, Seen
from intake.strict_json import Fields

_NAME = "high-water.json"
_FORMAT = "intake-high-water-1"


@dataclass(frozen=True)
class Record:
    """What was seen, and the day on which the server was seen before its latest day."""

    seen: Seen = NOTHING_SEEN
    before: dt.date | None = None


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
            yield
        finally:
            os.close(descriptor)

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
            raise _damaged() from error
        try:
            if fields.take("format", str) != _FORMAT:
                raise _damaged()
            root = fields.take("root", str)
            record = Record(
                Seen(
                    version=fields.take("version", int),
                    sha256=fields.optional("sha256", str),
                    day=fields.day("day"),
                ),
                before=None if (day := fields.optional("before", str)) is None else _day(day),
            )
            fields.end()
        except (DocumentMalformed, ValueError) as error:
            raise _damaged() from error
        return record if root == self._root else Record()

    def raise_to(self, newest: dsse.Envelope, version: int) -> None:
        """Note that a manifest was accepted. Only within :meth:`locked`."""
        record = self.read()
        if version > record.seen.version:
            seen = Seen(version, newest.digest(), record.seen.day)
            self._write(dataclasses.replace(record, seen=seen))

    def see_day(self, today: dt.date) -> bool:
        """Note that keys were in force on ``today``; return whether it is the first time."""
        with self.locked():
            record = self.read()
            seen = record.seen
            if today <= seen.day:
                return False
            before = None if seen.day == dt.date.min else seen.day
            self._write(Record(dataclasses.replace(seen, day=today), before))
        return True

    def forget_day(self) -> None:
        """Forget the latest day: the clock was wrong then, and is right now."""
        with self.locked():
            record = self.read()
            self._write(Record(dataclasses.replace(record.seen, day=dt.date.min), None))

    def _write(self, record: Record) -> None:
        document = {
            "format": _FORMAT,
            "root": self._root,
            "version": record.seen.version,
            "sha256": record.seen.sha256,
            "day": record.seen.day.isoformat(),
            "before": None if record.before is None else record.before.isoformat(),
        }
        write_file(self._path, strict_json.dumps(document))


def _day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def _damaged() -> ManifestRefused:
    return ManifestRefused(
        "The record of the highest manifest version is damaged; restore it from a backup."
    )
