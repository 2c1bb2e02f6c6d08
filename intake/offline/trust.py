"""Which deployment a vault belongs to, and the manifest it goes by.

The vault keeps two files of the server's beside its own: ``root.pub``, which is pinned once and
never replaced, and ``manifest.json``, the longest chain since that root that a stick has brought.
The rules:

1. The root is pinned when the vault is made, or by the first bundle that brings one with a chain
   that verifies: a person compares its fingerprint by voice. A bundle of another root is refused.
2. A chain that verifies and goes on from ours takes its place. A shorter one, or one that does not
   verify, changes nothing. One that the admins signed and that forks from ours is refused.
3. Whether a manifest has expired is not asked: the clock of an offline machine drifts.
4. Where our manifest names the server's key, a bundle that this very key has not signed is refused
   whole. Where it names none, or there is none, accounts are taken and the listing is believed in
   nothing else.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from intake.courier.bundle import MANIFEST, ROOT, SignedBundle, open_regular
from intake.durable import write_file
from intake.errors import BundleBroken, DocumentMalformed, ManifestRefused, VaultUnusable
from intake.manifest.acceptance import check_admins, verify_history
from intake.manifest.calendar import period_named
from intake.manifest.chain import MAX_FILE_SIZE, parse_chain
from intake.manifest.fingerprint import root_fingerprint
from intake.manifest.model import Manifest, Role, Root
from intake.manifest.payload import parse_root

#: Hundreds of admins; what is larger is no root.
MAX_ROOT_SIZE = 1024 * 1024


@dataclass(frozen=True)
class Belief:
    """What a vault believes: the bytes of its two files, and what they say.

    ``digests`` and ``history`` are the versions of the manifest since the root, oldest first.
    """

    root_file: bytes | None = None
    manifest_file: bytes | None = None
    digests: tuple[str, ...] = ()
    history: tuple[Manifest, ...] = ()

    @property
    def manifest(self) -> Manifest | None:
        """The newest version."""
        return self.history[-1] if self.history else None

    @property
    def fingerprint(self) -> str | None:
        """The root's fingerprint, in words."""
        return None if self.root_file is None else root_fingerprint(self.root_file)

    def recipients(self, epoch_id: str, version: int, role: Role) -> frozenset[str] | None:
        """Return whom a server sealed to in an epoch under a version; ``None`` if we cannot say."""
        if not 1 <= version <= len(self.history):
            return None
        manifest = self.history[version - 1]
        for epoch in manifest.epochs:
            if epoch.id == epoch_id:
                return frozenset(r.recipient for r in manifest.recipients_in(epoch, role))
        return None

    def recipients_ever(self, epoch_id: str, role: Role) -> frozenset[str]:
        """Return whom any version named in an epoch, also those revoked later."""
        versions = range(1, len(self.history) + 1)
        named = (self.recipients(epoch_id, version, role) for version in versions)
        return frozenset().union(*(recipients or frozenset() for recipients in named))

    def end_of(self, epoch_id: str) -> dt.date | None:
        """Return the day after an epoch's last, by the calendar and by any version that names it.

        The latest, where they differ; ``None`` if none of them knows the epoch.
        """
        ends = [e.ends for manifest in self.history for e in manifest.epochs if e.id == epoch_id]
        with contextlib.suppress(ManifestRefused):
            ends.append(period_named(epoch_id).ends)
        return max(ends, default=None)


@dataclass(frozen=True)
class Judgement:
    """What comes of a bundle before any account of it is looked at.

    ``signed`` says whether it is the server's: only then is its listing believed. ``warnings`` are
    sentences for the reviewer.
    """

    belief: Belief
    signed: bool
    warnings: tuple[str, ...]


def read_root(data: bytes) -> Root:
    """Read a root that is to be pinned.

    Raises:
        DocumentMalformed: it is none.
        ManifestRefused: its admins break rule 4 of acceptance.
    """
    root = parse_root(data)
    check_admins(root.admins, root.threshold)
    return root


def load(folder: Path) -> Belief:
    """Return what the vault in ``folder`` believes.

    Raises:
        VaultUnusable: its files are damaged.
    """
    try:
        root_file = _read(folder / ROOT, MAX_ROOT_SIZE)
        manifest_file = _read(folder / MANIFEST, MAX_FILE_SIZE)
        if root_file is None:
            return Belief()
        root = read_root(root_file)
        if manifest_file is None:
            return Belief(root_file)
        return _believe(root_file, root, manifest_file)
    except (OSError, DocumentMalformed, ManifestRefused) as error:
        raise VaultUnusable(
            f"The vault's {ROOT} or {MANIFEST} is damaged; restore copies of both, or remove both: "
            "the next import pins the root anew, and its fingerprint must be compared again."
        ) from error


def save(folder: Path, belief: Belief) -> None:
    """Write what has changed of it. Only within the vault's lock."""
    for name, data in ((ROOT, belief.root_file), (MANIFEST, belief.manifest_file)):
        if data is not None and _read(folder / name, MAX_FILE_SIZE) != data:
            write_file(folder / name, data)


def judge(known: Belief, stick: Path, bundle: SignedBundle) -> Judgement:
    """Apply the rules to a bundle; nothing is written.

    Raises:
        BundleBroken: it is of another deployment, forks from our manifest, or is not signed by the
            server's key.
    """
    try:
        belief, doubts = _weigh(known, stick), []
    except (OSError, DocumentMalformed, ManifestRefused) as error:
        reason = str(error) if not isinstance(error, OSError) else "It cannot be read."
        belief, doubts = known, [f"The manifest on this stick is not believed. {reason}"]
    manifest = belief.manifest
    if manifest is None or manifest.server is None:
        return Judgement(belief, signed=False, warnings=(*doubts, _unsigned(manifest)))
    if not bundle.signed_by(manifest.server):
        raise BundleBroken(
            "This bundle is not signed by the server's key that the manifest names (version "
            f"{manifest.version}), so nothing of it was taken; export again, and find out who "
            "changed it."
        )
    return Judgement(belief, signed=True, warnings=tuple(doubts))


def _weigh(known: Belief, stick: Path) -> Belief:
    """Return what is believed after seeing a stick's manifest: by rules 1 and 2."""
    manifest_file = _read(stick / MANIFEST, MAX_FILE_SIZE)
    brought = _read(stick / ROOT, MAX_ROOT_SIZE)
    if brought is not None and known.root_file is not None:
        _refuse_other_root(known.root_file, brought)
    root_file = known.root_file or brought
    if manifest_file is None or root_file is None or manifest_file == known.manifest_file:
        return known
    found = _believe(root_file, read_root(root_file), manifest_file)
    _refuse_fork(known.digests, found.digests)
    return found if len(found.digests) > len(known.digests) else known


def _believe(root_file: bytes, root: Root, manifest_file: bytes) -> Belief:
    chain = parse_chain(manifest_file)
    history = verify_history(root, chain)
    return Belief(root_file, manifest_file, tuple(e.digest() for e in chain), history)


def _refuse_other_root(ours: bytes, theirs: bytes) -> None:
    if parse_root(ours) != parse_root(theirs):
        raise BundleBroken(
            "This bundle is of another deployment than this vault (its root is another), so "
            "nothing of it was taken; make a vault of its own for it."
        )


def _refuse_fork(ours: Sequence[str], theirs: Sequence[str]) -> None:
    if any(mine != its for mine, its in zip(ours, theirs, strict=False)):
        raise BundleBroken(
            "The manifest on this stick contradicts the one that the vault knows: the admins "
            "signed two. Nothing was taken; let them find out why."
        )


def _unsigned(manifest: Manifest | None) -> str:
    reason = (
        "there is no manifest to check it by"
        if manifest is None
        else "the manifest names no key of the server's"
    )
    return (
        f"Nothing shows that this bundle is the server's, because {reason}: accounts may have been "
        "left out of it, and no epoch is taken for closed."
    )


def _read(path: Path, most: int) -> bytes | None:
    """Return a file's bytes, ``None`` where it is missing.

    Raises:
        DocumentMalformed: it is larger than it can be.
        OSError: it cannot be read, or is no plain file.
    """
    try:
        descriptor = open_regular(path)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise DocumentMalformed("It is far larger than any.")
    return data
