"""Restoring a backup on a fresh machine: whole, or not at all.

Everything is made in a draft folder inside the state folder and verified there. One rename of that
folder decides; what follows only moves its files up, and whoever comes next finishes it, however
often it is killed. A database elsewhere is filled before, in one transaction; the same again finds
it filled.

What was deleted does not come back: a submission whose sealed file is not here is not restored,
and no reply is. What a witness sent after the backup was made has a file and no row: it is put
aside for the reviewers, and never swept away.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from intake.durable import sync_folder, write_file
from intake.errors import BackupRefused, DocumentMalformed, IntakeError
from intake.manifest.payload import parse_root, serialise_root
from intake.online.backup_file import MANIFEST, ROOT, Backup, read_backup
from intake.online.bundle_count import last_sequence, note_restored, restored_day
from intake.online.keys_in_force import KeysInForce
from intake.online.server_keys import ServerKeys
from intake.online.settings import Settings
from intake.online.signing_key import load_signing_key
from intake.online.store import dump
from intake.online.store.blobs import FileBlobs
from intake.online.store.database import open_database

#: While it is made, and once it is whole: then nothing is left but to move its files up.
_DRAFT, _WHOLE = ".restoring", ".restored"
#: Where sealed files go that the backup does not know.
FOUND = "found"

#: Every row of each table, by the table's name.
Rows = Mapping[str, Sequence[dump.Row]]

_SEALED_BEGINNING = b"age-encryption.org/"


@dataclass(frozen=True)
class Restored:
    """What a restoration came to.

    ``lost`` are the ids (hex) of submissions whose sealed files are not here; ``found`` those of
    sealed files that the backup does not know.
    """

    day: dt.date
    submissions: int
    lost: tuple[str, ...]
    found: tuple[str, ...]


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
        BackupRefused: it is no backup, or still sealed, or of another deployment; or the state
            folder or the database is in use. Nothing was changed.
        StoreUnavailable: the database does not answer.
        OSError: something cannot be read or written.
    """
    state = settings.state
    _refuse_used(state)
    backup = _read(file)
    rows = _rows(backup)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = state / _DRAFT
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    try:
        _write_state(draft, backup, today)
        _verify(settings, draft)
        kept, lost, unknown = _sort_out(settings, rows)
        _fill_database(settings, draft, kept)
        _put_keys(settings, draft)
        found = _put_aside(settings, unknown)
        sync_folder(draft)
        draft.rename(state / _WHOLE)
        sync_folder(state)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    finish_restoration(state)
    return Restored(backup.day, len(kept["submissions"]), lost, found)


def _refuse_used(state: Path) -> None:
    if not state.exists():
        return
    in_use = {path.name for path in state.iterdir()} - {"blobs", FOUND, _DRAFT}
    if in_use:
        raise BackupRefused(
            f"{state} is in use ({min(in_use)} is there): a backup is restored into a fresh state "
            "folder, which is empty or holds the folder blobs alone. Nothing was restored."
        )


def _read(file: Path) -> Backup:
    with file.open("rb") as source:
        if source.read(len(_SEALED_BEGINNING)) == _SEALED_BEGINNING:
            raise BackupRefused(
                f"{file} is still sealed: on an admin's machine run 'intake-keys open-backup "
                f"{file.name} OUT', and carry OUT here."
            )
        source.seek(0)
        return read_backup(source)


def _rows(backup: Backup) -> Rows:
    try:
        return {name: dump.read_lines(name, data) for name, data in backup.tables.items()}
    except DocumentMalformed as error:
        raise BackupRefused(f"The backup is damaged; nothing was restored. {error}") from error


def _write_state(draft: Path, backup: Backup, today: dt.date) -> None:
    for name, data in {**backup.state, ROOT: backup.root, MANIFEST: backup.manifest}.items():
        write_file(draft / name, data)
    before = restored_day(draft)
    # Whoever restores twice in a day has to be later twice.
    later = today if before is None or before < today else before + dt.timedelta(days=1)
    note_restored(draft, later)


def _verify(settings: Settings, draft: Path) -> None:
    """See that all of it can be used, and that it goes back behind nothing that stands here."""
    try:
        ServerKeys.load(draft)
        load_signing_key(draft)
        last_sequence(draft)
        KeysInForce(root=draft / ROOT, manifest=draft / MANIFEST, state=draft).history()
    except IntakeError as error:
        raise BackupRefused(f"The backup cannot be used; nothing was restored. {error}") from error
    root = parse_root((draft / ROOT).read_bytes())
    if settings.root.exists():
        here = parse_root(settings.root.read_bytes())
        if serialise_root(here) != serialise_root(root):
            raise BackupRefused(
                f"The backup is of another deployment than {settings.root}; nothing was restored."
            )
    if settings.manifest.exists():
        KeysInForce(root=draft / ROOT, manifest=settings.manifest, state=draft).history()


def _sort_out(settings: Settings, rows: Rows) -> tuple[Rows, tuple[str, ...], tuple[str, ...]]:
    """Return the rows to keep, the ids of what is lost, and of what no row names."""
    blobs = FileBlobs(settings.blobs)
    there = set(blobs.ids()) if settings.blobs.exists() else set()

    def is_kept(row: dump.Row) -> bool:
        return row["acknowledged"] is not None or blobs.size(_id(row)) == row["size"]

    kept = [row for row in rows["submissions"] if is_kept(row)]
    ids = {_id(row) for row in kept}
    known = {_id(row) for row in rows["submissions"]}
    of_kept = [row for row in rows["acknowledgements"] if row["submission"] in ids]
    lost = sorted(i.hex() for i in known - ids)
    found = sorted(i.hex() for i in there - known)
    return {**rows, "submissions": kept, "acknowledgements": of_kept}, tuple(lost), tuple(found)


def _id(row: dump.Row) -> bytes:
    value = row["id"]
    assert isinstance(value, bytes)  # noqa: S101  # as it was read
    return value


def _fill_database(settings: Settings, draft: Path, rows: Rows) -> None:
    """Put the rows into the database: in the draft, if it lies in the state folder."""
    url = _database_in(settings, draft) or settings.database
    engine = open_database(url)
    try:
        if dump.is_empty(engine):
            dump.load(engine, rows)
        elif dump.dump(engine) != {name: list(rows[name]) for name in dump.TABLES}:
            raise BackupRefused(
                "The database that store.database names is in use: a backup is restored into an "
                "empty one. Nothing was restored."
            )
    finally:
        engine.dispose()
    for left in (*draft.glob("*.lock"), *draft.glob("*-journal")):
        left.unlink()  # closed, and empty


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


def _put_aside(settings: Settings, unknown: Sequence[str]) -> tuple[str, ...]:
    """Move what no row names out of the sweep's way; return the ids of all that lies there."""
    folder = settings.state / FOUND
    if unknown:
        folder.mkdir(mode=0o700, exist_ok=True)
        for blob_id in unknown:
            (settings.blobs / f"{blob_id}.age").rename(folder / f"{blob_id}.age")
        sync_folder(folder)
        sync_folder(settings.blobs)
    return tuple(sorted(path.stem for path in folder.glob("*.age")))
