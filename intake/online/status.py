"""What an admin has to know of a server: what it holds, which keys are in force, what is wrong.

:func:`problems_with_keys` names the cause of each problem and the command that mends it; status,
doctor and the pages' refusals all speak of the same.
"""

from __future__ import annotations

import collections
import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from intake.command_line import counted
from intake.errors import IntakeError, ManifestRefused, NothingInForce
from intake.manifest.model import Manifest, Role
from intake.manifest.outlook import Exposure, exposures
from intake.online.keys_in_force import InForce, KeysInForce
from intake.online.on_the_way import OnTheWay, on_the_way
from intake.online.settings import Settings
from intake.online.signing_key import load_signing_key
from intake.online.store.leaving import Quorum
from intake.online.store.submissions import Store, StoredSubmission


@dataclass(frozen=True)
class Revoked:
    """An epoch or a person that is revoked, and how many recipients that are."""

    name: str
    recipients: int


@dataclass(frozen=True)
class Exposed:
    """Accounts that somebody revoked can open, and how many of them are still here."""

    epoch: str
    manifest_version: int
    names: tuple[str, ...]
    still_here: int


@dataclass(frozen=True)
class Status:
    """One look at a deployment; what cannot be known is ``None`` and stands in ``problems``."""

    submissions: int | None
    unacknowledged: int | None
    replies: int | None
    epoch: str | None
    epoch_ends: str | None
    manifest_version: int | None
    covered_until: str | None
    revocations: tuple[Revoked, ...]
    exposed: tuple[Exposed, ...]
    on_the_way: OnTheWay | None
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return it as JSON's objects."""
        return asdict(self)


def look(settings: Settings, keys: KeysInForce, today: dt.date) -> Status:
    """Return the status of a deployment, also where its store does not answer."""
    if unused := problems_with_an_unused_state(settings):
        return _unknown(unused)
    problems = problems_with_keys(settings, keys, today)
    in_force, history = _in_force(keys, today), _history(keys)
    sealed_to: collections.Counter[tuple[str, int]] = collections.Counter()
    way: OnTheWay | None = None
    count: int | None = None
    try:
        store = Store.open(database=settings.database, blobs=settings.blobs)
        held = list(store.submissions())
        quorum = Quorum.of(history[-1]) if history else None
        way = on_the_way(store, held, quorum, settings.retention)
        sealed_to.update((s.epoch, s.manifest_version) for s in held)
        count = len(held)
        problems += [*way.problems(), *problems_with_the_files(store, held, settings.blobs)]
        problems += problems_with_strays(store)
    except IntakeError as error:
        problems.append(str(error))
    return Status(
        submissions=count,
        unacknowledged=None if way is None or count is None else count - way.acknowledged_here,
        replies=None if way is None else way.replies_filed + way.replies_waiting,
        epoch=None if in_force is None else in_force.epoch.id,
        epoch_ends=None if in_force is None else in_force.epoch.ends.isoformat(),
        manifest_version=history[-1].version if history else None,
        covered_until=None if in_force is None else in_force.covered_until.isoformat(),
        revocations=_revoked(history),
        exposed=tuple(_with_count(e, sealed_to) for e in exposures(history, today, sealed_to)),
        on_the_way=way,
        problems=tuple(problems),
    )


def _unknown(problems: Sequence[str]) -> Status:
    """Return the status of a deployment that was not looked into."""
    return Status(
        submissions=None,
        unacknowledged=None,
        replies=None,
        epoch=None,
        epoch_ends=None,
        manifest_version=None,
        covered_until=None,
        revocations=(),
        exposed=(),
        on_the_way=None,
        problems=tuple(problems),
    )


def problems_with_keys(settings: Settings, keys: KeysInForce, today: dt.date) -> list[str]:
    """Return everything that is wrong, or soon will be, with keys and clock."""
    problems = []
    try:
        warning = keys.look(today).warning(today)
        problems += [warning] if warning else []
    except NothingInForce as error:
        problems.append(f"No account is taken now. {error}")
    problems += problems_with_the_signing_key(settings, keys)
    problems += problems_with_the_vaults(keys, today)
    problems += problems_with_the_clock(keys, today)
    return problems


def problems_with_the_signing_key(settings: Settings, keys: KeysInForce) -> list[str]:
    """Return what keeps the vaults from knowing our bundles, if a manifest is believed."""
    history = _history(keys)
    if not history:
        return []
    named = history[-1].server
    try:
        ours = load_signing_key(settings.state).public().key
    except IntakeError as error:
        return [str(error)]
    if named == ours:
        return []
    how = "names no server key" if named is None else "names another server's key"
    sentence = (
        f"The manifest {how}, so the vaults cannot know our bundles and no epoch can be closed: "
        "run 'intake keys server FILE' here, and 'intake-keys add-server FILE' with the admins."
    )
    return [sentence]


def problems_with_the_vaults(keys: KeysInForce, today: dt.date) -> list[str]:
    """Return what keeps submissions from ever being acknowledged, if a manifest is believed."""
    history = _history(keys)
    if not history:
        return []
    vaults, required = history[-1].vaults, history[-1].acks_required
    if len(vaults) < required:
        said = f"The manifest names {counted(len(vaults), 'vault', 'vaults')}"
    elif (able := _able(keys, today)) is not None and able < required:
        said = (
            f"Of the vaults that the manifest names, {counted(able, 'has', 'have')} a reviewer's "
            "key in the epoch in force"
        )
    else:
        return []
    sentence = (
        f"{said}, and it asks {required} to acknowledge what arrives, so nothing is ever deleted "
        "here for being acknowledged: let the reviewers bring the recipients.json of their "
        "vaults, and an admin run 'intake-keys add-recipients FILE' and 'intake-keys sign'."
    )
    return [sentence]


def _able(keys: KeysInForce, today: dt.date) -> int | None:
    """Return how many vaults are also a reviewer's of what is taken now, if anything is."""
    in_force = _in_force(keys, today)
    if in_force is None:
        return None
    recipients = in_force.manifest.recipients_in(in_force.epoch, Role.REVIEWERS)
    return len({v.name for v in in_force.manifest.vaults} & {r.name for r in recipients})


def problems_with_the_files(
    store: Store, held: Iterable[StoredSubmission], blobs: Path
) -> list[str]:
    """Return which of the submissions ``held`` have lost their files in the folder ``blobs``."""
    lost = [s.id.hex() for s in held if not store.holds_all_of(s)]
    if not lost:
        return []
    sentence = (
        f"Submissions that have lost their files, or a part of them: {len(lost)} ({lost[0]} "
        f"first): restore the folder {blobs} from wherever it was moved to."
    )
    return [sentence]


def problems_with_strays(store: Store) -> list[str]:
    """Return what is wrong where sealed files are here that the database does not know.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    strays = store.strays()
    if not strays:
        return []
    belong = counted(len(strays), "sealed file belongs", "sealed files belong")
    sentence = (
        f"{belong} to no row of this database: see that store.database is right; if the database "
        "was lost, restore a backup, or run 'intake sweep --adopt'. Nothing removes them, and no "
        "epoch is called closed."
    )
    return [sentence]


def problems_with_an_unused_state(settings: Settings) -> list[str]:
    """Return what is wrong where sealed files are all that is left of the state folder.

    Whoever only looks must not make a database or keys there: a backup could not be restored then.
    """
    state = settings.state
    names = {path.name for path in state.iterdir()} if state.is_dir() else set()
    # A restoration that was killed before it was decided left a hidden folder.
    if {name for name in names if not name.startswith(".")} != {settings.blobs.name}:
        return []
    sentence = (
        f"{state} holds sealed files and nothing else: restore a backup ('intake restore FILE'), "
        "or, where there is none, run 'intake sweep --adopt'."
    )
    return [sentence]


def problems_with_the_clock(keys: KeysInForce, today: dt.date) -> list[str]:
    """Return what only a person can judge: whether a clock that went far ahead is right."""
    try:
        jump = keys.record().jumped(today)
    except ManifestRefused:
        return []  # said already: nothing is in force then
    if jump is None:
        return []
    before, after = jump
    sentence = (
        f"The clock went from {before} to {after} at once: the server was off, or had no keys, or "
        "the clock was set forward. No epoch is called closed, and nothing is removed for its age, "
        "until somebody has seen that it is right now, and run 'intake keys reset-day'."
    )
    return [sentence]


def _in_force(keys: KeysInForce, today: dt.date) -> InForce | None:
    try:
        return keys.look(today)
    except NothingInForce:
        return None


def _history(keys: KeysInForce) -> tuple[Manifest, ...]:
    try:
        return keys.history()
    except NothingInForce:
        return ()


def _revoked(history: tuple[Manifest, ...]) -> tuple[Revoked, ...]:
    """Return what is revoked: epochs by their ids, recipients by whose they are."""
    if not history:
        return ()
    named = [(e.id, r) for m in history for e in m.epochs for r in e.recipients]
    owners = {r.recipient: r.name for _, r in named}
    recipients: dict[str, set[str]] = {}
    for name in history[-1].revocations:
        if name in owners:
            recipients.setdefault(owners[name], set()).add(name)
        else:
            recipients[name] = {r.recipient for epoch, r in named if epoch == name}
    return tuple(Revoked(name, len(found)) for name, found in recipients.items())


def _with_count(exposure: Exposure, held: collections.Counter[tuple[str, int]]) -> Exposed:
    return Exposed(
        exposure.epoch,
        exposure.version,
        exposure.names,
        held[exposure.epoch, exposure.version],
    )
