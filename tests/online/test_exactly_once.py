"""The same sent twice is kept once, and nothing else is taken for it."""

from __future__ import annotations

import datetime as dt
import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, update

from intake.online.store import committing
from intake.online.store.rows import AcknowledgementRow, SubmissionRow
from intake.online.store.submissions import Outcome, Store
from tests.support.stores import DAY, arrival, blobs, commit

KEPT, SAME = Outcome.KEPT, Outcome.SAME


def at_address(store: Store, code: str, n: int) -> Any:
    """Return the row at the n-th address of a code, if there is one."""
    query = SubmissionRow.__table__.select()
    with store._engine.connect() as connection:
        rows = {row.address: row for row in connection.execute(query)}
    return rows.get(arrival(code, "").address(n))


def together(works: Sequence[Callable[[], object]]) -> None:
    """Do all of ``works`` at once, each on a thread of its own."""
    begin = threading.Barrier(len(works))
    errors: list[BaseException] = []

    def one(work: Callable[[], object]) -> None:
        begin.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # raised below
            errors.append(error)

    threads = [threading.Thread(target=one, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_the_same_at_once_from_threads_is_kept_once(store: Store) -> None:
    outcomes: list[Outcome] = []

    def one(words: str) -> None:
        outcomes.append(commit(store, "code", words))

    together([partial(one, f"words {n % 2}") for n in range(12)])
    assert sorted(o.value for o in outcomes) == ["kept"] * 2 + ["same"] * 10
    assert store.count() == len(blobs(store)) == 2


def test_the_same_at_once_from_processes_is_kept_once(
    store: Store, database: str, tmp_path: Path
) -> None:
    """Each worker of the server is a process with connections of its own."""
    reading, writing = os.pipe()
    for n in range(6):
        if os.fork() == 0:
            status = 1
            try:
                own = Store.open(database=database, blobs=tmp_path / "blobs")
                os.read(reading, 1)
                for words in ("a", "b", "c"):
                    commit(own, "code", words, b"%d" % n)
                status = 0
            finally:
                os._exit(status)
    os.write(writing, b"." * 6)
    assert [os.wait()[1] for _ in range(6)] == [0] * 6
    os.close(reading)
    os.close(writing)
    assert store.count() == len(blobs(store)) == 3
    assert all(store.holds_all_of(s) for s in store.submissions())


def test_nearly_every_submission_costs_one_statement(store: Store) -> None:
    commit(store, "warm", "up")
    statements: list[str] = []

    @event.listens_for(store._engine, "before_cursor_execute")
    def note(*args: Any) -> None:
        statements.append(args[2])

    commit(store, "code", "words")
    assert [s.split()[0] for s in statements if s != "BEGIN"] == ["INSERT"]


def test_other_words_stand_at_the_next_address(store: Store) -> None:
    assert [commit(store, "code", words) for words in "abc"] == [KEPT] * 3
    samenesses = [at_address(store, "code", n).sameness for n in range(3)]
    assert samenesses == [arrival("code", words).sameness for words in "abc"]


def test_a_twin_behind_a_hole_is_found_and_the_hole_is_filled(store: Store) -> None:
    """Rows disappear: the first may be gone long before the second."""
    commit(store, "code", "a")
    commit(store, "code", "b")
    store.leaving.delete([at_address(store, "code", 0).id], acknowledged=False)
    store.sweep()
    assert commit(store, "code", "b") is SAME
    assert at_address(store, "code", 0) is None
    assert commit(store, "code", "c") is KEPT
    assert at_address(store, "code", 0).sameness == arrival("code", "c").sameness
    assert commit(store, "code", "b") is SAME
    assert store.count() == len(blobs(store)) == 2


def test_a_code_with_many_messages_finds_its_next_address(store: Store) -> None:
    for n in range(committing._LOOK_AHEAD + 3):
        assert commit(store, "code", f"words {n}") is KEPT
    assert commit(store, "code", "words 2") is SAME
    assert store.count() == committing._LOOK_AHEAD + 3


@pytest.mark.parametrize("blob_is_there", [True, False])
def test_what_was_acknowledged_is_known_when_it_comes_again(
    store: Store, *, blob_is_there: bool
) -> None:
    """Its blob is gone, and that is right: it must not be brought a second time."""
    commit(store, "code", "words")
    with store._engine.begin() as connection:
        connection.execute(update(SubmissionRow).values(acknowledged=DAY))
    if not blob_is_there:
        blobs(store)[0].unlink()
    assert commit(store, "code", "words") is SAME
    assert store.count() == len(blobs(store)) == int(blob_is_there)
    assert commit(store, "code", "other words") is KEPT


def test_what_was_lost_and_comes_again_has_yet_to_leave(store: Store) -> None:
    """What a vault acknowledged was another file; nothing of its way out is true of the new one."""
    commit(store, "code", "words")
    (row,) = store.rows()
    with store._engine.begin() as connection:
        known = {"bundle": 3, "sha256": bytes(32), "warned": DAY}
        connection.execute(update(SubmissionRow).values(**known))
        connection.execute(insert(AcknowledgementRow).values(submission=row.id, vault=bytes(32)))
    blobs(store)[0].unlink()
    assert commit(store, "code", "words", day=DAY + dt.timedelta(days=1)) is KEPT
    (mended,) = store.rows()
    assert mended.id != row.id
    assert (mended.bundle, mended.sha256, mended.warned) == (None, None, None)
    with store._engine.connect() as connection:
        assert connection.execute(AcknowledgementRow.__table__.select()).all() == []


def test_what_was_lost_and_comes_twice_at_once_is_kept_once(store: Store) -> None:
    commit(store, "code", "words")
    blobs(store)[0].unlink()
    outcomes: list[Outcome] = []
    together([lambda: outcomes.append(commit(store, "code", "words"))] * 6)
    assert sorted(o.value for o in outcomes) == ["kept"] + ["same"] * 5
    assert store.count() == len(blobs(store)) == 1
    assert all(store.holds_all_of(s) for s in store.submissions())
