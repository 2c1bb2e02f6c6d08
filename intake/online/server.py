"""The production server: gunicorn with threads, told to write nothing down.

gunicorn hands each body to the application as it arrives and buffers it neither on disk nor whole
in memory (docs/decisions/0003-server.md). A thread waits for each slow upload, so there are many;
a socket that stays silent gives its thread back.
"""

from __future__ import annotations

import logging
import os
import resource
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.workers.gthread import TConn, ThreadWorker

from intake.errors import SettingsMistaken
from intake.online import private_logging
from intake.online.daily import DailyLook
from intake.online.deployment import Deployment
from intake.online.preview import refuse_broken_templates
from intake.online.retention import sweep
from intake.online.settings import Settings
from intake.online.status import problems_with_strays
from intake.online.witness.app import create_app

#: How long a connection may stay silent, in seconds, before its thread is taken back. A phone on a
#: bad line can lose its carrier for a while; two minutes without a single byte is a dead line.
SILENCE_SECONDS = 120

#: How long a worker waits when it has no descriptor or thread left for a connection, in seconds.
EXHAUSTED_PAUSE = 0.05

#: Descriptors a connection may take at once: its socket, a draft, its epoch's lock, and what the
#: store opens for a moment; or, before all but the first, gunicorn's wait for its first byte.
DESCRIPTORS_PER_CONNECTION = 4
#: Descriptors a worker needs besides.
DESCRIPTORS_APART = 128

#: How long requests under way may go on when the server is stopped, in seconds.
FAREWELL_SECONDS = 60


class PatientWorker(ThreadWorker):
    """gunicorn's threaded worker, whose sockets do not wait forever."""

    def accept(self, listener: Any) -> None:
        """Take a connection; when the machine has no more of something, wait instead of dying."""
        try:
            super().accept(listener)
        except OSError:
            time.sleep(EXHAUSTED_PAUSE)

    def enqueue_req(self, conn: TConn) -> None:
        """Bound the silence on a socket before a thread begins to wait on it."""
        timeout = struct.pack("ll", SILENCE_SECONDS, 0)
        try:
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
            super().enqueue_req(conn)
        except (OSError, RuntimeError):  # the socket is gone, or no thread can be started
            self.nr_conns -= 1
            conn.close()
            time.sleep(EXHAUSTED_PAUSE)

    def run(self) -> None:
        """Serve; whatever ends it unforeseen ends the process, so that it is replaced.

        Python would wait for every thread first, and one slow upload would keep a worker there
        that takes no connections any more.
        """
        try:
            super().run()
        except Exception:
            logging.getLogger(__name__).exception("a worker ended and is replaced")
            os._exit(1)


class PrivateLog:
    """What gunicorn logs to. Its own records quote addresses and paths, so almost none are kept."""

    def __init__(self, _config: Config) -> None:
        """Take gunicorn's configuration, and need nothing of it."""
        self.error_log = self.access_log = logging.getLogger("gunicorn")

    def critical(self, *_args: Any, **_kwargs: Any) -> None:
        """Say that something failed."""
        self.error_log.critical("the server failed", exc_info=True)

    error = exception = critical

    def ignore(self, *_args: Any, **_kwargs: Any) -> None:
        """Write nothing."""

    warning = info = debug = log = access = ignore
    reopen_files = close_on_exec = ignore


class Server(BaseApplication):
    """gunicorn, configured by a deployment's settings and by nothing else."""

    def __init__(self, settings: Settings) -> None:
        """Serve the deployment of ``settings``."""
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Configure gunicorn; its command line, environment and files are not looked at."""
        threads, connections = fitting(
            self._settings.threads, resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        )
        for name, value in {
            "bind": self._settings.listen,
            "workers": self._settings.workers,
            "threads": threads,
            "worker_connections": connections,
            "worker_class": PatientWorker,
            "logger_class": PrivateLog,
            "timeout": 0,
            "graceful_timeout": FAREWELL_SECONDS,
            "keepalive": 15,
            "limit_request_fields": 40,
            "limit_request_field_size": 4096,
            "forwarded_allow_ips": "",
            "umask": 0o077,
            "proc_name": "intake",
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Make the application, in each worker after it was forked."""
        private_logging.configure()
        deployment = Deployment.open(self._settings)
        # A thread of the parent's would not be here: forking leaves threads behind.
        DailyLook(deployment).start()
        return create_app(deployment)


def fitting(threads: int, descriptors: int) -> tuple[int, int]:
    """Return how many threads and how many connections fit a worker with so many descriptors."""
    room = max(1, (descriptors - DESCRIPTORS_APART) // DESCRIPTORS_PER_CONNECTION)
    return min(threads, room), min(4 * threads, room)


def serve(settings: Settings, say: Callable[[str], object] = lambda _sentence: None) -> None:
    """Serve until told to stop; ``say`` is told once everything is well.

    Raises:
        StoreUnavailable, ManifestRefused, DocumentMalformed: the deployment cannot be used.
        SettingsMistaken: what its pages are to say is missing or wrong.
    """
    private_logging.configure()
    # A core dump is a copy of whatever was being typed.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if fitting(settings.threads, hard)[0] < settings.threads:
        logging.getLogger(__name__).warning(
            "only %d threads a worker fit into %d open files; raise the limit of open files",
            fitting(settings.threads, hard)[0],
            hard,
        )
    _refuse_taken_address(settings.listen)
    refuse_broken_templates(settings)
    # Open everything once here, so that what is wrong is said once and plainly, and sweep away
    # what a killed server left behind before the first request.
    deployment = Deployment.open(settings)
    sweep(deployment.store, deployment.keys, settings.retention, deployment.today())
    deployment.keys.sweep()
    for problem in problems_with_strays(deployment.store):
        logging.getLogger(__name__).error("%s", problem)
        say(f"Problem: {problem}")
    say(f"Serving on {settings.listen}; stop with Ctrl-C.")
    Server(settings).run()


def _refuse_taken_address(listen: str) -> None:
    """Say plainly that an address cannot be had; gunicorn would try again and again.

    Raises:
        SettingsMistaken: somebody else listens there, or it is not this machine's.
    """
    if listen.startswith("unix:"):
        return
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, int(port)))
    except (OSError, ValueError) as error:
        raise SettingsMistaken(
            f"Cannot listen on {listen}: another program may be there already. Stop it, or name "
            "another address in server.listen ('intake demo --port', 'make demo PORT=...')."
        ) from error
