"""The admin's offline home: the manifest in the making, and the chain of those that are signed.

root.pub          the admins who may sign the first manifest; the server pins it
admins/NAME.age   each admin's signing identity
pending.json      the next version, not signed by enough yet
manifest.json     every complete version since the root
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import re
from collections.abc import Sequence
from pathlib import Path

from intake import strict_json
from intake.durable import write_file
from intake.errors import DocumentMalformed, ManifestRefused, VaultUnusable
from intake.manifest import dsse
from intake.manifest.acceptance import NOTHING_SEEN, accept_chain, check_epochs, verify_chain
from intake.manifest.calendar import EpochLength
from intake.manifest.chain import parse_chain, serialise_chain
from intake.manifest.model import Epoch, Manifest, ReceiptParameters, Root
from intake.manifest.payload import (
    SALT_SIZE,
    parse_manifest,
    parse_root,
    serialise_manifest,
    serialise_root,
)
from intake.manifest.signing import SigningIdentity
from intake.offline.signing_file import load_signing, save_signing
from intake.receipt import derivation
from intake.secret import Secret

#: A manifest expires unless it is renewed: a server cut off from its admins stops by itself.
LIFETIME = dt.timedelta(days=400)

_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")


class AdminHome:
    """One admin home on disk."""

    def __init__(self, folder: Path) -> None:
        """Use ``folder``."""
        self._folder = folder

    @property
    def root_file(self) -> Path:
        """What a fresh server is given."""
        return self._folder / "root.pub"

    @property
    def manifest_file(self) -> Path:
        """The newest complete manifest."""
        return self._folder / "manifest.json"

    def create(
        self,
        *,
        organisation: str,
        admin: str,
        passphrase: Secret,
        today: dt.date,
        work_factor: int,
    ) -> Root:
        """Begin a deployment with one admin, and the first manifest in the making.

        Raises:
            VaultUnusable: the folder is in use, or the admin's name cannot be a file's.
        """
        if self._folder.exists() and any(self._folder.iterdir()):
            raise VaultUnusable(f"{self._folder} is not empty; name a folder that is not there.")
        if not _NAME.fullmatch(admin):
            raise VaultUnusable("An admin's name is made of letters, digits, '.', '_' and '-'.")
        (self._folder / "admins").mkdir(mode=0o700, parents=True)
        self._folder.chmod(0o700)
        identity = SigningIdentity.generate(admin)
        save_signing(self._admin_file(admin), identity, passphrase, work_factor=work_factor)
        root = Root(organisation=organisation, threshold=1, admins=(identity.public(),))
        write_file(self.root_file, serialise_root(root))
        self._save_pending(_first_manifest(root, today))
        return root

    def root(self) -> Root:
        """Return the root.

        Raises:
            VaultUnusable: the folder is no admin home.
        """
        try:
            return parse_root(self.root_file.read_bytes())
        except (OSError, DocumentMalformed) as error:
            raise VaultUnusable(
                f"{self._folder} is not an admin's home; make one with 'intake-keys init'."
            ) from error

    def chain(self) -> tuple[dsse.Envelope, ...]:
        """Return every complete version, oldest first."""
        if not self.manifest_file.exists():
            return ()
        return parse_chain(self.manifest_file.read_bytes())

    def current(self, today: dt.date) -> Manifest | None:
        """Return the newest complete manifest, or ``None`` before the first."""
        chain = self.chain()
        if not chain:
            return None
        return accept_chain(self.root(), chain, today=today, seen=NOTHING_SEEN)

    def pending(self, today: dt.date) -> Manifest:
        """Return the next version as it stands: what is pending, else one that changes nothing."""
        chain = self.chain()
        waiting = self._waiting(chain)
        if waiting is not None:
            return parse_manifest(waiting.payload)
        if not chain:
            raise VaultUnusable(f"{self._folder} holds no manifest; begin again elsewhere.")
        # Verified but not asked whether it has expired: an expired one has to be renewed.
        current = verify_chain(self.root(), chain)
        return dataclasses.replace(
            current,
            version=current.version + 1,
            issued=today,
            expires=today + LIFETIME,
            previous=chain[-1].digest(),
        )

    def add_recipients(self, epochs: Sequence[Epoch], today: dt.date) -> Manifest:
        """Add a reviewer's recipients to the next version.

        Raises:
            ManifestRefused: they do not fit the epochs that are there.
        """
        manifest = self.pending(today)
        merged = {epoch.id: epoch for epoch in manifest.epochs}
        for epoch in epochs:
            there = merged.get(epoch.id)
            if there is None:
                merged[epoch.id] = epoch
            elif (there.begins, there.ends) != (epoch.begins, epoch.ends):
                raise ManifestRefused(f"The epoch {epoch.id} has other days in the manifest.")
            else:
                merged[epoch.id] = dataclasses.replace(
                    there, recipients=(*there.recipients, *epoch.recipients)
                )
        ordered = tuple(sorted(merged.values(), key=lambda epoch: epoch.begins))
        check_epochs(ordered)
        changed = dataclasses.replace(manifest, epochs=ordered)
        self._save_pending(changed)
        return changed

    def sign(self, admin: str, passphrase: Secret, today: dt.date) -> Manifest | None:
        """Sign the next version; return it once enough have, ``None`` while more must.

        Raises:
            VaultUnusable: nothing waits for a signature, or there is no such admin here.
            WrongPassphrase: the passphrase is another.
            ManifestRefused: what was made breaks a rule of acceptance.
        """
        earlier = self.chain()
        waiting = self._waiting(earlier)
        if waiting is None:
            raise VaultUnusable("Nothing waits to be signed; change something first.")
        identity = load_signing(self._admin_file(admin), passphrase)
        envelope = identity.sign(waiting)
        manifest = parse_manifest(envelope.payload)
        write_file(self._pending_file, dsse.envelope_bytes(envelope))
        if len(dsse.signers(envelope, manifest.admins)) < manifest.threshold:
            return None
        chain = (*earlier, envelope)
        accepted = accept_chain(self.root(), chain, today=today, seen=NOTHING_SEEN)
        write_file(self.manifest_file, serialise_chain(chain), mode=0o644)
        self._pending_file.unlink()
        return accepted

    def admins(self) -> tuple[str, ...]:
        """Return the names of the admins whose identities are here."""
        return tuple(sorted(path.stem for path in (self._folder / "admins").glob("*.age")))

    @property
    def _pending_file(self) -> Path:
        return self._folder / "pending.json"

    def _waiting(self, chain: Sequence[dsse.Envelope]) -> dsse.Envelope | None:
        """Return the version that waits to be signed, or ``None``."""
        if not self._pending_file.exists():
            return None
        envelope = dsse.read_envelope(strict_json.loads(self._pending_file.read_bytes()))
        # Complete already: its last signer was interrupted before the file was removed.
        if envelope.digest() in {complete.digest() for complete in chain}:
            return None
        return envelope

    def _save_pending(self, manifest: Manifest) -> None:
        envelope = dsse.Envelope(dsse.MANIFEST_TYPE, serialise_manifest(manifest), signatures=())
        write_file(self._pending_file, dsse.envelope_bytes(envelope))

    def _admin_file(self, name: str) -> Path:
        return self._folder / "admins" / f"{name}.age"


def _first_manifest(root: Root, today: dt.date) -> Manifest:
    return Manifest(
        organisation=root.organisation,
        version=1,
        issued=today,
        expires=today + LIFETIME,
        previous=None,
        threshold=root.threshold,
        admins=root.admins,
        epoch_length=EpochLength.MONTH,
        epochs=(),
        revocations=(),
        server=None,
        vaults=(),
        acks_required=1,
        receipt=ReceiptParameters(
            salt=os.urandom(SALT_SIZE),
            memory_kib=derivation.DEFAULT_MEMORY_KIB,
            iterations=derivation.DEFAULT_ITERATIONS,
            lanes=derivation.DEFAULT_LANES,
        ),
    )
