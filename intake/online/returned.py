"""All that a stick brings back: the return of each vault, each taken or refused by itself.

Only the folders of vaults are looked into that the newest manifest names, and each must hold what
that very vault has signed: whatever else somebody put there costs no more than its name.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from intake.command_line import counted
from intake.courier.returns import folder_name, nothing_at, return_folders
from intake.errors import BundleBroken
from intake.online.importing import Import, first_few, import_return, problems_of
from intake.online.keys_in_force import KeysInForce
from intake.online.store.submissions import Store

_FOLDERS = ("folder is of no vault", "folders are of no vault")


@dataclass(frozen=True)
class Outcome:
    """What became of a vault's return: ``taken`` if it was, and a sentence for each problem."""

    taken: Import | None
    problems: tuple[str, ...]


def import_returns(
    store: Store, keys: KeysInForce, stick: Path, today: dt.date, *, kept_days: int
) -> Iterator[Outcome]:
    """Take in every vault's return on the stick, one after the other.

    ``kept_days`` is how long a submission stays that enough vaults have acknowledged.

    Raises:
        BundleBroken: there is none at all.
        NothingInForce: no manifest says which vaults there are; nothing was changed.
        StoreUnavailable: the database does not answer; the same again makes it whole.
    """
    folders = return_folders(stick)
    if not folders:
        raise nothing_at(stick)
    names = {folder_name(vault): vault.name for vault in keys.history()[-1].vaults}
    for folder in folders:
        if folder.name in names:
            name = names[folder.name]
            try:
                found = import_return(store, keys, folder, today, kept_days=kept_days)
            except BundleBroken as error:
                yield Outcome(None, (f"{name}: {error}",))
            else:
                yield Outcome(found, tuple(f"{name}: {p}" for p in problems_of(found)))
    unknown = [folder.name for folder in folders if folder.name not in names]
    if unknown:
        yield Outcome(None, (_of_nobody(stick, unknown),))


def _of_nobody(stick: Path, unknown: Sequence[str]) -> str:
    return (
        f"On {stick}, {counted(len(unknown), *_FOLDERS)} that the manifest names "
        f"({first_few(unknown)}), and nothing was taken of that: the admins have not added the "
        "vault ('intake-keys add-recipients' with the reviewer's recipients.json), or have removed "
        "it."
    )
