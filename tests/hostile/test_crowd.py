"""Many at once: fifty who send, some twice, and a thousand who never finish. Threats 4, 6."""

from __future__ import annotations

import random
import shutil
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from intake.online.server import fitting
from tests.support.deployments import Scene
from tests.support.servers import Browser, Server, house_of_today

PEOPLE = 50
SLOW = 1000


def test_fifty_at_once_some_twice_nothing_lost_doubled_or_mixed_up(
    served: tuple[Scene, Server],
) -> None:
    scene, server = served
    dice = random.Random(50)  # noqa: S311  # a repeatable crowd, no secret
    photos = {n: dice.randbytes(dice.randrange(400_000)) for n in range(PEOPLE)}

    def person(n: int) -> list[str]:
        browser = Browser(server)
        browser.open_form()
        times = 3 if n % 3 == 0 else 1  # two taps, and the browser's own repeat
        with ThreadPoolExecutor(times) as taps:
            futures = [
                taps.submit(
                    Browser(server, browser.cookie, browser.hidden).send,
                    f"account {n}",
                    [(f"{n}.jpg", photos[n])],
                )
                for _ in range(times)
            ]
            answers = [future.result() for future in futures]
        assert [answer.status for answer in answers] == [303] * times
        receipts = {Browser(server, answer.cookie()).receipt() for answer in answers}
        assert receipts == {browser.hidden["code"]}
        return sorted(receipts)

    with ThreadPoolExecutor(PEOPLE) as crowd:
        receipts = [code for codes in crowd.map(person, range(PEOPLE)) for code in codes]
    assert len(set(receipts)) == PEOPLE
    assert scene.accounts() == sorted(f"account {n}" for n in range(PEOPLE))
    for path in scene.sealed():
        with scene.opened(path) as envelope:
            n = int(envelope.account_text().split()[1])
            (attachment,) = envelope.record.attachments
            assert attachment.name == f"{n}.jpg"
            assert envelope.open_attachment(attachment).read() == photos[n]
    assert len(list((scene.folder / "state" / "blobs").iterdir())) == PEOPLE


def test_a_thousand_slow_clients_do_not_shut_out_a_normal_one(tmp_path: Path) -> None:
    with house_of_today(tmp_path, threads=1024) as (scene, server):
        slow: list[socket.socket] = []
        try:
            for n in range(SLOW):
                connection = server.connect()
                slow.append(connection)
                browser = Browser(server)
                if n % 2:  # a slow head
                    connection.sendall(b"POST /my/submit HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
                else:  # a slow body
                    connection.sendall(browser.form_head(1_000_000).encode() + b"--")
            time.sleep(2)
            for connection in slow[::10]:
                connection.sendall(b"x")
            begin = time.monotonic()
            assert Browser(server).send("one of a thousand", [("a", b"x" * 100_000)]).status == 303
            # No measure of speed: only that an answer comes while all of them are held open.
            assert time.monotonic() - begin < 30
            assert scene.accounts() == ["one of a thousand"]
        finally:
            for connection in slow:
                connection.close()


def test_a_burst_of_silent_connections_does_not_end_the_server(tmp_path: Path) -> None:
    """More connections than descriptors, open for a while and then gone, beside a slow upload."""
    prlimit = shutil.which("prlimit")
    if prlimit is None:
        pytest.skip("prlimit is not installed")
    prefix = (prlimit, "--nofile=512:512")
    with house_of_today(tmp_path, prefix=prefix) as (scene, server):
        slow = server.connect()
        slow.sendall(Browser(server).form_head(1_000_000).encode() + b"--")
        silent = []
        try:
            for _ in range(1500):
                connection = socket.socket()
                silent.append(connection)
                connection.settimeout(0)
                connection.connect_ex(("127.0.0.1", server.port))
            time.sleep(8)
        finally:
            for connection in silent:
                connection.close()
        deadline = time.monotonic() + 60
        while True:
            try:
                assert Browser(server).send("after the burst").status == 303
                break
            except OSError:
                assert time.monotonic() < deadline, "the server did not come back"
                time.sleep(0.5)
        assert scene.accounts() == ["after the burst"]
        slow.close()


@pytest.mark.parametrize(
    ("threads", "descriptors", "fits"),
    [
        (1024, 1 << 20, (1024, 4096)),
        (1024, 1024, (224, 224)),
        (64, 20_000, (64, 256)),
        (9, 9, (1, 1)),
    ],
)
def test_no_more_connections_are_taken_than_there_are_descriptors_for(
    threads: int, descriptors: int, fits: tuple[int, int]
) -> None:
    assert fitting(threads, descriptors) == fits
