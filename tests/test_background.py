"""Work beside the thread that makes it: in order, bounded, and its failures come back."""

from __future__ import annotations

import threading

import pytest

from intake.background import Background, Block


def test_every_block_is_worked_on_in_order() -> None:
    seen: list[Block] = []
    background = Background(seen.append, depth=2)
    blocks: list[Block] = [bytes([n]) for n in range(200)]
    for block in blocks:
        background.put(block)
    background.finish()
    assert seen == blocks


def test_what_fails_there_is_raised_here_and_nothing_is_worked_on_after_it() -> None:
    seen: list[Block] = []

    def work(block: Block) -> None:
        seen.append(block)
        raise OSError(28, "No space left on device")

    background = Background(work)

    def hand_over() -> None:
        for _ in range(100):
            background.put(b"x")
        background.finish()

    with pytest.raises(OSError, match="No space"):
        hand_over()
    background.abandon()
    assert seen == [b"x"]


def test_it_waits_for_a_slow_worker_instead_of_filling_memory() -> None:
    gate = threading.Event()
    waiting = threading.Event()

    def work(_block: Block) -> None:
        waiting.set()
        gate.wait(10)

    background = Background(work, depth=2)
    done = threading.Event()

    def hand_over() -> None:
        for _ in range(10):
            background.put(b"x")
        done.set()

    thread = threading.Thread(target=hand_over)
    thread.start()
    assert waiting.wait(10)
    assert not done.wait(0.2)
    gate.set()
    assert done.wait(10)
    thread.join()
    background.finish()


def test_no_thread_outlives_it() -> None:
    before = threading.active_count()
    for end in (Background.finish, Background.abandon):
        background = Background(lambda _block: None)
        background.put(b"x")
        end(background)
        assert threading.active_count() == before
