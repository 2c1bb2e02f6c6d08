"""``make bench-peers``: the same gigabyte into somebody else's server, beside ours.

OnionShare's receive mode, from PyPI, in an environment of its own and without Tor. It stores what
it receives as it is; ours seals, hashes and pads it. Prints; writes nothing.
"""

from __future__ import annotations

import contextlib
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

from tests.bench.uploads import GIB, _pour, send
from tests.support.servers import house_of_today

RUNS = 3
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
            env={"HOME": str(folder), "PATH": "/usr/bin"},
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
            f"Content-Length: {len(head) + GIB + len(tail)}\r\n\r\n".encode()
            + head
        )
        _pour(connection, GIB)
        connection.sendall(tail)
        answer = connection.recv(1000)
        elapsed = time.perf_counter() - begin
    if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 302")):
        raise SystemExit(f"OnionShare answered: {answer[:300]!r}")
    return elapsed


def main() -> None:
    """Measure both in turn."""
    folder = Path(tempfile.mkdtemp(prefix="intake-peers-"))
    try:
        with onionshare(folder) as port, house_of_today(folder) as (scene, server):
            ours, theirs = [], []
            for run in range(RUNS + 1):
                pair = post(port), send(server, GIB)
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
    print("1 GiB, seconds (median):")
    print(f"  intake, sealed, hashed, padded, fsynced:   {statistics.median(ours):.2f}")
    print(f"  OnionShare receive mode, stored unsealed:  {statistics.median(theirs):.2f}")
    print(f"  OnionShare takes {ratio:.1f} times as long")


if __name__ == "__main__":
    main()
