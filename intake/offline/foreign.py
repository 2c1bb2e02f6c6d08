"""Accounts that no key of this vault opens: whether any was meant to, and what to say of them."""

from __future__ import annotations

import functools

from intake.courier.bundle import UNKNOWN_EPOCH, BundledSubmission
from intake.errors import NotForUs
from intake.manifest.model import Role
from intake.offline.key_ring import KeyRing
from intake.offline.trust import Belief


class Judge:
    """Who tells what was sealed to others, by the vault's keys and the manifest it believes."""

    def __init__(self, keys: KeyRing, belief: Belief) -> None:
        self._keys = keys
        self._belief = belief

    def is_foreign(self, submission: BundledSubmission, *roles: Role) -> bool:
        """Return whether the manifest shows that no key of the vault's was ever to open it."""
        if submission.epoch == UNKNOWN_EPOCH:
            return False
        named = [
            self._belief.recipients(submission.epoch, submission.manifest_version, role)
            for role in roles
        ]
        return all(
            recipients is not None and not recipients & self._recipients for recipients in named
        )

    def refusal(self, submission: BundledSubmission) -> NotForUs:
        """Return why an account that does not open is not taken."""
        name, epoch = submission.id, submission.epoch
        if epoch == UNKNOWN_EPOCH:
            return NotForUs(
                f"The submission {name} opens with no key of this vault, and the server, which was "
                "restored from a backup, does not know its epoch any more. Keep the stick and ask "
                "the other reviewers, or a quorum ('intake-review unlock'); as long as the server "
                "has it, no epoch counts as being here as a whole, and no key is destroyed."
            )
        if epoch in self._keys.destroyed:
            return NotForUs(
                f"The submission {name} does not open any more: the key of its epoch {epoch} was "
                "destroyed here. Keep the stick, and ask the other reviewers."
            )
        if not self.is_foreign(submission, Role.REVIEWERS):
            return NotForUs(
                f"The submission {name} is sealed to somebody else: this vault has no key "
                f"that opens it (epoch {epoch})."
            )
        return NotForUs(
            f"The submission {name} is sealed to somebody else: {self._reason(submission)} If a "
            f"quorum reviews, run 'intake-review unlock --epoch {epoch}' and import the stick "
            "there."
        )

    def _reason(self, submission: BundledSubmission) -> str:
        epoch, version = submission.epoch, submission.manifest_version
        if epoch in self._keys.custodians and epoch not in self._keys.epochs:
            return (
                f"this vault is a custodian's in the epoch {epoch}, and no reviewer's. A custodian "
                "must review as well: make reviewers' keys for the coming epochs with 'keys new'."
            )
        return (
            f"under version {version} of the manifest this vault was no recipient in the epoch "
            f"{epoch}."
        )

    @functools.cached_property
    def _recipients(self) -> frozenset[str]:
        own = (*self._keys.epochs.values(), *self._keys.custodians.values())
        return frozenset(str(identity.recipient()) for identity in own)
