"""Killed at every step of taking in what the reviewers return. Threat 5.

A child process imports a return and kills itself, with SIGKILL and no warning, right before or
right after its n-th change to the disk or the database. Whatever n is: nothing is deleted that was
not acknowledged, and the same return again makes it whole: replies once, files gone once.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from intake.manifest.signing import SigningIdentity
from intake.online.deployment import Deployment
from intake.online.importing import Import, import_return
from intake.online.retention import sweep
from intake.online.settings import Retention
from tests.support.deployments import TODAY, Scene, make_scene, submit
from tests.support.kills import CHANGES
from tests.support.returns import Mailbox, ReturnStick, root_hash, with_vaults


@dataclass
class House:
    """A deployment, a mailbox, and a stick: two replies, two of three acknowledged."""

    scene: Scene
    mailbox: Mailbox
    stick: Path
    kept: Path

    @classmethod
    def make(cls, folder: Path) -> House:
        scene = make_scene(folder / "deployment")
        vault = SigningIdentity.generate("ko")
        with_vaults(scene, vault)
        for n in range(3):
            submit(scene, f"account {n}")
        mailbox = Mailbox.of(scene)
        stick = ReturnStick(folder / "stick", vault, root_hash(scene))
        first, second, kept = scene.sealed()
        stick.acknowledge(first, second)
        for n in range(2):
            stick.reply(mailbox, f"reply {n}")
        return cls(scene, mailbox, stick.write(), kept)

    def take(self, deployment: Deployment | None = None) -> Import:
        deployment = deployment or self.scene.deployment()
        return import_return(deployment.store, deployment.keys, self.stick, TODAY, kept_days=0)

    def assert_whole(self) -> None:
        """All that the return brings is here, once."""
        store = self.scene.deployment().store
        assert self.scene.sealed() == [self.kept]
        assert store.count() == 1
        assert len(store.rows()) == 3, "the marks of sameness stay"
        assert len(store.replies.states()) == 2
        assert all(store.replies.held(self.mailbox.addresses)[:2])
        assert set(store.leaving.taken().values()) == {1}
        assert store.leaving.acknowledgements() == {}


def killed(house: House, step: int, *, after: bool) -> bool:
    """Import in a child process that dies at ``step``; return whether it did."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            _import_and_die(house, step, after=after)
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(pid, 0)
    died = os.WIFSIGNALED(ended)
    assert died or os.WEXITSTATUS(ended) == 0, "the child failed in another way"
    return died


def _import_and_die(house: House, step: int, *, after: bool) -> None:
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
        """SQLite's own system calls come at a statement, and at a commit."""

        def commit(self) -> None:
            dying(super().commit)()

        def cursor(self, *args: Any) -> Any:
            tick()
            return super().cursor(*args)

    deployment = house.scene.deployment()
    engine = deployment.store._engine
    engine.dispose()
    event.listen(engine, "do_connect", lambda *a: a[3].update(factory=DyingConnection))
    for name in CHANGES:
        setattr(os, name, dying(getattr(os, name)))
    house.take(deployment)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_import_killed_at_any_step_is_made_whole_by_the_same_again(
    tmp_path: Path, *, after: bool
) -> None:
    step, died = 0, True
    while died:
        step += 1
        assert step < 400, "the import never came to its end"
        house = House.make(tmp_path / str(step))
        died = killed(house, step, after=after)
        assert house.kept in house.scene.sealed(), "nobody has acknowledged it"
        if died and step % 2:  # the server may start, and sweep, in between
            deployment = house.scene.deployment()
            deployment.keys.on(TODAY)
            sweep(deployment.store, deployment.keys, Retention(), TODAY)
            assert house.kept in house.scene.sealed()
        house.take()
        house.assert_whole()
    assert step > 40, "hardly any step was tried"
