"""A backup's content: a zip of the rows, the server's keys, and what it must never go back behind.

    submissions.jsonl …   one line a row (``intake.online.store.dump``)
    state/<name>          files of the state folder, as they stand
    root.pub, manifest.json
    backup.json           last: a DSSE envelope around format, day, and every member's size and
                          SHA-256, signed with the server's key

Sealed accounts are not in it: they go by the courier. Replies are not in it either.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from intake import strict_json
from intake.errors import BackupRefused, DocumentMalformed
from intake.manifest import dsse
from intake.manifest.model import Signer, SigningKey
from intake.manifest.signing import SigningIdentity
from intake.online.bundle_count import COUNT, RESTORED
from intake.online.store.dump import TABLES, Row, read_lines
from intake.strict_json import Fields

BACKUP_FORMAT = "intake-backup-2"
BACKUP_TYPE = "application/vnd.intake.backup+json"
_INDEX = "backup.json"
_LINES = ".jsonl"
_STATE = "state/"
ROOT, MANIFEST = "root.pub", "manifest.json"
SERVER_KEY, SIGNING_KEY = "server.key", "signing.key"

_MIB = 1024 * 1024
#: Far more than any of ours: two million rows take 1 GiB.
_MAX_TABLE = 1024 * _MIB
_MAX_MEMBER = {MANIFEST: 32 * _MIB, ROOT: 2 * _MIB}
_MAX_SMALL = _MIB
_LONGEST_LINE = 4096
_MOST_MEMBERS = 64
_COMPRESSIONS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
#: Files of the state folder that a backup may hold.
_STATE_NAME = re.compile(
    rf"{_STATE}(?:{re.escape(SERVER_KEY)}|{re.escape(SIGNING_KEY)}|{re.escape(COUNT)}|{re.escape(RESTORED)}"
    r"|high-water-[0-9a-f]{16}\.json)"
)
_DATE = (1980, 1, 1, 0, 0, 0)


class Writable(Protocol):
    """What a zip can be written to: it need not seek."""

    def write(self, data: bytes, /) -> int:
        """Take all of ``data``."""


@dataclass(frozen=True)
class Backup:
    """What a backup holds: the day it was made, and its parts.

    ``tables`` are the rows of each table, ``state`` the files of the state folder by name;
    ``envelope`` has the signatures over all of it.
    """

    day: dt.date
    tables: Mapping[str, Sequence[Row]]
    state: Mapping[str, bytes]
    root: bytes
    manifest: bytes
    envelope: dsse.Envelope

    def signed_by(self, key: SigningKey) -> bool:
        """Return whether ``key`` signed it, with both halves."""
        return bool(dsse.signers(self.envelope, [Signer("server", key)]))


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

    def finish(self, day: dt.date, signer: SigningIdentity) -> None:
        """Add what all of it must be, signed, and end the zip."""
        document = {"format": BACKUP_FORMAT, "day": day.isoformat(), "members": self._index}
        envelope = dsse.Envelope(BACKUP_TYPE, strict_json.dumps(document), signatures=())
        self._write(_INDEX, [dsse.envelope_bytes(signer.sign(envelope))])
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
    """Read a backup and see that it is whole. Whether it is ours is still to be judged.

    Raises:
        BackupRefused: it is none, or damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return _read(archive)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise damaged() from error
    except (DocumentMalformed, KeyError, ValueError, OverflowError) as error:
        raise damaged() from error


def _read(archive: zipfile.ZipFile) -> Backup:
    names = archive.namelist()
    if len(names) > _MOST_MEMBERS or len(set(names)) != len(names):
        raise damaged()
    envelope = dsse.read_envelope(strict_json.loads(_Member(archive, _INDEX).read()))
    if envelope.payload_type != BACKUP_TYPE:
        raise damaged()
    index = Fields(strict_json.loads(envelope.payload), "backup")
    if index.take("format", str) != BACKUP_FORMAT:
        raise BackupRefused(
            "The backup was made by another version of the program; restore it with that version."
        )
    day = index.day("day")
    members = dict(index.each("members", lambda element: _listed(archive, element)))
    index.end()
    if sorted([*members, _INDEX]) != sorted(names):
        raise damaged()
    root, manifest = members.pop(ROOT).read(), members.pop(MANIFEST).read()
    tables = {name: _rows(name, members.pop(name + _LINES)) for name in TABLES}
    state = {name.removeprefix(_STATE): member.read() for name, member in members.items()}
    if not all(_STATE_NAME.fullmatch(name) for name in members):
        raise damaged()
    if not {SERVER_KEY, SIGNING_KEY, COUNT} <= state.keys():
        raise damaged()
    return Backup(day, tables, state, root, manifest, envelope)


class _Member:
    """A member of the zip, and what it must be, where the index says so."""

    def __init__(
        self, archive: zipfile.ZipFile, name: str, listed: tuple[int, str] | None = None
    ) -> None:
        self._archive = archive
        self._info = archive.getinfo(name)
        self._listed = listed
        limit = _MAX_TABLE if name.endswith(_LINES) else _MAX_MEMBER.get(name, _MAX_SMALL)
        # What the zip says of its size is never exceeded while it is read.
        if self._info.file_size > limit or self._info.compress_type not in _COMPRESSIONS:
            raise damaged()

    def read(self) -> bytes:
        """Return all of it, verified."""
        return b"".join(self.lines(self._info.file_size))

    def lines(self, longest: int) -> Iterator[bytes]:
        """Yield its lines, and verify it at the end; a line that is too long comes in pieces."""
        digest, size = hashlib.sha256(), 0
        with self._archive.open(self._info) as file:
            while line := file.readline(longest):
                digest.update(line)
                size += len(line)
                yield line
        if self._listed not in {None, (size, digest.hexdigest())}:
            raise damaged()


def _listed(archive: zipfile.ZipFile, element: object) -> tuple[str, _Member]:
    fields = Fields(element, "member of the backup")
    name, size = fields.take("name", str), fields.take("size", int)
    sha256 = fields.take("sha256", str)
    fields.end()
    return name, _Member(archive, name, (size, sha256))


def _rows(name: str, member: _Member) -> Sequence[Row]:
    return read_lines(name, member.lines(_LONGEST_LINE))


def damaged() -> BackupRefused:
    """Return what to say of a file that is no backup."""
    return BackupRefused(
        "This is no backup, or a damaged one; nothing was restored. Open the sealed file again "
        "('intake-keys open-backup FILE OUT'), or take another one."
    )
