"""Restoring a backup on a fresh machine: whole, or not at all.

Everything is made in a draft folder inside the state folder and verified there. One rename of that
folder decides; what follows only moves its files up, and whoever comes next finishes it, however
often it is killed. A database elsewhere is filled before, in one transaction; the same again finds
it filled.

What was deleted does not come back: a submission whose sealed file is not here is not restored,
and no reply is. And nothing is deleted because a backup says so: a submission whose file is here
counts as acknowledged by nobody. What a witness sent after the backup was made has a file and no
row: it is given one, so that it leaves with the next bundle.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from intake.courier.bundle import open_regular
from intake.durable import sync_folder, write_file
from intake.errors import BackupRefused, IntakeError
from intake.manifest.model import Manifest
from intake.manifest.payload import parse_root, serialise_root
from intake.online.backup_file import MANIFEST, ROOT, Backup, damaged, read_backup
from intake.online.bundle_count import last_sequence, note_restored, restored_day
from intake.online.high_water import HighWater
from intake.online.keys_in_force import KeysInForce
from intake.online.server_keys import ServerKeys
from intake.online.settings import Settings
from intake.online.signing_key import load_signing_key
from intake.online.store import dump
from intake.online.store.blobs import FileBlobs
from intake.online.store.database import open_database
from intake.online.store.removals import adopt_rows

#: While it is made, and once it is whole: then nothing is left but to move its files up.
_DRAFT, _WHOLE = ".restoring", ".restored"

#: Every row of each table, by the table's name.
Rows = Mapping[str, Sequence[dump.Row]]

_SEALED_BEGINNING = b"age-encryption.org/"


@dataclass(frozen=True)
class Restored:
    """What a restoration came to.

    ``lost`` are the ids (hex) of submissions whose sealed files are not here; ``found`` those of
    sealed files that the backup does not know, and that were taken in. ``signed`` says whether a
    server signed it that its manifest names; if not, the manifest names none.
    """

    day: dt.date
    submissions: int
    lost: tuple[str, ...]
    found: tuple[str, ...]
    signed: bool


def finish_restoration(state: Path) -> bool:
    """Finish a restoration that was killed after it was decided; return whether there was one.

    Raises:
        OSError: the state folder cannot be written.
    """
    whole = state / _WHOLE
    if not whole.exists():
        return False
    for path in sorted(whole.iterdir()):
        path.rename(state / path.name)
    sync_folder(state)
    whole.rmdir()
    sync_folder(state)
    return True


def restore(settings: Settings, file: Path, today: dt.date) -> Restored:
    """Restore the opened backup ``file`` into the state folder and the database of ``settings``.

    Raises:
        BackupRefused: it is no backup, or still sealed, or of another deployment, or not the
            server's own; or the state folder or the database is in use. Nothing was changed.
        StoreUnavailable: the database does not answer.
        OSError: something cannot be read or written.
    """
    state = settings.state
    _refuse_used(state)
    backup = _read(file)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = state / _DRAFT
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    try:
        _write_state(draft, backup, today)
        newest, signed = _verify(settings, draft, backup)
        sorted_out = _SortedOut.of(settings, backup.tables)
        _fill_database(settings, draft, sorted_out, today, newest)
        _put_keys(settings, draft)
        sync_folder(draft)
        draft.rename(state / _WHOLE)
        sync_folder(state)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    finish_restoration(state)
    return Restored(
        backup.day,
        len(sorted_out.rows["submissions"]),
        sorted_out.lost,
        tuple(sorted(i.hex() for i in sorted_out.strays)),
        signed,
    )


def _refuse_used(state: Path) -> None:
    if not state.exists():
        return
    in_use = {path.name for path in state.iterdir()} - {"blobs", _DRAFT}
    if in_use:
        raise BackupRefused(
            f"{state} is in use ({min(in_use)} is there): a backup is restored into a fresh state "
            "folder, which is empty or holds the folder blobs alone. Nothing was restored."
        )


def _read(file: Path) -> Backup:
    try:
        descriptor = open_regular(file)
    except OSError as error:
        raise BackupRefused(
            f"{file} cannot be read, or is a link, a pipe or a device: name the file that "
            "'intake-keys open-backup' wrote. Nothing was restored."
        ) from error
    with os.fdopen(descriptor, "rb") as source:
        if source.read(len(_SEALED_BEGINNING)) == _SEALED_BEGINNING:
            raise BackupRefused(
                f"{file} is still sealed: on an admin's machine run 'intake-keys open-backup "
                f"{file.name} OUT', and carry OUT here."
            )
        source.seek(0)
        return read_backup(source)


def _write_state(draft: Path, backup: Backup, today: dt.date) -> None:
    for name, data in {**backup.state, ROOT: backup.root, MANIFEST: backup.manifest}.items():
        write_file(draft / name, data)
    try:
        before = restored_day(draft)
        # Whoever restores twice in a day has to be later twice.
        later = today if before is None or before < today else before + dt.timedelta(days=1)
    except (IntakeError, OverflowError) as error:
        raise damaged() from error
    note_restored(draft, later)


def _verify(settings: Settings, draft: Path, backup: Backup) -> tuple[Manifest, bool]:
    """See that all of it can be used, and that it goes back behind nothing that stands here.

    Return the newest manifest that is believed, and whether the server's key signed the backup.
    """
    try:
        ServerKeys.load(draft)
        load_signing_key(draft)
        last_sequence(draft)
        keys = KeysInForce(root=draft / ROOT, manifest=draft / MANIFEST, state=draft)
        newest = keys.history()[-1]
        record = HighWater(draft, parse_root(backup.root)).path.name
    except IntakeError as error:
        raise BackupRefused(f"The backup cannot be used; nothing was restored. {error}") from error
    if record not in backup.state:
        raise damaged()
    root = parse_root(backup.root)
    if settings.root.exists():
        here = parse_root(settings.root.read_bytes())
        if serialise_root(here) != serialise_root(root):
            raise BackupRefused(
                f"The backup is of another deployment than {settings.root}; nothing was restored."
            )
    if newest.server is not None and not backup.signed_by(newest.server):
        raise BackupRefused(
            "The backup is not signed by the server that its manifest names: it was changed, or "
            "somebody else made it. Take another one; nothing was restored."
        )
    signed = newest.server is not None
    if settings.manifest.exists():
        keys = KeysInForce(root=draft / ROOT, manifest=settings.manifest, state=draft)
        newest = keys.history()[-1]
    return newest, signed


@dataclass(frozen=True)
class _SortedOut:
    """What of a backup is restored: its ``rows``, what is ``lost`` (hex), and what it knows not.

    ``strays`` are the sizes of the sealed files that are to be taken in, by id.
    """

    rows: Rows
    lost: tuple[str, ...]
    strays: Mapping[bytes, int]

    @classmethod
    def of(cls, settings: Settings, rows: Rows) -> _SortedOut:
        blobs = FileBlobs(settings.blobs)
        there = set(blobs.ids()) if settings.blobs.exists() else set()
        kept = [row for row in rows["submissions"] if _is_kept(row, blobs)]
        ids = {_id(row) for row in kept}
        strays = {i: blobs.size(i) or 0 for i in there - ids if blobs.is_sealed(i)}
        lost = {_id(row) for row in rows["submissions"]} - ids - strays.keys()
        of_kept = [row for row in rows["acknowledgements"] if row["submission"] in ids]
        restored = [row if blobs.size(_id(row)) is None else _unsettled(row) for row in kept]
        return cls(
            {**rows, "submissions": restored, "acknowledgements": of_kept},
            tuple(sorted(i.hex() for i in lost)),
            strays,
        )


def _is_kept(row: dump.Row, blobs: FileBlobs) -> bool:
    """Return whether a row has its file, or needs none; a file of another size is not its."""
    size = blobs.size(_id(row))
    return row["acknowledged"] is not None if size is None else size == row["size"]


def _unsettled(row: dump.Row) -> dump.Row:
    """Return the row of a file that is here: no backup's word is enough to remove it."""
    return {**row, "acknowledged": None}


def _id(row: dump.Row) -> bytes:
    value = row["id"]
    assert isinstance(value, bytes)  # noqa: S101  # as it was read
    return value


def _fill_database(
    settings: Settings, draft: Path, content: _SortedOut, today: dt.date, newest: Manifest
) -> None:
    """Put the rows into the database: in the draft, if it lies in the state folder."""
    url = _database_in(settings, draft) or settings.database
    engine = open_database(url)
    try:
        if dump.is_empty(engine):
            dump.load(engine, content.rows)
        elif _without(dump.dump(engine), content.strays) != {
            name: list(content.rows[name]) for name in dump.TABLES
        }:
            raise BackupRefused(
                "The database that store.database names is in use: a backup is restored into an "
                "empty one. Nothing was restored."
            )
        adopt_rows(engine, content.strays, today, newest.version)
    finally:
        engine.dispose()
    for left in (*draft.glob("*.lock"), *draft.glob("*-journal")):
        left.unlink()  # closed, and empty


def _without(tables: Rows, strays: Collection[bytes]) -> Rows:
    """Return rows without those of files that were taken in, as before a kill."""
    submissions = [row for row in tables["submissions"] if _id(row) not in strays]
    return {**tables, "submissions": submissions}


def _database_in(settings: Settings, draft: Path) -> str | None:
    url = make_url(settings.database)
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    path = Path(url.database)
    if path.parent.resolve() != settings.state.resolve():
        return None
    return url.set(database=str(draft / path.name)).render_as_string(hide_password=False)


def _put_keys(settings: Settings, draft: Path) -> None:
    """Put root and manifest where the settings look for them, unless something is there."""
    for name, place in ((ROOT, settings.root), (MANIFEST, settings.manifest)):
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            write_file(place, (draft / name).read_bytes(), mode=0o644)
        (draft / name).unlink()
