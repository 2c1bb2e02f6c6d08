"""Committing sealed submissions, in SQLite and in a real PostgreSQL alike."""

from __future__ import annotations

import datetime as dt
import os
import pwd
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from intake.errors import SettingsMistaken, StoreUnavailable, TooManyMessages
from intake.online.store import sqlite, submissions
from intake.online.store.blobs import FileBlobs
from intake.online.store.database import connect_database
from intake.online.store.submissions import (
    Arrival,
    CommitUncertain,
    Outcome,
    Store,
    StoredSubmission,
)
from tests.support.servers import free_port

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
DAY = dt.date(2026, 11, 23)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of our own on the loopback interface; yields its URL."""
    if not PROGRAMS:
        pytest.skip("PostgreSQL did not run: it is not installed")
    folder = Path("/tmp") / f"intake-postgresql-{os.getpid()}"  # noqa: S108  # another user's
    folder.mkdir(mode=0o700)
    user = None
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        user = "postgres"
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    bin_folder, data, port = PROGRAMS[-1].parent, folder / "data", free_port()

    def run(*arguments: str) -> None:
        subprocess.run(
            [str(bin_folder / arguments[0]), *arguments[1:]],
            check=True,
            capture_output=True,
            user=user,
            cwd="/",
        )

    try:
        run("initdb", "-D", str(data), "-U", "intake", "--auth=trust", "-E", "UTF8")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        run("pg_ctl", "-D", str(data), "-l", str(folder / "log"), "-w", "-o", options, "start")
        yield f"postgresql+psycopg://intake@127.0.0.1:{port}/postgres"
        run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path}/intake.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql")
    found = Store.open(database=url, blobs=tmp_path / "blobs")
    with found._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM submissions")
    yield found
    found._engine.dispose()


def arrival(code: str, words: str) -> Arrival:
    return Arrival(
        address=lambda n: f"{code}{n}".encode().ljust(32),
        sameness=words.encode().ljust(32),
        epoch="2026-11",
        manifest_version=1,
        day=DAY,
        size=5,
    )


def commit(
    store: Store,
    code: str,
    words: str,
    data: bytes = b"hello",
    *,
    sealed_to: tuple[str, int] = ("2026-11", 1),
    day: dt.date = DAY,
) -> Outcome:
    epoch, version = sealed_to
    draft = store.draft()
    draft.write(data)
    arriving = replace(
        arrival(code, words), size=len(data), epoch=epoch, manifest_version=version, day=day
    )
    return store.commit(draft, arriving)


def blobs(store: Store) -> list[Path]:
    assert isinstance(store._blobs, FileBlobs)
    return sorted(store._blobs._folder.iterdir())


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
    monkeypatch.setattr(submissions, "MOST_PER_CODE", 20)
    monkeypatch.setattr(submissions, "_LOOK_AHEAD", 3)
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

    def failing(self: Store, blob_id: bytes, arriving: Arrival) -> bytes | None:
        commit_row(self, blob_id, arriving)
        raise CommitUncertain

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
        raise CommitUncertain

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
    submissions_before = list(store.submissions())

    def late(_self: Store) -> list[StoredSubmission]:
        """The rows as they were read, and then the writer commits and lets go."""
        store._commit_row(draft.id, arrival("code", "words"))
        draft.release()
        return submissions_before

    monkeypatch.setattr(Store, "submissions", late)
    assert store.sweep() == 0
    monkeypatch.undo()
    assert store.count() == len(blobs(store)) == 1
