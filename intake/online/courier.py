"""The courier's way out: everything the server holds, copied into a bundle."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from intake.courier.bundle import (
    LISTING,
    SUBMISSIONS,
    Bundle,
    BundledSubmission,
    serialise_bundle,
)
from intake.durable import sync_folder, write_file
from intake.errors import BundleBroken
from intake.online.store.submissions import Store, StoredSubmission

_BLOCK = 1024 * 1024
_SEQUENCE = "courier.json"


def export_bundle(
    store: Store, state: Path, folder: Path, progress: Callable[[int], object]
) -> Bundle:
    """Copy every submission into the bundle at ``folder``, and its listing last.

    Whatever stood there of an earlier bundle is kept where it is the same and replaced where it
    is not; without its listing a half copied bundle is none. ``progress`` is told of every block's
    length in bytes.

    Raises:
        StoreUnavailable: something cannot be read.
        BundleBroken: the folder holds something else, or the copy is not what was read.
        OSError: the stick is full or cannot be written.
    """
    files = folder / SUBMISSIONS
    if folder.exists() and not (folder / LISTING).exists() and any(folder.iterdir()):
        foreign = [path.name for path in folder.iterdir() if path.name != SUBMISSIONS]
        if foreign:
            raise BundleBroken(f"{folder} holds other files; export to an empty folder.")
    files.mkdir(parents=True, exist_ok=True)
    (folder / LISTING).unlink(missing_ok=True)
    bundled = tuple(_copy(store, submission, files, progress) for submission in store.submissions())
    sync_folder(files)
    bundle = Bundle(sequence=_next_sequence(state), closed_epochs=(), submissions=bundled)
    write_file(folder / LISTING, serialise_bundle(bundle))
    return bundle


def _copy(
    store: Store, submission: StoredSubmission, files: Path, progress: Callable[[int], object]
) -> BundledSubmission:
    name = f"{submission.id.hex()}.age"
    draft = files / f"{name}.partial"
    digest = hashlib.sha256()
    size = 0
    with store.open_blob(submission.id) as source, draft.open("wb") as copy:
        while block := source.read(_BLOCK):
            digest.update(block)
            copy.write(block)
            size += len(block)
            progress(len(block))
        copy.flush()
        os.fsync(copy.fileno())
    draft.rename(files / name)
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
