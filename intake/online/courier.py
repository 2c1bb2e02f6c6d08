"""The courier's way out: everything the server holds, copied into a bundle."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from intake import strict_json
from intake.courier.bundle import (
    LISTING,
    MANIFEST,
    ROOT,
    SUBMISSIONS,
    Bundle,
    BundledSubmission,
    serialise_bundle,
)
from intake.durable import remove_drafts, write_file
from intake.errors import BundleBroken, DocumentMalformed, NothingInForce, StoreUnavailable
from intake.manifest.signing import SigningIdentity
from intake.online.deployment import Deployment
from intake.online.signing_key import load_signing_key
from intake.online.store.submissions import Store, StoredSubmission
from intake.strict_json import Fields

_BLOCK = 1024 * 1024
_SEQUENCE = "courier.json"
#: The largest whole number that every reader of JSON has.
_MOST_BUNDLES = 2**53 - 1
_OURS = {SUBMISSIONS, ROOT, MANIFEST}


@dataclass(frozen=True)
class Export:
    """What an export came to: the bundle, and the ids (hex) of submissions it had to leave out."""

    bundle: Bundle
    unreadable: tuple[str, ...]


@dataclass(frozen=True)
class Seal:
    """What makes a bundle the server's: its signing identity, and the keys that it believes.

    ``closed_epochs`` are those for which nothing more can arrive.
    """

    signer: SigningIdentity
    root: bytes
    manifest: bytes
    closed_epochs: tuple[str, ...]

    @classmethod
    def of(cls, deployment: Deployment) -> Seal:
        """Return the seal of a deployment as of now.

        Where its manifest is not believed, accounts must leave all the same: nothing is closed
        then.
        """
        keys, settings = deployment.keys, deployment.settings
        manifest = b""
        closed: tuple[str, ...] = ()
        with contextlib.suppress(NothingInForce):
            manifest = keys.file()
            closed = keys.close(deployment.today(), settings.limits.upload_hours)
        return cls(load_signing_key(settings.state), keys.root_bytes, manifest, closed)


def export_bundle(
    store: Store, seal: Seal, state: Path, folder: Path, progress: Callable[[int], object]
) -> Export:
    """Copy every submission into the bundle at ``folder``, and its signed listing last.

    ``seal`` was made before: what is closed by then is all among the submissions looked up here.

    Whatever stood there of an earlier bundle is replaced; without its listing a half copied bundle
    is none. A submission whose file cannot be read whole is left out and named: it must not keep
    the others from leaving; but its epoch is then not called closed, since this is not all of it.
    ``progress`` is told of every block's length in bytes.

    Raises:
        StoreUnavailable: the database does not answer, or the count of bundles is damaged.
        BundleBroken: the folder holds something else.
        OSError: the stick is full or cannot be written.
    """
    _refuse_foreign_folder(folder)
    _last_sequence(state)  # where it is damaged, that is said before hours of copying
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LISTING).unlink(missing_ok=True)
    bundled: list[BundledSubmission] = []
    unreadable: list[StoredSubmission] = []
    with _submissions_folder(folder) as files:
        for submission in store.submissions():
            try:
                with store.open_blob(submission.id) as source:
                    bundled.append(_copy(submission, source, files, progress))
            except StoreUnavailable:
                unreadable.append(submission)
        os.fsync(files)
    left_out = {submission.epoch for submission in unreadable}
    bundle = Bundle(
        sequence=_next_sequence(state),
        closed_epochs=tuple(e for e in seal.closed_epochs if e not in left_out),
        submissions=tuple(bundled),
    )
    for name, data in ((ROOT, seal.root), (MANIFEST, seal.manifest)):
        if data:
            write_file(folder / name, data, mode=0o644)
        else:
            (folder / name).unlink(missing_ok=True)
    write_file(folder / LISTING, serialise_bundle(bundle, seal.signer))
    return Export(bundle, tuple(submission.id.hex() for submission in unreadable))


def _refuse_foreign_folder(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise BundleBroken(f"{folder} is no folder; name one on the stick.")
    # What an export that was killed left there is ours.
    for name in (ROOT, MANIFEST, LISTING):
        remove_drafts(folder / name)
    if folder.exists() and not (folder / LISTING).exists():
        foreign = [path.name for path in folder.iterdir() if path.name not in _OURS]
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
    """Copy one sealed file into the open folder ``files``, under a new name until it is whole.

    Raises:
        StoreUnavailable: it cannot be read, or is not as long as it was when it was committed.
        OSError: the stick is full or cannot be written.
    """
    name = f"{submission.id.hex()}.age"
    draft = f"{secrets.token_hex(8)}.partial"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    digest = hashlib.sha256()
    descriptor = os.open(draft, flags, 0o600, dir_fd=files)
    try:
        with os.fdopen(descriptor, "wb") as copy:
            for block in _blocks(source, submission.size):
                digest.update(block)
                copy.write(block)
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
        size=submission.size,
        sha256=digest.hexdigest(),
    )


def _blocks(source: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield a sealed file, which has to have ``size`` bytes.

    Raises:
        StoreUnavailable: it cannot be read (which is not the stick's failure), or is shorter or
            longer.
    """
    left = size
    while left >= 0 and (block := _read(source)):
        left -= len(block)
        yield block
    if left:
        raise StoreUnavailable("A sealed file is cut short or overgrown; see the server's disk.")


def _read(source: BinaryIO) -> bytes:
    try:
        return source.read(_BLOCK)
    except OSError as error:
        raise StoreUnavailable("A sealed file cannot be read; see the server's disk.") from error


def _next_sequence(state: Path) -> int:
    path = state / _SEQUENCE
    remove_drafts(path)
    sequence = 1 + _last_sequence(state)
    write_file(path, strict_json.dumps({"sequence": sequence}))
    return sequence


def _last_sequence(state: Path) -> int:
    """Return the number of the last bundle, 0 before the first.

    Raises:
        StoreUnavailable: nobody knows it. To begin anew would give one number to two bundles, so
            a person has to say so.
    """
    path = state / _SEQUENCE
    try:
        fields = Fields(strict_json.loads(path.read_bytes()), "count of bundles")
        last = fields.positive("sequence")
        fields.end()
    except FileNotFoundError:
        return 0
    except DocumentMalformed as error:
        raise _miscounted(path) from error
    if last >= _MOST_BUNDLES:
        raise _miscounted(path)
    return last


def _miscounted(path: Path) -> StoreUnavailable:
    return StoreUnavailable(
        f'{path} is damaged. It only counts the bundles: write {{"sequence": N}} into it, with the '
        "number of the last bundle as N, or remove it to begin again with 1, which no vault minds; "
        "then export again."
    )
