"""The courier's way back: replies are filed, acknowledgements taken, and what enough have is gone.

Everything is verified before anything is changed. Then each step may be repeated: a reply is filed
once and never again, an acknowledgement is one for ever, and the number of the return is noted
last. Killed anywhere, the same return again makes it whole.

What is believed, and of whom: a return of this deployment (its root), signed with both halves of a
vault's key that the newest manifest names, though it may have expired; not older than the last one
taken of that vault. An acknowledgement counts for the sealed file it names by its hash, and no
other.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from intake.command_line import counted
from intake.courier.bundle import open_regular
from intake.courier.digest import FIRST_BLOCK
from intake.courier.returns import (
    REPLIES,
    CarriedReply,
    Return,
    folder_name,
    open_folder,
    read_return,
)
from intake.envelope.reply import SLOT_SIZE
from intake.errors import BundleBroken, StoreUnavailable
from intake.manifest.payload import parse_root, serialise_root
from intake.online.keys_in_force import KeysInForce
from intake.online.retention import remove_acknowledged
from intake.online.store.leaving import Quorum, keyid_of
from intake.online.store.replies import Filing
from intake.online.store.submissions import Store, StoredSubmission
from intake.receipt.mailbox import MailboxAddresses

#: How many ids a sentence names.
_NAMED = 3
#: What a sentence says of acknowledgements that do not count, of one and of many.
_SUBMISSIONS = (
    "acknowledgement names a submission that is",
    "acknowledgements name submissions that are",
)
_FILES = (
    "acknowledgement does not count, because it names another file",
    "acknowledgements do not count, because they name another file",
)


@dataclass(frozen=True)
class Import:
    """What an import came to.

    ``vault`` is the name of whoever signed the return; ``again`` says whether it was taken before.
    ``filings`` counts the replies by what became of them; ``acknowledged`` those submissions that
    this vault had not acknowledged before, ``enough`` those of which enough vaults now have, and
    ``deleted`` those whose files went for it.
    """

    vault: str
    sequence: int
    again: bool
    filings: Counter[Filing]
    acknowledged: int
    enough: int
    deleted: int
    #: Ids (hex) of acknowledged submissions that are not here, and of those that are another file.
    unknown: tuple[str, ...]
    different: tuple[str, ...]


def import_return(
    store: Store, keys: KeysInForce, folder: Path, today: dt.date, *, kept_days: int
) -> Import:
    """Take in the return in one vault's ``folder``.

    ``kept_days`` is how long a submission stays that enough vaults have acknowledged.

    Raises:
        BundleBroken: there is none, or it is not to be believed; nothing was changed.
        NothingInForce: no manifest says which vaults there are; nothing was changed.
        StoreUnavailable: the database does not answer; the same again makes it whole.
    """
    signed = read_return(folder)
    content, manifest = signed.content, keys.history()[-1]
    # Each in its own folder: where one lies in another's, somebody put it there.
    vault = signed.signer(v for v in manifest.vaults if folder_name(v) == folder.name)
    if content.root != _root_hash(keys):
        raise BundleBroken(
            f"What is at {folder} comes from the reviewers of another deployment; nothing was "
            "taken. See that it is the right stick."
        )
    if vault is None:
        raise BundleBroken(
            f"What is at {folder} is not signed by a vault that the manifest names and whose "
            "folder this is: it was changed on its way, or the admins have not added the vault "
            "('intake-keys add-recipients' with the reviewer's recipients.json). Nothing was taken."
        )
    keyid = keyid_of(vault)
    last = store.leaving.taken().get(keyid, 0)
    _refuse_older(content, last)
    with _replies_folder(folder, content) as files:
        for reply in content.replies:
            _read_reply(files, reply)
        filings = Counter(_file(store, files, reply, today) for reply in content.replies)
    judged = _Judged.of(store, content)
    acknowledged = store.leaving.acknowledge(keyid, judged.right)
    enough = store.leaving.settle(Quorum.of(manifest), today)
    deleted = 0 if kept_days else remove_acknowledged(store, dt.date.max)
    store.leaving.note_taken(keyid, content.sequence)
    return Import(
        vault=vault.name,
        sequence=content.sequence,
        again=content.sequence == last,
        filings=filings,
        acknowledged=acknowledged,
        enough=enough,
        deleted=deleted,
        unknown=judged.unknown,
        different=judged.different,
    )


def _refuse_older(content: Return, last: int) -> None:
    if content.sequence < last:
        raise BundleBroken(
            f"This return has the number {content.sequence}, and number {last} was taken before: "
            "whatever it brings the later one brought too. Nothing was taken."
        )


def _root_hash(keys: KeysInForce) -> str:
    return hashlib.sha256(serialise_root(parse_root(keys.root_bytes))).hexdigest()


@contextlib.contextmanager
def _replies_folder(folder: Path, content: Return) -> Iterator[int]:
    """Open the folder of replies, itself and not where a link leads."""
    if not content.replies:
        yield -1
        return
    path = folder / REPLIES
    with contextlib.ExitStack() as stack:
        try:
            files = stack.enter_context(open_folder(path))
        except OSError as error:
            raise BundleBroken(
                f"{path} is missing or no folder; let the reviewer write the stick again. Nothing "
                "was taken."
            ) from error
        yield files


def _read_reply(files: int, reply: CarriedReply) -> bytes:
    """Return a sealed reply, as the vault has signed it.

    Raises:
        BundleBroken: it is missing, or another file.
    """
    name = f"{reply.id}.age"
    try:
        with os.fdopen(open_regular(Path(name), folder=files), "rb") as file:
            data = file.read(SLOT_SIZE + 1)
    except OSError as error:
        raise _broken_reply(name) from error
    if len(data) != SLOT_SIZE or hashlib.sha256(data).hexdigest() != reply.sha256:
        raise _broken_reply(name)
    return data


def _broken_reply(name: str) -> BundleBroken:
    return BundleBroken(
        f"The reply {name} is missing, cut short or changed; let the reviewer write the stick "
        "again ('intake-review courier DIR'). What was taken before this stays as it is."
    )


def _file(store: Store, files: int, reply: CarriedReply, today: dt.date) -> Filing:
    # Read again: ten thousand of them are not held in memory, and the stick may have changed.
    mailbox = MailboxAddresses(tuple(bytes.fromhex(a) for a in reply.addresses))
    return store.replies.file(bytes.fromhex(reply.id), _read_reply(files, reply), mailbox, today)


@dataclass(frozen=True)
class _Judged:
    """The acknowledgements of a return: which count, and which do not (ids in hex)."""

    right: tuple[bytes, ...]
    unknown: tuple[str, ...]
    different: tuple[str, ...]

    @classmethod
    def of(cls, store: Store, content: Return) -> _Judged:
        rows = {row.id: row for row in store.rows()}
        right, unknown, different = [], [], []
        for acknowledgement in content.acknowledgements:
            row = rows.get(bytes.fromhex(acknowledgement.submission))
            if row is None:
                unknown.append(acknowledgement.submission)
            elif _sha256(store, row) == acknowledgement.sha256 or _is_settled(row):
                right.append(row.id)
            else:
                different.append(acknowledgement.submission)
        return cls(tuple(right), tuple(unknown), tuple(different))


def _sha256(store: Store, row: StoredSubmission) -> str | None:
    """Return the hash (hex) of a submission's file as it left, or as it is now."""
    if row.sha256 is not None:
        return row.sha256.hex()
    if not store.holds_all_of(row):
        return None
    try:
        with store.open_blob(row.id) as file:
            digest = hashlib.sha256()
            for block in iter(lambda: file.read(FIRST_BLOCK), b""):
                digest.update(block)
            return digest.hexdigest()
    except (OSError, StoreUnavailable):
        return None


def _is_settled(row: StoredSubmission) -> bool:
    """Return whether enough vaults have acknowledged a file that nobody has hashed as it left."""
    return row.sha256 is None and row.acknowledged is not None


def problems_of(found: Import) -> list[str]:
    """Return what the person who carried the stick should know, a sentence each."""
    full, refused = found.filings[Filing.FULL], found.filings[Filing.WITHDRAWN]
    problems = []
    if full:
        problems.append(
            f"{counted(full, 'reply', 'replies')} found no room: sixteen are there already, and "
            "the witness has deleted none. What found none stays with the reviewers, who can carry "
            "it again later."
        )
    if refused:
        one, many = (
            "reply was refused: its witness has",
            "replies were refused: their witnesses have",
        )
        problems.append(f"{counted(refused, one, many)} withdrawn.")
    if found.unknown:
        problems.append(
            f"{counted(len(found.unknown), *_SUBMISSIONS)} not here "
            f"({first_few(found.unknown)}): withdrawn or removed since, or never here. This is "
            "harmless, and ends, where the reviewers import a newer bundle."
        )
    if found.different:
        problems.append(
            f"{counted(len(found.different), *_FILES)} than the one that is here "
            f"({first_few(found.different)}): see with the reviewers what their "
            "vault holds."
        )
    return problems


def first_few(ids: Sequence[str]) -> str:
    """Return the first of many ids, and how many more there are."""
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return ", ".join(ids[:_NAMED]) + more
