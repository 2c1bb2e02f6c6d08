"""Deriving a code's keys while others do the same: no more at once than the machine has cores.

Argon2id lets go of Python's lock and takes 4 MiB for each code, so a thousand threads could take
4 GiB at one moment. More at once than there are cores gains nothing; the others wait, and come in
the order in which they asked, so that nobody who asks often passes anybody by. The turn is held
for the derivation alone, some milliseconds, and never while a disk or a line is waited for: one
slow visitor holds up nobody.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Iterator

from intake.receipt import derivation
from intake.receipt.code import Code
from intake.receipt.derivation import Parameters, ReceiptKeys

#: How many derive at once in one process.
AT_ONCE = max(2, os.cpu_count() or 1)


class Turnstile:
    """Lets so many through at once, and the others in the order in which they came.

    Python's own semaphore lets a newcomer overtake those who wait.
    """

    def __init__(self, places: int) -> None:
        """Let ``places`` through at once."""
        self._free = places
        self._waiting: deque[threading.Lock] = deque()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and have it until the end of the block."""
        with self._lock:
            ticket = None
            if self._free:
                self._free -= 1
            else:
                ticket = threading.Lock()
                ticket.acquire()
                self._waiting.append(ticket)
        if ticket is not None:
            ticket.acquire()  # until it is released by whoever hands the place over
        try:
            yield
        finally:
            with self._lock:
                if self._waiting:
                    self._waiting.popleft().release()
                else:
                    self._free += 1


_TURNS = Turnstile(AT_ONCE)


def derive(code: Code, parameters: Parameters) -> ReceiptKeys:
    """Derive a code's keys, in turn: one Argon2id."""
    with _TURNS.turn():
        return derivation.derive(code, parameters)
