"""Whoever writes waits in line, not for ever; and what was written stays in no memory of ours."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from intake.errors import StoreUnavailable
from intake.online.refusal import Reason
from intake.online.store import sqlite
from intake.online.store.database import open_database
from intake.online.store.submissions import Store
from intake.online.witness.app import create_app
from tests.online.test_exactly_once import together
from tests.support.deployments import Scene, send
from tests.support.stores import DAY, arrival, commit, draft, mailbox_of


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file lock of a database, as a process that was stopped would."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_a_lock_that_somebody_keeps_gives_the_words_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(create_app(scene.deployment()))
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)
    with locked(scene.folder / "state" / "intake.db.lock"):
        answer = send(client, "words of mine", [("a", b"x" * 70_000)], lang="en")
    assert answer.status_code == Reason.CANNOT_KEEP.status
    assert "words of mine" in answer.text
    assert list(scene.settings.blobs.iterdir()) == []
    assert send(client, "words of mine").status_code == 303


def test_everybody_in_line_is_told_and_nobody_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(database=f"sqlite:///{tmp_path}/db", blobs=tmp_path / "blobs")
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)

    def refused() -> None:
        with pytest.raises(StoreUnavailable):
            commit(store, "code", "words")

    with locked(tmp_path / "db.lock"):
        together([refused] * 12)
    monkeypatch.undo()
    together([lambda: commit(store, "code", "words")] * 12)
    assert store.count() == 1


def test_a_database_that_is_being_upgraded_for_too_long_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    with locked(tmp_path / "db.lock"), pytest.raises(StoreUnavailable):
        open_database(f"sqlite:///{tmp_path}/db")


def test_the_threads_of_a_process_write_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    order: list[int] = []

    def write(n: int) -> None:
        with sqlite._locked(tmp_path / "lock"):
            order.append(n)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(10)]
    with sqlite._locked(tmp_path / "lock"):
        for n, thread in enumerate(threads):
            thread.start()
            while len(sqlite._line(tmp_path / "lock")._waiting) < n + 2:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert order == list(range(10))


_OTHER = """
import sys, time
from pathlib import Path
from intake.online.store import sqlite
with sqlite._locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_writer_waits_for_another_process_and_no_longer(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", _OTHER, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        threading.Timer(0.2, other.stdin.close).start()
        with sqlite._locked(lock):
            assert other.wait() == 0


def test_no_address_stays_in_the_statements_that_were_compiled(store: Store) -> None:
    """SQLAlchemy keeps them, with the values that they were first made with."""
    mailbox = mailbox_of("code")
    for n in range(9):
        store.replies.file(bytes([n] * 16), b"sealed", mailbox, DAY)
    store.replies.held(mailbox)
    store.replies.is_withdrawn(mailbox)
    store.replies.delete(mailbox, bytes(16), DAY)
    for words in ("notice", "other"):
        store.withdraw(draft(store, b"hello"), arrival("code", words), mailbox)
    store.replies.reopen(mailbox)
    store.forget(arrival("code", "").address, mailbox, DAY)
    cache: Any = store._engine._compiled_cache
    kept = []
    for compiled in cache.values():
        binds = [*compiled.bind_names, *compiled.cache_key.bindparams]
        kept += [repr(bind.value) for bind in binds]
    secret = [*mailbox.all, *(arrival("code", "").address(n) for n in range(9))]
    secret += [bytes([n] * 16) for n in range(9)]
    assert [value for value in secret if repr(value) in " ".join(kept)] == []
