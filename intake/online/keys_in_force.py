"""Which keys are in force now, as the server believes.

``root.pub`` is pinned when the server starts. The manifest file is looked at on every request and
read again only when it changed, so that a new one is in force in every worker without a restart.
The newest version and the latest day are remembered in the state folder: an older file is
refused, and so is a clock that was set back.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from intake.age.sealing.hybrid import HybridRecipient
from intake.durable import write_file
from intake.errors import DocumentMalformed, ManifestRefused
from intake.manifest import dsse
from intake.manifest.acceptance import accept_chain, check_day, epoch_in_force, verify_history
from intake.manifest.chain import parse_chain
from intake.manifest.fingerprint import manifest_fingerprint
from intake.manifest.model import Epoch, Manifest, Role
from intake.manifest.outlook import WARNING_DAYS, covered_until
from intake.manifest.payload import parse_root
from intake.online.high_water import HighWater, Record

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class InForce:
    """What an account taken now is sealed to.

    ``fingerprint`` is the manifest's, in words; ``covered_until`` the first day on which there
    will be nobody to seal to.
    """

    manifest: Manifest
    epoch: Epoch
    reviewers: tuple[HybridRecipient, ...]
    custodians: tuple[HybridRecipient, ...]
    fingerprint: str
    covered_until: dt.date

    def warning(self, today: dt.date) -> str | None:
        """Return what the admins should be told ``today``, if anything."""
        if (self.covered_until - today).days > WARNING_DAYS:
            return None
        return (
            f"From {self.covered_until} on nothing can be taken: let the reviewers bring new "
            "recipients, an admin run 'intake-keys rotate', and install the result."
        )


class KeysInForce:
    """Reads, checks and remembers the manifest of one deployment."""

    def __init__(self, *, root: Path, manifest: Path, state: Path) -> None:
        """Pin ``root``.

        Raises:
            ManifestRefused: there is no root file, or it is none.
        """
        try:
            data = root.read_bytes()
            self._root = parse_root(data)
        except OSError as error:
            raise ManifestRefused(f"Cannot read the pinned root {root}; put it there.") from error
        except DocumentMalformed as error:
            raise ManifestRefused(f"{root} is no root file; put the right one there.") from error
        self.root_bytes = data
        self._path = manifest
        self._high_water = HighWater(state, hashlib.sha256(data).hexdigest())
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._believed: tuple[Manifest, dsse.Envelope] | None = None
        self._cached: tuple[Manifest, dt.date, InForce] | None = None

    def on(self, today: dt.date) -> InForce:
        """Return what is in force on ``today``.

        Raises:
            ManifestRefused: the manifest is missing or not believed.
            ClockSetBack: ``today`` is before a day on which keys were in force here.
            NoEpochInForce: nobody may be sealed to.
        """
        manifest, newest = self._newest(today)
        cached = self._cached
        if cached is not None and cached[0] is manifest and cached[1] == today:
            return cached[2]
        check_day(manifest, today=today, seen=self.record().seen)
        epoch = epoch_in_force(manifest, today)
        in_force = InForce(
            manifest=manifest,
            epoch=epoch,
            reviewers=_parsed(manifest, today, Role.REVIEWERS),
            custodians=_parsed(manifest, today, Role.CUSTODIANS),
            fingerprint=manifest_fingerprint(newest.payload),
            covered_until=covered_until(manifest, today),
        )
        self._see(today, in_force)
        self._cached = (manifest, today, in_force)
        return in_force

    def manifest(self, today: dt.date) -> Manifest:
        """Return the newest manifest that is believed.

        Raises:
            ManifestRefused, ClockSetBack: there is none.
        """
        return self._newest(today)[0]

    def history(self) -> tuple[Manifest, ...]:
        """Return every version since the root, whether or not the newest has expired.

        Raises:
            ManifestRefused: the manifest is missing, or not believed.
        """
        try:
            return verify_history(self._root, parse_chain(self._read()))
        except DocumentMalformed as error:
            raise self._malformed(error) from error

    def install(self, data: bytes, today: dt.date) -> Manifest:
        """Check a manifest file, put it in the place of the one there is, and return the newest.

        Killed at any step, the old file is there or the new one, and either is believed.

        Raises:
            ManifestRefused, ClockSetBack: it is not believed; what stood there still stands.
            OSError: it cannot be written.
        """
        try:
            chain = parse_chain(data)
            with self._high_water.locked():
                seen = self._high_water.read().seen
                manifest = accept_chain(self._root, chain, today=today, seen=seen)
                # First the file and then the record: the other way round, a kill between the two
                # would leave a file that is refused as rolled back.
                write_file(self._path, data, mode=0o644)
                self._high_water.raise_to(chain[-1], manifest.version)
        except DocumentMalformed as error:
            raise ManifestRefused(f"This is no manifest file. {error}") from error
        return manifest

    def record(self) -> Record:
        """Return what was accepted before.

        Raises:
            ManifestRefused: the record is damaged, or cannot be read.
        """
        try:
            return self._high_water.read()
        except OSError as error:
            raise ManifestRefused(
                "The server's state folder cannot be read; see store.state."
            ) from error

    def forget_day(self) -> None:
        """Forget the latest day that was seen."""
        self._high_water.forget_day()

    def _newest(self, today: dt.date) -> tuple[Manifest, dsse.Envelope]:
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
            with self._lock:
                if self._believed is None or seen != self._seen:
                    self._believed = None
                    self._believed = self._accept(self._read(), today)
                    self._seen = seen
                return self._believed
        except OSError as error:
            raise self._missing() from error

    def _accept(self, data: bytes, today: dt.date) -> tuple[Manifest, dsse.Envelope]:
        try:
            chain = parse_chain(data)
            with self._high_water.locked():
                seen = self._high_water.read().seen
                manifest = accept_chain(self._root, chain, today=today, seen=seen)
                self._high_water.raise_to(chain[-1], manifest.version)
        except DocumentMalformed as error:
            raise self._malformed(error) from error
        return manifest, chain[-1]

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError as error:
            raise self._missing() from error

    def _missing(self) -> ManifestRefused:
        return ManifestRefused(
            f"Cannot read the manifest {self._path}; run 'intake keys install FILE'."
        )

    def _malformed(self, error: DocumentMalformed) -> ManifestRefused:
        return ManifestRefused(
            f"The manifest {self._path} is damaged: run 'intake keys install FILE' with a whole "
            f"one. {error}"
        )

    def _see(self, today: dt.date, in_force: InForce) -> None:
        """Remember the day; say once a day, in the log of the whole deployment, what is near."""
        try:
            first = self._high_water.see_day(today)
        except OSError as error:
            raise ManifestRefused(
                "The server cannot write to its state folder; see store.state."
            ) from error
        warning = in_force.warning(today)
        if first and warning:
            _LOG.warning("%s", warning)


def _parsed(manifest: Manifest, today: dt.date, role: Role) -> tuple[HybridRecipient, ...]:
    return tuple(
        HybridRecipient.parse(entry.recipient) for entry in manifest.recipients_on(today, role)
    )
