"""The vault: a folder of sealed submissions, and the keys that open them behind a passphrase.

vault.json                   the format and the vault's recipient; nothing secret
identities.age               the keys, sealed to the passphrase (an age scrypt file)
root.pub, manifest.json      the deployment it belongs to (:mod:`intake.offline.trust`)
catalogue.age                what is in it, sealed to the vault
submissions/ID.age           each submission: our header, the payload as it was received
submissions/ID.identity.age  what identifies its witness, likewise, in a custodian's vault
replies/ID.age               each reply and how far it is, sealed to the vault (once there is one)
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
from intake.age.opening.open import open_age
from intake.age.sealing.passphrase import DEFAULT_WORK_FACTOR
from intake.courier.bundle import ROOT
from intake.durable import write_file
from intake.errors import (
    AgeError,
    DocumentMalformed,
    EnvelopeBroken,
    NotForUs,
    NotInVault,
    VaultUnusable,
)
from intake.manifest.model import Role
from intake.manifest.signing import SEED_SIZE, SigningIdentity
from intake.offline import catalogue
from intake.offline.catalogue import Catalogue, Entry, Status
from intake.offline.key_file import KeyFile
from intake.offline.key_ring import KeyRing
from intake.offline.new_folder import partial_folder, usable
from intake.offline.sealed_files import opens, sha256_of
from intake.offline.unpacking import Envelope
from intake.secret import Secret

VAULT_FORMAT = "intake-vault-1"

_DESCRIPTION = "vault.json"
_KEYS = "identities.age"
_SUBMISSIONS = "submissions"
_REPLIES = "replies"

_ID = re.compile(r"[0-9a-f]{32}")


class Vault:
    """An unlocked vault."""

    def __init__(self, folder: Path, name: str, key_file: KeyFile) -> None:
        """Hold the keys; use :meth:`create` or :meth:`unlock`."""
        self.folder = folder
        self._key_file = key_file
        #: Who reviews with it: the name its recipients carry in the manifest.
        self.name = name
        #: Identities that this process alone holds, for as long as it runs.
        self.lent: dict[tuple[Role, str], HybridIdentity] = {}

    @classmethod
    def create(
        cls,
        folder: Path,
        name: str,
        passphrase: Secret,
        *,
        work_factor: int = DEFAULT_WORK_FACTOR,
        root: bytes | None = None,
    ) -> Vault:
        """Make a vault in ``folder``, which must be empty or not there. It is there whole or not.

        ``root`` is the ``root.pub`` of the deployment that it belongs to, if that is known.

        Raises:
            VaultUnusable: the folder is in use.
            FolderRefused: it cannot be used.
        """
        if folder.exists() and any(folder.iterdir()):
            raise VaultUnusable(f"{folder} is not empty; name a folder that is not there yet.")
        if folder.is_mount():
            raise VaultUnusable(f"{folder} is a disk of its own; name a new folder on it.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        ring = KeyRing(HybridIdentity.generate(), signing=_new_seeds())
        description = {
            "format": VAULT_FORMAT,
            "name": name,
            "recipient": str(ring.vault.recipient()),
            "work_factor": work_factor,
        }
        with partial_folder(usable(folder)) as partial:
            (partial / _SUBMISSIONS).mkdir(mode=0o700)
            KeyFile(partial / _KEYS, passphrase).replace(ring, work_factor)
            if root is not None:
                write_file(partial / ROOT, root)
            write_file(partial / _DESCRIPTION, strict_json.dumps(description))
        return cls(folder, name, KeyFile(folder / _KEYS, passphrase))

    @classmethod
    def unlock(cls, folder: Path, passphrase: Secret) -> Vault:
        """Open the vault in ``folder``.

        Raises:
            VaultUnusable: it is not a vault, or damaged.
            WrongPassphrase: the passphrase is another.
        """
        name, _ = _read_description(folder)
        key_file = KeyFile(folder / _KEYS, passphrase)
        key_file.ring()
        return cls(folder, name, key_file)

    @property
    def keys(self) -> KeyRing:
        """The keys as they stand now: other processes may make, destroy or renew some."""
        return self._key_file.ring()

    @property
    def submissions_folder(self) -> Path:
        """Where the sealed submissions lie."""
        return self.folder / _SUBMISSIONS

    @property
    def replies_folder(self) -> Path:
        """Where the replies lie; it is made with the first."""
        return self.folder / _REPLIES

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other processes from changing the vault meanwhile."""
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    # --- keys --------------------------------------------------------------------------------

    def add_epochs(
        self, identities: Mapping[str, HybridIdentity], role: Role = Role.REVIEWERS
    ) -> None:
        """Keep the identities of further epochs. Only within :meth:`exclusive`.

        Raises:
            VaultUnusable: the vault has an identity for one of them already, or had one.
        """
        keys = self.keys
        for epoch in sorted(identities):
            if epoch in keys.of(role):
                raise VaultUnusable(
                    f"The vault has a key for the epoch {epoch} already; 'intake-review keys show "
                    f"--role {role.value} --out FILE' writes the file for the admins again."
                )
            if epoch in keys.destroyed:
                raise VaultUnusable(
                    f"The key of the epoch {epoch} was destroyed; it is not made a second time."
                )
        self.replace_keys(keys.with_epochs(identities, role))

    def lend(self, epoch: str, role: Role, identity: HybridIdentity) -> None:
        """Hold an identity in memory until this process ends; it is never written."""
        self.lent[role, epoch] = identity

    def lent_to(self, role: Role) -> tuple[HybridIdentity, ...]:
        """Return the identities that were lent for that role."""
        return tuple(identity for (lent, _), identity in self.lent.items() if lent is role)

    def closed_epochs(self) -> frozenset[str]:
        """Return the epochs that are closed and all of which is here."""
        return self._load_catalogue().closed

    def replace_keys(self, ring: KeyRing, passphrase: Secret | None = None) -> None:
        """Put ``ring`` in the place of the keys. Only within :meth:`exclusive`."""
        _, work_factor = _read_description(self.folder)
        self._key_file.replace(ring, work_factor, passphrase)

    def signing(self) -> SigningIdentity:
        """Return what the vault signs its returns with. Only within :meth:`exclusive`.

        A vault that was made before there was any gets it now, for good: the manifest names it.
        """
        seeds = self.keys.signing
        if seeds is None:
            seeds = _new_seeds()
            self.replace_keys(dataclasses.replace(self.keys, signing=seeds))
        return _signing_identity(self.name, seeds)

    def signer(self) -> SigningIdentity | None:
        """Return what the vault signs with, if it has needed it yet."""
        seeds = self.keys.signing
        return None if seeds is None else _signing_identity(self.name, seeds)

    def write_recipient(self) -> None:
        """Say in the vault's description to whom it seals now. Only within :meth:`exclusive`."""
        path = self.folder / _DESCRIPTION
        document = strict_json.loads(path.read_bytes())
        if isinstance(document, dict):
            recipient = str(self.keys.vault.recipient())
            write_file(path, strict_json.dumps({**document, "recipient": recipient}))

    # --- submissions -------------------------------------------------------------------------

    def path(self, submission_id: str) -> Path:
        """Return where a submission's sealed file lies."""
        return self.submissions_folder / f"{submission_id}.age"

    def identity_path(self, submission_id: str) -> Path:
        """Return where a custodian's vault keeps what identifies a submission's witness."""
        return self.submissions_folder / f"{submission_id}.identity.age"

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
            NotForUs: it is sealed to a quorum, or not to this vault.
            AgeError: it was changed since it was sealed.
            EnvelopeBroken: what is inside breaks the format.
        """
        with contextlib.ExitStack() as stack:
            try:
                opened = stack.enter_context(self._open(submission_id))
            except NotForUs as error:
                raise self._unopened(submission_id) from error
            yield opened

    def _unopened(self, submission_id: str) -> NotForUs:
        """Return why a submission does not open: only what is as it came is a quorum's."""
        entry = self._load_catalogue().entries.get(submission_id)
        if entry is None or entry.received_sha256 != sha256_of(self.path(submission_id)):
            return NotForUs(
                f"The submission {submission_id} does not open with the vault's key: its header "
                "is damaged, or made for another key. Import the stick that brought it again."
            )
        return NotForUs(
            f"The submission {submission_id} is sealed to a quorum and opens only while it "
            f"is together: run 'intake-review unlock --epoch {entry.epoch}'."
        )

    @contextlib.contextmanager
    def _open(self, submission_id: str) -> Iterator[Envelope]:
        identities = (*self.keys.own(), *self.lent_to(Role.REVIEWERS))
        with self.path(submission_id).open("rb") as sealed:
            yield Envelope(open_age(sealed, identities))

    def is_ours(self, submission_id: str) -> bool:
        """Return whether a submission opens with the vault's own key, whatever others are gone."""
        return opens(self.path(submission_id), self.keys.own())

    def remove_partial(self) -> None:
        """Remove what a killed process was writing. Only within :meth:`exclusive`.

        Drafts of the key file are overwritten as well, by whoever writes the next one.
        """
        drafts = [path for path in self.folder.glob(".*.draft") if _KEYS not in path.name]
        for folder in (self.submissions_folder, self.replies_folder):
            drafts += [*folder.glob(".*.draft"), *folder.glob("*.partial")]
        for path in drafts:
            path.unlink()

    # --- the catalogue -----------------------------------------------------------------------

    def catalogue(self) -> Catalogue:
        """Return the catalogue, with whatever it had missed read from the submissions.

        Entries whose files are missing are in it: they are what tells of it. Only of what never
        opened and came on no stick nothing is lost.
        """
        known = self._load_catalogue()
        was = {i: entry for i, entry in known.entries.items() if entry.epoch}
        found = {i: self._described(i, known.entries.get(i)) for i in self.ids()}
        return dataclasses.replace(known, entries={**was, **found})

    def shown(self, known: Catalogue) -> Catalogue:
        """Return a catalogue with what is missing from the vault called so."""
        here = set(self.ids())
        entries = {
            i: entry if i in here else dataclasses.replace(entry, status=Status.MISSING)
            for i, entry in known.entries.items()
        }
        return dataclasses.replace(known, entries=entries)

    def entries(self) -> dict[str, Entry]:
        """Return the entries of :meth:`catalogue` as they are shown, by id."""
        return self.shown(self.catalogue()).entries

    def save_catalogue(self, changed: Catalogue) -> None:
        """Write the catalogue. Only within :meth:`exclusive`."""
        catalogue.save(self._catalogue, self.keys.vault.recipient(), changed)

    def mark_read(self, submission_id: str) -> None:
        """Note that somebody has read a submission."""
        with self.exclusive():
            known = self.catalogue()
            entry = known.entries[submission_id]
            if entry.status is Status.UNREAD:
                known.entries[submission_id] = dataclasses.replace(entry, status=Status.READ)
                self.save_catalogue(known)

    def describe(self, submission_id: str) -> Entry:
        """Return what a submission says of itself."""
        try:
            with self._open(submission_id) as envelope:
                record = envelope.record
                return Entry(
                    id=submission_id,
                    epoch=record.epoch,
                    day=None,
                    status=Status.UNREAD,
                    attachments=len(record.attachments),
                    language=record.language,
                    received_sha256=None,
                    kind=record.kind,
                    mailbox=record.mailbox,
                )
        except NotForUs:
            return Entry(submission_id, "", None, Status.LOCKED, 0, "", None)
        except (AgeError, EnvelopeBroken):
            return Entry(submission_id, "", None, Status.DAMAGED, 0, "", None)

    def _described(self, submission_id: str, known: Entry | None) -> Entry:
        if known is None:
            return self.describe(submission_id)
        if known.status is Status.LOCKED and self.lent:
            found = self.describe(submission_id)
            return dataclasses.replace(
                known,
                epoch=found.epoch or known.epoch,
                status=found.status,
                attachments=found.attachments,
                language=found.language,
                kind=found.kind,
                mailbox=found.mailbox,
            )
        if known.mailbox is None and known.status in {Status.UNREAD, Status.READ}:
            # Listed by a program that did not know of mailboxes.
            found = self.describe(submission_id)
            return dataclasses.replace(known, kind=found.kind, mailbox=found.mailbox)
        return known

    def _load_catalogue(self) -> Catalogue:
        own = self.keys.own()
        try:
            return catalogue.load(self._catalogue, own)
        except VaultUnusable:
            # A rekey may have come between the keys and the catalogue.
            if self.keys.own() == own:
                raise
            return self._load_catalogue()

    @property
    def _catalogue(self) -> Path:
        return self.folder / "catalogue.age"


def _new_seeds() -> Secret:
    return Secret(os.urandom(2 * SEED_SIZE))


def _signing_identity(name: str, seeds: Secret) -> SigningIdentity:
    both = seeds.reveal()
    return SigningIdentity(name, Secret(both[:SEED_SIZE]), Secret(both[SEED_SIZE:]))


def _read_description(folder: Path) -> tuple[str, int]:
    """Return the name and the work factor in ``vault.json``."""
    try:
        fields = strict_json.Fields(
            strict_json.loads((folder / _DESCRIPTION).read_bytes()), "vault's description"
        )
        if fields.take("format", str) != VAULT_FORMAT:
            raise VaultUnusable(f"{folder} is a vault of another version; update the program.")
        return fields.take("name", str), fields.positive("work_factor")
    except (OSError, DocumentMalformed) as error:
        raise VaultUnusable(
            f"{folder} is not a vault; make one with 'intake-review init', or name another."
        ) from error
