"""A look at the keys every hour: a server that nobody visits also lives by the calendar.

It goes from epoch to epoch, remembers each day on which keys were in force, and says in the log,
once a day, what the admins must know. Once a day it sweeps away what need not be here any more,
whether or not anything is in force. One such thread runs in each worker.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading

from intake.errors import NothingInForce
from intake.online.deployment import Deployment
from intake.online.retention import sweep

_LOG = logging.getLogger(__name__)

_HOUR = 3600.0


class DailyLook(threading.Thread):
    """Looks at once, and then every hour until it is stopped or its process ends."""

    def __init__(self, deployment: Deployment, *, seconds: float = _HOUR) -> None:
        """Look at the keys of ``deployment`` every so many ``seconds``."""
        super().__init__(name="daily look", daemon=True)
        self._deployment = deployment
        self._seconds = seconds
        self._stopped = threading.Event()
        self._said: tuple[dt.date, str] | None = None
        self._swept: dt.date | None = None

    def run(self) -> None:
        """Look, and wait."""
        self._look()
        while not self._stopped.wait(self._seconds):
            self._look()

    def stop(self) -> None:
        """End the thread, and wait until it has ended."""
        self._stopped.set()
        self.join()

    def _look(self) -> None:
        for work, failed in (
            (self._look_on, "a look at the keys failed"),
            (self._sweep_on, "a sweep failed"),
        ):
            try:
                work(self._deployment.today())
            except Exception:  # noqa: BLE001
                # Whatever it is: the next look must come.
                _LOG.exception(failed)

    def _sweep_on(self, today: dt.date) -> None:
        if self._swept == today:
            return
        deployment = self._deployment
        sweep(deployment.store, deployment.keys, deployment.settings.retention, today)
        self._swept = today

    def _look_on(self, today: dt.date) -> None:
        try:
            # Logs the warning itself, where the day is new for all workers.
            self._deployment.keys.on(today)
        except NothingInForce as error:
            self._say(today, f"no account is taken: {error}")

    def _say(self, today: dt.date, sentence: str) -> None:
        if self._said != (today, sentence):
            self._said = (today, sentence)
            _LOG.error("%s", sentence)
