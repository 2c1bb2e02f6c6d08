"""Histories of manifests, signed in memory by admins who exist only here."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from collections.abc import Sequence
from typing import Any

from intake.age.opening.hybrid import HybridIdentity
from intake.manifest import dsse
from intake.manifest.acceptance import Seen
from intake.manifest.calendar import EpochLength
from intake.manifest.model import (
    Admin,
    Epoch,
    Manifest,
    ReceiptParameters,
    Recipient,
    Role,
    Root,
)
from intake.manifest.payload import serialise_manifest
from intake.manifest.signing import SigningIdentity

TODAY = dt.date(2026, 11, 23)
ORGANISATION = "Test"


@functools.cache
def admin(name: str) -> SigningIdentity:
    """Return the admin of that name, the same in a whole run."""
    return SigningIdentity.generate(name)


@functools.cache
def reviewer(number: int = 0) -> HybridIdentity:
    """Return a reviewer's identity, the same in a whole run."""
    del number
    return HybridIdentity.generate()


def public(*names: str) -> tuple[Admin, ...]:
    """Return the public halves of admins."""
    return tuple(admin(name).admin() for name in names)


def recipient(number: int = 0, role: Role = Role.REVIEWERS) -> Recipient:
    """Return a recipient of an epoch."""
    return Recipient(f"{role.value} {number}", role, str(reviewer(number).recipient()))


def epoch(**changes: Any) -> Epoch:
    """Return the epoch that ``TODAY`` is in, changed."""
    november = Epoch("2026-11", dt.date(2026, 11, 1), dt.date(2026, 12, 1), (recipient(),))
    return dataclasses.replace(november, **changes)


def manifest(**changes: Any) -> Manifest:
    """Return a first manifest, changed."""
    first = Manifest(
        organisation=ORGANISATION,
        version=1,
        issued=TODAY,
        expires=TODAY + dt.timedelta(days=400),
        previous=None,
        threshold=1,
        admins=public("a"),
        epoch_length=EpochLength.MONTH,
        epochs=(epoch(),),
        revocations=(),
        server=None,
        vaults=(),
        acks_required=1,
        receipt=ReceiptParameters(bytes(32), 4096, 1, 1),
    )
    return dataclasses.replace(first, **changes)


def root(*names: str, threshold: int = 1) -> Root:
    """Return a root with these admins."""
    return Root(ORGANISATION, threshold, public(*(names or ("a",))))


def sign(payload: bytes, *names: str, kind: str = dsse.MANIFEST_TYPE) -> dsse.Envelope:
    """Sign any bytes at all."""
    envelope = dsse.Envelope(kind, payload, ())
    for name in names:
        envelope = admin(name).sign(envelope)
    return envelope


class History:
    """A chain that grows by one signed version at a time."""

    def __init__(self, chain: Sequence[dsse.Envelope] = ()) -> None:
        self.chain: tuple[dsse.Envelope, ...] = tuple(chain)

    def then(self, *names: str, **changes: Any) -> History:
        """Return the history with a next version: right, but for ``changes``, signed by these."""
        right: dict[str, Any] = {
            "version": len(self.chain) + 1,
            "previous": self.chain[-1].digest() if self.chain else None,
        }
        payload = serialise_manifest(manifest(**{**right, **changes}))
        return self.add(sign(payload, *(names or ("a",))))

    def seen(self, version: int, day: dt.date = dt.date.min) -> Seen:
        """Return what a reader remembers who has accepted that version of this history."""
        known = 0 < version <= len(self.chain)
        return Seen(version, self.chain[version - 1].digest() if known else None, day)

    def add(self, envelope: dsse.Envelope) -> History:
        """Return the history with any envelope at its end."""
        return History((*self.chain, envelope))
