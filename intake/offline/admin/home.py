"""The admin's offline home: the manifest in the making, and the chain of those that are signed.

root.pub          the admins who may sign the first manifest; the server pins it
admins/NAME.age   the signing identity of each admin who works here
NAME.pub          the public half of one who joins a deployment that another begins
pending.json      the next version, not signed by enough yet
manifest.json     every complete version since the root

Nothing but ``admins/`` is secret, and that stands behind passphrases. Admins on several machines
have a home each, and carry ``pending.json`` from one to the next.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from intake import strict_json
from intake.age.opening.hybrid import HybridIdentity
from intake.durable import write_file
from intake.errors import DocumentMalformed, ManifestRefused, VaultUnusable
from intake.manifest import dsse
from intake.manifest.acceptance import check_admins, check_next, verify_chain, verify_history
from intake.manifest.calendar import EpochLength
from intake.manifest.chain import parse_chain, serialise_chain
from intake.manifest.model import Admin, Epoch, Manifest, Root
from intake.manifest.payload import parse_manifest, parse_root, serialise_manifest, serialise_root
from intake.manifest.signing import SigningIdentity, serialise_admin
from intake.offline.admin.next_version import first_manifest, successor, with_recipients
from intake.offline.admin.signing_file import load_signing, save_signing
from intake.offline.new_folder import partial_folder
from intake.secret import Secret

_ROOT, _PENDING, _MANIFEST = "root.pub", "pending.json", "manifest.json"

_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")


@dataclass(frozen=True)
class Waiting:
    """A version that waits for signatures.

    ``needed`` says, for the admins so far and for the new ones, how many more of whom must sign.
    """

    envelope: dsse.Envelope
    manifest: Manifest
    signed: tuple[str, ...]
    needed: tuple[tuple[int, tuple[str, ...]], ...]

    @property
    def complete(self) -> bool:
        """Whether enough have signed."""
        return not self.needed


class AdminHome:
    """One admin home on disk."""

    def __init__(self, folder: Path) -> None:
        """Use ``folder``."""
        self._folder = folder

    @property
    def root_file(self) -> Path:
        """What a fresh server is given."""
        return self._folder / _ROOT

    @property
    def manifest_file(self) -> Path:
        """The newest complete manifest."""
        return self._folder / _MANIFEST

    @property
    def pending_file(self) -> Path:
        """The next version, which other admins can sign in their homes."""
        return self._folder / _PENDING

    # --- beginning ---------------------------------------------------------------------------

    def create(
        self,
        *,
        organisation: str,
        admins: Mapping[str, Secret],
        others: Sequence[Admin] = (),
        threshold: int = 1,
        epoch_length: EpochLength = EpochLength.MONTH,
        today: dt.date,
        work_factor: int,
    ) -> Root:
        """Begin a deployment, and the first manifest in the making.

        Args:
            organisation: whose deployment it is.
            admins: the admins who work here, each with a new passphrase.
            others: the public halves of admins who work elsewhere.
            threshold: how many of them must sign.
            epoch_length: how long an epoch is.
            today: the day, in UTC.
            work_factor: how slow guessing a passphrase is.

        Raises:
            VaultUnusable: the folder is in use, or an admin's name cannot be a file's.
            ManifestRefused: the threshold cannot be met, or two admins share a name or a key.
        """
        self._refuse_in_use()
        identities = {name: _new_identity(name) for name in admins}
        public = (*(identity.admin() for identity in identities.values()), *others)
        check_admins(public, threshold)
        root = Root(organisation=organisation, threshold=threshold, admins=public)
        with self._new_folder() as folder:
            for name, identity in identities.items():
                save_signing(
                    _admin_file(folder, name), identity, admins[name], work_factor=work_factor
                )
            write_file(folder / _ROOT, serialise_root(root), mode=0o644)
            _save_pending(folder, first_manifest(root, epoch_length, today))
        return root

    def join(self, name: str, passphrase: Secret, *, work_factor: int) -> Path:
        """Make the home of an admin of a deployment that another begins; return the public file.

        Raises:
            VaultUnusable: the folder is in use, or the name cannot be a file's.
        """
        self._refuse_in_use()
        identity = _new_identity(name)
        public = f"{name}.pub"
        with self._new_folder() as folder:
            save_signing(_admin_file(folder, name), identity, passphrase, work_factor=work_factor)
            write_file(folder / public, serialise_admin(identity.admin()), mode=0o644)
        return self._folder / public

    def new_admin(self, name: str, passphrase: Secret, *, work_factor: int) -> Admin:
        """Make the signing identity of a further admin who works here.

        One that was made before, and perhaps did not get into the manifest, is taken as it is.

        Raises:
            VaultUnusable: the name cannot be a file's.
            WrongPassphrase: there is one already, and its passphrase is another.
        """
        identity = _new_identity(name)
        path = _admin_file(self._folder, name)
        if path.exists():
            return load_signing(path, passphrase).admin()
        save_signing(path, identity, passphrase, work_factor=work_factor)
        return identity.admin()

    # --- reading -----------------------------------------------------------------------------

    def root(self) -> Root:
        """Return the root.

        Raises:
            VaultUnusable: the folder is no admin home.
        """
        return parse_root(self.root_bytes())

    def root_bytes(self) -> bytes:
        """Return the bytes of ``root.pub``.

        Raises:
            VaultUnusable: the folder is no admin home.
        """
        try:
            data = self.root_file.read_bytes()
            parse_root(data)
        except (OSError, DocumentMalformed) as error:
            raise VaultUnusable(
                f"{self._folder} holds no root.pub: begin with 'intake-keys init', or copy it (and "
                "manifest.json) from the home of the admin who did."
            ) from error
        return data

    def chain(self) -> tuple[dsse.Envelope, ...]:
        """Return every complete version, oldest first."""
        if not self.manifest_file.exists():
            return ()
        return parse_chain(self.manifest_file.read_bytes())

    def history(self) -> tuple[Manifest, ...]:
        """Return every complete version, oldest first, verified."""
        chain = self.chain()
        return verify_history(self.root(), chain) if chain else ()

    def current(self) -> Manifest | None:
        """Return the newest complete manifest, expired or not; ``None`` before the first."""
        history = self.history()
        return history[-1] if history else None

    def pending(self, today: dt.date) -> Manifest:
        """Return the next version as it stands: what is pending, else one that changes nothing."""
        waiting = self.waiting()
        if waiting is not None:
            return waiting.manifest
        current = self.current()
        if current is None:
            return first_manifest(self.root(), EpochLength.MONTH, today)
        return successor(current, self.chain()[-1].digest(), today)

    def waiting(self) -> Waiting | None:
        """Return the version that waits to be signed, or ``None``.

        Raises:
            ManifestRefused: what waits is no manifest, or could never be one.
        """
        if not self.pending_file.exists():
            return None
        try:
            return self._judged(_read_envelope(self.pending_file))
        except (DocumentMalformed, ManifestRefused) as error:
            raise ManifestRefused(
                f"What waits in {self.pending_file} can never be a version. {error} Remove the "
                "file, and make the change again."
            ) from error

    def admins(self) -> tuple[str, ...]:
        """Return the names of the admins whose identities are here."""
        return tuple(sorted(path.stem for path in (self._folder / "admins").glob("*.age")))

    def backup_identity(self, admin: str, passphrase: Secret) -> HybridIdentity:
        """Return the identity that opens the backups sealed to an admin who works here.

        Raises:
            WrongPassphrase: the passphrase is another.
            VaultUnusable: the admin's file is missing or damaged.
        """
        return HybridIdentity(
            load_signing(_admin_file(self._folder, admin), passphrase).backup_seed()
        )

    # --- changing the next version -----------------------------------------------------------

    def save(self, manifest: Manifest) -> None:
        """Let this be the next version. Whoever had signed it must sign anew."""
        _save_pending(self._folder, manifest)

    def discard(self, today: dt.date) -> bool:
        """Drop the next version, with all that was changed in it; return whether there was one."""
        if not self.pending_file.exists():
            return False
        if self.manifest_file.exists():
            self.pending_file.unlink()
        else:
            self.save(first_manifest(self.root(), self.pending(today).epoch_length, today))
        return True

    def add_recipients(self, epochs: Sequence[Epoch], today: dt.date) -> Manifest:
        """Add recipients to the next version.

        Raises:
            ManifestRefused: they do not fit the epochs that are there.
        """
        changed = with_recipients(self.pending(today), epochs)
        self.save(changed)
        return changed

    # --- signing -----------------------------------------------------------------------------

    def collect(self, file: Path) -> Waiting:
        """Take the version in ``file``, which another home made, with its signatures.

        Raises:
            VaultUnusable: another version waits here, or the file cannot be read.
            DocumentMalformed, ManifestRefused: it is no manifest, or could never be one here.
        """
        carried = self._judged(_read_envelope(file))
        if carried is None:
            raise VaultUnusable(f"The version in {file} is complete already.")
        ours = self.waiting()
        if ours is None:
            write_file(self.pending_file, dsse.envelope_bytes(carried.envelope))
            return carried
        if ours.envelope.payload != carried.envelope.payload:
            raise VaultUnusable(
                f"Another version waits here than the one in {file}: see 'intake-keys show', and "
                f"remove {self.pending_file} if it is not wanted."
            )
        both = dict.fromkeys((*ours.envelope.signatures, *carried.envelope.signatures))
        merged = dataclasses.replace(ours.envelope, signatures=tuple(both))
        write_file(self.pending_file, dsse.envelope_bytes(merged))
        return self._waiting_for(merged)

    def sign(self, admin: str, passphrase: Secret) -> Waiting:
        """Sign the version that waits.

        Raises:
            VaultUnusable: nothing waits for a signature, or there is no such admin here.
            WrongPassphrase: the passphrase is another.
            ManifestRefused: what waits breaks a rule of acceptance.
        """
        waiting = self.waiting()
        if waiting is None:
            raise VaultUnusable("Nothing waits to be signed; change something first.")
        signed = load_signing(_admin_file(self._folder, admin), passphrase).sign(waiting.envelope)
        write_file(self.pending_file, dsse.envelope_bytes(signed))
        return self._waiting_for(signed)

    def complete(self, waiting: Waiting) -> None:
        """Put a version that enough have signed at the end of the chain.

        Raises:
            ManifestRefused: it breaks a rule of acceptance.
        """
        chain = (*self.chain(), waiting.envelope)
        verify_chain(self.root(), chain)
        write_file(self.manifest_file, serialise_chain(chain), mode=0o644)
        self.pending_file.unlink()

    # --- within ------------------------------------------------------------------------------

    def _judged(self, envelope: dsse.Envelope) -> Waiting | None:
        """Return what waits, or ``None`` if it is complete already.

        Its last signer may have been interrupted before the file was removed.
        """
        chain = self.chain()
        if envelope.digest() in {complete.digest() for complete in chain}:
            return None
        if envelope.payload_type != dsse.MANIFEST_TYPE:
            raise ManifestRefused("It is signed as something else than a manifest.")
        manifest = parse_manifest(envelope.payload)
        if manifest.version > len(chain) + 1:
            raise ManifestRefused(
                f"It is version {manifest.version}, and the newest here is {len(chain)}: copy "
                "manifest.json from the home of the admin who made it."
            )
        check_next(self.root(), chain, manifest)
        return self._waiting_for(envelope)

    def _waiting_for(self, envelope: dsse.Envelope) -> Waiting:
        """Return how far the signing of ``envelope`` has come."""
        manifest = parse_manifest(envelope.payload)
        root, current = self.root(), self.current()
        before, threshold = (
            (root.admins, root.threshold)
            if current is None
            else (current.admins, current.threshold)
        )
        signed: dict[str, None] = {}
        needed: dict[tuple[int, tuple[str, ...]], None] = {}
        for admins, enough in ((before, threshold), (manifest.admins, manifest.threshold)):
            signers = dsse.signers(envelope, admins)
            signed |= dict.fromkeys(admin.name for admin in signers)
            if len(signers) < enough:
                left = tuple(admin.name for admin in admins if admin not in signers)
                needed[enough - len(signers), left] = None
        return Waiting(envelope, manifest, tuple(signed), tuple(needed))

    def _refuse_in_use(self) -> None:
        if self._folder.exists() and any(self._folder.iterdir()):
            raise VaultUnusable(f"{self._folder} is not empty; name a folder that is not there.")

    @contextlib.contextmanager
    def _new_folder(self) -> Iterator[Path]:
        """Give a folder in the making that takes the home's place at the end, or is removed."""
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        with partial_folder(self._folder) as partial:
            (partial / "admins").mkdir(mode=0o700)
            yield partial


def _admin_file(folder: Path, name: str) -> Path:
    return folder / "admins" / f"{name}.age"


def _save_pending(folder: Path, manifest: Manifest) -> None:
    envelope = dsse.Envelope(dsse.MANIFEST_TYPE, serialise_manifest(manifest), signatures=())
    write_file(folder / _PENDING, dsse.envelope_bytes(envelope))


def _new_identity(name: str) -> SigningIdentity:
    if not _NAME.fullmatch(name):
        raise VaultUnusable("An admin's name is made of letters, digits, '.', '_' and '-'.")
    return SigningIdentity.generate(name)


def _read_envelope(file: Path) -> dsse.Envelope:
    try:
        return dsse.read_envelope(strict_json.loads(file.read_bytes()))
    except OSError as error:
        raise VaultUnusable(f"Cannot read {file}; name the pending.json of a home.") from error
