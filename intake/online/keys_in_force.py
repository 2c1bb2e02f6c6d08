"""Which keys are in force now, as the server believes.

``root.pub`` is pinned when the server starts. The manifest file is looked at on every request and
read again only when it changed, so that a new one is in force in every worker without a restart.
The highest version accepted is remembered in the state folder: an older file is refused.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from intake.age.sealing.hybrid import HybridRecipient
from intake.errors import ManifestRefused
from intake.manifest.acceptance import accept_chain, check_current, epoch_in_force
from intake.manifest.chain import parse_chain
from intake.manifest.model import Epoch, Manifest, Role
from intake.manifest.payload import parse_root

_HIGH_WATER = "high-water.json"


@dataclass(frozen=True)
class InForce:
    """What an account taken now is sealed to."""

    manifest: Manifest
    epoch: Epoch
    reviewers: tuple[HybridRecipient, ...]
    custodians: tuple[HybridRecipient, ...]


class KeysInForce:
    """Reads, checks and remembers the manifest of one deployment."""

    def __init__(self, *, root: Path, manifest: Path, state: Path) -> None:
        """Pin ``root``.

        Raises:
            ManifestRefused: there is no root file.
            DocumentMalformed: it is not one.
        """
        try:
            self._root = parse_root(root.read_bytes())
        except OSError as error:
            raise ManifestRefused(f"Cannot read the pinned root {root}; put it there.") from error
        self._path = manifest
        self._high_water = state / _HIGH_WATER
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._manifest: Manifest | None = None
        self._cached: tuple[Manifest, dt.date, InForce] | None = None

    def on(self, today: dt.date) -> InForce:
        """Return what is in force on ``today``.

        Raises:
            ManifestRefused, DocumentMalformed: the manifest is missing or not believed.
            NoEpochInForce: nobody may be sealed to.
        """
        manifest = self.manifest(today)
        cached = self._cached
        if cached is not None and cached[0] is manifest and cached[1] == today:
            return cached[2]
        check_current(manifest, today=today, highest_seen=manifest.version)
        epoch = epoch_in_force(manifest, today)
        in_force = InForce(
            manifest=manifest,
            epoch=epoch,
            reviewers=_parsed(manifest, today, Role.REVIEWERS),
            custodians=_parsed(manifest, today, Role.CUSTODIANS),
        )
        self._cached = (manifest, today, in_force)
        return in_force

    def manifest(self, today: dt.date) -> Manifest:
        """Return the newest manifest that is believed.

        Raises:
            ManifestRefused, DocumentMalformed: there is none.
        """
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
            with self._lock:
                if self._manifest is None or seen != self._seen:
                    self._manifest = None
                    self._manifest = self._accept(self._path.read_bytes(), today)
                    self._seen = seen
                return self._manifest
        except OSError as error:
            raise ManifestRefused(
                f"Cannot read the manifest {self._path}; run 'intake keys install FILE'."
            ) from error

    def _accept(self, data: bytes, today: dt.date) -> Manifest:
        descriptor = os.open(self._high_water, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            highest = _read_high_water(file.read())
            manifest = accept_chain(
                self._root, parse_chain(data), today=today, highest_seen=highest
            )
            if manifest.version > highest:
                file.seek(0)
                file.write(json.dumps({"version": manifest.version}).encode().ljust(64))
                file.flush()
                os.fsync(file.fileno())
        return manifest


def _parsed(manifest: Manifest, today: dt.date, role: Role) -> tuple[HybridRecipient, ...]:
    return tuple(
        HybridRecipient.parse(entry.recipient) for entry in manifest.recipients_on(today, role)
    )


def _read_high_water(data: bytes) -> int:
    if not data:
        return 0
    try:
        version = json.loads(data)["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestRefused(
            "The record of the highest manifest version is damaged; restore it from a backup."
        ) from error
    return int(version)
