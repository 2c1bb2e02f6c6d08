"""Committing sealed submissions, in SQLite and in a real PostgreSQL alike."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete

from intake.errors import SettingsMistaken, StoreUnavailable, TooManyMessages
from intake.online.store import committing, sqlite
from intake.online.store.blobs import FileBlobs
from intake.online.store.database import connect_database
from intake.online.store.reaching import CommitUncertain
from intake.online.store.removals import noted_removals
from intake.online.store.rows import SubmissionRow
from intake.online.store.submissions import Arrival, Outcome, Store
from tests.support.stores import DAY, arrival, blobs, commit, draft, mailbox_of


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
    for begun in (being_made, kept_but_not_committed):
        begun.release()
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
    """Its draft is looked at when it is listed, and committed and let go of before it is locked."""
    draft = store.draft()
    draft.write(b"hello")
    draft.keep()
    named = FileBlobs._named

    def late(self: FileBlobs, suffix: str) -> list[tuple[Path, bytes]]:
        found = named(self, suffix)
        store._commit_row(draft.id, arrival("code", "words"))
        draft.release()
        return found

    monkeypatch.setattr(FileBlobs, "_named", late)
    assert store.sweep() == 0
    monkeypatch.undo()
    assert store.count() == 1
    assert [path.name for path in blobs(store)] == [f"{draft.id.hex()}.age"]


# --- a blob without a row ------------------------------------------------------------------------

SEALED = b"age-encryption.org/v1 and more"


def without_a_row(store: Store, data: bytes = SEALED) -> bytes:
    """Commit a blob, and lose its row as a database is lost."""
    commit(store, "lost", "words", data)
    (lost,) = {row.id for row in store.rows() if row.size == len(data)}
    with store._engine.begin() as connection:
        connection.execute(delete(SubmissionRow).where(SubmissionRow.id == lost))
    return lost


def test_a_draft_of_a_committed_row_is_read_and_the_sweep_finishes_it(store: Store) -> None:
    commit(store, "code", "words")
    (kept,) = blobs(store)
    draft = kept.rename(kept.with_suffix(".draft"))
    (row,) = store.submissions()
    assert store.holds_all_of(row)
    with store.open_blob(row.id) as blob:
        assert blob.read() == b"hello"
    assert commit(store, "code", "words") is Outcome.SAME
    assert blobs(store) == [draft]
    assert store.sweep() == 0
    assert blobs(store) == [kept]


def test_no_sweep_removes_what_the_database_does_not_know(store: Store) -> None:
    commit(store, "code", "words")
    lost = without_a_row(store)
    for _ in range(2):
        assert store.sweep() == 0
    assert store.strays() == [lost]
    assert len(blobs(store)) == 2


def test_a_stray_is_taken_in_and_leaves_as_any_other(store: Store) -> None:
    lost, debris = without_a_row(store), without_a_row(store, b"no age file")
    assert store.adopt(DAY, 3) == (lost,)
    assert store.adopt(DAY, 3) == ()
    (row,) = store.submissions()
    assert (row.id, row.epoch, row.manifest_version) == (lost, "unknown", 3)
    assert (row.day, row.size) == (DAY, len(SEALED))
    assert store.strays() == [debris], "nobody can say what it is, and it stays"
    store.leaving.delete([lost], acknowledged=False)
    assert store.sweep() == 1
    assert len(blobs(store)) == 1


def test_a_removal_that_was_noted_is_finished_and_taken_in_by_nobody(store: Store) -> None:
    commit(store, "code", "words", SEALED)
    (row,) = store.rows()
    store.leaving.delete([row.id], acknowledged=False)
    assert (store.strays(), store.adopt(DAY, 1)) == ([], ())
    assert store.sweep() == 1
    assert blobs(store) == []
    assert noted_removals(store._engine) == frozenset()


def test_whoever_removes_a_blob_that_is_being_settled_removes_it(store: Store) -> None:
    """The writer has committed and not renamed yet, when the witness takes it back."""
    begun = draft(store)
    begun.keep()
    store._commit_row(begun.id, arrival("code", "words"))
    store.forget(lambda n: f"code{n}".encode().ljust(32), mailbox_of("code"), DAY)
    begun.settle()
    assert (store.rows(), blobs(store), store.strays()) == ([], [], [])
