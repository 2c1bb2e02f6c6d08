"""A bundle: what is carried on a stick from the server to the reviewers.

    DIR/bundle.json                   a DSSE envelope around the listing
    DIR/submissions/<id>.age          each sealed file, named by its id in hex
    DIR/root.pub, DIR/manifest.json   what the server believes, as its own files stand

The listing names every file with its size and SHA-256, a sequence number, and the epochs that are
closed: nothing more will ever arrive for them, and what the server holds of them is all in this
bundle. It is signed with the server's key that the manifest names.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from intake import strict_json
from intake.errors import BundleBroken, DocumentMalformed
from intake.manifest import dsse
from intake.manifest.model import EPOCH_ID, Admin, SigningKey
from intake.manifest.signing import SigningIdentity
from intake.strict_json import Fields

BUNDLE_FORMAT = "intake-bundle-1"
BUNDLE_TYPE = "application/vnd.intake.bundle+json"
LISTING = "bundle.json"
ROOT = "root.pub"
MANIFEST = "manifest.json"
SUBMISSIONS = "submissions"

#: A listing of a million submissions; what is larger is not one.
MAX_LISTING_SIZE = 512 * 1024 * 1024

_ID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_EPOCH = re.compile(EPOCH_ID)


@dataclass(frozen=True)
class BundledSubmission:
    """One sealed file of a bundle. ``size`` is in bytes, ``sha256`` in hex, ``day`` is in UTC."""

    id: str
    epoch: str
    manifest_version: int
    day: dt.date
    size: int
    sha256: str

    def path(self, folder: Path) -> Path:
        """Return where the file lies in the bundle at ``folder``."""
        return folder / SUBMISSIONS / f"{self.id}.age"


@dataclass(frozen=True)
class Bundle:
    """What a bundle says of itself."""

    sequence: int
    closed_epochs: tuple[str, ...]
    submissions: tuple[BundledSubmission, ...]


@dataclass(frozen=True)
class SignedBundle:
    """A bundle as it was read, with the envelope whose signatures are still to be verified."""

    bundle: Bundle
    envelope: dsse.Envelope

    def signed_by(self, key: SigningKey) -> bool:
        """Return whether ``key`` signed it, with both halves."""
        return bool(dsse.signers(self.envelope, [Admin("server", key)]))


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
                }
                for s in bundle.submissions
            ],
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
        sequence=fields.positive("sequence"),
        closed_epochs=fields.each("closed_epochs", _read_epoch),
        submissions=fields.each("submissions", _read_submission),
    )
    fields.end()
    if len({s.id for s in bundle.submissions}) != len(bundle.submissions):
        raise DocumentMalformed("The bundle names one submission twice.")
    return SignedBundle(bundle, envelope)


def _read_submission(element: object) -> BundledSubmission:
    fields = Fields(element, "submission of the bundle")
    submission = BundledSubmission(
        id=_matching(fields.take("id", str), _ID),
        epoch=_matching(fields.take("epoch", str), _EPOCH),
        manifest_version=fields.positive("manifest_version"),
        day=fields.day("day"),
        size=fields.positive("size"),
        sha256=_matching(fields.take("sha256", str), _SHA256),
    )
    fields.end()
    return submission


def _matching(text: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(text):
        raise DocumentMalformed("The bundle holds an id, an epoch or a hash that is none.")
    return text


def _read_epoch(element: object) -> str:
    if not isinstance(element, str):
        raise DocumentMalformed("The bundle holds an epoch that is no text.")
    return _matching(element, _EPOCH)
