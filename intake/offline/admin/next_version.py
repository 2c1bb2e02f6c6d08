"""The next version of the manifest: what each of an admin's commands makes of the one before.

Pure functions from one manifest to the next; nobody has signed anything here, and nothing is
read or written.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from intake.errors import ManifestRefused
from intake.manifest.acceptance import check_admins, check_backups, check_epochs
from intake.manifest.calendar import EpochLength, Period, length_of
from intake.manifest.model import Admin, Epoch, Manifest, ReceiptParameters, Role, Root
from intake.manifest.payload import SALT_SIZE
from intake.offline.admin.vaults import changed_vaults
from intake.receipt import derivation

#: A manifest expires unless it is renewed: a server cut off from its admins stops by itself.
LIFETIME = dt.timedelta(days=400)

#: How long an ended epoch still stands in new versions. Every version before stays in the chain.
KEPT_AFTER_END = dt.timedelta(days=31)


@dataclass(frozen=True)
class Rotation:
    """What a rotation came to.

    ``forgotten`` are the ended epochs that it leaves out; ``missing`` says which of today's
    reviewers and custodians have brought no recipient for which of the coming epochs; ``blind``
    which custodians of each epoch are no reviewers of it, and so cannot open what theirs is in.
    """

    manifest: Manifest
    forgotten: tuple[str, ...]
    missing: Mapping[str, tuple[str, ...]]
    blind: Mapping[str, tuple[str, ...]]


def first_manifest(root: Root, epoch_length: EpochLength, today: dt.date) -> Manifest:
    """Return version 1: the root's admins, and no epochs yet."""
    return Manifest(
        organisation=root.organisation,
        version=1,
        issued=today,
        expires=today + LIFETIME,
        previous=None,
        threshold=root.threshold,
        admins=root.admins,
        epoch_length=epoch_length,
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


def successor(current: Manifest, previous: str, today: dt.date) -> Manifest:
    """Return the version after ``current``, whose payload has the hash ``previous``: the same."""
    return dataclasses.replace(
        current,
        version=current.version + 1,
        issued=today,
        expires=today + LIFETIME,
        previous=previous,
    )


def with_recipients(manifest: Manifest, epochs: Sequence[Epoch]) -> Manifest:
    """Return the manifest with recipients added.

    Those that stand in it already are passed over, and those of what is revoked
    (:func:`passed_over`).

    Raises:
        ManifestRefused: they do not fit the epochs that are there, or all are passed over.
    """
    manifest = _with_length_of(manifest, epochs)
    revoked_ones = passed_over(manifest, epochs)
    epochs = [epoch for epoch in epochs if epoch.id not in revoked_ones]
    if not epochs:
        raise ManifestRefused(
            f"Everything in the file is revoked ({', '.join(revoked_ones)}); let its holder make "
            "new recipients, for other epochs where the epoch itself is revoked."
        )
    merged = {epoch.id: epoch for epoch in manifest.epochs}
    for epoch in epochs:
        merged[epoch.id] = _merged(merged.get(epoch.id), epoch)
    ordered = tuple(sorted(merged.values(), key=lambda epoch: epoch.begins))
    check_epochs(ordered)
    changed = dataclasses.replace(manifest, epochs=ordered)
    check_backups(changed)
    return changed


def passed_over(manifest: Manifest, epochs: Sequence[Epoch]) -> tuple[str, ...]:
    """Return the ids of those of ``epochs`` that are revoked, or whose recipient is."""
    return tuple(
        epoch.id
        for epoch in epochs
        if epoch.id in manifest.revocations
        or any(r.recipient in manifest.revocations for r in epoch.recipients)
    )


def rotated(
    manifest: Manifest, today: dt.date, epoch_length: EpochLength | None = None
) -> Rotation:
    """Return the next version the routine way: renewed, without epochs that are long over."""
    kept = tuple(e for e in manifest.epochs if today - e.ends < KEPT_AFTER_END)
    named = {e.id for e in kept} | {r.recipient for e in kept for r in e.recipients}
    changed = dataclasses.replace(
        manifest,
        issued=today,
        expires=today + LIFETIME,
        epoch_length=epoch_length or manifest.epoch_length,
        epochs=kept,
        revocations=tuple(name for name in manifest.revocations if name in named),
    )
    forgotten = tuple(e.id for e in manifest.epochs if e not in kept)
    return Rotation(changed, forgotten, _missing(changed, today), _blind(changed, today))


def ended(manifest: Manifest, epoch_id: str, today: dt.date) -> Manifest:
    """Return the manifest with an epoch that is running ended today, before its time.

    Raises:
        ManifestRefused: there is no such epoch, or it is not running, or began only today.
    """
    epoch = next((e for e in manifest.epochs if e.id == epoch_id), None)
    if epoch is None or not epoch.begins < today < epoch.ends:
        raise ManifestRefused(f"The epoch {epoch_id} is not one that is running since yesterday.")
    cut = dataclasses.replace(epoch, ends=today)
    epochs = tuple(cut if e is epoch else e for e in manifest.epochs)
    return dataclasses.replace(manifest, epochs=epochs)


def revoked(
    manifest: Manifest,
    name: str,
    history: Sequence[Manifest] = (),
    *,
    epoch: str | None = None,
    acks_required: int | None = None,
) -> Manifest:
    """Return the manifest with an epoch, a recipient or a person's recipients revoked.

    A person's vault goes with all that is theirs: whoever has it must not acknowledge either.

    Args:
        manifest: the next version as it stands.
        history: the versions before. What a person had in epochs that are named no more is revoked
            as well, so that the server can tell all that was ever sealed to it.
        epoch: only in this epoch, where ``name`` is a person; the vault stays then.
        acks_required: how many acknowledgements are required from now on.
        name: an epoch's id; a recipient, or its first twenty characters or more; or a person's
            name, for every recipient of theirs.

    Raises:
        ManifestRefused: nothing in the manifest has this name, or two things have; or too few
            vaults would be left.
    """
    ever = tuple(
        e
        for version in (manifest, *history)
        for e in version.epochs
        if epoch is None or e.id == epoch
    )
    new = tuple(item for item in _revocable(ever, name) if item not in manifest.revocations)
    vaults = [vault.name for vault in manifest.vaults if vault.name == name and epoch is None]
    if not new and not vaults:
        raise ManifestRefused(f"{name[:40]} is revoked already.")
    changed = dataclasses.replace(manifest, revocations=(*manifest.revocations, *new))
    return changed_vaults(changed, remove=vaults, acks_required=acks_required)


def with_admins(
    manifest: Manifest,
    *,
    add: Sequence[Admin] = (),
    remove: Sequence[str] = (),
    threshold: int | None = None,
) -> Manifest:
    """Return the manifest with other admins.

    Raises:
        ManifestRefused: somebody to be removed is none, or the rest cannot meet the threshold.
    """
    names = {admin.name for admin in manifest.admins}
    for name in remove:
        if name not in names:
            raise ManifestRefused(f"There is no admin {name}; there are: {_list(names)}.")
    admins = (*(a for a in manifest.admins if a.name not in remove), *add)
    check_admins(admins, threshold or manifest.threshold)
    return dataclasses.replace(manifest, admins=admins, threshold=threshold or manifest.threshold)


def _with_length_of(manifest: Manifest, epochs: Sequence[Epoch]) -> Manifest:
    """Return the manifest, its epochs' length decided by the first recipients if by nobody else.

    Raises:
        ManifestRefused: the epochs have another length than the deployment's.
    """
    lengths = {length_of(Period(epoch.id, epoch.begins, epoch.ends)) for epoch in epochs}
    if lengths == {manifest.epoch_length}:
        return manifest
    [length] = lengths if len(lengths) == 1 else [None]
    if length is None:
        raise ManifestRefused("The file has an epoch that is no day, week or month; make it anew.")
    # Only where nobody has chosen: a month is what a deployment has that says nothing.
    if manifest.epochs or manifest.version > 1 or manifest.epoch_length is not EpochLength.MONTH:
        raise ManifestRefused(
            f"This deployment's epochs are a {manifest.epoch_length.value} long, and the file's a "
            f"{length.value}: make it anew with --epoch-length {manifest.epoch_length.value}, or "
            f"change them first: 'intake-keys rotate --epoch-length {length.value}'."
        )
    return dataclasses.replace(manifest, epoch_length=length)


def _merged(there: Epoch | None, added: Epoch) -> Epoch:
    """Return an epoch of the manifest with the recipients of ``added`` as well."""
    if there is None:
        return added
    if (there.begins, there.ends) != (added.begins, added.ends):
        raise ManifestRefused(f"The epoch {added.id} has other days in the manifest.")
    new = tuple(r for r in added.recipients if r not in there.recipients)
    return dataclasses.replace(there, recipients=(*there.recipients, *new))


def _missing(manifest: Manifest, today: dt.date) -> dict[str, tuple[str, ...]]:
    """Return who stands in the present epoch, and in which of the coming ones they do not."""
    now = manifest.epoch_on(today)
    if now is None:
        return {}
    missing: dict[str, list[str]] = {}
    for role in Role:
        for name in dict.fromkeys(r.name for r in manifest.recipients_in(now, role)):
            who = f"{name} ({role.value})"
            for epoch in manifest.epochs:
                there = {r.name for r in manifest.recipients_in(epoch, role)}
                if epoch.begins > now.begins and name not in there:
                    missing.setdefault(who, []).append(epoch.id)
    return {who: tuple(epochs) for who, epochs in missing.items()}


def _blind(manifest: Manifest, today: dt.date) -> dict[str, tuple[str, ...]]:
    """Return the custodians of each epoch to come who are no reviewers of it, where any are."""
    blind = {}
    for epoch in manifest.epochs:
        reviewers = {r.name for r in manifest.recipients_in(epoch, Role.REVIEWERS)}
        custodians = (r.name for r in manifest.recipients_in(epoch, Role.CUSTODIANS))
        alone = tuple(dict.fromkeys(name for name in custodians if name not in reviewers))
        if alone and epoch.ends > today:
            blind[epoch.id] = alone
    return blind


#: Fewer characters of a recipient could be those of two.
_LEAST_PREFIX = 20


def _revocable(ever: Sequence[Epoch], name: str) -> tuple[str, ...]:
    """Return the id of the epoch, or the recipients, that ``name`` means."""
    recipients = {r.recipient: r.name for e in ever for r in e.recipients}
    epochs = tuple({e.id for e in ever if e.id == name})
    persons = tuple(r for r, owner in recipients.items() if owner == name)
    exact = tuple(r for r in recipients if len(name) >= _LEAST_PREFIX and r.startswith(name))
    meanings = [meaning for meaning in (epochs, persons, exact) if meaning]
    if not meanings:
        raise ManifestRefused(
            f"The manifest has no epoch, recipient or person {name[:40]!r}; it has "
            f"{_list({e.id for e in ever})} and {_list(set(recipients.values()))}."
        )
    if len(meanings) > 1 or len(exact) > 1:
        raise ManifestRefused(f"{name[:40]!r} means several things; give the whole recipient.")
    return meanings[0]


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
