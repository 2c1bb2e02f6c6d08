"""The rules of acceptance: when a manifest is believed. Pure functions; time is an argument.

A file carries every version since the root, oldest first, each a DSSE envelope. It is believed
when, for each version in turn,

1. the payload's bytes are signed by the threshold of the admins *before* it (the root's, for the
   first), each with both keys; only then are they parsed, once;
2. they are signed by the threshold of the admins *in* it as well;
3. it is for the root's organisation, its number is one more than the version before (the first is
   1), and it names the SHA-256 of that version's payload;
4. no two admins share a key, and the threshold is not more than there are admins;
5. epochs are in order and do not overlap, no id twice; each recipient is a well-formed
   post-quantum recipient that stands once in its epoch, and no more have a role than fit;

and when the last of them, on the day it is to be used,

6. has not expired;
7. is not older than the highest version this server has seen.

Unknown fields are refused: a field that one reader skips and another obeys is two manifests.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Sequence

from intake.age.sealing.hybrid import HybridRecipient
from intake.errors import AgeError, ManifestRefused, NoEpochInForce
from intake.manifest import dsse
from intake.manifest.model import EPOCH_ID, Admin, Epoch, Manifest, Role, Root
from intake.manifest.payload import parse_manifest

#: How many recipients of a role an epoch may have. More custodians than fit into the fixed size
#: of ``identity.age`` would stop every submission; more reviewers would push text accounts out of
#: the smallest size class.
MOST_RECIPIENTS = {Role.REVIEWERS: 32, Role.CUSTODIANS: 15}


def accept_chain(
    root: Root, chain: Sequence[dsse.Envelope], *, today: dt.date, highest_seen: int
) -> Manifest:
    """Return the last manifest of a chain, if every rule above holds.

    Raises:
        ManifestRefused: a rule is broken; the sentence says which.
        DocumentMalformed: a payload that is signed is no manifest.
    """
    manifest = verify_chain(root, chain)
    check_current(manifest, today=today, highest_seen=highest_seen)
    return manifest


def verify_chain(root: Root, chain: Sequence[dsse.Envelope]) -> Manifest:
    """Return the last manifest of a chain, if rules 1 to 5 hold: it may be used up by now.

    Raises:
        ManifestRefused: a rule is broken; the sentence says which.
        DocumentMalformed: a payload that is signed is no manifest.
    """
    if not chain:
        raise ManifestRefused("The manifest file is empty; install the newest manifest.")
    check_admins(root.admins, root.threshold)
    admins, threshold = root.admins, root.threshold
    previous: dsse.Envelope | None = None
    version = 0
    for envelope in chain:
        manifest = _accept_next(envelope, admins, threshold)
        _check_succession(manifest, root, version, previous)
        admins, threshold = manifest.admins, manifest.threshold
        previous, version = envelope, manifest.version
    return manifest


def _accept_next(envelope: dsse.Envelope, admins: Sequence[Admin], threshold: int) -> Manifest:
    if envelope.payload_type != dsse.MANIFEST_TYPE:
        raise ManifestRefused("The manifest file holds something else that was signed.")
    if len(dsse.signers(envelope, admins)) < threshold:
        raise ManifestRefused(
            "The manifest is signed by too few of the admins who may sign it; "
            "let more admins run 'intake-keys sign'."
        )
    manifest = parse_manifest(envelope.payload)
    check_admins(manifest.admins, manifest.threshold)
    if len(dsse.signers(envelope, manifest.admins)) < manifest.threshold:
        raise ManifestRefused(
            "The manifest is signed by too few of its own admins; "
            "let more admins run 'intake-keys sign'."
        )
    check_epochs(manifest.epochs)
    return manifest


def _check_succession(
    manifest: Manifest, root: Root, version: int, previous: dsse.Envelope | None
) -> None:
    if manifest.organisation != root.organisation:
        raise ManifestRefused("The manifest is for another organisation than this server.")
    if manifest.version != version + 1:
        raise ManifestRefused("A version is missing in the manifest file; fetch it again.")
    if manifest.previous != (None if previous is None else previous.digest()):
        raise ManifestRefused("The manifest does not follow from the version before it.")


def check_admins(admins: Sequence[Admin], threshold: int) -> None:
    """Apply rule 4."""
    if not 1 <= threshold <= len(admins):
        raise ManifestRefused("The manifest asks for more signatures than it has admins.")
    for keys in (
        [admin.key.ed25519 for admin in admins],
        [admin.key.ml_dsa_65 for admin in admins],
        [admin.name.encode() for admin in admins],
    ):
        if len(set(keys)) != len(keys):
            raise ManifestRefused("Two admins of the manifest share a key or a name.")


def check_epochs(epochs: Sequence[Epoch]) -> None:
    """Apply rule 5."""
    if len({epoch.id for epoch in epochs}) != len(epochs):
        raise ManifestRefused("Two epochs of the manifest have the same name.")
    for epoch in epochs:
        if not re.fullmatch(EPOCH_ID, epoch.id):
            raise ManifestRefused("An epoch of the manifest has a name that no epoch may have.")
        if epoch.ends <= epoch.begins:
            raise ManifestRefused(f"The epoch {epoch.id} ends before it begins.")
        _check_recipients(epoch)
    for earlier, later in itertools.pairwise(epochs):
        if later.begins < earlier.ends:
            raise ManifestRefused(f"The epochs {earlier.id} and {later.id} overlap.")


def _check_recipients(epoch: Epoch) -> None:
    texts = [recipient.recipient for recipient in epoch.recipients]
    if len(set(texts)) != len(texts):
        raise ManifestRefused(f"The epoch {epoch.id} names one recipient twice.")
    for role, most in MOST_RECIPIENTS.items():
        if len(epoch.of(role)) > most:
            raise ManifestRefused(f"The epoch {epoch.id} has more than {most} {role.value}.")
    for text in texts:
        try:
            HybridRecipient.parse(text)
        except AgeError as error:
            raise ManifestRefused(
                f"The epoch {epoch.id} has a recipient that is no post-quantum age recipient."
            ) from error


def check_current(manifest: Manifest, *, today: dt.date, highest_seen: int) -> None:
    """Apply rules 6 and 7."""
    if manifest.version < highest_seen:
        raise ManifestRefused(
            f"The manifest is version {manifest.version}, but version {highest_seen} has been "
            "accepted before; install the newest one."
        )
    if today > manifest.expires:
        raise ManifestRefused(f"The manifest expired on {manifest.expires}; install a newer one.")


def epoch_in_force(manifest: Manifest, today: dt.date) -> Epoch:
    """Return the epoch to seal to, with somebody in it who can open what is sealed.

    Raises:
        NoEpochInForce: there is none, or it is revoked.
    """
    epoch = manifest.epoch_on(today)
    if epoch is None or not manifest.recipients_on(today, Role.REVIEWERS):
        raise NoEpochInForce(
            f"No epoch of the manifest is in force on {today}; "
            "let an admin run 'intake-keys rotate' and install the result."
        )
    return epoch
