"""A backup's content: a zip of the rows, the server's keys, and what it must never go back behind.

    submissions.jsonl …   one line a row (``intake.online.store.dump``)
    state/<name>          files of the state folder, as they stand
    root.pub, manifest.json
    backup.json           last: format, day, and every member's size and SHA-256

Sealed accounts are not in it: they go by the courier. Replies are not in it either.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from intake import strict_json
from intake.errors import BackupRefused, DocumentMalformed
from intake.online.bundle_count import COUNT, RESTORED
from intake.online.store.dump import TABLES
from intake.strict_json import Fields

BACKUP_FORMAT = "intake-backup-1"
_INDEX = "backup.json"
_LINES = ".jsonl"
_STATE = "state/"
ROOT, MANIFEST = "root.pub", "manifest.json"
SERVER_KEY, SIGNING_KEY = "server.key", "signing.key"

#: Far more than any of ours: ten million rows take 5 GiB.
_MAX_MEMBER = 8 * 1024**3
#: Files of the state folder that a backup may hold.
_STATE_NAME = re.compile(
    rf"{re.escape(SERVER_KEY)}|{re.escape(SIGNING_KEY)}|{re.escape(COUNT)}|{re.escape(RESTORED)}"
    r"|high-water-[0-9a-f]{16}\.json"
)
_BLOCK = 1024 * 1024
_DATE = (1980, 1, 1, 0, 0, 0)


class Writable(Protocol):
    """What a zip can be written to: it need not seek."""

    def write(self, data: bytes, /) -> int:
        """Take all of ``data``."""


@dataclass(frozen=True)
class Backup:
    """What a backup holds: the day it was made, and its parts.

    ``tables`` are the bytes of the lines of each table, ``state`` the files of the state folder by
    name.
    """

    day: dt.date
    tables: Mapping[str, bytes]
    state: Mapping[str, bytes]
    root: bytes
    manifest: bytes


class BackupWriter:
    """Writes a backup member by member, in constant memory."""

    def __init__(self, sink: Writable) -> None:
        """Write to ``sink``."""
        self._zip = zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED)  # type: ignore[call-overload]
        self._index: list[dict[str, object]] = []

    def add_table(self, name: str, lines: Iterable[bytes]) -> None:
        """Add the lines of a table."""
        self._add(name + _LINES, lines)

    def add_state(self, name: str, data: bytes) -> None:
        """Add a file of the state folder."""
        self._add(_STATE + name, [data])

    def add_keys(self, root: bytes, manifest: bytes) -> None:
        """Add what the server believes."""
        self._add(ROOT, [root])
        self._add(MANIFEST, [manifest])

    def finish(self, day: dt.date) -> None:
        """Add what all of it must be, and end the zip."""
        document = {"format": BACKUP_FORMAT, "day": day.isoformat(), "members": self._index}
        self._write(_INDEX, [strict_json.dumps(document)])
        self._zip.close()

    def _add(self, name: str, blocks: Iterable[bytes]) -> None:
        size, sha256 = self._write(name, blocks)
        self._index.append({"name": name, "size": size, "sha256": sha256})

    def _write(self, name: str, blocks: Iterable[bytes]) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        info = zipfile.ZipInfo(name, _DATE)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        with self._zip.open(info, "w", force_zip64=True) as member:
            for block in blocks:
                member.write(block)
                digest.update(block)
                size += len(block)
        return size, digest.hexdigest()


def read_backup(file: BinaryIO) -> Backup:
    """Read a backup and verify that it is whole.

    Raises:
        BackupRefused: it is none, or damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return _read(archive)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise _damaged() from error
    except (DocumentMalformed, KeyError, ValueError) as error:
        raise _damaged() from error


def _read(archive: zipfile.ZipFile) -> Backup:
    index = Fields(strict_json.loads(_member(archive, _INDEX)), "backup")
    if index.take("format", str) != BACKUP_FORMAT:
        raise BackupRefused(
            "The backup was made by another version of the program; restore it with that version."
        )
    day = index.day("day")
    members = dict(index.each("members", lambda element: _verified(archive, element)))
    index.end()
    if sorted([*members, _INDEX]) != sorted(archive.namelist()):
        raise _damaged()
    root, manifest = members.pop(ROOT), members.pop(MANIFEST)
    tables = {name: members.pop(name + _LINES) for name in TABLES}
    state = {name.removeprefix(_STATE): data for name, data in members.items()}
    if not all(name.startswith(_STATE) for name in members) or not all(
        _STATE_NAME.fullmatch(name) for name in state
    ):
        raise _damaged()
    if not {SERVER_KEY, SIGNING_KEY} <= state.keys():
        raise _damaged()
    return Backup(day, tables, state, root, manifest)


def _verified(archive: zipfile.ZipFile, element: object) -> tuple[str, bytes]:
    fields = Fields(element, "member of the backup")
    name, size = fields.take("name", str), fields.take("size", int)
    sha256 = fields.take("sha256", str)
    fields.end()
    data = _member(archive, name)
    if len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
        raise _damaged()
    return name, data


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > _MAX_MEMBER:
        raise _damaged()
    return archive.read(name)


def _damaged() -> BackupRefused:
    return BackupRefused(
        "This is no backup, or a damaged one; nothing was restored. Open the sealed file again "
        "('intake-keys open-backup FILE OUT'), or take another one."
    )
