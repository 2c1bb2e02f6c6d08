"""The vault: a folder of sealed submissions, and the keys that open them behind a passphrase.

vault.json          the format and the vault's recipient; nothing secret
identities.age      the keys, sealed to the passphrase (an age scrypt file)
catalogue.age       what is in it, sealed to the vault
submissions/ID.age  each submission: our header, the payload as it was received
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from intake import strict_json
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_age, open_bytes
from intake.age.opening.passphrase import PassphraseIdentity
from intake.age.sealing.passphrase import PassphraseRecipient
from intake.age.sealing.seal import seal_bytes
from intake.durable import write_file
from intake.errors import (
    AgeError,
    DocumentMalformed,
    EnvelopeBroken,
    NotInVault,
    VaultUnusable,
    WrongPassphrase,
)
from intake.offline import catalogue
from intake.offline.catalogue import Entry, Status
from intake.offline.key_ring import KeyRing
from intake.offline.unpacking import Envelope
from intake.secret import Secret

VAULT_FORMAT = "intake-vault-1"

#: scrypt's work factor for the key file: 2**18, about a second and 256 MiB (age's own default).
WORK_FACTOR = 18

_ID = re.compile(r"[0-9a-f]{32}")


class Vault:
    """An unlocked vault."""

    def __init__(self, folder: Path, name: str, keys: KeyRing, passphrase: Secret) -> None:
        """Hold the keys; use :meth:`create` or :meth:`unlock`."""
        self._folder = folder
        self._passphrase = passphrase
        #: Who reviews with it: the name its recipients carry in the manifest.
        self.name = name
        self.keys = keys

    @classmethod
    def create(
        cls, folder: Path, name: str, passphrase: Secret, *, work_factor: int = WORK_FACTOR
    ) -> Vault:
        """Make a vault in ``folder``, which must be empty or not there.

        Raises:
            VaultUnusable: the folder is in use.
        """
        if folder.exists() and any(folder.iterdir()):
            raise VaultUnusable(f"{folder} is not empty; name a folder that is not there yet.")
        vault = cls(folder, name, KeyRing(HybridIdentity.generate()), passphrase)
        vault.submissions_folder.mkdir(mode=0o700, parents=True)
        folder.chmod(0o700)
        vault._save_keys(work_factor)
        document = {
            "format": VAULT_FORMAT,
            "name": name,
            "recipient": str(vault.keys.vault.recipient()),
            "work_factor": work_factor,
        }
        write_file(folder / "vault.json", strict_json.dumps(document))
        return vault

    @classmethod
    def unlock(cls, folder: Path, passphrase: Secret) -> Vault:
        """Open the vault in ``folder``.

        Raises:
            VaultUnusable: it is not a vault, or damaged.
            WrongPassphrase: the passphrase is another.
        """
        name, _ = _read_description(folder)
        return cls(folder, name, _open_keys(folder, passphrase), passphrase)

    @property
    def submissions_folder(self) -> Path:
        """Where the sealed submissions lie."""
        return self._folder / "submissions"

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other processes from changing the vault meanwhile."""
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def add_epochs(self, identities: Mapping[str, HybridIdentity]) -> None:
        """Keep the identities of further epochs. Only within :meth:`exclusive`.

        Raises:
            VaultUnusable: the vault has an identity for one of them already.
        """
        # Another process may have added some since we unlocked: theirs must not be written over.
        self.keys = _open_keys(self._folder, self._passphrase)
        known = sorted(set(identities) & set(self.keys.epochs))
        if known:
            raise VaultUnusable(f"The vault has a key for the epoch {known[0]} already.")
        _, work_factor = _read_description(self._folder)
        self.keys = self.keys.with_epochs(identities)
        self._save_keys(work_factor)

    def _save_keys(self, work_factor: int) -> None:
        recipient = PassphraseRecipient(self._passphrase, work_factor)
        sealed = seal_bytes(self.keys.to_text().encode("utf-8"), [recipient])
        write_file(self._folder / "identities.age", sealed)

    def path(self, submission_id: str) -> Path:
        """Return where a submission's sealed file lies."""
        return self.submissions_folder / f"{submission_id}.age"

    def ids(self) -> tuple[str, ...]:
        """Return the ids of every submission in the vault, sorted."""
        names = (path.name.removesuffix(".age") for path in self.submissions_folder.iterdir())
        return tuple(sorted(name for name in names if _ID.fullmatch(name)))

    def find(self, prefix: str) -> str:
        """Return the id that begins with ``prefix``.

        Raises:
            NotInVault: there is none, or more than one.
        """
        found = [i for i in self.ids() if i.startswith(prefix.lower())]
        if not found or not prefix:
            raise NotInVault(f"The vault holds no submission {prefix}; 'list' shows what it holds.")
        if len(found) > 1:
            raise NotInVault(f"Several submissions begin with {prefix}; give more of the id.")
        return found[0]

    @contextlib.contextmanager
    def envelope(self, submission_id: str) -> Iterator[Envelope]:
        """Open a submission.

        Raises:
            AgeError: it was changed since it was sealed, or is not sealed to this vault.
            EnvelopeBroken: what is inside breaks the format.
        """
        with self.path(submission_id).open("rb") as sealed:
            yield Envelope(open_age(sealed, [self.keys.vault]))

    def entries(self) -> dict[str, Entry]:
        """Return the catalogue by id, with whatever it had missed read from the submissions."""
        known = catalogue.load(self._catalogue, self.keys.vault)
        here = self.ids()
        return {i: known.get(i) or self.describe(i) for i in here}

    def save_entries(self, entries: Mapping[str, Entry]) -> None:
        """Write the catalogue."""
        catalogue.save(self._catalogue, self.keys.vault, entries.values())

    def mark_read(self, submission_id: str) -> None:
        """Note that somebody has read a submission."""
        with self.exclusive():
            entries = self.entries()
            entry = entries[submission_id]
            if entry.status is Status.UNREAD:
                entries[submission_id] = dataclasses.replace(entry, status=Status.READ)
                self.save_entries(entries)

    def describe(self, submission_id: str) -> Entry:
        """Return what a submission says of itself."""
        try:
            with self.envelope(submission_id) as envelope:
                record = envelope.record
                return Entry(
                    id=submission_id,
                    epoch=record.epoch,
                    day=None,
                    status=Status.UNREAD,
                    attachments=len(record.attachments),
                    language=record.language,
                    received_sha256=None,
                )
        except (AgeError, EnvelopeBroken):
            return Entry(submission_id, "", None, Status.DAMAGED, 0, "", None)

    @property
    def _catalogue(self) -> Path:
        return self._folder / "catalogue.age"


def _open_keys(folder: Path, passphrase: Secret) -> KeyRing:
    """Return the keys as they stand in the vault's key file.

    Raises:
        VaultUnusable: it is missing or damaged.
        WrongPassphrase: the passphrase is another.
    """
    try:
        sealed = (folder / "identities.age").read_bytes()
        text = open_bytes(sealed, [PassphraseIdentity(passphrase)])
        return KeyRing.from_text(text.decode("utf-8"))
    except WrongPassphrase:
        raise WrongPassphrase("This is not the vault's passphrase; try again.") from None
    except (OSError, AgeError, UnicodeDecodeError) as error:
        raise VaultUnusable("The vault's key file is damaged; restore a copy of it.") from error


def _read_description(folder: Path) -> tuple[str, int]:
    """Return the name and the work factor in ``vault.json``."""
    try:
        fields = strict_json.Fields(
            strict_json.loads((folder / "vault.json").read_bytes()), "vault's description"
        )
        if fields.take("format", str) != VAULT_FORMAT:
            raise VaultUnusable(f"{folder} is a vault of another version; update the program.")
        return fields.take("name", str), fields.positive("work_factor")
    except (OSError, DocumentMalformed) as error:
        raise VaultUnusable(
            f"{folder} is not a vault; make one with 'intake-review init', or name another."
        ) from error
