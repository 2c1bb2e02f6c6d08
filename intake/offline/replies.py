"""Replies as the vault keeps them, from the reviewer's words to the witness's mailbox.

    replies/ID.age      one reply: JSON, sealed to the vault's own recipient

The sealed slot that travels is made anew for each return: only the words are kept, and where they
have got to. A reply is carried until a bundle of the server's says that it is in the mailbox; then
it is not carried again, whatever becomes of it, because the witness may have deleted it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from intake import strict_json
from intake.age.opening.open import open_bytes
from intake.age.sealing.seal import seal_bytes
from intake.courier.bundle import ReplyState
from intake.durable import sync_folder, write_file
from intake.errors import AgeError, DocumentMalformed
from intake.offline.vault import Vault
from intake.strict_json import Fields

REPLY_FORMAT = "intake-reply-2"

_NAME = re.compile(r"[0-9a-f]{32}\.age")
_AGAIN = b"intake/vault/1/again:"


class State(enum.Enum):
    """Where a reply is, as far as this vault knows."""

    #: It goes with every return, until a bundle says that it arrived.
    QUEUED = "queued"
    #: The witness sees it.
    FILED = "filed"
    #: It is on the server, and all slots of its mailbox were taken. It goes with every return.
    WAITING = "waiting"
    #: It was on the server and is no more: the witness deleted it, or its time was over.
    GONE = "gone"
    #: The witness has taken back what it answers; it is not sent.
    REFUSED = "refused"
    #: It was, or may have been, on the server, which was restored from a backup: no backup holds
    #: replies. It does not go again by itself, since the witness may have read and deleted it.
    LOST = "lost"


#: What goes with each return: a server that had it waiting may have found room for it since.
GOING = (State.QUEUED, State.WAITING)


@dataclass(frozen=True)
class Reply:
    """One reply: to which submission, under which mailbox, in which words, and how far it is.

    ``reply_to`` is the mailbox's recipient, ``reply_key`` what its addresses come from (hex).
    ``number`` tells the order in which the vault's replies were written.
    ``carried`` is the number of the first return that it went with.
    """

    id: str
    number: int
    submission: str
    mailbox: str
    reply_to: str = field(repr=False)
    reply_key: str = field(repr=False)
    text: str = field(repr=False)
    day: dt.date
    state: State = State.QUEUED
    carried: int | None = None

    def again(self) -> Reply:
        """Return the reply under a new id, to be carried anew.

        The id follows from this one's: whoever is killed while queueing it, queues it once.
        """
        again = hashlib.sha256(_AGAIN + bytes.fromhex(self.id)).hexdigest()[:32]
        return dataclasses.replace(self, id=again, state=State.QUEUED, carried=None)

    def to_json(self) -> dict[str, object]:
        """Return what a person or a program is shown of it."""
        return {
            "id": self.id,
            "number": self.number,
            "submission": self.submission,
            "mailbox": self.mailbox,
            "day": self.day.isoformat(),
            "state": self.state.value,
            "carried": self.carried,
            "text": self.text,
        }


@dataclass(frozen=True)
class Kept:
    """The replies of a vault by id, oldest first, and the files in their folder that are none."""

    replies: Mapping[str, Reply]
    damaged: tuple[str, ...]

    @property
    def next_number(self) -> int:
        """Return the number of the reply that is written next."""
        return 1 + max((reply.number for reply in self.replies.values()), default=0)


#: What a bundle says of a reply that the server holds.
_HELD: Mapping[ReplyState | None, State] = {
    ReplyState.FILED: State.FILED,
    ReplyState.WAITING: State.WAITING,
}
#: What else it says changes these only.
_ON_ITS_WAY = (State.QUEUED, State.FILED, State.WAITING)


def path(vault: Vault, reply_id: str) -> Path:
    """Return where a reply lies."""
    return vault.replies_folder / f"{reply_id}.age"


def is_file_name(name: str) -> bool:
    """Return whether a reply's file may have this name, here or on a stick."""
    return _NAME.fullmatch(name) is not None


def load(vault: Vault) -> Kept:
    """Read every reply of the vault. One that is damaged does not keep the others from leaving."""
    found: list[Reply] = []
    damaged = []
    folder = vault.replies_folder
    names = sorted(p.name for p in folder.iterdir()) if folder.exists() else []
    for name in names:
        if is_file_name(name):
            try:
                found.append(_read(vault, name.removesuffix(".age")))
            except (AgeError, DocumentMalformed, FileNotFoundError):
                damaged.append(name)
    found.sort(key=lambda reply: (reply.number, reply.id))
    return Kept({reply.id: reply for reply in found}, tuple(damaged))


def save(vault: Vault, reply: Reply) -> None:
    """Write one reply, durably. Only within the vault's lock.

    Raises:
        OSError: the vault's disk is full or cannot be written; what stood there still stands.
    """
    folder = vault.replies_folder
    if not folder.exists():
        folder.mkdir(mode=0o700)
        sync_folder(vault.folder)
    document = {
        "format": REPLY_FORMAT,
        **reply.to_json(),
        "reply_to": reply.reply_to,
        "reply_key": reply.reply_key,
    }
    sealed = seal_bytes(strict_json.dumps(document), [vault.keys.vault.recipient()])
    write_file(path(vault, reply.id), sealed)


def remove(vault: Vault, reply: Reply) -> None:
    """Remove one reply, durably. Only within the vault's lock."""
    path(vault, reply.id).unlink(missing_ok=True)
    sync_folder(vault.replies_folder)


def follow(vault: Vault, held: Mapping[str, ReplyState], *, restored: bool) -> tuple[Reply, ...]:
    """Note what a bundle that is believed says of each reply; return those that were lost.

    ``held`` are those that the server holds or once filed, ``restored`` says whether it was
    restored from a backup since the bundle before. Safe to repeat. Only within the vault's lock.
    """
    lost = []
    for reply in load(vault).replies.values():
        state = _next(reply, held.get(reply.id), restored=restored)
        if state is not reply.state:
            save(vault, dataclasses.replace(reply, state=state))
            if state is State.LOST:
                lost.append(reply)
    return tuple(lost)


def refuse(vault: Vault, withdrawn: Collection[str]) -> None:
    """Send no more replies to submissions that were taken back. Only within the vault's lock."""
    for reply in load(vault).replies.values():
        if reply.state is State.QUEUED and reply.submission in withdrawn:
            save(vault, dataclasses.replace(reply, state=State.REFUSED))


def _next(reply: Reply, held: ReplyState | None, *, restored: bool) -> State:
    if held in _HELD:
        return _HELD[held]
    if reply.state not in _ON_ITS_WAY:
        return reply.state
    was_there = reply.state is not State.QUEUED or held is ReplyState.GONE
    if restored and (was_there or reply.carried is not None):
        # It may have been filed, and deleted by the witness, since the backup or before it.
        return State.LOST
    return State.GONE if was_there else reply.state


def _read(vault: Vault, reply_id: str) -> Reply:
    """Read one reply.

    Raises:
        AgeError: it does not open with the vault's key, or was changed.
        DocumentMalformed: what is inside is no reply, or another.
        FileNotFoundError: it has been removed meanwhile.
    """
    plaintext = open_bytes(path(vault, reply_id).read_bytes(), vault.keys.own())
    fields = Fields(strict_json.loads(plaintext), "reply")
    if (fields.take("format", str), fields.take("id", str)) != (REPLY_FORMAT, reply_id):
        raise DocumentMalformed("The file holds another reply, or one of another format.")
    state = fields.take("state", str)
    if state not in {s.value for s in State}:
        raise DocumentMalformed("The reply is in a state that we do not know.")
    reply = Reply(
        id=reply_id,
        number=fields.positive("number"),
        submission=fields.take("submission", str),
        mailbox=fields.take("mailbox", str),
        reply_to=fields.take("reply_to", str),
        reply_key=fields.take("reply_key", str),
        text=fields.take("text", str),
        day=fields.day("day"),
        state=State(state),
        carried=fields.optional("carried", int),
    )
    fields.end()
    return reply
