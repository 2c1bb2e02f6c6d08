"""One deployment at work: settings, store and keys, opened once and passed to who needs them."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from intake.online.keys_in_force import KeysInForce
from intake.online.questionnaire.model import Questionnaire
from intake.online.questionnaire.reading import DEFAULT, read_questionnaire
from intake.online.server_keys import ServerKeys
from intake.online.settings import Pages, Settings
from intake.online.store.submissions import Store
from intake.online.witness import languages
from intake.online.witness.languages import Language
from intake.online.words import read_words


@dataclass(frozen=True)
class Deployment:
    """What the pages and the commands work with."""

    settings: Settings
    store: Store
    keys: KeysInForce
    server_keys: ServerKeys
    questionnaire: Questionnaire
    #: Those of the pages, the first for whoever asks for none.
    languages: tuple[Language, ...]
    #: The organisation's own words as HTML, by the tag of their language.
    words: Mapping[str, str]
    #: Seconds since 1970; only ever inside sealed cookies, and as a day.
    clock: Callable[[], float] = time.time

    @classmethod
    def open(cls, settings: Settings) -> Deployment:
        """Open what ``settings`` name.

        Raises:
            StoreUnavailable, ManifestRefused, DocumentMalformed: something of it cannot be used.
            SettingsMistaken: what the pages are to say is missing or wrong.
        """
        pages = settings.pages
        offered = languages.offered(pages.languages)
        tags = [language.tag for language in offered]
        server_keys = ServerKeys.load(settings.state)
        return cls(
            settings=settings,
            store=Store.open(database=settings.database, blobs=settings.blobs),
            keys=KeysInForce(
                root=settings.root, manifest=settings.manifest, state=settings.state
            ).pin(),
            server_keys=server_keys,
            questionnaire=questionnaire_of(pages, offered),
            languages=offered,
            words=read_words(pages.words, tags),
        )

    def today(self) -> dt.date:
        """Return the day, in UTC."""
        return dt.datetime.fromtimestamp(self.clock(), dt.UTC).date()


def questionnaire_of(pages: Pages, offered: Sequence[Language]) -> Questionnaire:
    """Read the questionnaire that ``pages`` name, else the one that comes with the program.

    Raises:
        SettingsMistaken: something in it is wrong, or missing in a language that is ``offered``.
    """
    tags = [language.tag for language in offered]
    return read_questionnaire(pages.questionnaire or DEFAULT, tags, pages.shared_with)
