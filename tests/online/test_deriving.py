"""Many derive at once: no more of them than there are cores, each in its turn."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from intake.online import deriving
from intake.online.deriving import AT_ONCE, Turnstile, derive
from intake.receipt import derivation
from intake.receipt.code import Code
from intake.receipt.derivation import Parameters, ReceiptKeys
from tests.support.deployments import Scene

CODE = Code("3141592653589793238462643382")


def test_it_derives_what_derivation_says(scene: Scene) -> None:
    parameters = scene.manifest.receipt
    ours = derive(CODE, parameters)
    assert ours.reply_key == derivation.derive(CODE, parameters).reply_key


def test_no_more_derive_at_once_than_there_are_places(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = threading.Lock()
    inside, most = [0], [0]

    def slow(code: Code, parameters: Parameters) -> ReceiptKeys:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        time.sleep(0.002)
        with lock:
            inside[0] -= 1
        return real(code, parameters)

    real = derivation.derive
    monkeypatch.setattr(derivation, "derive", slow)
    with ThreadPoolExecutor(40) as crowd:
        keys = list(crowd.map(lambda _n: derive(CODE, scene.manifest.receipt), range(200)))
    assert len({key.reply_key.reveal() for key in keys}) == 1
    assert 1 < most[0] <= AT_ONCE


def waiting(turnstile: Turnstile, number: int) -> None:
    """Return when so many wait."""
    while len(turnstile._waiting) < number:
        time.sleep(0.001)


def test_who_waits_comes_in_the_order_of_asking_and_nobody_overtakes() -> None:
    turnstile = Turnstile(1)
    came: list[int] = []

    def ask(n: int) -> None:
        with turnstile.turn():
            came.append(n)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
    with turnstile.turn():
        for n, thread in enumerate(threads):
            thread.start()
            waiting(turnstile, n + 1)
    # The place was handed to the first who waited before this one could ask for it.
    ask(20)
    for thread in threads:
        thread.join()
    assert came == list(range(21))


def test_a_turn_that_fails_gives_its_place_back() -> None:
    turnstile = Turnstile(2)
    for _ in range(5):
        with pytest.raises(ValueError, match="x"), turnstile.turn():
            raise ValueError("x")
    with turnstile.turn(), turnstile.turn():
        assert turnstile._free == 0
    assert turnstile._free == 2


def test_the_turn_is_held_for_the_derivation_alone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends slowly, or waits for a disk, must hold up nobody."""
    turnstile = Turnstile(1)
    monkeypatch.setattr(deriving, "_TURNS", turnstile)
    derive(CODE, scene.manifest.receipt)
    assert turnstile._free == 1
