"""What is in force now, as the pages ask for it; and the one refusal that all of them show."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from typing import TypeVar

from intake.errors import NothingInForce
from intake.manifest.model import Manifest
from intake.online.deployment import Deployment
from intake.online.keys_in_force import InForce
from intake.online.refusal import Reason, Refusal

_LOG = logging.getLogger(__name__)

_Found = TypeVar("_Found")


class KeysNow:
    """The keys of a deployment on the day of the request.

    Why there are none, the log is told and no page: it is the admins' to know.
    """

    def __init__(self, deployment: Deployment) -> None:
        """Ask for the keys of ``deployment``."""
        self._deployment = deployment
        self._said: tuple[dt.date, str] | None = None

    def in_force(self) -> InForce:
        """Return what an account taken now is sealed to.

        Raises:
            Refusal: there is nobody.
        """
        return self._ask(self._deployment.keys.on)

    def manifest(self) -> Manifest:
        """Return the newest manifest that is believed.

        Raises:
            Refusal: there is none.
        """
        return self._ask(self._deployment.keys.manifest)

    def _ask(self, question: Callable[[dt.date], _Found]) -> _Found:
        today = self._deployment.today()
        try:
            return question(today)
        except NothingInForce as error:
            self._say(today, str(error))
            raise Refusal(Reason.NO_KEYS) from error

    def _say(self, today: dt.date, sentence: str) -> None:
        """Log a sentence of ours once a day: at each visit it would tell when somebody came."""
        if self._said != (today, sentence):
            self._said = (today, sentence)
            _LOG.error("no account is taken: %s", sentence)
