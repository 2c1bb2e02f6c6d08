"""A gigabyte through the real server, against a bare sink; and a worker's memory during it."""

from __future__ import annotations

import multiprocessing
import os
import re
import socket
import statistics
import time
from pathlib import Path

from tests.support.deployments import BOUNDARY
from tests.support.servers import Browser, Server, house_of_today

MIB = 1 << 20
GIB = 1 << 30
RUNS = 5
_BLOCK = os.urandom(MIB)


def send(server: Server, size: int) -> float:
    """Send an account with one attachment of ``size`` bytes; return the seconds to the answer."""
    browser = Browser(server)
    browser.open_form()
    head = browser.form_body("စာ", [("video.mp4", b"")])[: -len(BOUNDARY) - 8]
    tail = f"\r\n--{BOUNDARY}--\r\n".encode()
    with server.connect(600) as connection:
        begin = time.perf_counter()
        connection.sendall(browser.form_head(len(head) + size + len(tail)).encode() + head)
        _pour(connection, size)
        connection.sendall(tail)
        answer = browser.read(connection)
        elapsed = time.perf_counter() - begin
    if answer.status != 303:
        raise AssertionError(answer.text)
    return elapsed


def _pour(connection: socket.socket, size: int) -> None:
    view = memoryview(_BLOCK)
    while size:
        step = min(size, MIB)
        connection.sendall(view[:step])
        size -= step


def _sink(folder: str, ready: object) -> None:
    """Write whatever arrives on each connection to a file, sync it, and answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ready.send(server.getsockname()[1])  # type: ignore[attr-defined]
        n = 0
        while True:
            connection, _ = server.accept()
            n += 1
            path = Path(folder, str(n))
            with connection, path.open("wb", buffering=0) as file:
                size = int.from_bytes(connection.recv(8, socket.MSG_WAITALL), "big")
                while size:
                    data = connection.recv(min(size, MIB))
                    file.write(data)
                    size -= len(data)
                os.fsync(file.fileno())
                connection.sendall(b"x")
            path.unlink()


def sink(port: int, size: int) -> float:
    """Send ``size`` bytes to the sink; return the seconds to its answer."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        begin = time.perf_counter()
        connection.sendall(size.to_bytes(8, "big"))
        _pour(connection, size)
        connection.recv(1)
        return time.perf_counter() - begin


def upload(folder: Path) -> str:
    """Measure a 1 GiB attachment against the sink, in turn."""
    (folder / "sink").mkdir()
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(
        target=_sink, args=(str(folder / "sink"), theirs), daemon=True
    )
    process.start()
    port = mine.recv()
    ours, bare = [], []
    with house_of_today(folder) as (scene, server):
        for run in range(RUNS + 1):
            plain = sink(port, GIB)
            sealed = send(server, GIB)
            for path in scene.sealed():
                path.unlink()
            if run:  # the first run of each warms up
                bare.append(plain)
                ours.append(sealed)
    process.terminate()
    ratios = [a / b for a, b in zip(ours, bare, strict=True)]
    return "\n".join(
        [
            "## A 1 GiB attachment, from the first byte to the receipt",
            "",
            "Against a bare socket that writes the body to disk and fsyncs it. Aim: at most 2.",
            "",
            "| | seconds (median) |",
            "| --- | --- |",
            f"| bare sink, fsynced | {statistics.median(bare):.2f} |",
            f"| sealed, hashed, padded to 1.125 GiB, fsynced | {statistics.median(ours):.2f} |",
            f"| **ratio, pair by pair** | **{statistics.median(ratios):.2f}** "
            f"({min(ratios):.2f} to {max(ratios):.2f}, {RUNS} pairs) |",
            "",
        ]
    )


def _resident(pid: int, field: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    match = re.search(rf"{field}:\s+(\d+) kB", status)
    assert match is not None
    return int(match[1]) / 1024


def memory(folder: Path) -> str:
    """Measure how far a worker's memory rises above rest, for three sizes."""
    rows = []
    for name, size in (("10 MiB", 10 * MIB), ("1 GiB", GIB), ("4 GiB", 4 * GIB - MIB)):
        with house_of_today(folder / name) as (scene, server):
            for _ in range(6):  # every worker has taken something small
                send(server, 1000)
            workers = server.workers()
            rest = {pid: _resident(pid, "VmRSS") for pid in workers}
            for pid in workers:
                Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
            send(server, size)
            rise = max(_resident(pid, "VmHWM") - rest[pid] for pid in workers)
            for path in scene.sealed():
                path.unlink()
        rows.append(f"| {name} | {max(rest.values()):.0f} | {rise:.1f} |")
    return "\n".join(
        [
            "## Memory of a worker during an upload",
            "",
            "Peak resident memory above rest. Aim: at most 32 MiB, the same for every size.",
            "",
            "| attachment | at rest, MiB | peak above rest, MiB |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )
