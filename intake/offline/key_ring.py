"""The private keys of a vault, as they stand in ``identities.age`` behind its passphrase.

Opened with plain ``age``, the file is a key file like any other: comments, and one identity a
line, so that ``age -d -i`` opens accounts with it if all else fails.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from intake.age.opening.hybrid import HybridIdentity
from intake.errors import AgeError, VaultUnusable
from intake.manifest.model import EPOCH_ID, Role

_TITLE = "# intake vault: whoever has this file opens every account in the vault"
_VAULT = "# vault"
_OLDER = "# older vault"
_EPOCH = re.compile(rf"# epoch ({EPOCH_ID})(?: ({Role.CUSTODIANS.value}))?")
_DESTROYED = re.compile(rf"# destroyed ({EPOCH_ID})")


@dataclass(frozen=True)
class KeyRing:
    """The vault's own identity, and the identities of each epoch.

    ``epochs`` are the reviewer's, ``custodians`` the custodian's. ``destroyed`` names the epochs
    whose identities were here and are no more. ``older`` are the vault's own identities that a
    ``rekey`` is replacing: what it has not come to yet opens with them.
    """

    vault: HybridIdentity
    epochs: Mapping[str, HybridIdentity] = field(default_factory=dict)
    custodians: Mapping[str, HybridIdentity] = field(default_factory=dict)
    destroyed: tuple[str, ...] = ()
    older: tuple[HybridIdentity, ...] = ()

    def of(self, role: Role) -> Mapping[str, HybridIdentity]:
        """Return the identities of that role, by epoch."""
        return self.epochs if role is Role.REVIEWERS else self.custodians

    def own(self) -> tuple[HybridIdentity, ...]:
        """Return the vault's own identities, the one in force first."""
        return (self.vault, *self.older)

    def with_epochs(
        self, added: Mapping[str, HybridIdentity], role: Role = Role.REVIEWERS
    ) -> KeyRing:
        """Return a ring that holds the identities in ``added`` as well."""
        merged = {**self.of(role), **added}
        if role is Role.REVIEWERS:
            return dataclasses.replace(self, epochs=merged)
        return dataclasses.replace(self, custodians=merged)

    def without(self, epoch: str) -> KeyRing:
        """Return a ring in which the identities of ``epoch``, of all roles, are destroyed."""
        return dataclasses.replace(
            self,
            epochs={name: key for name, key in self.epochs.items() if name != epoch},
            custodians={name: key for name, key in self.custodians.items() if name != epoch},
            destroyed=(*self.destroyed, epoch),
        )

    def to_text(self) -> str:
        """Return the key file's text: the secrets themselves."""
        lines = [_TITLE, _VAULT, self.vault.encode()]
        for identity in self.older:
            lines += [_OLDER, identity.encode()]
        for epoch, identity in self.epochs.items():
            lines += [f"# epoch {epoch}", identity.encode()]
        for epoch, identity in self.custodians.items():
            lines += [f"# epoch {epoch} {Role.CUSTODIANS.value}", identity.encode()]
        lines += [f"# destroyed {epoch}" for epoch in self.destroyed]
        return "\n".join([*lines, ""])

    @classmethod
    def from_text(cls, text: str) -> KeyRing:
        """Read the text of a key file.

        Raises:
            VaultUnusable: it is not a vault's.
        """
        own: dict[str, list[HybridIdentity]] = {_VAULT: [], _OLDER: []}
        epochs: dict[Role, dict[str, HybridIdentity]] = {role: {} for role in Role}
        try:
            for label, identity in _labelled(text):
                found = _EPOCH.fullmatch(label)
                if label in own:
                    own[label].append(identity)
                elif found and found[1] not in epochs[_role(found)]:
                    epochs[_role(found)][found[1]] = identity
                else:
                    # To pass over a key would be to lose it when the file is next written.
                    raise VaultUnusable(
                        "The vault's key file holds a key without an epoch; restore a copy of it."
                    )
        except AgeError as error:
            raise VaultUnusable("The vault's key file is damaged; restore a copy of it.") from error
        if len(own[_VAULT]) != 1:
            raise VaultUnusable("The vault's key file is damaged; restore a copy of it.")
        return cls(
            own[_VAULT][0],
            epochs[Role.REVIEWERS],
            epochs[Role.CUSTODIANS],
            tuple(found[1] for line in text.splitlines() if (found := _DESTROYED.fullmatch(line))),
            tuple(own[_OLDER]),
        )


def _labelled(text: str) -> Iterator[tuple[str, HybridIdentity]]:
    """Yield each identity with the comment right above it; a comment is for one identity."""
    label = ""
    for line in text.splitlines():
        if line.startswith("#"):
            label = line
        else:
            yield label, HybridIdentity.parse(line)
            label = ""


def _role(found: re.Match[str]) -> Role:
    return Role.CUSTODIANS if found[2] else Role.REVIEWERS
