"""The private keys of a vault, as they stand in ``identities.age`` behind its passphrase.

Opened with plain ``age``, the file is a key file like any other: comments, and one identity a
line, so that ``age -d -i`` opens accounts with it if all else fails. The keys with which the vault
signs what it sends back are no identities: they stand in a comment.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from intake.age.opening.hybrid import HybridIdentity
from intake.errors import AgeError, VaultUnusable
from intake.manifest.model import EPOCH_ID, Role
from intake.manifest.signing import SEED_SIZE
from intake.secret import Secret
from intake.strict_json import octets

_TITLE = "# intake vault: whoever has this file opens every account in the vault"
_VAULT = "# vault"
_OLDER = "# older vault"
_EPOCH = re.compile(rf"# epoch ({EPOCH_ID})(?: ({Role.CUSTODIANS.value}))?")
_DESTROYED = re.compile(rf"# destroyed ({EPOCH_ID})")
_SIGNING = "# signing "


@dataclass(frozen=True)
class KeyRing:
    """The vault's own identity, and the identities of each epoch.

    ``epochs`` are the reviewer's, ``custodians`` the custodian's. ``destroyed`` names the epochs
    whose identities were here and are no more. ``older`` are the vault's own identities that a
    ``rekey`` is replacing: what it has not come to yet opens with them. ``signing`` are the seeds
    of the vault's Ed25519 and ML-DSA-65 keys, one after the other (64 bytes); a vault made before
    there were any has none.
    """

    vault: HybridIdentity
    epochs: Mapping[str, HybridIdentity] = field(default_factory=dict)
    custodians: Mapping[str, HybridIdentity] = field(default_factory=dict)
    destroyed: tuple[str, ...] = ()
    older: tuple[HybridIdentity, ...] = ()
    signing: Secret | None = None

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
        if self.signing is not None:
            lines.append(_SIGNING + octets(self.signing.reveal()))
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
            _signing(text),
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


def _signing(text: str) -> Secret | None:
    """Return the seeds that the vault signs with.

    Raises:
        VaultUnusable: they are damaged. To pass over them would be to lose what the manifest names.
    """
    found = [line for line in text.splitlines() if line.startswith(_SIGNING.rstrip())]
    if not found:
        return None
    try:
        seeds = base64.b64decode(found[0].removeprefix(_SIGNING), validate=True)
    except (binascii.Error, ValueError):
        seeds = b""
    if len(found) > 1 or len(seeds) != 2 * SEED_SIZE:
        raise VaultUnusable("The vault's key file is damaged; restore a copy of it.")
    return Secret(seeds)


def _role(found: re.Match[str]) -> Role:
    return Role.CUSTODIANS if found[2] else Role.REVIEWERS
