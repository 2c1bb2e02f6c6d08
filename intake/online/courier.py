"""The courier's way out: everything the server holds, copied into a bundle."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from intake.courier.bundle import (
    LISTING,
    SUBMISSIONS,
    Bundle,
    BundledSubmission,
    serialise_bundle,
)
from intake.durable import write_file
from intake.errors import BundleBroken, StoreUnavailable
from intake.online.store.submissions import Store, StoredSubmission

_BLOCK = 1024 * 1024
_SEQUENCE = "courier.json"


@dataclass(frozen=True)
class Export:
    """What an export came to: the bundle, and the ids (hex) of submissions it had to leave out."""

    bundle: Bundle
    unreadable: tuple[str, ...]


def export_bundle(
    store: Store, state: Path, folder: Path, progress: Callable[[int], object]
) -> Export:
    """Copy every submission into the bundle at ``folder``, and its listing last.

    Whatever stood there of an earlier bundle is replaced; without its listing a half copied bundle
    is none. A submission whose file cannot be read is left out and named: it must not keep the
    others from leaving. ``progress`` is told of every block's length in bytes.

    Raises:
        StoreUnavailable: the database does not answer.
        BundleBroken: the folder holds something else.
        OSError: the stick is full or cannot be written.
    """
    _refuse_foreign_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LISTING).unlink(missing_ok=True)
    bundled: list[BundledSubmission] = []
    unreadable: list[str] = []
    with _submissions_folder(folder) as files:
        for submission in store.submissions():
            try:
                source = store.open_blob(submission.id)
            except StoreUnavailable:
                unreadable.append(submission.id.hex())
                continue
            with source:
                bundled.append(_copy(submission, source, files, progress))
        os.fsync(files)
    bundle = Bundle(sequence=_next_sequence(state), closed_epochs=(), submissions=tuple(bundled))
    write_file(folder / LISTING, serialise_bundle(bundle, None))
    return Export(bundle, tuple(unreadable))


def _refuse_foreign_folder(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise BundleBroken(f"{folder} is no folder; name one on the stick.")
    if folder.exists() and not (folder / LISTING).exists():
        foreign = [path.name for path in folder.iterdir() if path.name != SUBMISSIONS]
        if foreign:
            raise BundleBroken(f"{folder} holds other files; export to an empty folder.")


@contextlib.contextmanager
def _submissions_folder(folder: Path) -> Iterator[int]:
    """Open the bundle's folder of submissions, itself and not where a link leads.

    Whoever had the stick may have put links on it, to make us write over files of the server.
    """
    path = folder / SUBMISSIONS
    path.mkdir(exist_ok=True)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise BundleBroken(f"{path} is no folder; export to an empty folder.") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _copy(
    submission: StoredSubmission, source: BinaryIO, files: int, progress: Callable[[int], object]
) -> BundledSubmission:
    """Copy one sealed file into the open folder ``files``, under a new name until it is whole."""
    name = f"{submission.id.hex()}.age"
    draft = f"{secrets.token_hex(8)}.partial"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    digest = hashlib.sha256()
    size = 0
    descriptor = os.open(draft, flags, 0o600, dir_fd=files)
    try:
        with os.fdopen(descriptor, "wb") as copy:
            while block := source.read(_BLOCK):
                digest.update(block)
                copy.write(block)
                size += len(block)
                progress(len(block))
            copy.flush()
            os.fsync(copy.fileno())
        os.rename(draft, name, src_dir_fd=files, dst_dir_fd=files)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft, dir_fd=files)
        raise
    return BundledSubmission(
        id=submission.id.hex(),
        epoch=submission.epoch,
        manifest_version=submission.manifest_version,
        day=submission.day,
        size=size,
        sha256=digest.hexdigest(),
    )


def _next_sequence(state: Path) -> int:
    path = state / _SEQUENCE
    sequence = 1 + (json.loads(path.read_bytes())["sequence"] if path.exists() else 0)
    write_file(path, json.dumps({"sequence": sequence}).encode())
    return int(sequence)
