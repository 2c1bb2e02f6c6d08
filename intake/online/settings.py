"""The settings of a deployment: ``intake.toml``, typed, frozen, read once.

Every mistake in the file gets a sentence that names the setting and says what it may be. Relative
paths are relative to the file.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from intake.errors import SettingsMistaken
from intake.online.addresses import onion_service, public_page

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

_UNITS = {"": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB}

#: No calendar is exhausted by a hundred years.
MOST_DAYS = 36_500

#: The most characters of the organisation's name: it stands in headings, on the smallest screens.
ORGANISATION_CHARACTERS = 200

#: Where the settings are looked for when nobody says.
DEFAULT_PLACES = (Path("intake.toml"), Path("/etc/intake/intake.toml"))


@dataclass(frozen=True)
class Limits:
    """What one submission may be. Sizes in bytes."""

    #: One request: everything a witness sends at once.
    submission: int = 4 * GIB
    attachments: int = 100
    account_characters: int = 1_000_000
    #: How long one upload may take. An epoch stays open this long, and a margin, after its end.
    upload_hours: int = 24
    #: Below this much free disk, attachments are refused and text is still taken.
    disk_reserve: int = 1 * GIB


@dataclass(frozen=True)
class Retention:
    """How long what arrived may stay, in days."""

    #: A submission that not enough vaults have acknowledged; it is warned of weeks before.
    unacknowledged_days: int = 180
    #: A submission that enough vaults have acknowledged, from that day on.
    acknowledged_days: int = 0
    #: A reply, from the day on which it was filed.
    reply_days: int = 90


@dataclass(frozen=True)
class Pages:
    """What the witness's pages say and show of the deployment."""

    organisation: str
    #: Where *Leave* goes: a plain public page.
    leave_to: str
    #: Tags of the languages offered, the first for whoever asks for none; empty means all.
    languages: tuple[str, ...] = ()
    #: The onion service's address (``http://….onion``); empty where there is none.
    onion: str = ""
    #: A folder with the organisation's own words, ``en.md`` and so on.
    words: Path | None = None
    #: The questionnaire's file; ``None`` for the one that comes with the program.
    questionnaire: Path | None = None
    #: A folder with templates that take the place of ours of the same name.
    templates: Path | None = None
    #: Names, by language, of those with whom accounts may be shared, by a short id.
    shared_with: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """Everything a deployment decides."""

    #: ``HOST:PORT`` or ``unix:/path``.
    listen: str
    #: Host names the site answers to; empty means any.
    hosts: tuple[str, ...]
    #: Whether witnesses reach the site by https (a proxy ends it); cookies are then ``Secure``.
    https: bool
    workers: int
    #: Requests one worker holds at once: each slow upload takes one.
    threads: int
    root: Path
    manifest: Path
    state: Path
    #: SQLAlchemy's URL of the database.
    database: str
    pages: Pages
    limits: Limits
    retention: Retention = Retention()

    @property
    def blobs(self) -> Path:
        """The folder of sealed submissions."""
        return self.state / "blobs"


def find_settings(given: str | None, environment: Mapping[str, str]) -> Path:
    """Return the settings file: the one given, else ``INTAKE_CONFIG``, else the usual places.

    Raises:
        SettingsMistaken: there is none.
    """
    named = given or environment.get("INTAKE_CONFIG")
    if named:
        return Path(named)
    for place in DEFAULT_PLACES:
        if place.exists():
            return place
    raise SettingsMistaken(
        "No settings found: name the file with --config or INTAKE_CONFIG, or run 'intake demo'."
    )


def read_settings(path: Path) -> Settings:
    """Read and check a settings file.

    Raises:
        SettingsMistaken: it cannot be read, or a setting is missing, unknown or wrong.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsMistaken(f"Cannot read {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsMistaken(f"{path} is not TOML: {error}.") from error
    return _settings(_Table(document, "", path), path.resolve().parent)


def _settings(top: _Table, folder: Path) -> Settings:
    server, keys, store = top.table("server"), top.table("keys"), top.table("store")
    pages, limits = top.table("pages"), top.table("limits")
    retention = top.table("retention")
    state = folder / store.text("state")
    settings = Settings(
        listen=server.text("listen", "127.0.0.1:8000"),
        hosts=server.texts("hosts"),
        https=server.flag("https", default=False),
        workers=server.number("workers", default=os.cpu_count() or 2),
        threads=server.number("threads", default=DEFAULT_THREADS),
        root=folder / keys.text("root"),
        manifest=folder / keys.text("manifest"),
        state=state,
        database=store.text("database", f"sqlite:///{state / 'intake.db'}"),
        pages=Pages(
            organisation=pages.text("organisation", most=ORGANISATION_CHARACTERS),
            leave_to=public_page(pages.text("leave_to", DEFAULT_LEAVE_TO)),
            languages=pages.texts("languages"),
            onion=onion_service(pages.text("onion", "")),
            words=pages.path("words", folder),
            questionnaire=pages.path("questionnaire", folder),
            templates=pages.path("templates", folder),
            shared_with=_bodies(pages.table("shared_with")),
        ),
        limits=Limits(
            submission=limits.size("submission", Limits.submission),
            attachments=limits.number("attachments", default=Limits.attachments),
            account_characters=limits.number(
                "account_characters", default=Limits.account_characters
            ),
            upload_hours=limits.number("upload_hours", default=Limits.upload_hours),
            disk_reserve=limits.size("disk_reserve", Limits.disk_reserve),
        ),
        retention=Retention(
            unacknowledged_days=retention.days(
                "unacknowledged_days", default=Retention.unacknowledged_days
            ),
            acknowledged_days=retention.days(
                "acknowledged_days", default=Retention.acknowledged_days, least=0
            ),
            reply_days=retention.days("reply_days", default=Retention.reply_days),
        ),
    )
    for table in (server, keys, store, pages, limits, retention, top):
        table.end()
    return settings


#: A thread waits for each slow upload: two workers hold two thousand of them.
DEFAULT_THREADS = 1024

DEFAULT_LEAVE_TO = "https://www.google.com/"


def _bodies(table: _Table) -> dict[str, dict[str, str]]:
    """Read the names of those with whom accounts may be shared: ``ID = { en = "…", my = "…" }``."""
    return {name: table.table(name).all_texts() for name in table.names()}


class _Table:
    """A table of the file, whose settings are taken one by one, none left over."""

    def __init__(self, document: Mapping[str, object], name: str, path: Path) -> None:
        self._left = dict(document)
        self._name = name
        self._path = path

    def table(self, name: str) -> _Table:
        value = self._left.pop(name, {})
        if not isinstance(value, dict):
            raise self._mistake(name, f"a table: [{self._name}{name}]")
        return _Table(value, f"{self._name}{name}.", self._path)

    def names(self) -> list[str]:
        return list(self._left)

    def all_texts(self) -> dict[str, str]:
        return {name: self.text(name) for name in self.names()}

    def text(self, name: str, default: str | None = None, *, most: int | None = None) -> str:
        value = self._left.pop(name, default)
        if not isinstance(value, str) or (not value.strip() and value != default):
            raise self._mistake(name, "a text in quotes")
        if most is not None and len(value) > most:
            raise self._mistake(name, f"a text of at most {most} characters")
        return value

    def path(self, name: str, folder: Path) -> Path | None:
        value = self.text(name, "")
        return folder / value if value else None

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._left.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
            raise self._mistake(name, 'a list of texts, such as ["one", "two"]')
        return tuple(value)

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._left.pop(name, default)
        if not isinstance(value, bool):
            raise self._mistake(name, "true or false")
        return value

    def number(self, name: str, *, default: int, least: int = 1) -> int:
        value = self._left.pop(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self._mistake(name, f"a whole number of at least {least}")
        return value

    def days(self, name: str, *, default: int, least: int = 1) -> int:
        value = self.number(name, default=default, least=least)
        if value > MOST_DAYS:
            raise self._mistake(name, f"a number of days from {least} to {MOST_DAYS}")
        return value

    def size(self, name: str, default: int) -> int:
        value = self._left.pop(name, default)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        match = re.fullmatch(r"(\d+) ?(|KiB|MiB|GiB)", value) if isinstance(value, str) else None
        if match is None:
            raise self._mistake(name, 'a size, such as "4 GiB" or "500 MiB"')
        return int(match[1]) * _UNITS[match[2]]

    def end(self) -> None:
        if self._left:
            unknown = self._name + min(self._left)
            raise SettingsMistaken(f"{self._path} has a setting that we do not know: {unknown}.")

    def _mistake(self, name: str, expected: str) -> SettingsMistaken:
        return SettingsMistaken(
            f"{self._path}: the setting {self._name}{name} is missing or wrong; "
            f"it must be {expected}."
        )
