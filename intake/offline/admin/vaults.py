"""Which vaults may acknowledge: what an admin's commands make of that part of the manifest.

What enough vaults have acknowledged, the server deletes. So a key comes in only with the file of a
reviewer, whose words were compared; nobody's key takes another's place unasked; and one that was
taken out (a laptop that is gone) does not come back with an old file of its owner, but only by its
name, on purpose. Pure functions, like those of :mod:`intake.offline.admin.next_version`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from intake.errors import ManifestRefused
from intake.manifest.acceptance import check_signers
from intake.manifest.model import Manifest, Signer, SigningKey


def with_vault(
    manifest: Manifest, name: str, key: SigningKey | None, history: Sequence[Manifest] = ()
) -> Manifest:
    """Return the manifest with the vault of a recipients file; the same key again changes nothing.

    Args:
        manifest: the next version as it stands.
        name: whose file it is.
        key: the file's; ``None`` for a quorum, which has no vault, and for a custodian who does
            not review.
        history: the versions before. A key that was taken out since is passed over
            (:func:`was_removed`).

    Raises:
        ManifestRefused: the name is another vault's, or the key another signer's.
    """
    there = vault_of(manifest, name)
    if key is None:
        if there is not None or _last_vault_of(history, name) is not None:
            raise ManifestRefused(
                f"{name} is the name of a reviewer's vault; call the quorum something else: "
                "--name. If this is a custodian's file from before their vault reviewed: let them "
                "write it again, 'intake-review keys show --role custodians --out FILE'."
            )
        return manifest
    if there == Signer(name, key) or was_removed(manifest, key, history):
        return manifest
    if there is not None:
        raise ManifestRefused(
            f"The manifest has another vault called {name}. If that one is lost: 'intake-keys "
            f"vaults --remove {name}', and then this again. If it is somebody else's: let whoever "
            "brought this file make a vault with another name, 'intake-review init --name'."
        )
    return _checked(dataclasses.replace(manifest, vaults=(*manifest.vaults, Signer(name, key))))


def changed_vaults(
    manifest: Manifest, *, remove: Sequence[str] = (), acks_required: int | None = None
) -> Manifest:
    """Return the manifest without some vaults, or with another number of acknowledgements.

    Raises:
        ManifestRefused: there is no such vault, or more acknowledgements would be required than
            there are vaults to give them. Nobody lowers that number unasked: it says how many
            copies there are of what the server deletes.
    """
    names = [vault.name for vault in manifest.vaults]
    for name in remove:
        if name not in names:
            raise ManifestRefused(
                f"There is no vault {name}; there are: {', '.join(names) or 'none'}."
            )
    left = tuple(vault for vault in manifest.vaults if vault.name not in remove)
    required = acks_required or manifest.acks_required
    most = max(1, len(left))
    if required > most:
        raise ManifestRefused(
            f"{required} vaults must acknowledge each account, and there would be {len(left)}: let "
            "another reviewer bring theirs first ('intake-keys add-recipients'), or say "
            f"--acks-required {most} in this command."
        )
    return dataclasses.replace(manifest, vaults=left, acks_required=required)


def readmitted(manifest: Manifest, name: str, history: Sequence[Manifest]) -> Manifest:
    """Return the manifest with the vault again that was last called ``name``.

    Raises:
        ManifestRefused: no vault was, one still is, or its key is another signer's now.
    """
    if vault_of(manifest, name) is not None:
        raise ManifestRefused(f"The vault {name} is in the manifest already.")
    vault = _last_vault_of(history, name)
    if vault is None:
        raise ManifestRefused(
            f"No vault {name} was ever signed for; let its reviewer bring recipients: "
            "'intake-keys add-recipients'."
        )
    return _checked(dataclasses.replace(manifest, vaults=(*manifest.vaults, vault)))


def vault_of(manifest: Manifest, name: str) -> Signer | None:
    """Return the vault of that name."""
    return next((vault for vault in manifest.vaults if vault.name == name), None)


def was_removed(manifest: Manifest, key: SigningKey, history: Sequence[Manifest]) -> bool:
    """Return whether a vault with this key, or half of it, was in the manifest and is no more."""
    return any(
        _alike(vault.key, key)
        for version in history
        for vault in version.vaults
        if vault not in manifest.vaults
    )


def key_brought(manifest: Manifest, name: str, history: Sequence[Manifest]) -> SigningKey | None:
    """Return the vault's key that stands in the recipients files of ``name``.

    It is the one in the manifest; else, of somebody whose vault may acknowledge no more, the last
    that was.
    """
    vault = vault_of(manifest, name) or _last_vault_of(history, name)
    return None if vault is None else vault.key


def _last_vault_of(history: Sequence[Manifest], name: str) -> Signer | None:
    there = (vault_of(version, name) for version in reversed(history))
    return next((vault for vault in there if vault is not None), None)


def _alike(one: SigningKey, other: SigningKey) -> bool:
    return one.ed25519 == other.ed25519 or one.ml_dsa_65 == other.ml_dsa_65


def _checked(manifest: Manifest) -> Manifest:
    try:
        check_signers(manifest)
    except ManifestRefused as error:
        raise ManifestRefused(
            "The vault's key is one that another signer of the manifest has already: it was "
            "copied. Let its reviewer make a vault of their own, 'intake-review init'."
        ) from error
    return manifest
