"""Withdrawal destroys what the server still holds, and leaves a sealed notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import update

from intake.errors import StoreUnavailable
from intake.online.store import reaching, replies
from intake.online.store.reaching import CommitUncertain
from intake.online.store.replies import Filing
from intake.online.store.rows import SubmissionRow
from intake.online.store.submissions import Outcome, Store
from tests.online.test_exactly_once import at_address, together
from tests.support.stores import DAY, arrival, blobs, commit, draft, mailbox_of

REPLY = b"sealed reply" * 100


def withdraw(store: Store, code: str = "code") -> None:
    notice = arrival(code, "notice of a withdrawal")
    store.withdraw(draft(store, b"notice"), replace(notice, size=6), mailbox_of(code))


def contents(store: Store) -> list[bytes]:
    return sorted(path.read_bytes() for path in blobs(store))


def fill(store: Store) -> None:
    """Three messages of a witness, one of them acknowledged, two replies, and somebody else's."""
    for words in ("a", "b", "c"):
        commit(store, "code", words, words.encode())
    with store._engine.begin() as connection:
        gone = SubmissionRow.sameness == arrival("code", "b").sameness
        connection.execute(update(SubmissionRow).where(gone).values(acknowledged=DAY))
    commit(store, "other", "a", b"other")
    for n in range(2):
        store.replies.file(bytes([n] * 16), REPLY, mailbox_of("code"), DAY)
    store.replies.file(bytes([9] * 16), REPLY, mailbox_of("other"), DAY)


def test_a_withdrawal_destroys_all_of_its_code_and_leaves_a_notice(store: Store) -> None:
    fill(store)
    withdraw(store)
    assert contents(store) == [b"notice", b"other"]
    assert store.count() == 2
    assert store.replies.held(mailbox_of("code")) == (None,) * 8
    assert store.replies.held(mailbox_of("other"))[0] is not None
    assert at_address(store, "code", 0).size == 6


def test_the_same_withdrawal_again_changes_nothing(store: Store) -> None:
    fill(store)
    withdraw(store)
    first = store.rows()
    withdraw(store)
    assert store.rows() == first
    assert contents(store) == [b"notice", b"other"]


def test_a_notice_that_was_acknowledged_does_not_leave_twice(store: Store) -> None:
    withdraw(store)
    with store._engine.begin() as connection:
        connection.execute(update(SubmissionRow).values(acknowledged=DAY))
    blobs(store)[0].unlink()
    withdraw(store)
    assert store.count() == len(blobs(store)) == 0


def test_a_notice_whose_file_was_lost_is_written_anew(store: Store) -> None:
    withdraw(store)
    blobs(store)[0].unlink()
    withdraw(store)
    assert contents(store) == [b"notice"]
    assert store.count() == 1


def test_who_writes_again_and_withdraws_again_leaves_another_notice(store: Store) -> None:
    """The first notice may have left long ago; what came after it may have left as well."""
    withdraw(store)
    (first,) = store.rows()
    store.replies.reopen(mailbox_of("code"))
    assert commit(store, "code", "I have changed my mind") is Outcome.KEPT
    withdraw(store)
    (second,) = store.rows()
    assert second.id != first.id
    assert contents(store) == [b"notice"]


def test_no_reply_is_filed_after_a_withdrawal_until_the_witness_writes(store: Store) -> None:
    withdraw(store)
    file = store.replies.file
    assert file(bytes(16), REPLY, mailbox_of("code"), DAY) is Filing.WITHDRAWN
    store.replies.reopen(mailbox_of("code"))
    assert file(bytes(16), REPLY, mailbox_of("code"), DAY) is Filing.FILED


def test_all_is_forgotten_without_a_notice_where_none_can_be_sealed(store: Store) -> None:
    fill(store)
    store.forget(arrival("code", "").address, mailbox_of("code"), DAY)
    assert contents(store) == [b"other"]
    filing = store.replies.file(bytes([7] * 16), REPLY, mailbox_of("code"), DAY)
    assert filing is Filing.WITHDRAWN


def test_messages_that_come_while_their_code_is_withdrawn_are_whole_or_gone(store: Store) -> None:
    """Each stands before the withdrawal, and is gone, or after it, and has its blob."""
    for turn in range(5):
        code = f"code {turn}"
        commits = [partial(commit, store, code, f"words {n}", b"%d" % n) for n in range(5)]
        together([*commits, partial(withdraw, store, code), *commits])
    rows = store.rows()
    assert {row.id.hex() for row in rows} == {path.stem for path in blobs(store)}
    assert all(store.holds_all_of(row) for row in rows)
    assert contents(store).count(b"notice") == 5
    assert store.sweep() == 0


def test_two_withdrawals_at_once_leave_one_notice(store: Store) -> None:
    fill(store)
    together([lambda: withdraw(store)] * 4)
    assert contents(store) == [b"notice", b"other"]
    assert store.sweep() == 0


def test_a_reply_that_is_filed_during_a_withdrawal_is_not_left_behind(store: Store) -> None:
    for turn in range(8):
        mailbox = mailbox_of(f"code {turn}")
        filings = [
            partial(store.replies.file, bytes([turn, n] * 8), REPLY, mailbox, DAY) for n in range(4)
        ]
        together([partial(withdraw, store, f"code {turn}"), *filings])
        assert store.replies.held(mailbox) == (None,) * 8


def test_a_withdrawal_that_cannot_be_done_destroys_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    before = store.rows(), contents(store)

    def failing(*_args: object) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(replies, "withdraw", failing)
    with pytest.raises(StoreUnavailable):
        withdraw(store)
    assert (store.rows(), contents(store)) == before


def test_a_withdrawal_that_failed_but_happened_keeps_its_notice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)

    def failing(transaction: Callable[[], object]) -> None:
        reaching.until_alone(transaction)
        raise CommitUncertain("cut off")

    monkeypatch.setattr("intake.online.store.withdrawing.until_alone", failing)
    with pytest.raises(StoreUnavailable):
        withdraw(store)
    monkeypatch.undo()
    assert b"notice" in contents(store)
    withdraw(store)
    assert store.sweep() == 3, "what no row names any more goes with the sweep"
    assert contents(store) == [b"notice", b"other"]
