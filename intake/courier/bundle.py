"""A bundle: what is carried on a stick from the server to the reviewers.

    DIR/bundle.json                   a DSSE envelope around the listing
    DIR/submissions/<id>.age          each sealed file, named by its id in hex
    DIR/root.pub, DIR/manifest.json   what the server believes, as its own files stand

The listing names every file with its size and SHA-256, a sequence number, and the epochs that are
closed: nothing more will ever arrive for them, and what the server holds of them is all in this
bundle. It also says what has come the other way: the last return taken of each vault, and which
replies were ever filed, so that the vaults know what is still on the way. It is signed with the
server's key that the manifest names.
"""

from __future__ import annotations

import datetime as dt
import enum
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from intake import strict_json
from intake.courier.file_systems import unreadable
from intake.errors import BundleBroken, DocumentMalformed
from intake.manifest import dsse
from intake.manifest.model import EPOCH_ID, Signer, SigningKey
from intake.manifest.signing import SigningIdentity
from intake.strict_json import Fields

BUNDLE_FORMAT = "intake-bundle-2"
BUNDLE_TYPE = "application/vnd.intake.bundle+json"
LISTING = "bundle.json"
ROOT = "root.pub"
MANIFEST = "manifest.json"
SUBMISSIONS = "submissions"

#: The epoch of a submission whose row was lost: only its ``account.json`` tells.
UNKNOWN_EPOCH = "unknown"

#: The largest number of a bundle or a return: every database holds it in a column of numbers.
MOST = 2**31 - 1

#: A listing of a million submissions; what is larger is not one.
MAX_LISTING_SIZE = 512 * 1024 * 1024

T = TypeVar("T")

_ID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_EPOCH = re.compile(EPOCH_ID)


@dataclass(frozen=True)
class BundledSubmission:
    """One sealed file of a bundle. ``size`` is in bytes, hashes are in hex, ``day`` is in UTC.

    ``sha256`` is the whole file's; ``payload_sha256`` that of what follows the age header, which a
    vault keeps byte for byte.
    """

    id: str
    epoch: str
    manifest_version: int
    day: dt.date
    size: int
    sha256: str
    payload_sha256: str

    def path(self, folder: Path) -> Path:
        """Return where the file lies in the bundle at ``folder``."""
        return folder / SUBMISSIONS / f"{self.id}.age"


class ReplyState(enum.Enum):
    """Where a reply is that was filed once."""

    #: In a slot: the witness sees it.
    FILED = "filed"
    #: All eight slots are taken: it waits until the witness deletes one.
    WAITING = "waiting"
    #: Filed once and here no more: deleted by the witness, or its time was over. After a
    #: restoration also what was here before: no backup holds replies.
    GONE = "gone"


@dataclass(frozen=True)
class Bundle:
    """What a bundle says of itself.

    ``restored`` is the day on which the server was last restored from a backup, if ever: bundles
    are ordered by it, then by ``sequence`` (:attr:`order`). ``taken`` is the sequence of the last
    return taken of each vault, by the keyid (hex) of its Ed25519 key; ``replies`` are those that
    were ever filed, by their ids.
    """

    sequence: int
    closed_epochs: tuple[str, ...]
    submissions: tuple[BundledSubmission, ...]
    restored: dt.date | None = None
    taken: Mapping[str, int] = field(default_factory=dict)
    replies: Mapping[str, ReplyState] = field(default_factory=dict)

    @property
    def order(self) -> tuple[dt.date, int]:
        """What grows from each bundle of a server to its next."""
        return self.restored or dt.date.min, self.sequence


@dataclass(frozen=True)
class SignedBundle:
    """A bundle as it was read, with the envelope whose signatures are still to be verified."""

    bundle: Bundle
    envelope: dsse.Envelope

    def signed_by(self, key: SigningKey) -> bool:
        """Return whether ``key`` signed it, with both halves."""
        return bool(dsse.signers(self.envelope, [Signer("server", key)]))


def serialise_bundle(bundle: Bundle, signer: SigningIdentity | None) -> bytes:
    """Write ``bundle.json``, signed by ``signer``, if there is one."""
    payload = strict_json.dumps(
        {
            "format": BUNDLE_FORMAT,
            "sequence": bundle.sequence,
            "closed_epochs": list(bundle.closed_epochs),
            "submissions": [
                {
                    "id": s.id,
                    "epoch": s.epoch,
                    "manifest_version": s.manifest_version,
                    "day": s.day.isoformat(),
                    "size": s.size,
                    "sha256": s.sha256,
                    "payload_sha256": s.payload_sha256,
                }
                for s in bundle.submissions
            ],
            "restored": None if bundle.restored is None else bundle.restored.isoformat(),
            "taken": [{"vault": v, "sequence": n} for v, n in bundle.taken.items()],
            "replies": [{"id": i, "state": state.value} for i, state in bundle.replies.items()],
        }
    )
    envelope = dsse.Envelope(BUNDLE_TYPE, payload, signatures=())
    return dsse.envelope_bytes(envelope if signer is None else signer.sign(envelope))


def read_bundle(folder: Path) -> SignedBundle:
    """Read the listing of the bundle at ``folder``. Nothing in it is believed yet.

    Raises:
        BundleBroken: there is none, or it breaks its format's rules.
    """
    path = folder / LISTING
    try:
        descriptor = open_regular(path)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(MAX_LISTING_SIZE + 1)
    except PermissionError as error:
        raise unreadable(path) from error
    except OSError as error:
        raise BundleBroken(
            f"{folder} holds no bundle ({LISTING} is missing); export to it first."
        ) from error
    if len(data) > MAX_LISTING_SIZE:
        raise BundleBroken(f"{path} is far larger than any listing; export again.")
    try:
        return parse_bundle(data)
    except DocumentMalformed as error:
        raise BundleBroken(f"{path} is damaged; export again. {error}") from error


def open_regular(path: Path, *, folder: int | None = None) -> int:
    """Open a plain file of a stick for reading, and return its descriptor.

    Whoever wrote the stick must not make us read another file of this machine (a link), nor wait
    for ever (a named pipe), nor read without an end (a device).

    Args:
        path: the file.
        folder: the descriptor of the folder that ``path`` is relative to, if it is.

    Raises:
        OSError: it is missing, cannot be read, or is no plain file.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no plain file")
    return descriptor


def parse_bundle(data: bytes) -> SignedBundle:
    """Read the bytes of ``bundle.json``. Nothing in it is believed yet.

    Raises:
        DocumentMalformed: they break the format's rules.
    """
    envelope = dsse.read_envelope(strict_json.loads(data))
    if envelope.payload_type != BUNDLE_TYPE:
        raise DocumentMalformed("The listing holds something else than a bundle.")
    fields = Fields(strict_json.loads(envelope.payload), "bundle")
    if fields.take("format", str) != BUNDLE_FORMAT:
        raise DocumentMalformed(f"The bundle is not in the format {BUNDLE_FORMAT}.")
    bundle = Bundle(
        sequence=number(fields, "sequence"),
        closed_epochs=fields.each("closed_epochs", _read_epoch),
        submissions=fields.each("submissions", _read_submission),
        restored=_read_day(fields.optional("restored", str)),
        taken=_mapping(fields.each("taken", _read_taken)),
        replies=_mapping(fields.each("replies", _read_reply)),
    )
    fields.end()
    if len({s.id for s in bundle.submissions}) != len(bundle.submissions):
        raise DocumentMalformed("The bundle names one submission twice.")
    return SignedBundle(bundle, envelope)


def number(fields: Fields, name: str) -> int:
    """Return the number of a bundle or a return.

    Raises:
        DocumentMalformed: nobody counts that far.
    """
    value = fields.positive(name)
    if value > MOST:
        raise DocumentMalformed(f"The field {name!r} holds a number that nobody counts to.")
    return value


def _mapping(pairs: Sequence[tuple[str, T]]) -> dict[str, T]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise DocumentMalformed("The bundle names one vault or one reply twice.")
    return dict(pairs)


def _read_submission(element: object) -> BundledSubmission:
    fields = Fields(element, "submission of the bundle")
    submission = BundledSubmission(
        id=_matching(fields.take("id", str), _ID),
        epoch=_matching(fields.take("epoch", str), _EPOCH),
        manifest_version=fields.positive("manifest_version"),
        day=fields.day("day"),
        size=fields.positive("size"),
        sha256=_matching(fields.take("sha256", str), _SHA256),
        payload_sha256=_matching(fields.take("payload_sha256", str), _SHA256),
    )
    fields.end()
    return submission


def _read_day(text: str | None) -> dt.date | None:
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except ValueError as error:
        raise DocumentMalformed("The bundle holds a day that is none.") from error


def _read_taken(element: object) -> tuple[str, int]:
    fields = Fields(element, "return taken")
    taken = _matching(fields.take("vault", str), _SHA256), number(fields, "sequence")
    fields.end()
    return taken


def _read_reply(element: object) -> tuple[str, ReplyState]:
    fields = Fields(element, "reply of the bundle")
    reply_id, state = _matching(fields.take("id", str), _ID), fields.take("state", str)
    fields.end()
    if state not in {s.value for s in ReplyState}:
        raise DocumentMalformed("A reply of the bundle is in a state that we do not know.")
    return reply_id, ReplyState(state)


def _matching(text: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(text):
        raise DocumentMalformed("The bundle holds an id, an epoch or a hash that is none.")
    return text


def _read_epoch(element: object) -> str:
    if not isinstance(element, str):
        raise DocumentMalformed("The bundle holds an epoch that is no text.")
    return _matching(element, _EPOCH)
