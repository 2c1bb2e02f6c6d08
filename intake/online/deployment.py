"""One deployment at work: settings, store and keys, opened once and passed to who needs them."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass

from intake.online.keys_in_force import KeysInForce
from intake.online.questionnaire.model import Questionnaire
from intake.online.questionnaire.reading import DEFAULT, read_questionnaire
from intake.online.server_keys import ServerKeys
from intake.online.settings import Settings
from intake.online.store.submissions import Store


@dataclass(frozen=True)
class Deployment:
    """What the pages and the commands work with."""

    settings: Settings
    store: Store
    keys: KeysInForce
    server_keys: ServerKeys
    questionnaire: Questionnaire
    #: Seconds since 1970; only ever inside sealed cookies, and as a day.
    clock: Callable[[], float] = time.time

    @classmethod
    def open(cls, settings: Settings) -> Deployment:
        """Open what ``settings`` name.

        Raises:
            StoreUnavailable, ManifestRefused, DocumentMalformed: something of it cannot be used.
        """
        server_keys = ServerKeys.load(settings.state)
        return cls(
            settings=settings,
            store=Store.open(database=settings.database, blobs=settings.blobs),
            keys=KeysInForce(
                root=settings.root, manifest=settings.manifest, state=settings.state
            ).pin(),
            server_keys=server_keys,
            questionnaire=read_questionnaire(
                settings.pages.questionnaire or DEFAULT,
                settings.pages.languages or ("en", "my"),
                settings.pages.shared_with,
            ),
        )

    def today(self) -> dt.date:
        """Return the day, in UTC."""
        return dt.datetime.fromtimestamp(self.clock(), dt.UTC).date()
