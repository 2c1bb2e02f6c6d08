"""``identities.age`` on disk: read again whenever it has changed, and replaced whole.

Whoever replaces it takes keys out of the world, or means to later; so the blocks of the file that
stood there are overwritten, as far as a program can. What that is worth on which disk is said to
the person who destroys a key (:mod:`intake.offline.destroying_cli`).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from intake.age.opening.open import open_bytes
from intake.age.opening.passphrase import PassphraseIdentity
from intake.age.sealing.passphrase import PassphraseRecipient
from intake.age.sealing.seal import seal_bytes
from intake.durable import write_file
from intake.errors import AgeError, IntakeError, VaultUnusable, WrongPassphrase
from intake.offline.key_ring import KeyRing
from intake.secret import Secret


class KeyFile:
    """The key file of one vault, and the passphrase it opens with."""

    def __init__(self, path: Path, passphrase: Secret) -> None:
        """Use the file at ``path``."""
        self._path = path
        self._passphrase = passphrase
        self._sealed = b""
        self._ring: KeyRing | None = None

    def ring(self) -> KeyRing:
        """Return the keys as they stand in the file now, whoever wrote it last.

        Raises:
            VaultUnusable: it is missing or damaged, or the passphrase was changed meanwhile.
            WrongPassphrase: the passphrase is another.
        """
        sealed = self._read()
        # Opening it takes a second of scrypt; every sealing of it has other bytes.
        while self._ring is None or sealed != self._sealed:
            try:
                text = open_bytes(sealed, [PassphraseIdentity(self._passphrase)])
                self._ring, self._sealed = KeyRing.from_text(text.decode("utf-8")), sealed
            except (AgeError, UnicodeDecodeError) as error:
                # Replaced while we read, what we had open was overwritten under our eyes.
                again = self._read()
                if again == sealed:
                    raise self._refusal(error) from error
                sealed = again
        return self._ring

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError as error:
            raise _damaged() from error

    def _refusal(self, error: Exception) -> IntakeError:
        if not isinstance(error, WrongPassphrase):
            return _damaged()
        if self._ring is not None:
            return VaultUnusable(
                "The vault's passphrase was changed since it was unlocked; run this again."
            )
        return WrongPassphrase("This is not the vault's passphrase; try again.")

    def replace(self, ring: KeyRing, work_factor: int, passphrase: Secret | None = None) -> None:
        """Put ``ring`` in the place of what stands there, from now on behind ``passphrase``.

        A reader sees the old keys or the new ones, whatever happens.

        Raises:
            OSError: it cannot be written; what stood there still stands.
        """
        self._remove_drafts()
        secret = passphrase or self._passphrase
        sealed = seal_bytes(
            ring.to_text().encode("utf-8"), [PassphraseRecipient(secret, work_factor)]
        )
        with contextlib.ExitStack() as stack:
            # Opened before the new file takes its name: afterwards nothing else leads to it.
            old = _open_to_overwrite(self._path)
            if old is not None:
                stack.callback(os.close, old)
            write_file(self._path, sealed)
            if old is not None:
                _overwrite(old)
        self._passphrase, self._sealed, self._ring = secret, sealed, ring

    def _remove_drafts(self) -> None:
        """Remove what a killed process was writing: keys stand in it."""
        for draft in self._path.parent.glob(f".{self._path.name}.*.draft"):
            descriptor = _open_to_overwrite(draft)
            if descriptor is not None:
                _overwrite(descriptor)
                os.close(descriptor)
            draft.unlink()


def _damaged() -> VaultUnusable:
    return VaultUnusable("The vault's key file is damaged; restore a copy of it.")


def _open_to_overwrite(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None


def _overwrite(descriptor: int) -> None:
    """Overwrite a file's blocks with random bytes, if the disk lets us: no promise is made."""
    with contextlib.suppress(OSError):
        os.pwrite(descriptor, os.urandom(os.fstat(descriptor).st_size), 0)
        os.fsync(descriptor)
