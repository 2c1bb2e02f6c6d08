"""``make bench-peers``: the same gigabyte into somebody else's server, beside ours.

OnionShare's receive mode, from PyPI, in an environment of its own and without Tor. It stores what
it receives as it is; ours seals, hashes and pads it. Writes docs/performance-peers.md.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.machine import machine
from tests.bench.uploads import GIB, MIB, _pour, send
from tests.support.servers import house_of_today

RUNS = 3
#: Its WSGI server refuses bodies of a gibibyte and more.
SIZE = GIB - MIB
_PACKAGE = "onionshare-cli"
_STARTED = re.compile(rb"http://127\.0\.0\.1:(\d+)")


@contextlib.contextmanager
def onionshare(folder: Path) -> Iterator[int]:
    """Install and run OnionShare in receive mode; yields its port."""
    environment = folder / "venv"
    venv.create(environment, with_pip=True)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    # setuptools: it still asks for pkg_resources.
    subprocess.run([*pip, _PACKAGE, "setuptools<80"], check=True)
    command = [str(environment / "bin" / "onionshare-cli"), "--receive", "--local-only"]
    command += ["--public", "--data-dir", str(folder / "received"), "-v"]
    (folder / "received").mkdir()
    with (folder / "log").open("w+b") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={"HOME": str(folder), "PATH": os.environ["PATH"]},
        )
        try:
            yield _port(folder / "log", process)
        finally:
            process.terminate()
            process.wait()


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if match := _STARTED.search(log.read_bytes()):
            return int(match[1])
        time.sleep(0.1)
    raise SystemExit(f"OnionShare did not start:\n{log.read_text()[-3000:]}")


def post(port: int) -> float:
    """Send one gigabyte to OnionShare's form; return the seconds to its answer."""
    boundary = "----browser"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file[]"; filename="v.mp4"\r\n'
        "Content-Type: video/mp4\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        begin = time.perf_counter()
        connection.sendall(
            f"POST /upload HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
            f"Content-Type: multipart/form-data; boundary={boundary}\r\n"
            f"Content-Length: {len(head) + SIZE + len(tail)}\r\n\r\n".encode()
            + head
        )
        _pour(connection, SIZE)
        connection.sendall(tail)
        answer = connection.recv(1000)
        elapsed = time.perf_counter() - begin
    if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 302")):
        raise SystemExit(f"OnionShare answered: {answer[:300]!r}")
    return elapsed


def main() -> None:
    """Measure both in turn."""
    if shutil.which("tor") is None:
        raise SystemExit("OnionShare asks for tor even when it stays local: apt-get install tor")
    folder = Path(tempfile.mkdtemp(prefix="intake-peers-"))
    try:
        with onionshare(folder) as port, house_of_today(folder) as (scene, server):
            ours, theirs = [], []
            for run in range(RUNS + 1):
                pair = post(port), send(server, SIZE)
                for path in scene.sealed():
                    path.unlink()
                shutil.rmtree(folder / "received")
                (folder / "received").mkdir()
                if run:
                    theirs.append(pair[0])
                    ours.append(pair[1])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    page = f"""\
# Performance beside others

Written by `make bench-peers`, in turn, in the same minute, on {machine()}. Median of {RUNS}.

One attachment of 1 GiB less 1 MiB (OnionShare's server takes no more), over loopback, from the
first byte to the answer:

| | seconds | |
| --- | --- | --- |
| this server: sealed, hashed, padded, fsynced | {statistics.median(ours):.2f} | |
| OnionShare receiving: stored as it came | {statistics.median(theirs):.2f} | {ratio:.1f} times |
"""
    (Path(__file__).resolve().parents[2] / "docs" / "performance-peers.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
