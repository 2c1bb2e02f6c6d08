"""What a new version of the manifest changes, in lines for whoever is about to sign it.

Nobody should sign what they have not read. Each person's new recipients carry the words of the
file that they were brought in, so that another admin can ask that person too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from intake.manifest.fingerprint import recipients_fingerprint, signer_fingerprint
from intake.manifest.model import Epoch, Manifest, Recipient, Role, Signer, SigningKey
from intake.manifest.signing import serialise_admin, serialise_signer
from intake.offline.admin.vaults import key_brought
from intake.offline.recipients_file import RecipientsFile, serialise_recipients


def changes(
    before: Manifest | None, after: Manifest, history: Sequence[Manifest] = ()
) -> tuple[str, ...]:
    """Return a line for each thing that a version changes.

    Args:
        before: the version before, ``None`` for the first.
        after: the version.
        history: earlier versions, which may name what is revoked only now, and the vaults of those
            whose vault may acknowledge no more.
    """
    return (
        f"version {after.version} of {after.organisation}, which expires on {after.expires}",
        *_admins(before, after),
        *_server(None if before is None else before.server, after.server),
        *_vaults(before, after),
        *_epochs(before, after, history),
        *_revocations(before, after, history),
    )


def _admins(before: Manifest | None, after: Manifest) -> Iterator[str]:
    old = () if before is None else before.admins
    for admin in after.admins:
        if admin not in old:
            yield f"new admin {admin.name}: {signer_fingerprint(serialise_admin(admin))}"
    for admin in old:
        if admin not in after.admins:
            yield f"no longer an admin: {admin.name}"
    if before is None or before.threshold != after.threshold:
        yield f"signatures needed: {after.threshold} of {len(after.admins)}"


def _server(before: SigningKey | None, after: SigningKey | None) -> Iterator[str]:
    if before == after:
        return
    if after is None:
        yield "no server key any more"
    else:
        yield f"the server's key: {_words(Signer('server', after))}"


def _words(signer: Signer) -> str:
    return signer_fingerprint(serialise_signer(signer))


def _vaults(before: Manifest | None, after: Manifest) -> Iterator[str]:
    old = () if before is None else before.vaults
    required = 1 if before is None else before.acks_required
    for vault in after.vaults:
        if vault not in old:
            yield f"new vault of {vault.name}, which may acknowledge: {_words(vault)}"
    for vault in old:
        if vault not in after.vaults:
            yield f"no longer a vault that may acknowledge: {vault.name}: {_words(vault)}"
    if (old, required) != (after.vaults, after.acks_required):
        needed = f"{after.acks_required} of {len(after.vaults)}"
        yield f"acknowledgements needed before the server deletes: {needed}"


def _epochs(before: Manifest | None, after: Manifest, history: Sequence[Manifest]) -> Iterator[str]:
    old = {} if before is None else {epoch.id: epoch for epoch in before.epochs}
    if before is None or before.epoch_length is not after.epoch_length:
        yield f"epochs are a {after.epoch_length.value} long"
    for (name, role), epochs in _brought(old, after).items():
        file = RecipientsFile(tuple(epochs), key_brought(after, name, history))
        words = recipients_fingerprint(serialise_recipients(file))
        yield f"new recipients of {name} ({role.value}), {span([e.id for e in epochs])}: {words}"
    gone = [epoch_id for epoch_id in old if epoch_id not in {epoch.id for epoch in after.epochs}]
    if gone:
        yield f"no longer named, being long over: {', '.join(gone)}"


def _brought(old: dict[str, Epoch], after: Manifest) -> dict[tuple[str, Role], list[Epoch]]:
    """Return what each person brought: their epochs, each with their new recipient alone."""
    brought: dict[tuple[str, Role], list[Epoch]] = {}
    for epoch in after.epochs:
        there: tuple[Recipient, ...] = old[epoch.id].recipients if epoch.id in old else ()
        for recipient in epoch.recipients:
            if recipient not in there:
                alone = Epoch(epoch.id, epoch.begins, epoch.ends, (recipient,))
                brought.setdefault((recipient.name, recipient.role), []).append(alone)
    return brought


def _revocations(
    before: Manifest | None, after: Manifest, history: Sequence[Manifest]
) -> Iterator[str]:
    old = () if before is None else before.revocations
    new = [name for name in after.revocations if name not in old]
    ever = sorted(
        (e for version in (*history, after) for e in version.epochs), key=lambda e: e.begins
    )
    order = {epoch.id: place for place, epoch in enumerate(ever)}
    owners = {r.recipient: (r.name, e.id) for e in ever for r in e.recipients}
    persons: dict[str, list[str]] = {}
    for name in new:
        if name in owners:
            person, epoch = owners[name]
            persons.setdefault(person, []).append(epoch)
        else:
            yield f"revoked: epoch {name}"
    for person, epochs in persons.items():
        in_order = sorted(set(epochs), key=order.__getitem__)
        yield f"revoked: {person}'s recipients of {span(in_order)}"


def span(epochs: Sequence[str]) -> str:
    """Return the ids of epochs in a row, in a few words."""
    if len(epochs) == 1:
        return f"epoch {epochs[0]}"
    return f"{len(epochs)} epochs, {epochs[0]} to {epochs[-1]}"
