"""A store without a server around it, and what arrives in it."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace
from pathlib import Path

from intake.online.store.blobs import FileBlobs
from intake.online.store.submissions import Arrival, Outcome, SealedDraft, Store
from intake.receipt.mailbox import MailboxAddresses
from intake.secret import Secret

DAY = dt.date(2026, 11, 23)


def arrival(code: str, words: str, *, sealed_to: tuple[str, int] = ("2026-11", 1)) -> Arrival:
    """Return an arrival of ``words`` under ``code``, five bytes long."""
    epoch, version = sealed_to
    # As the sealing makes it: over what was sent, what it is sealed to, and whose it is.
    sameness = hashlib.sha256(f"{code} {words} {epoch} {version}".encode()).digest()
    return Arrival(
        address=lambda n: f"{code}{n}".encode().ljust(32),
        sameness=sameness,
        epoch=epoch,
        manifest_version=version,
        day=DAY,
        size=5,
    )


def draft(store: Store, data: bytes = b"hello") -> SealedDraft:
    """Begin a sealed submission in ``store``."""
    begun = store.draft()
    begun.write(data)
    return begun


def commit(
    store: Store,
    code: str,
    words: str,
    data: bytes = b"hello",
    *,
    sealed_to: tuple[str, int] = ("2026-11", 1),
    day: dt.date = DAY,
) -> Outcome:
    """Commit ``words`` under ``code``, sealed as ``data``."""
    arriving = replace(arrival(code, words, sealed_to=sealed_to), size=len(data), day=day)
    return store.commit(draft(store, data), arriving)


def blobs(store: Store) -> list[Path]:
    """Return every file in the folder of blobs."""
    assert isinstance(store._blobs, FileBlobs)
    return sorted(store._blobs._folder.iterdir())


def mailbox_of(code: str) -> MailboxAddresses:
    """Return the mailbox of a code."""
    return MailboxAddresses.of(Secret(code.encode().ljust(32)))
