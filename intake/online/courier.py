"""The courier's way out: everything the server holds, copied into a bundle and read back.

Nothing of an earlier bundle is touched before the new one is whole: new files come beside the old
ones, then the new listing takes the old one's place, and only then what it does not name goes. A
stick that is pulled out or full leaves the bundle that stood there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from intake.courier.bundle import (
    LISTING,
    MANIFEST,
    ROOT,
    UNKNOWN_EPOCH,
    Bundle,
    BundledSubmission,
    ReplyState,
    SignedBundle,
    read_bundle,
    serialise_bundle,
)
from intake.courier.digest import SealedHashes
from intake.errors import BundleBroken, NothingInForce
from intake.manifest.signing import SigningIdentity
from intake.online.bundle_count import last_sequence, locked_count, next_sequence, restored_day
from intake.online.copying import Copying
from intake.online.deployment import Deployment
from intake.online.signing_key import load_signing_key
from intake.online.stick import Progress, Stick
from intake.online.store.submissions import Store, StoredSubmission

_MIB = 1024 * 1024
#: Bytes of a bundle beside the sealed files: listing, manifest and folders, with room to spare.
_MARGIN = 4 * _MIB
_LISTED = 1024


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


@dataclass(frozen=True)
class _Held:
    """What the server held when a bundle took its number.

    ``all_known`` says whether the epoch is known of every sealed file that is here.
    """

    sequence: int
    restored: dt.date | None
    taken: Mapping[bytes, int]
    replies: Mapping[bytes, ReplyState]
    submissions: tuple[StoredSubmission, ...]
    all_known: bool

    @classmethod
    def now(cls, store: Store, state: Path) -> _Held:
        # One at a time: whoever has the higher number has looked later.
        with locked_count(state):
            # Before the replies: each that a return brought is there before the return is noted.
            taken = store.leaving.taken()
            found = store.replies.states(), tuple(store.submissions())
            sequence = next_sequence(state, store.leaving.last_bundle())
            known = _all_known(store, found[1])
            return cls(sequence, restored_day(state), taken, *found, known)

    def only(self, ids: Collection[bytes]) -> _Held:
        """Return the same without the submissions that are here no more."""
        left = tuple(s for s in self.submissions if s.id in ids)
        return dataclasses.replace(self, submissions=left)


def _all_known(store: Store, held: tuple[StoredSubmission, ...]) -> bool:
    lost = any(s.epoch == UNKNOWN_EPOCH and s.acknowledged is None for s in held)
    return not lost and not store.strays()


def export_bundle(
    store: Store, seal: Seal, state: Path, folder: Path, progress: Progress
) -> Export:
    """Copy every submission into the bundle at ``folder``, and its signed listing last.

    ``seal`` was made before: what is closed by then is all among the submissions looked up here.

    A submission whose file cannot be read whole is left out and named: it must not keep the others
    from leaving; but its epoch is then not called closed, since this is not all of it. No epoch is,
    while something is here of which nobody knows the epoch. When this returns, all of the bundle
    was read back from the stick and is durable there. ``progress`` is told of every byte twice:
    when it is copied, and when it is read back.

    Raises:
        StoreUnavailable: the database does not answer, or the count of bundles is damaged.
        BundleBroken: the folder holds something else, or a bundle that we know nothing of; or the
            stick has no room, cannot be written, or does not hold what was written.
    """
    last_sequence(state)  # where it is damaged, that is said before the stick is touched
    with contextlib.ExitStack() as opened:
        with _plainly(folder):
            stick = opened.enter_context(Stick.opened(folder))
        _refuse_unknown(folder, seal, store, state)
        held = _Held.now(store, state)
        with _plainly(folder):
            _make_room(stick, held)
            copied = Copying(store, stick, progress).all_of(held.submissions)
            held = held.only(copied.hashes.keys() | copied.unreadable)
            bundle = _bundle(held, seal, copied.hashes)
            _finish(stick, seal, bundle)
            stick.remove(stick.others({s.id.hex() for s in held.submissions}))
    hashes = {bytes.fromhex(s.id): bytes.fromhex(s.sha256) for s in bundle.submissions}
    store.leaving.note_bundle(bundle.sequence, hashes)
    return Export(bundle, tuple(sorted(i.hex() for i in copied.unreadable)))


def _refuse_unknown(folder: Path, seal: Seal, store: Store, state: Path) -> None:
    """Refuse to take the place of a bundle that was made before this server was restored.

    It may hold the last copy of what the backup does not know, and what a new bundle does not
    name is removed, before it or after.

    Raises:
        BundleBroken: there is one.
    """
    try:
        there = read_bundle(folder)
    except BundleBroken:
        return  # none, or none that anybody can import
    if _is_of_now(there, seal, store, state):
        return
    raise BundleBroken(
        f"The bundle at {folder} was made before this server was restored from a backup, or by "
        "another server, and may hold accounts that are not here: let the reviewers import it and "
        "then empty the folder, or export to another one."
    )


def _is_of_now(there: SignedBundle, seal: Seal, store: Store, state: Path) -> bool:
    """Return whether this server made a bundle since it was last restored."""
    return (
        there.signed_by(seal.signer.public().key)
        and there.bundle.restored == restored_day(state)
        and there.bundle.sequence <= last_sequence(state, store.leaving.last_bundle())
    )


@contextlib.contextmanager
def _plainly(folder: Path) -> Iterator[None]:
    """Say plainly that a stick is full, read-only or gone."""
    try:
        yield
    except OSError as error:
        raise BundleBroken(
            f"{folder} cannot be written ({error.strerror or error}). A whole bundle that stood "
            "there before still counts. See that the stick is there and not locked, or take "
            "another one, and export again."
        ) from error


def _make_room(stick: Stick, held: _Held) -> None:
    """See that the stick has room for all of it, before anything is written.

    Where there is room only without what no bundle needs any more, that goes first, and the old
    listing before it.
    """
    needed = _MARGIN + _LISTED * len(held.submissions)
    for submission in held.submissions:
        there = stick.size(submission.id.hex())
        if submission.sha256 is None or there != submission.size:
            needed += stick.taken_by(submission.size) - stick.taken_by(there or 0)
    free = stick.free_bytes()
    if needed <= free:
        return
    stale = stick.others({s.id.hex() for s in held.submissions})
    freed = sum(stick.taken_by(size) for size in stale.values())
    if needed > free + freed:
        raise BundleBroken(
            f"The bundle needs {-(-needed // _MIB)} MiB more and {stick.folder} has room for "
            f"{(free + freed) // _MIB} MiB: take a larger stick, or make room on this one. What "
            "stood there still stands."
        )
    stick.remove_listing()
    stick.remove(stale)


def _bundle(held: _Held, seal: Seal, copied: Mapping[bytes, SealedHashes]) -> Bundle:
    left_out = {s.epoch for s in held.submissions if s.id not in copied}
    closed = seal.closed_epochs if held.all_known else ()
    return Bundle(
        sequence=held.sequence,
        closed_epochs=tuple(e for e in closed if e not in left_out),
        submissions=tuple(
            BundledSubmission(
                id=s.id.hex(),
                epoch=s.epoch,
                manifest_version=s.manifest_version,
                day=s.day,
                size=s.size,
                sha256=copied[s.id].sha256,
                payload_sha256=copied[s.id].payload_sha256,
            )
            for s in held.submissions
            if s.id in copied
        ),
        restored=held.restored,
        taken={vault.hex(): sequence for vault, sequence in held.taken.items()},
        replies={reply.hex(): state for reply, state in held.replies.items()},
    )


def _finish(stick: Stick, seal: Seal, bundle: Bundle) -> None:
    """Write what the server believes, and the listing after all else; and read them back."""
    small = {
        ROOT: seal.root,
        MANIFEST: seal.manifest,
        LISTING: serialise_bundle(bundle, seal.signer),
    }
    for name, data in small.items():
        if data:
            stick.write_small(name, data)
        else:
            (stick.folder / name).unlink(missing_ok=True)
    if not all(stick.holds(name, data) for name, data in small.items() if data):
        raise stick.unfaithful()
