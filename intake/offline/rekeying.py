"""Renewing the vault's own identity: every header is replaced, no payload is touched.

The rule: at every moment all of it opens with the keys that stand in the key file. So the new
identity is written beside the old one first, the old one is taken out last, and whatever is killed
in between is finished by running it again.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from intake.age.header import parse_header
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.identity import unwrap_file_key
from intake.age.opening.rewrap import replace_header
from intake.durable import sync_folder
from intake.errors import AgeError, NotForUs
from intake.offline.key_ring import KeyRing
from intake.offline.vault import Vault
from intake.secret import Secret

_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class RekeyReport:
    """How many files were wrapped to the new identity, and how many never were to the vault's.

    The latter are sealed to a quorum, or damaged since long before.
    """

    rewrapped: int
    left: int


def total_size(vault: Vault) -> int:
    """Return how many bytes a rekey goes through."""
    return sum(path.stat().st_size for path in _sealed_files(vault))


def rekey(
    vault: Vault, progress: Callable[[int], object], passphrase: Secret | None = None
) -> RekeyReport:
    """Renew the vault's own identity, and its passphrase if there is a new one.

    ``progress`` is told of every block's length in bytes.

    Raises:
        OSError: the disk is full or cannot be written; run it again to finish.
    """
    with vault.exclusive():
        vault.remove_partial()
        vault.replace_keys(_renewed(vault.keys), passphrase)
        keys = vault.keys
        done = [_rewrap(path, keys, progress) for path in _sealed_files(vault)]
        # The names must be durable before the identity that the old files open with is gone.
        for folder in _folders(vault):
            sync_folder(folder)
        vault.save_catalogue(vault.catalogue())
        vault.write_recipient()
        vault.replace_keys(dataclasses.replace(keys, older=()))
    return RekeyReport(done.count(True), done.count(False))


def _renewed(keys: KeyRing) -> KeyRing:
    """Return a ring with a new identity, or the same where one is being brought in already."""
    if keys.older:
        return keys
    return dataclasses.replace(keys, vault=HybridIdentity.generate(), older=(keys.vault,))


def _folders(vault: Vault) -> list[Path]:
    return [f for f in (vault.submissions_folder, vault.replies_folder) if f.exists()]


def _sealed_files(vault: Vault) -> list[Path]:
    return sorted(path for folder in _folders(vault) for path in folder.glob("*.age"))


def _rewrap(path: Path, keys: KeyRing, progress: Callable[[int], object]) -> bool:
    """Wrap one file to the new identity, and return whether it opens with it."""
    with path.open("rb") as source:
        try:
            header = _new_header(source, keys)
        except AgeError:
            progress(path.stat().st_size)
            return False
        if header is None:
            progress(path.stat().st_size)
            return True
        progress(source.tell())
        _write(path, header, source, progress)
    return True


def _new_header(source: BinaryIO, keys: KeyRing) -> bytes | None:
    """Return a header for the new identity; ``None`` where the file opens with it already."""
    try:
        unwrap_file_key(parse_header(source), [keys.vault])
    except NotForUs:
        source.seek(0)
        return replace_header(source, keys.older, [keys.vault.recipient()])
    return None


def _write(path: Path, header: bytes, source: BinaryIO, progress: Callable[[int], object]) -> None:
    """Put ``header`` and what is left of ``source`` in the place of ``path``."""
    partial = path.with_suffix(".partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as copy:
            copy.write(header)
            while block := source.read(_BLOCK):
                copy.write(block)
                progress(len(block))
            copy.flush()
            os.fsync(copy.fileno())
        partial.rename(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
