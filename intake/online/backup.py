"""Making a backup: sealed to the admins as it is made, so that nothing of it is ever in the clear.

The server can make one and cannot open it. It opens with any admin's keys
('intake-keys open-backup'), and ``intake.online.restoring`` takes what comes out.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from intake.age.sealing.hybrid import HybridRecipient
from intake.age.sealing.seal import Bytes, SealingWriter
from intake.durable import remove_drafts, sync_folder
from intake.errors import BackupRefused, NothingInForce
from intake.manifest.payload import parse_root
from intake.manifest.signing import SigningIdentity
from intake.online.backup_file import SERVER_KEY, SIGNING_KEY, BackupWriter
from intake.online.bundle_count import COUNT, RESTORED, locked_count, next_sequence
from intake.online.deployment import Deployment
from intake.online.high_water import HighWater
from intake.online.signing_key import load_signing_key
from intake.online.store import dump

_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Made:
    """What a backup came to: who of the admins can open it, and how many submissions it lists."""

    admins: tuple[str, ...]
    submissions: int


def make_backup(deployment: Deployment, file: Path) -> Made:
    """Write a sealed backup to ``file``; it is durable there and was read back.

    Raises:
        BackupRefused: something stands there, or the disk does not hold what was written; or what
            is to be backed up could not be restored.
        NothingInForce: no manifest says who the admins are.
        StoreUnavailable: the database does not answer.
        OSError: it cannot be written; nothing stands at ``file``.
    """
    admins = deployment.keys.history()[-1].admins
    recipients = [HybridRecipient.parse(admin.recipient) for admin in admins]
    _refuse_taken(file)
    remove_drafts(file)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(6)}.draft")
    try:
        with _Sealed(draft) as sealed:
            writer = SealingWriter(sealed.write, recipients)
            count = _write(deployment, BackupWriter(writer))
            writer.close()
        sealed.read_back()
        _refuse_taken(file)
        draft.rename(file)
        sync_folder(file.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    return Made(tuple(admin.name for admin in admins), count)


def _write(deployment: Deployment, backup: BackupWriter) -> int:
    """Write all of it; return how many rows of submissions that are."""
    keys, state = deployment.keys, deployment.settings.state
    # The rows first: what the files count only grows, and must not be behind the rows.
    tables = deployment.store.dump()
    for name, rows in tables.items():
        backup.add_table(name, dump.lines(rows))
    signer = _signer(deployment)
    for name in (SERVER_KEY, SIGNING_KEY, _record(deployment), COUNT):
        backup.add_state(name, (state / name).read_bytes())
    with contextlib.suppress(FileNotFoundError):
        backup.add_state(RESTORED, (state / RESTORED).read_bytes())
    backup.add_keys(keys.root_bytes, keys.file())
    backup.finish(deployment.today(), signer)
    return len(tables["submissions"])


def _signer(deployment: Deployment) -> SigningIdentity:
    """Return who signs it; made the first time that it is needed, which may be now.

    Raises:
        BackupRefused: the manifest names somebody else, and nobody could restore it.
    """
    signer = load_signing_key(deployment.settings.state)
    named = deployment.keys.history()[-1].server
    if named not in {None, signer.public().key}:
        raise BackupRefused(
            "The manifest names another server's key, so that this server's backup would be "
            "refused: run 'intake keys server FILE' here, and 'intake-keys add-server FILE' with "
            "the admins."
        )
    return signer


def _record(deployment: Deployment) -> str:
    """Return the name of the record of what must never go back; see that it and the count exist.

    Raises:
        BackupRefused: there is no record.
        StoreUnavailable: the count of bundles is damaged.
    """
    keys, state = deployment.keys, deployment.settings.state
    with contextlib.suppress(NothingInForce):
        keys.look(deployment.today())  # notes the manifest, where nobody has looked yet
    record = HighWater(state, parse_root(keys.root_bytes)).path
    if not record.exists():
        raise BackupRefused(
            f"{record} is missing, which knows the newest manifest that was seen here: install a "
            "manifest that is in force ('intake keys install FILE'), and then run this again."
        )
    with locked_count(state):
        if not (state / COUNT).exists():
            next_sequence(state, deployment.store.leaving.last_bundle())
    return record.name


def _refuse_taken(file: Path) -> None:
    if os.path.lexists(file):
        raise BackupRefused(f"{file} is there already; name another file.")


class _Sealed:
    """The sealed file in the making, and what it must read back as."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = hashlib.sha256()

    def __enter__(self) -> Self:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        return self

    def __exit__(self, *_: object) -> None:
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())

    def write(self, data: Bytes) -> None:
        self._digest.update(data)
        self._file.write(data)

    def read_back(self) -> None:
        """See that the disk holds what was written.

        Raises:
            BackupRefused: it does not.
        """
        digest = hashlib.sha256()
        for block in self._blocks():
            digest.update(block)
        if digest.digest() != self._digest.digest():
            raise BackupRefused(
                f"What was written to {self._path.parent} does not read back the same: the disk or "
                "stick is bad. Take another one."
            )

    def _blocks(self) -> Iterator[bytes]:
        with self._path.open("rb", buffering=0) as file:
            # From the disk itself: what is in memory proves nothing of a stick.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            while block := file.read(_BLOCK):
                yield block
