"""A child process that dies of SIGKILL at its n-th system call that changes the disk."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

#: Every function through which the disk is changed.
CHANGES = (
    *("open", "fdopen", "close", "write", "pwrite", "fsync"),
    *("mkdir", "rename", "link", "unlink"),
)


def killed_at(step: int, work: Callable[[], object], *, after: bool) -> bool:
    """Do ``work`` in a child process that dies right before or after step ``step``.

    Return whether it died; where ``work`` has fewer steps, it was done.
    """
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            _count(step, after=after)
            work()
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(pid, 0)
    killed = os.WIFSIGNALED(ended)
    assert killed or os.WEXITSTATUS(ended) == 0, "the child failed in another way"
    return killed


def every_kill(work: Callable[[int], Callable[[], object]], *, after: bool) -> Iterator[int]:
    """Yield each step at which a child was killed; ``work`` makes what it does there."""
    step = 1
    while killed_at(step, work(step), after=after):
        yield step
        step += 1
        assert step < 200, "the work never came to its end"
    assert step > 5, "hardly any step was tried"


def _count(step: int, *, after: bool) -> None:
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

    for name in CHANGES:
        setattr(os, name, dying(getattr(os, name)))
