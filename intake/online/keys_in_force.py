"""Which keys are in force now, as the server believes.

``root.pub`` is read once: the server pins it when it starts. The manifest file is looked at on
every request and read again only when it changed, so that a new one is in force in every worker
without a restart; one that is refused is verified once as well. The newest version, the latest day
and the closed epochs are remembered in the state folder: an older file is refused, and so is a
clock that was set back. What is committed is committed while its epoch is open.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from intake.age.sealing.hybrid import HybridRecipient
from intake.errors import DocumentMalformed, EpochClosed, ManifestRefused
from intake.manifest.acceptance import check_clock, epoch_in_force
from intake.manifest.model import Epoch, Manifest, Role, Root
from intake.manifest.outlook import WARNING_DAYS, closed_epochs, covered_until
from intake.manifest.payload import parse_root
from intake.online.epoch_locks import EpochLocks
from intake.online.high_water import LOCK, HighWater, Record
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
    """Reads, checks and remembers the manifest of one deployment.

    Whatever is asked raises ``ManifestRefused`` while there is no root file, or one that is none.
    """

    def __init__(self, *, root: Path, manifest: Path, state: Path) -> None:
        """Read the files when they are first needed: a missing root must be told like the rest."""
        self._root_path = root
        self._manifest_path = manifest
        self._state = state
        self._epoch_locks = EpochLocks(state / LOCK)
        self._lock = threading.Lock()
        self._believed: VerifiedFile | None = None
        self._answer: _Answer | None = None
        self._remembered: _Answer | None = None

    def pin(self) -> KeysInForce:
        """Read the root now, and return ourselves.

        Raises:
            ManifestRefused: there is none.
        """
        _ = self._file, self._high_water
        return self

    @functools.cached_property
    def root_bytes(self) -> bytes:
        """The root file, as it stood when it was pinned."""
        try:
            return self._root_path.read_bytes()
        except OSError as error:
            raise ManifestRefused(
                f"Cannot read the pinned root {self._root_path}; put the admins' root.pub there."
            ) from error

    @functools.cached_property
    def _root(self) -> Root:
        try:
            return parse_root(self.root_bytes)
        except DocumentMalformed as error:
            raise ManifestRefused(
                f"{self._root_path} is no root file; put the admins' root.pub there."
            ) from error

    @functools.cached_property
    def _file(self) -> ManifestFile:
        return ManifestFile(self._root, self._manifest_path)

    @functools.cached_property
    def _high_water(self) -> HighWater:
        return HighWater(self._state, self._root)

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
            raise _closed(epoch.id, today)
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
        file.check_past(self.record().seen)
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

    @contextlib.contextmanager
    def still_open(self, epoch: Epoch, today: dt.date) -> Iterator[None]:
        """Commit within this, and only this: meanwhile nobody calls ``epoch`` closed.

        Raises:
            EpochClosed: somebody has, and what is committed now might open for nobody.
            ManifestRefused: it cannot be known.
        """
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(self._epoch_locks.held(epoch.id))
            except OSError as error:
                raise _unwritable() from error
            if epoch.id in self.record().closed:
                raise _closed(epoch.id, today)
            yield

    def close(self, today: dt.date, upload_hours: int) -> tuple[str, ...]:
        """Return the epochs that are closed on ``today``, once it is certain that they stay so.

        None are, while nobody has confirmed a clock that went far ahead at once. An epoch to which
        something is being committed at this very moment is noted, so that nothing follows, and is
        returned the next time.

        Raises:
            ManifestRefused, ClockSetBack: it cannot be known.
        """
        history, record = self.history(), self.record()
        seen = record.seen
        check_clock(today, seen)
        if record.jumped(today):
            return ()  # what a wrong clock calls closed stays closed
        closed = closed_epochs(history, today, upload_hours, seen=seen.day)
        try:
            self._high_water.close(closed)
            return tuple(e for e in closed if self._epoch_locks.nobody_holds(e))
        except OSError as error:
            raise _unwritable() from error

    def file(self) -> bytes:
        """Return the manifest file as it stands, believed or not.

        Raises:
            ManifestRefused: there is none.
        """
        return self._file.read()

    def confirm_day(self, today: dt.date) -> None:
        """Take ``today`` for the latest day that was seen."""
        self._high_water.confirm_day(today)

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


def _closed(epoch: str, today: dt.date) -> EpochClosed:
    return EpochClosed(
        f"The epoch {epoch} was called closed to the reviewers, who may have destroyed its keys. "
        f"Set the clock right (it shows {today}). If it is right now, an admin can end the epoch "
        "early: 'intake-keys end EPOCH', 'intake-keys rotate --epoch-length day', new recipients, "
        "'intake-keys sign', and 'intake keys install FILE'."
    )


def _unreadable() -> ManifestRefused:
    return ManifestRefused("The server's state folder cannot be read; see store.state.")


def _unwritable() -> ManifestRefused:
    return ManifestRefused("The server cannot write to its state folder; see store.state.")


def _parsed(manifest: Manifest, today: dt.date, role: Role) -> tuple[HybridRecipient, ...]:
    return tuple(
        HybridRecipient.parse(entry.recipient) for entry in manifest.recipients_on(today, role)
    )
