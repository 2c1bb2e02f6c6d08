"""What is wrong with a deployment, each finding with what mends it: ``intake doctor``."""

from __future__ import annotations

import datetime as dt
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from intake.errors import IntakeError
from intake.online.keys_in_force import KeysInForce
from intake.online.on_the_way import on_the_way
from intake.online.server_keys import ServerKeys
from intake.online.settings import GIB, Settings
from intake.online.status import (
    problems_with_an_unused_state,
    problems_with_keys,
    problems_with_strays,
    problems_with_the_files,
)
from intake.online.store.submissions import Store

_SWAPS = Path("/proc/swaps")


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, and what is wrong with it (nothing, if it is well).

    ``advice`` is about what may be meant so: nothing is wrong with it.
    """

    what: str
    problems: tuple[str, ...]
    advice: tuple[str, ...] = ()


def examine(
    settings: Settings, keys: KeysInForce, today: dt.date, *, swaps: Path = _SWAPS
) -> Iterator[Finding]:
    """Yield a finding for each check, in the order in which they matter."""
    if unused := problems_with_an_unused_state(settings):
        yield Finding("state folder", tuple(unused))
        return
    checks: tuple[tuple[str, Callable[[], list[str]]], ...] = (
        ("keys", lambda: problems_with_keys(settings, keys, today)),
        ("store", lambda: _store(settings)),
        ("disk", lambda: _disk(settings)),
        ("state folder", lambda: _state(settings.state)),
        ("swap", lambda: _swap(swaps)),
        ("names", lambda: _names(settings)),
    )
    for what, check in checks:
        try:
            problems = check()
        except IntakeError as error:
            problems = [str(error)]
        yield Finding(what, tuple(problems))


def _open(settings: Settings) -> Store:
    return Store.open(database=settings.database, blobs=settings.blobs)


def _store(settings: Settings) -> list[str]:
    store = _open(settings)
    held = list(store.submissions())
    soon = on_the_way(store, held, None, settings.retention).problems()
    lost = problems_with_the_files(store, held, settings.blobs)
    return [*soon, *lost, *problems_with_strays(store)]


def _disk(settings: Settings) -> list[str]:
    free, limits = _open(settings).free_bytes(), settings.limits
    if free >= limits.disk_reserve + limits.submission:
        return []
    sentence = (
        f"Only {free / GIB:.1f} GiB are free: large files are refused. Run 'intake export DIR', "
        f"and make room on the disk of {settings.state}."
    )
    return [sentence]


def _state(folder: Path) -> list[str]:
    ServerKeys.load(folder)
    mode = folder.stat().st_mode
    if not mode & (stat.S_IRWXG | stat.S_IRWXO):
        return []
    return [f"Others on this machine can look into {folder}: chmod 700 {folder}"]


def _swap(swaps: Path) -> list[str]:
    try:
        devices = swaps.read_text(encoding="ascii", errors="replace").splitlines()[1:]
    except OSError:
        return []
    plain = [line.split()[0] for line in devices if line and not _encrypted(line.split()[0])]
    if not plain:
        return []
    sentence = (
        f"Memory may be written to {', '.join(plain)} in the clear, and with it what witnesses "
        "type: swapoff -a, or encrypt it."
    )
    return [sentence]


def _names(settings: Settings) -> list[str]:
    """Return what keeps visitors from the names that the pages tell them."""
    onion = urlsplit(settings.pages.onion).hostname
    if onion is None or not settings.hosts or onion in settings.hosts:
        return []
    sentence = (
        f"The pages name the onion address {onion}, and the server refuses it: add it to "
        "server.hosts."
    )
    return [sentence]


def _encrypted(device: str) -> bool:
    """Return whether a swap device is one of dm-crypt's, or memory itself (zram)."""
    name = Path(device).resolve().name
    uuid = Path("/sys/block") / name / "dm" / "uuid"
    if name.startswith("zram"):
        return True
    return uuid.exists() and uuid.read_text(encoding="ascii").startswith("CRYPT-")
