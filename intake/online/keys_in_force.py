"""Which keys are in force now, as the server believes.

``root.pub`` is pinned when the server starts. The manifest file is looked at on every request and
read again only when it changed, so that a new one is in force in every worker without a restart;
one that is refused is verified once as well. The newest version, the latest day and the closed
epochs are remembered in the state folder: an older file is refused, and so is a clock that was
set back.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from intake.age.sealing.hybrid import HybridRecipient
from intake.errors import DocumentMalformed, ManifestRefused, NoEpochInForce
from intake.manifest.acceptance import check_day, check_seen, epoch_in_force
from intake.manifest.model import Epoch, Manifest, Role
from intake.manifest.outlook import WARNING_DAYS, closed_epochs, covered_until
from intake.manifest.payload import parse_root
from intake.online.high_water import HighWater, Record
from intake.online.manifest_file import ManifestFile, Stamp, VerifiedFile

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
            "recipients, an admin run 'intake-keys rotate' and 'intake-keys sign', and run 'intake "
            "keys install FILE' with the result."
        )


@dataclass(frozen=True, eq=False)
class _Answer:
    """What was in force on a day, and the file and the record by which that was decided."""

    file: VerifiedFile
    record: Stamp | None
    today: dt.date
    in_force: InForce


class KeysInForce:
    """Reads, checks and remembers the manifest of one deployment."""

    def __init__(self, *, root: Path, manifest: Path, state: Path) -> None:
        """Pin ``root``.

        Raises:
            ManifestRefused: there is no root file, or it is none.
        """
        try:
            data = root.read_bytes()
            self._file = ManifestFile(parse_root(data), manifest)
        except OSError as error:
            raise ManifestRefused(f"Cannot read the pinned root {root}; put it there.") from error
        except DocumentMalformed as error:
            raise ManifestRefused(f"{root} is no root file; put the right one there.") from error
        self.root_bytes = data
        self._high_water = HighWater(state, hashlib.sha256(data).hexdigest())
        self._lock = threading.Lock()
        self._believed: VerifiedFile | None = None
        self._answer: _Answer | None = None
        self._remembered: _Answer | None = None

    def on(self, today: dt.date) -> InForce:
        """Return what is in force on ``today``, to seal to it, and remember the day.

        Raises:
            ManifestRefused: the manifest is missing or not believed.
            ClockSetBack: ``today`` is before a day on which keys were in force here.
            NoEpochInForce: nobody may be sealed to.
        """
        answer = self._file.undisturbed(lambda: self._answer_on(today))
        if answer is not self._remembered:
            self._see(today, answer.in_force)
            self._remembered = answer
        return answer.in_force

    def look(self, today: dt.date) -> InForce:
        """Return what is in force on ``today``, for whoever only wants to know.

        The day is not remembered: a command must not take the day's warning from the server's log,
        nor make a wrong clock count.

        Raises:
            ManifestRefused, ClockSetBack, NoEpochInForce: as :meth:`on`.
        """
        return self._file.undisturbed(lambda: self._answer_on(today)).in_force

    def _answer_on(self, today: dt.date) -> _Answer:
        file = self._newest(today)
        # Another process may have seen a later day since, or called an epoch closed.
        stamp = self._record_stamp()
        known = self._answer
        if known is not None and (known.file, known.record, known.today) == (file, stamp, today):
            return known
        answer = _Answer(file, stamp, today, self._decide(file, today))
        self._answer = answer
        return answer

    def _decide(self, file: VerifiedFile, today: dt.date) -> InForce:
        manifest, record = file.manifest, self.record()
        file.check(today, record.seen)
        epoch = epoch_in_force(manifest, today)
        if epoch.id in record.closed:
            raise NoEpochInForce(
                f"The epoch {epoch.id} was called closed to the reviewers, who may have destroyed "
                f"its keys. Set the clock right (it shows {today}); if it is right now, let an "
                "admin run 'intake-keys rotate', and run 'intake keys install FILE'."
            )
        return InForce(
            manifest=manifest,
            epoch=epoch,
            reviewers=_parsed(manifest, today, Role.REVIEWERS),
            custodians=_parsed(manifest, today, Role.CUSTODIANS),
            fingerprint=file.fingerprint,
            covered_until=covered_until(manifest, today),
        )

    def manifest(self, today: dt.date) -> Manifest:
        """Return the newest manifest that is believed.

        Raises:
            ManifestRefused, ClockSetBack: there is none.
        """
        return self._file.undisturbed(lambda: self._newest(today)).manifest

    def history(self) -> tuple[Manifest, ...]:
        """Return every version since the root, whether or not the newest has expired.

        Raises:
            ManifestRefused: the manifest is missing, or not believed.
        """
        file, history = self._file.history()
        check_seen(file.digests, self.record().seen)
        return history

    def install(self, data: bytes, today: dt.date) -> Manifest:
        """Check a manifest file, put it in the place of the one there is, and return the newest.

        Killed at any step, the old file is there or the new one, and either is believed.

        Raises:
            ManifestRefused, ClockSetBack: it is not believed; what stood there still stands.
            OSError: it cannot be written.
        """
        file = self._file.judge(data)
        with self._high_water.locked():
            self._file.remove_drafts()
            file.check(today, self._high_water.read().seen)
            # First the file and then the record: the other way round, a kill between the two
            # would leave a file that is refused as rolled back.
            self._file.write(data)
            self._high_water.raise_to(file.manifest.version, file.digests[-1])
        return file.manifest

    def record(self) -> Record:
        """Return what was accepted before.

        Raises:
            ManifestRefused: the record is damaged, or cannot be read.
        """
        try:
            return self._high_water.read()
        except OSError as error:
            raise _unreadable() from error

    def close(self, today: dt.date, upload_hours: int) -> tuple[str, ...]:
        """Return the epochs that are closed on ``today``, once it is certain that they stay so.

        Raises:
            ManifestRefused, ClockSetBack: it cannot be known.
        """
        history = self.history()
        seen = self.record().seen
        check_day(history[-1], today=min(today, history[-1].expires), seen=seen)
        closed = closed_epochs(history, today, upload_hours, seen=seen.day)
        try:
            self._high_water.close(closed)
        except OSError as error:
            raise _unwritable() from error
        return closed

    def file(self) -> bytes:
        """Return the manifest file as it stands, believed or not.

        Raises:
            ManifestRefused: there is none.
        """
        return self._file.read()

    def forget_day(self) -> None:
        """Forget the latest day that was seen."""
        self._high_water.forget_day()

    def sweep(self) -> None:
        """Remove what a killed installation left behind.

        Raises:
            ManifestRefused: the state folder cannot be used.
        """
        try:
            with self._high_water.locked():
                self._file.remove_drafts()
        except OSError as error:
            raise _unwritable() from error

    def _newest(self, today: dt.date) -> VerifiedFile:
        with self._lock:
            file = self._file.verified()
            if file is not self._believed:
                self._believed = None
                self._believe(file, today)
                self._believed = file
            return file

    def _believe(self, file: VerifiedFile, today: dt.date) -> None:
        """Remember the version, if it is believed."""
        try:
            with self._high_water.locked():
                file.check(today, self._high_water.read().seen)
                self._high_water.raise_to(file.manifest.version, file.digests[-1])
        except OSError as error:
            raise _unwritable() from error

    def _record_stamp(self) -> Stamp | None:
        try:
            return self._high_water.stamp()
        except OSError as error:
            raise _unreadable() from error

    def _see(self, today: dt.date, in_force: InForce) -> None:
        """Remember the day; say once a day, in the log of the whole deployment, what is near."""
        try:
            first = self._high_water.see_day(today)
        except OSError as error:
            raise _unwritable() from error
        warning = in_force.warning(today)
        if first and warning:
            _LOG.warning("%s", warning)


def _unreadable() -> ManifestRefused:
    return ManifestRefused("The server's state folder cannot be read; see store.state.")


def _unwritable() -> ManifestRefused:
    return ManifestRefused("The server cannot write to its state folder; see store.state.")


def _parsed(manifest: Manifest, today: dt.date, role: Role) -> tuple[HybridRecipient, ...]:
    return tuple(
        HybridRecipient.parse(entry.recipient) for entry in manifest.recipients_on(today, role)
    )
