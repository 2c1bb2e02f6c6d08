"""Committing sealed submissions, in SQLite and in a real PostgreSQL alike."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from intake.errors import SettingsMistaken, StoreUnavailable, TooManyMessages
from intake.online.store import committing, sqlite
from intake.online.store.database import connect_database
from intake.online.store.reaching import CommitUncertain
from intake.online.store.submissions import Arrival, Outcome, Store, StoredSubmission
from tests.support.stores import DAY, arrival, blobs, commit


def test_a_submission_is_kept_with_its_blob(store: Store) -> None:
    assert commit(store, "code", "words") is Outcome.KEPT
    (found,) = store.submissions()
    assert (found.epoch, found.manifest_version, found.day, found.size) == ("2026-11", 1, DAY, 5)
    with store.open_blob(found.id) as blob:
        assert blob.read() == b"hello"
    assert [path.name for path in blobs(store)] == [f"{found.id.hex()}.age"]


def test_the_same_is_kept_once_and_something_else_beside_it(store: Store) -> None:
    outcomes = [commit(store, "code", words) for words in ("a", "a", "b", "a", "b", "c")]
    kept, same = Outcome.KEPT, Outcome.SAME
    assert outcomes == [kept, same, kept, same, same, kept]
    assert commit(store, "other code", "a") is kept
    assert store.count() == len(blobs(store)) == 4


def test_the_same_at_once_is_kept_once(store: Store) -> None:
    outcomes: list[Outcome] = []
    begin = threading.Barrier(8)

    def one(n: int) -> None:
        begin.wait()
        outcomes.append(commit(store, "code", f"words {n % 2}"))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(o.value for o in outcomes) == ["kept"] * 2 + ["same"] * 6
    assert store.count() == len(blobs(store)) == 2


def test_one_code_takes_so_many_and_no_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committing, "MOST_PER_CODE", 20)
    monkeypatch.setattr(committing, "_LOOK_AHEAD", 3)
    for n in range(20):
        assert commit(store, "code", f"words {n}") is Outcome.KEPT
    assert commit(store, "code", "words 19") is Outcome.SAME
    with pytest.raises(TooManyMessages):
        commit(store, "code", "one more")
    assert store.count() == len(blobs(store)) == 20


def test_a_sweep_removes_what_nobody_will_commit_and_nothing_else(store: Store) -> None:
    commit(store, "code", "words")
    being_made, kept_but_not_committed = store.draft(), store.draft()
    kept_but_not_committed.write(b"x")
    kept_but_not_committed.keep()
    assert store.sweep() == 0, "both writers live and hold their locks"
    for draft in (being_made, kept_but_not_committed):
        draft.release()
    assert store.sweep() == 2
    assert store.count() == len(blobs(store)) == 1


def test_a_database_that_is_gone_keeps_nothing(store: Store) -> None:
    with store._engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE submissions RENAME TO hidden")
    try:
        with pytest.raises(StoreUnavailable):
            commit(store, "code", "words")
        with pytest.raises(StoreUnavailable):
            store.count()
        assert blobs(store) == []
    finally:
        with store._engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE hidden RENAME TO submissions")


def test_a_database_locked_by_somebody_else_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)
    found = Store.open(database=f"sqlite:///{tmp_path}/intake.db", blobs=tmp_path / "blobs")
    locker = sqlite3.connect(tmp_path / "intake.db", isolation_level=None)
    locker.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable):
        commit(found, "code", "words")
    assert blobs(found) == []
    locker.execute("ROLLBACK")
    locker.close()
    assert commit(found, "code", "words") is Outcome.KEPT
    found._engine.dispose()


@pytest.mark.parametrize("url", ["nonsense", "oracle://x", "sqlite3:///x"])
def test_an_address_that_is_none_is_said(url: str) -> None:
    with pytest.raises(SettingsMistaken):
        connect_database(url)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable):
        Store.open(database=f"sqlite:///{tmp_path}/db", blobs=tmp_path / "file" / "blobs")


def test_a_database_in_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        Store.open(database=f"sqlite:///{tmp_path}/missing/db", blobs=tmp_path / "blobs")


def test_a_commit_that_failed_but_happened_loses_no_blob(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk failed after the database had written: no receipt now, and none lost later."""
    commit_row = Store._commit_row

    def failing(self: Store, blob_id: bytes, arriving: Arrival) -> Outcome:
        commit_row(self, blob_id, arriving)
        raise CommitUncertain("cut off")

    monkeypatch.setattr(Store, "_commit_row", failing)
    with pytest.raises(StoreUnavailable):
        commit(store, "code", "words")
    monkeypatch.undo()
    assert commit(store, "code", "words") is Outcome.SAME
    assert store.count() == len(blobs(store)) == 1
    assert store.sweep() == 0


def test_when_nobody_can_say_whether_it_was_committed_the_blob_stays_for_the_sweep(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_args: object) -> bool:
        raise CommitUncertain("cut off")

    def silent(*_args: object) -> bool:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(Store, "_commit_row", failing)
    monkeypatch.setattr(Store, "_names", silent)
    with pytest.raises(StoreUnavailable):
        commit(store, "code", "words")
    monkeypatch.undo()
    assert len(blobs(store)) == 1
    assert store.sweep() == 1


@pytest.mark.parametrize("others", [("2026-12", 1), ("2026-11", 2), ("2026-12", 2)])
def test_the_same_sealed_to_others_is_kept_beside_it(store: Store, others: tuple[str, int]) -> None:
    """What came first may be sealed to a key that was lost and revoked since."""
    assert commit(store, "code", "words") is Outcome.KEPT
    assert commit(store, "code", "words", sealed_to=others) is Outcome.KEPT
    for _ in range(2):
        assert commit(store, "code", "words", sealed_to=others) is Outcome.SAME
        assert commit(store, "code", "words") is Outcome.SAME
    assert store.count() == len(blobs(store)) == 2


def lose(path: Path) -> None:
    path.unlink()


def cut_short(path: Path) -> None:
    os.truncate(path, 3)


def empty(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize("damage", [lose, cut_short, empty])
def test_the_same_again_mends_a_row_whose_blob_is_lost(
    store: Store, damage: Callable[[Path], None]
) -> None:
    """The row then tells all of what it names now: a wrong size would keep it from leaving."""
    commit(store, "code", "words")
    [lost] = blobs(store)
    damage(lost)
    later = DAY + dt.timedelta(days=3)
    assert commit(store, "code", "words", b"hello again", day=later) is Outcome.KEPT
    (found,) = store.submissions()
    assert (found.day, found.size) == (later, 11)
    assert (found.epoch, found.manifest_version) == ("2026-11", 1)
    with store.open_blob(found.id) as blob:
        assert blob.read() == b"hello again"
    store.sweep()
    assert [path.stem for path in blobs(store)] == [found.id.hex()]
    assert commit(store, "code", "words") is Outcome.SAME


def test_a_row_committed_while_the_sweep_runs_keeps_its_blob(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = store.draft()
    draft.write(b"hello")
    draft.keep()
    rows_before = store.rows()

    def late(_self: Store) -> list[StoredSubmission]:
        """The rows as they were read, and then the writer commits and lets go."""
        store._commit_row(draft.id, arrival("code", "words"))
        draft.release()
        return rows_before

    monkeypatch.setattr(Store, "rows", late)
    assert store.sweep() == 0
    monkeypatch.undo()
    assert store.count() == len(blobs(store)) == 1
