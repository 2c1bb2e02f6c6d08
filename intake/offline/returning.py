"""What goes back to the server: the replies that have not arrived, and what is safe here.

The rule: a submission is acknowledged, each time anew, only once its file was read here to its end
and is the one that the server has. The server deletes what is acknowledged, and ours may be the
last.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from intake.age.header import parse_header
from intake.age.sealing.hybrid import HybridRecipient
from intake.courier.returns import (
    REPLIES,
    RETURN,
    Acknowledgement,
    CarriedReply,
    Return,
    read_return,
    serialise_return,
)
from intake.courier.stick_folder import StickFolder
from intake.envelope.reply import seal_reply
from intake.errors import AgeError, BundleBroken, VaultUnusable
from intake.manifest.model import Role
from intake.manifest.payload import parse_root, serialise_root
from intake.manifest.signing import SigningIdentity
from intake.offline import replies, trust
from intake.offline.catalogue import Catalogue, Entry, Status
from intake.offline.mailboxes import withdrawals
from intake.offline.replies import GOING, Reply
from intake.offline.sealed_files import opens
from intake.offline.trust import Belief
from intake.offline.vault import Vault
from intake.receipt.mailbox import MailboxAddresses
from intake.secret import Secret

_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Returned:
    """What was written: the return, and sentences for the reviewer."""

    content: Return
    warnings: tuple[str, ...]


def total_size(vault: Vault) -> int:
    """Return how many bytes :func:`write_return` reads in the vault."""
    due = (entry for entry in vault.catalogue().entries.values() if _is_due(entry))
    paths = [vault.path(entry.id) for entry in due]
    return sum(path.stat().st_size for path in paths if path.exists())


def write_return(vault: Vault, folder: Path, progress: Callable[[int], object]) -> Returned:
    """Write replies and acknowledgements to the stick at ``folder``, its listing last.

    It goes into this vault's own folder there; what other vaults have on the stick stays as it is.
    An earlier return of this vault counts until the new one is whole and takes its place: the new
    one says all that it said. ``progress`` is told of every block's length in bytes that is read in
    the vault.

    Raises:
        VaultUnusable: the server would not believe this vault, or it does not know the server.
        BundleBroken: the stick holds something else, or cannot be written.
        OSError: the vault's own disk is full or cannot be written.
    """
    with vault.exclusive():
        vault.remove_partial()
        belief = trust.load(vault.folder)
        known = vault.catalogue()
        signer = _signer(vault, belief, known)
        looked = _look(vault, known, progress)
        # Whoever was killed while importing a notice had not come to this.
        withdrawn = withdrawals(known.entries)
        replies.refuse(vault, withdrawn)
        kept = replies.load(vault)
        going = [
            reply
            for reply in kept.replies.values()
            if reply.state in GOING and reply.submission not in withdrawn
        ]
        # Counted before the stick is written: no two returns ever have one number.
        known = dataclasses.replace(known, entries=looked.entries, sequence=known.sequence + 1)
        vault.save_catalogue(known)
        begun = Return(_root_of(belief), known.sequence, looked.acknowledgements, ())
        content = _write(folder, signer, begun, going)
        _note_carried(vault, known, content, going)
    damaged = [
        f"{name} in the vault's folder of replies is damaged and was not sent; remove it, and "
        "write the reply again."
        for name in kept.damaged
    ]
    return Returned(content, (*looked.warnings, *damaged))


def _signer(vault: Vault, belief: Belief, known: Catalogue) -> SigningIdentity:
    """Return what we sign with.

    Raises:
        VaultUnusable: the server would refuse what it signs; or no bundle has said what it holds.
    """
    signer = vault.signing()
    named = belief.manifest is not None and any(
        named.key == signer.public().key for named in belief.manifest.vaults
    )
    if not named and vault.keys.custodians and not vault.keys.epochs:
        raise VaultUnusable(
            "This vault is a custodian's and no reviewer's: it opens no account, so it has nothing "
            "to acknowledge or to reply to, and nothing was written. A reviewer's vault can: make "
            "reviewers' keys for the coming epochs with 'intake-review keys new'."
        )
    if not named and belief.manifest is None:
        raise VaultUnusable(
            "This vault has seen no manifest yet, so it does not know whether the server would "
            "believe it, and nothing was written; import a stick first: 'intake-review import DIR'."
        )
    if not named:
        raise VaultUnusable(
            "The manifest that this vault knows does not name the vault's key, so the server would "
            "believe nothing that it sends, and nothing was written. Bring the file that "
            "'intake-review keys show --out FILE' writes to the admins, let them run 'intake-keys "
            "add-recipients FILE' and sign, and import a stick with the new manifest."
        )
    if known.newest is None:
        raise VaultUnusable(
            "This vault does not know what the server holds (its catalogue was lost, or no bundle "
            "was imported yet); import the newest stick, then run this again."
        )
    return signer


def _root_of(belief: Belief) -> str:
    root = parse_root(belief.root_file or b"")
    return hashlib.sha256(serialise_root(root)).hexdigest()


# --- what is acknowledged --------------------------------------------------------------------

#: What opened here when it came. What came damaged, or never opened, is not acknowledged.
_OPENED = (Status.UNREAD, Status.READ)


@dataclass(frozen=True)
class _Looked:
    """What was found in the vault of what the server holds."""

    entries: dict[str, Entry]
    acknowledgements: tuple[Acknowledgement, ...]
    warnings: tuple[str, ...]


def _is_due(entry: Entry) -> bool:
    """Return whether the server waits for an account's acknowledgement, and it may be whole."""
    return entry.at_server and entry.status in _OPENED


def _look(vault: Vault, known: Catalogue, progress: Callable[[int], object]) -> _Looked:
    """See which submissions are safe here. One that is damaged is noted, to be mended."""
    identities = (*vault.keys.own(), *vault.lent_to(Role.REVIEWERS))
    entries = dict(known.entries)
    acknowledgements = []
    warnings = []
    for name, entry in sorted(known.entries.items()):
        sha256 = entry.received_sha256
        if sha256 is None or not _is_due(entry):
            continue
        path = vault.path(name)
        if not path.exists():
            warnings.append(_not_acknowledged(entry, "is missing from"))
            continue
        ours = opens(path, identities)
        if not _is_as_it_came(path, entry, progress, ours=ours):
            entries[name] = dataclasses.replace(entry, status=Status.DAMAGED)
            warnings.append(_not_acknowledged(entry, "is damaged in"))
        elif ours or entry.acknowledged is not None:
            # A quorum's was opened by the quorum when it was first acknowledged.
            acknowledgements.append(Acknowledgement(name, sha256))
    return _Looked(entries, tuple(acknowledgements), tuple(warnings))


def _not_acknowledged(entry: Entry, what: str) -> str:
    sentence = (
        f"The account {entry.id} {what} this vault and was not acknowledged; import the newest "
        "stick again."
    )
    if entry.acknowledged is None:
        return sentence
    return (
        f"{sentence} An earlier return acknowledged it (number {entry.acknowledged}): do that "
        "before such a stick reaches the server, which may delete the last copy."
    )


def _is_as_it_came(
    path: Path, entry: Entry, progress: Callable[[int], object], *, ours: bool
) -> bool:
    """Return whether a file is whole: under a header of ours, or as a quorum's came."""
    if ours:
        return _is_whole(path, entry.payload_sha256, progress)
    with path.open("rb") as file:
        return _rest(file, progress) == entry.received_sha256


def _is_whole(path: Path, payload_sha256: str | None, progress: Callable[[int], object]) -> bool:
    """Return whether the payload in the vault is, to its last byte, the one that came."""
    with path.open("rb") as file:
        try:
            parse_header(file)
        except AgeError:
            return False
        progress(file.tell())
        return _rest(file, progress) == payload_sha256


def _rest(file: BinaryIO, progress: Callable[[int], object]) -> str:
    """Return the hash (hex) of what is left of a file."""
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
        progress(len(block))
    return digest.hexdigest()


# --- what is written -------------------------------------------------------------------------


def _write(folder: Path, signer: SigningIdentity, begun: Return, queued: Sequence[Reply]) -> Return:
    """Write ``begun`` to the stick, with the replies; return it as it was written.

    Raises:
        BundleBroken: the stick holds something else, or cannot be written.
    """
    try:
        with (
            StickFolder.opened(folder) as stick,
            stick.return_of(signer.public()) as own,
            own.subfolder(REPLIES) as slots,
        ):
            own.remove_drafts()
            slots.remove_drafts()
            before = _listed_before(own.path, signer)
            carried = tuple(_carry(reply, slots, before.get(reply.id)) for reply in queued)
            slots.sync()
            content = dataclasses.replace(begun, replies=carried)
            own.write(RETURN, serialise_return(content, signer))
            own.sync()
            # Only now: the return before named them.
            _remove_stale(slots, {f"{reply.id}.age" for reply in queued})
            slots.sync()
    except PermissionError as error:
        raise BundleBroken(
            f"The stick at {folder} may not be read and written by this user. Nothing is lost: "
            "mount it so that it may, or take another one, and run this again."
        ) from error
    except OSError as error:
        raise BundleBroken(
            f"The stick at {folder} cannot be written ({error.strerror}). Nothing is lost: make it "
            "writable, free some room on it, or take another one, and run this again."
        ) from error
    return content


def _listed_before(own: Path, signer: SigningIdentity) -> dict[str, CarriedReply]:
    """Return the replies that our return on the stick names, if one of ours stands there."""
    try:
        signed = read_return(own)
    except BundleBroken:
        return {}
    if signed.signer([signer.public()]) is None:
        return {}
    return {reply.id: reply for reply in signed.content.replies}


def _carry(reply: Reply, slots: StickFolder, before: CarriedReply | None) -> CarriedReply:
    """Put a reply on the stick, unless the very file stands there that the return before names.

    That one counts until the listing is replaced; sealed anew, it would be another file.
    """
    name = f"{reply.id}.age"
    if before is None or not _stands(slots, name, before.sha256):
        sealed = seal_reply(reply.text, HybridRecipient.parse(reply.reply_to))
        slots.write(name, sealed)
        sha256 = hashlib.sha256(sealed).hexdigest()
    else:
        sha256 = before.sha256
    addresses = MailboxAddresses.of(Secret(bytes.fromhex(reply.reply_key)))
    return CarriedReply(reply.id, sha256, tuple(a.hex() for a in addresses.all))


def _stands(slots: StickFolder, name: str, sha256: str) -> bool:
    try:
        return slots.sha256(name) == sha256
    except OSError:
        return False


def _remove_stale(slots: StickFolder, wanted: set[str]) -> None:
    """Remove replies of earlier returns: what has arrived must not lie on a stick for ever."""
    for name in slots.names() - wanted:
        if replies.is_file_name(name):
            slots.remove(name)


def _note_carried(vault: Vault, known: Catalogue, content: Return, queued: Sequence[Reply]) -> None:
    """Note what has left with this return for the first time."""
    for reply in queued:
        if reply.carried is None:
            replies.save(vault, dataclasses.replace(reply, carried=content.sequence))
    noted = dict(known.entries)
    for acknowledgement in content.acknowledgements:
        entry = noted[acknowledgement.submission]
        if entry.acknowledged is None:
            noted[entry.id] = dataclasses.replace(entry, acknowledged=content.sequence)
    vault.save_catalogue(dataclasses.replace(known, entries=noted))
