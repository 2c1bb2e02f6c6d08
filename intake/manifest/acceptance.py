"""The rules of acceptance: when a manifest is believed. Pure functions; time is an argument.

A file carries every version since the root, oldest first, each a DSSE envelope. It is believed
when, for each version in turn,

1. the payload's bytes are signed by the threshold of the admins *before* it (the root's, for the
   first), each with both keys; only then are they parsed, once;
2. they are signed by the threshold of the admins *in* it as well;
3. it is for the root's organisation, its number is one more than the version before (the first is
   1), and it names the SHA-256 of that version's payload;
4. no two admins share a key, a name or the recipient to which backups are sealed for them, and
   the threshold is not more than there are admins;
5. no two signers of any kind (admins, the server, vaults) share a key, or half of one; no two
   vaults share a name; and no more acknowledgements are asked for than there are vaults (one,
   where there are none yet);
6. epochs are in order and do not overlap, no id twice; each recipient is a well-formed
   post-quantum recipient that is not weak, and no more have a role than fit. There are no others,
   so post-quantum and classical ones never stand together. A recipient stands once in its epoch
   and in no other, in this version or before, and is no admin's for backups: its key is destroyed
   when that epoch is over;

and when the last of them, on the day it is to be used,

7. has not expired;
8. is not older than the newest version that was accepted here before, and has that very version
   in its past: nobody is shown two histories;
9. and the day itself is not before the latest day seen here: a clock set back would bring an
   ended epoch into force again.

Unknown fields are refused: a field that one reader skips and another obeys is two manifests.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from intake.age.sealing.hybrid import HybridRecipient
from intake.errors import AgeError, ClockSetBack, ManifestRefused, NoEpochInForce
from intake.manifest import dsse
from intake.manifest.model import (
    EPOCH_ID,
    Admin,
    Epoch,
    Manifest,
    Role,
    Root,
    SigningKey,
)
from intake.manifest.payload import parse_manifest

#: How many recipients of a role an epoch may have. More custodians than fit into the fixed size
#: of ``identity.age`` would stop every submission; more reviewers would push text accounts out of
#: the smallest size class.
MOST_RECIPIENTS = {Role.REVIEWERS: 32, Role.CUSTODIANS: 15}

_EPOCH_ID = re.compile(EPOCH_ID)


@dataclass(frozen=True)
class Seen:
    """What a reader has accepted before, and must not be led behind.

    ``version`` is the highest version, 0 for none; ``sha256`` (hex) the hash of its payload;
    ``day`` the latest day on which it was used.
    """

    version: int = 0
    sha256: str | None = None
    day: dt.date = dt.date.min


NOTHING_SEEN = Seen()


def accept_chain(
    root: Root, chain: Sequence[dsse.Envelope], *, today: dt.date, seen: Seen
) -> Manifest:
    """Return the last manifest of a chain, if every rule above holds.

    Raises:
        ManifestRefused: a rule is broken; the sentence says which.
        ClockSetBack: rule 9 is.
        DocumentMalformed: a payload that is signed is no manifest.
    """
    manifest = verify_chain(root, chain)
    check_seen([envelope.digest() for envelope in chain], seen)
    check_day(manifest, today=today, seen=seen)
    return manifest


def verify_chain(root: Root, chain: Sequence[dsse.Envelope]) -> Manifest:
    """Return the last manifest of a chain, if rules 1 to 6 hold: it may be used up by now.

    Raises:
        ManifestRefused: a rule is broken; the sentence says which.
        DocumentMalformed: a payload that is signed is no manifest.
    """
    return verify_history(root, chain)[-1]


def verify_history(root: Root, chain: Sequence[dsse.Envelope]) -> tuple[Manifest, ...]:
    """Return every manifest of a chain, oldest first, if rules 1 to 6 hold.

    Raises:
        ManifestRefused: a rule is broken; the sentence says which.
        DocumentMalformed: a payload that is signed is no manifest.
    """
    if not chain:
        raise ManifestRefused("The manifest file is empty.")
    check_admins(root.admins, root.threshold)
    history: list[Manifest] = []
    admins, threshold = root.admins, root.threshold
    previous: dsse.Envelope | None = None
    epoch_of: dict[str, str] = {}
    for envelope in chain:
        manifest = _accept_next(envelope, admins, threshold, epoch_of)
        _check_succession(manifest, root, len(history), previous)
        admins, threshold = manifest.admins, manifest.threshold
        previous = envelope
        history.append(manifest)
    return tuple(history)


def check_seen(digests: Sequence[str], seen: Seen) -> None:
    """Apply rule 8 to a chain that has been verified.

    Args:
        digests: the SHA-256 (hex) of each version's payload, oldest first.
        seen: what was accepted before.

    Raises:
        ManifestRefused: it is broken.
    """
    if len(digests) < seen.version:
        raise ManifestRefused(
            f"The manifest is version {len(digests)}, but version {seen.version} has been accepted "
            f"before."
        )
    if seen.version and digests[seen.version - 1] != seen.sha256:
        raise ManifestRefused(
            f"Another version {seen.version} of the manifest has been accepted before. Let the "
            "admins find out who signed two, and run 'intake keys install FILE' with the first."
        )


def check_day(manifest: Manifest, *, today: dt.date, seen: Seen) -> None:
    """Apply rules 7 and 9.

    Raises:
        ManifestRefused: it has expired.
        ClockSetBack: the day is before one that was seen.
    """
    check_clock(today, seen)
    if today > manifest.expires:
        raise ManifestRefused(
            f"The manifest expired on {manifest.expires}. Let an admin run 'intake-keys rotate' "
            "and 'intake-keys sign', and run 'intake keys install FILE' with the result."
        )


def check_clock(today: dt.date, seen: Seen) -> None:
    """Apply rule 9.

    Raises:
        ClockSetBack: it is broken.
    """
    if today < seen.day:
        raise ClockSetBack(
            f"The clock shows {today}, but {seen.day} has been seen here: set the clock right. If "
            "it is right now and was wrong then, run 'intake keys reset-day'."
        )


def _accept_next(
    envelope: dsse.Envelope, admins: Sequence[Admin], threshold: int, epoch_of: dict[str, str]
) -> Manifest:
    if envelope.payload_type != dsse.MANIFEST_TYPE:
        raise ManifestRefused("The manifest file holds something else that was signed.")
    signed = dsse.signers(envelope, admins)
    if not signed:
        raise ManifestRefused(
            "The manifest is signed by too few of the admins who may sign it, by none: it is "
            "another deployment's, or the pinned root.pub is (compare its twelve words with the "
            "admins')."
        )
    if len(signed) < threshold:
        raise ManifestRefused(
            "The manifest is signed by too few of the admins who may sign it; let more admins run "
            "'intake-keys sign', and install it then."
        )
    manifest = parse_manifest(envelope.payload)
    check_admins(manifest.admins, manifest.threshold)
    # Who has been verified is not verified again: a signature is over megabytes.
    new = [admin for admin in manifest.admins if admin not in signed]
    signed = (*(a for a in signed if a in manifest.admins), *dsse.signers(envelope, new))
    if len(signed) < manifest.threshold:
        raise ManifestRefused(
            "The manifest is signed by too few of its own admins; let more admins run "
            "'intake-keys sign', and install it then."
        )
    check_signers(manifest)
    check_epochs(manifest.epochs, epoch_of)
    check_backups(manifest)
    return manifest


def check_next(root: Root, chain: Sequence[dsse.Envelope], manifest: Manifest) -> None:
    """Apply rules 3 to 6 to a version that nobody has signed yet, to follow ``chain``.

    Raises:
        ManifestRefused: it would be refused however many signed it.
    """
    previous = chain[-1] if chain else None
    _check_succession(manifest, root, len(chain), previous)
    check_admins(manifest.admins, manifest.threshold)
    check_signers(manifest)
    check_epochs(manifest.epochs, _epoch_of_each(root, chain))
    check_backups(manifest)


def _epoch_of_each(root: Root, chain: Sequence[dsse.Envelope]) -> dict[str, str]:
    history = verify_history(root, chain) if chain else ()
    return {r.recipient: e.id for m in history for e in m.epochs for r in e.recipients}


def _check_succession(
    manifest: Manifest, root: Root, version: int, previous: dsse.Envelope | None
) -> None:
    if manifest.organisation != root.organisation:
        raise ManifestRefused("The manifest is for another organisation than the pinned root.")
    if manifest.version != version + 1:
        raise ManifestRefused("A version is missing in the manifest file.")
    if manifest.previous != (None if previous is None else previous.digest()):
        raise ManifestRefused("The manifest does not follow from the version before it.")


def check_admins(admins: Sequence[Admin], threshold: int) -> None:
    """Apply rule 4."""
    if not 1 <= threshold <= len(admins):
        raise ManifestRefused("The manifest asks for more signatures than it has admins.")
    if _shared([admin.key for admin in admins]) or len({a.name for a in admins}) != len(admins):
        raise ManifestRefused("Two admins of the manifest share a key or a name.")
    # Or one of them alone would open every backup, and the other none.
    if len({admin.recipient for admin in admins}) != len(admins):
        raise ManifestRefused("Two admins of the manifest share the recipient of their backups.")


def check_signers(manifest: Manifest) -> None:
    """Apply rule 5."""
    keys = [signer.key for signer in (*manifest.admins, *manifest.vaults)]
    if manifest.server is not None:
        keys.append(manifest.server)
    if _shared(keys):
        raise ManifestRefused("The manifest gives one key to two signers.")
    if len({vault.name for vault in manifest.vaults}) != len(manifest.vaults):
        raise ManifestRefused("Two vaults of the manifest share a name.")
    if manifest.acks_required > max(1, len(manifest.vaults)):
        raise ManifestRefused("The manifest asks for more acknowledgements than it has vaults.")


def _shared(keys: Sequence[SigningKey]) -> bool:
    """Return whether two of the pairs share either half."""
    ed25519, ml_dsa_65 = {key.ed25519 for key in keys}, {key.ml_dsa_65 for key in keys}
    return min(len(ed25519), len(ml_dsa_65)) != len(keys)


def check_epochs(epochs: Sequence[Epoch], epoch_of: dict[str, str] | None = None) -> None:
    """Apply rule 6.

    Args:
        epochs: a version's.
        epoch_of: the epoch of each recipient in the versions before. They are well formed, and
            those found here are added.
    """
    epoch_of = {} if epoch_of is None else epoch_of
    if len({epoch.id for epoch in epochs}) != len(epochs):
        raise ManifestRefused("Two epochs of the manifest have the same name.")
    for epoch in epochs:
        if not _EPOCH_ID.fullmatch(epoch.id):
            raise ManifestRefused("An epoch of the manifest has a name that no epoch may have.")
        if epoch.ends <= epoch.begins:
            raise ManifestRefused(f"The epoch {epoch.id} ends before it begins.")
        _check_recipients(epoch, epoch_of)
    for earlier, later in itertools.pairwise(epochs):
        if later.begins < earlier.ends:
            raise ManifestRefused(f"The epochs {earlier.id} and {later.id} overlap.")


def check_backups(manifest: Manifest) -> None:
    """Apply the end of rule 6: the key of an epoch is destroyed, that of backups never."""
    admins = {admin.recipient for admin in manifest.admins}
    for epoch in manifest.epochs:
        if any(recipient.recipient in admins for recipient in epoch.recipients):
            raise ManifestRefused(
                f"The epoch {epoch.id} has a recipient that is an admin's for backups; let its "
                "holder make a new one."
            )


def _check_recipients(epoch: Epoch, epoch_of: dict[str, str]) -> None:
    texts = [recipient.recipient for recipient in epoch.recipients]
    if len(set(texts)) != len(texts):
        raise ManifestRefused(f"The epoch {epoch.id} names one recipient twice.")
    for role, most in MOST_RECIPIENTS.items():
        if len(epoch.of(role)) > most:
            raise ManifestRefused(f"The epoch {epoch.id} has more than {most} {role.value}.")
    for text in texts:
        if epoch_of.get(text, epoch.id) != epoch.id:
            raise ManifestRefused(
                f"The epochs {epoch_of[text]} and {epoch.id} name one recipient; let its holder "
                "make a new one for each epoch."
            )
        if text in epoch_of:
            continue
        try:
            HybridRecipient.parse(text)
        except AgeError as error:
            raise ManifestRefused(
                f"The epoch {epoch.id} has a recipient that is no post-quantum age recipient."
            ) from error
        epoch_of[text] = epoch.id


def epoch_in_force(manifest: Manifest, today: dt.date) -> Epoch:
    """Return the epoch to seal to, with somebody in it who can open what is sealed.

    Raises:
        NoEpochInForce: there is none, or it is revoked.
    """
    epoch = manifest.epoch_on(today)
    if epoch is None:
        raise NoEpochInForce(
            f"No epoch of the manifest is in force on {today}. See that the clock is right; if it "
            "is, let the reviewers bring new recipients, an admin run 'intake-keys rotate', and "
            "run 'intake keys install FILE' with the result."
        )
    if not manifest.recipients_in(epoch, Role.REVIEWERS):
        raise NoEpochInForce(
            f"The epoch {epoch.id} is revoked, or everybody in it. Let a reviewer bring new "
            "recipients, an admin run 'intake-keys add-recipients' and 'intake-keys sign', and run "
            "'intake keys install FILE' with the result."
        )
    return epoch
