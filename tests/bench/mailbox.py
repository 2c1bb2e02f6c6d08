"""Opening a mailbox: how many a second, what one guess costs, and what a clock could tell.

The same visitor as for whole visits. A guess is a code typed and its mailbox opened: two requests,
one Argon2id, eight look-ups, eight openings. The clock compares an unknown code with one whose
mailbox is full, in turns, and the unknown one with itself, which is the noise.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from intake.receipt.code import Code
from intake.receipt.derivation import derive
from tests.support.mailboxes import TimedMailbox, timed_mailbox

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "300"))


def mailboxes(folder: Path) -> str:
    """Measure openings in one process, and the difference between codes."""
    with timed_mailbox(folder) as mailbox:
        full, unknown = mailbox.full, mailbox.unknown
        opened = _a_second(lambda: mailbox.visit(unknown))
        derived = _a_second(lambda: derive(Code.generate(), mailbox.parameters))
        columns: dict[str, list[float]] = {"full": [], "unknown": [], "unknown again": []}
        turns = [("full", full), ("unknown", unknown), ("unknown again", unknown)]
        for _ in range(ROUNDS):
            # In another order each time: who comes first pays for what was left to do.
            random.shuffle(turns)
            for name, code in turns:
                columns[name].append(_seconds(mailbox, code))
    medians = {name: statistics.median(values) * 1000 for name, values in columns.items()}
    spread = statistics.quantiles(columns["unknown"], n=4)
    noise = (spread[2] - spread[0]) * 1000
    return "\n".join(
        [
            "## Opening a mailbox",
            "",
            "One process, no network: the code posted, the page opened. Beside it, the code's "
            "derivation alone (Argon2id and HKDF), which is what a guess against a stolen database "
            "costs at least.",
            "",
            "| | |",
            "| --- | --- |",
            f"| mailboxes opened a second, one thread | {opened:.0f} |",
            f"| derivations a second, one thread | {derived:.0f} |",
            f"| **an opening in derivations** | **{derived / opened:.1f}** |",
            "",
            f"What a clock could tell, {ROUNDS} openings of each, in changing order:",
            "",
            "| code | median, ms |",
            "| --- | --- |",
            *(f"| {name} | {median:.2f} |" for name, median in medians.items()),
            f"| half of all openings of one code lie within | {noise:.2f} |",
            "",
        ]
    )


def _seconds(mailbox: TimedMailbox, code: Code) -> float:
    begin = time.perf_counter()
    mailbox.visit(code)
    return time.perf_counter() - begin


def _a_second(work: Callable[[], object]) -> float:
    work()
    begin = time.perf_counter()
    for _ in range(ROUNDS):
        work()
    return ROUNDS / (time.perf_counter() - begin)
