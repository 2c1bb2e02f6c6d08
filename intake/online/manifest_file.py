"""The manifest file on the server's disk: read and verified when it changes, replaced whole.

What is verified here is what no day and no past can change: the signatures and the rules that
hold for each version by itself. Whether it is believed is :mod:`intake.online.keys_in_force`'s.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from intake.durable import remove_drafts, write_file
from intake.errors import DocumentMalformed, ManifestRefused
from intake.manifest.acceptance import Seen, check_day, check_seen, verify_history
from intake.manifest.chain import parse_chain
from intake.manifest.fingerprint import manifest_fingerprint
from intake.manifest.model import Manifest, Root

#: Something that changes whenever a file does.
Stamp = tuple[int, ...]

_Found = TypeVar("_Found")

_COMMAND = "'intake keys install FILE'"
_INSTALL = f"Run {_COMMAND} with the admins' newest manifest.json."


@contextlib.contextmanager
def _saying_what_mends_it() -> Iterator[None]:
    """Add this machine's command to a refusal: the rules are the admins' machine's as well."""
    try:
        yield
    except ManifestRefused as error:
        if _COMMAND in str(error):
            raise
        raise ManifestRefused(f"{error} {_INSTALL}") from error


@dataclass(frozen=True, eq=False)
class VerifiedFile:
    """A manifest file whose signatures are right. Whether it is believed, its readers decide.

    ``digests`` are the hashes of the payloads of every version, oldest first; ``manifest`` is the
    newest, ``fingerprint`` its words. The versions before may be megabytes: no worker keeps them.
    """

    digests: tuple[str, ...]
    manifest: Manifest
    fingerprint: str

    def check(self, today: dt.date, seen: Seen) -> None:
        """Apply what the day and the past decide.

        Raises:
            ManifestRefused, ClockSetBack: it is not believed ``today``.
        """
        self.check_past(seen)
        with _saying_what_mends_it():
            check_day(self.manifest, today=today, seen=seen)

    def check_past(self, seen: Seen) -> None:
        """Apply what the past decides.

        Raises:
            ManifestRefused: another or a newer one was accepted before.
        """
        with _saying_what_mends_it():
            check_seen(self.digests, seen)


class ManifestFile:
    """The file of one deployment, with the root that its chain must follow from."""

    def __init__(self, root: Root, path: Path) -> None:
        """Read and write ``path``."""
        self._root = root
        self._path = path
        self._before: tuple[Stamp, VerifiedFile | str] | None = None

    def verified(self) -> VerifiedFile:
        """Return the file as it stands; it is verified when it changed, and not at every visit.

        Raises:
            ManifestRefused: it is missing or damaged, or its signatures are not right. Said again
                without a further look, as long as it stays the same.
        """
        stamp = self.stamp()
        if self._before is None or self._before[0] != stamp:
            self._before = (stamp, self._verify(self.read()))
        found = self._before[1]
        if isinstance(found, str):
            raise ManifestRefused(found)
        return found

    def history(self) -> tuple[VerifiedFile, tuple[Manifest, ...]]:
        """Return the file with every version in it, oldest first.

        Raises:
            ManifestRefused: as :meth:`verified`.
        """
        try:
            return self._parse(self.read())
        except DocumentMalformed as error:
            raise self._damaged(error) from error

    def judge(self, data: bytes) -> VerifiedFile:
        """Return what a file that somebody brings holds.

        Raises:
            ManifestRefused: it is none, or its signatures are not right.
        """
        try:
            return self._parse(data)[0]
        except DocumentMalformed as error:
            raise ManifestRefused(f"This is no manifest file. {error}") from error

    def read(self) -> bytes:
        """Return the file's bytes.

        Raises:
            ManifestRefused: there is none.
        """
        try:
            return self._path.read_bytes()
        except OSError as error:
            raise self._missing() from error

    def write(self, data: bytes) -> None:
        """Replace the file, whole.

        Raises:
            OSError: it cannot be written; what stood there still stands.
        """
        write_file(self._path, data, mode=0o644)

    def remove_drafts(self) -> None:
        """Remove what a killed writer left, while nobody writes."""
        remove_drafts(self._path)

    def stamp(self) -> Stamp:
        """Return something that changes whenever the file does.

        Raises:
            ManifestRefused: there is none.
        """
        try:
            status = self._path.stat()
        except OSError as error:
            raise self._missing() from error
        return status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size

    def undisturbed(self, ask: Callable[[], _Found]) -> _Found:
        """Ask again where a new file was installed meanwhile, which the old one is behind."""
        while True:
            stamp = self.stamp()
            try:
                return ask()
            except ManifestRefused:
                if self.stamp() == stamp:
                    raise

    def _verify(self, data: bytes) -> VerifiedFile | str:
        """Return what the file holds, or the sentence that says why no day will make it good."""
        try:
            return self._parse(data)[0]
        except DocumentMalformed as error:
            return str(self._damaged(error))
        except ManifestRefused as error:
            return str(error)

    def _parse(self, data: bytes) -> tuple[VerifiedFile, tuple[Manifest, ...]]:
        chain = parse_chain(data)
        with _saying_what_mends_it():
            history = verify_history(self._root, chain)
        digests = tuple(envelope.digest() for envelope in chain)
        return VerifiedFile(digests, history[-1], manifest_fingerprint(chain[-1].payload)), history

    def _damaged(self, error: DocumentMalformed) -> ManifestRefused:
        return ManifestRefused(
            f"The manifest {self._path} is damaged: run 'intake keys install FILE' with a whole "
            f"one. {error}"
        )

    def _missing(self) -> ManifestRefused:
        return ManifestRefused(
            f"Cannot read the manifest {self._path}; run 'intake keys install FILE'."
        )
