"""Killed at every step between the first byte and the receipt. Threat 5.

A child process takes a submission and kills itself, with SIGKILL and no warning, right before or
right after its n-th system call that changes the disk. Whatever n is: a receipt that was shown
stands for an account that opens, nothing else is left after a sweep, and the same form can be
sent again without being doubled.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from werkzeug.test import Client

from intake.online.store.submissions import Store
from intake.online.witness.app import create_app
from tests.support.deployments import Scene, hidden_fields, make_scene, receipt_code, send
from tests.support.kills import every_kill
from tests.support.stores import DAY, arrival, blobs, commit, draft, mailbox_of

FILES = [("a.jpg", b"x" * 200_000)]

#: Every function through which this program changes the disk. SQLite's own calls are counted by
#: statement, and by the kernel through its journal: see ``_Connection``.
CHANGES = ("open", "write", "fsync", "utime", "rename", "unlink", "close")


def child(scene: Scene, step: int, report: Callable[[str], None], *, after: bool) -> None:
    """Take one submission, dying at step ``step``; report the receipt if it comes to that."""
    left = [step]

    def tick() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def dying(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if not after:
                tick()
            result = function(*args, **kwargs)
            if after:
                tick()
            return result

        return wrapper

    class DyingConnection(sqlite3.Connection):
        """SQLite's own system calls come at a commit, and at a statement before it."""

        def execute(self, *args: Any) -> sqlite3.Cursor:
            cursor: sqlite3.Cursor = dying(super().execute)(*args)
            return cursor

        def commit(self) -> None:
            dying(super().commit)()

        def cursor(self, *args: Any) -> Any:
            tick()
            return super().cursor(*args)

    deployment = scene.deployment()
    deployment.store._engine.dispose()
    event.listen(
        deployment.store._engine, "do_connect", lambda *a: a[3].update(factory=DyingConnection)
    )
    client = Client(create_app(deployment))
    hidden = hidden_fields(client.get("/my/submit").text)
    report(json.dumps(hidden))  # what a witness's browser still holds
    write = os.write
    for name in CHANGES:
        setattr(os, name, dying(getattr(os, name)))
    assert send(client, "words", FILES, hidden=hidden).status_code == 303
    receipt = receipt_code(client.get("/my/receipt").text)
    os.write = write
    report(receipt)


def die_at(scene: Scene, step: int, *, after: bool) -> tuple[dict[str, str], str | None, bool]:
    """Return the form's hidden fields, the receipt if one was shown, and whether it was killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            child(scene, step, lambda line: _tell(writing, line), after=after)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        lines = pipe.read().splitlines()
    _, ended = os.waitpid(pid, 0)
    killed = os.WIFSIGNALED(ended)
    assert killed or os.WEXITSTATUS(ended) == 0, "the child failed in another way"
    return json.loads(lines[0]), lines[1] if len(lines) > 1 else None, killed


def _tell(pipe: int, line: str) -> None:
    os.write(pipe, line.encode() + b"\n")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_at_any_step_loses_no_receipt_and_leaves_no_debris(
    tmp_path: Path, *, after: bool
) -> None:
    step = shown_after_kill = 0
    killed = True
    while killed:
        step += 1
        assert step < 200, "the submission never came to its end"
        scene = make_scene(tmp_path / str(step))
        hidden, receipt, killed = die_at(scene, step, after=after)
        store = scene.deployment().store
        store.sweep()
        kept = store.count()
        assert len(list((scene.folder / "state" / "blobs").iterdir())) == kept
        assert scene.accounts() == ["words"] * kept
        if receipt is not None:
            assert kept == 1
            assert receipt == hidden["code"]
            shown_after_kill += killed
        client = Client(create_app(scene.deployment()))
        cookie_of_that_time(client, hidden)
        assert send(client, "words", FILES, hidden=hidden).status_code == 303
        assert scene.accounts() == ["words"]
    print(f"{step - 1} steps {'after' if after else 'before'}, {shown_after_kill} receipts shown")
    assert step > 15, "hardly any step was tried"


def forgotten(store: Store) -> None:
    store.forget(arrival("gone", "").address, mailbox_of("gone"), DAY)


def withdrawn(store: Store) -> None:
    store.withdraw(draft(store), arrival("gone", "notice"), mailbox_of("gone"))


def over(store: Store) -> None:
    gone = [row.id for row in store.rows() if row.size == len(b"gone, as sealed")]
    store.leaving.delete(gone, acknowledged=False)
    store.remove_files(gone)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("delete", [forgotten, withdrawn, over])
def test_a_kill_at_any_step_of_a_deletion_loses_nothing_and_brings_nothing_back(
    tmp_path: Path, delete: Callable[[Store], None], *, after: bool
) -> None:
    stores: dict[int, Store] = {}

    def work(step: int) -> Callable[[], object]:
        folder = tmp_path / str(step)
        folder.mkdir()
        store = Store.open(database=f"sqlite:///{folder}/db", blobs=folder / "blobs")
        commit(store, "kept", "words", b"kept, sealed")
        commit(store, "gone", "words", b"gone, as sealed")
        store._engine.dispose()
        stores[step] = store
        return lambda: delete(store)

    for step in every_kill(work, after=after):
        store = stores[step]
        rows = {row.id.hex() for row in store.rows()}
        store.sweep()
        assert {path.name for path in blobs(store)} == {f"{i}.age" for i in rows}
        contents = {path.read_bytes() for path in blobs(store)}
        assert b"kept, sealed" in contents
        assert (store.strays(), store.sweep()) == ([], 0)
        delete(store)
        assert b"gone, as sealed" not in {path.read_bytes() for path in blobs(store)}
        store._engine.dispose()


def cookie_of_that_time(client: Client, hidden: dict[str, str]) -> None:
    """Give the browser a visit, and the form the token of that visit: its code is what counts."""
    hidden["csrf_token"] = hidden_fields(client.get("/my/submit").text)["csrf_token"]
