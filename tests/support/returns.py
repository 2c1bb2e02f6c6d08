"""Returns of a vault, made from the format alone: no vault is needed, and any lie can be told."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from intake.age.sealing.hybrid import HybridRecipient
from intake.courier.returns import (
    REPLIES,
    RETURN,
    Acknowledgement,
    CarriedReply,
    Return,
    return_folder,
    serialise_return,
)
from intake.envelope.reply import seal_reply
from intake.manifest.payload import parse_root, serialise_root
from intake.manifest.signing import SigningIdentity
from intake.receipt.code import Code
from intake.receipt.derivation import ReceiptKeys, derive
from intake.receipt.mailbox import MailboxAddresses
from tests.support.deployments import Scene


def root_hash(scene: Scene) -> str:
    """Return the hash by which a return names its deployment."""
    root = parse_root(scene.settings.root.read_bytes())
    return hashlib.sha256(serialise_root(root)).hexdigest()


def with_vaults(scene: Scene, *vaults: SigningIdentity, required: int = 1) -> None:
    """Publish one more version of the manifest, which names these vaults."""
    named = tuple(vault.public() for vault in vaults)
    scene.publish_next(vaults=named, acks_required=required)


@dataclass
class Mailbox:
    """A witness's mailbox, as a vault knows it."""

    keys: ReceiptKeys

    @classmethod
    def of(cls, scene: Scene, code: Code | None = None) -> Mailbox:
        return cls(derive(code or Code.generate(), scene.manifest.receipt))

    @property
    def addresses(self) -> MailboxAddresses:
        return MailboxAddresses.of(self.keys.reply_key)

    def seal(self, text: str) -> bytes:
        recipient = HybridRecipient.from_seed(self.keys.reply_seed)
        return seal_reply(text, recipient)


@dataclass
class ReturnStick:
    """A stick with a return of one vault, written when :meth:`write` is called."""

    stick: Path
    vault: SigningIdentity
    root: str
    sequence: int = 1
    acknowledgements: list[Acknowledgement] = field(default_factory=list)
    replies: list[CarriedReply] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where the return of this vault lies."""
        return return_folder(self.stick, self.vault.public())

    def acknowledge(self, *sealed: Path) -> ReturnStick:
        """Acknowledge sealed files of the server by what they are."""
        for path in sealed:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            self.acknowledgements.append(Acknowledgement(path.stem, digest))
        return self

    def reply(
        self, mailbox: Mailbox, text: str = "words", reply_id: str | None = None
    ) -> CarriedReply:
        """Put a sealed reply on the stick."""
        sealed = mailbox.seal(text)
        carried = CarriedReply(
            id=reply_id or secrets.token_hex(16),
            sha256=hashlib.sha256(sealed).hexdigest(),
            addresses=tuple(address.hex() for address in mailbox.addresses.all),
        )
        (self.folder / REPLIES).mkdir(parents=True, exist_ok=True)
        carried.path(self.folder).write_bytes(sealed)
        self.replies.append(carried)
        return carried

    def content(self) -> Return:
        return Return(self.root, self.sequence, tuple(self.acknowledgements), tuple(self.replies))

    def write(self) -> Path:
        """Write the listing, signed; return the vault's folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / RETURN).write_bytes(serialise_return(self.content(), self.vault))
        return self.folder
