"""A demo being served, as a newcomer would run it, and the commands to type beside it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.servers import free_port


@dataclass
class Demo:
    """A demo being served, and the commands its output says to type."""

    folder: Path
    address: str
    output: str

    def run(
        self, program: str, *arguments: str, status: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run one of the programs on the demo, as its own process."""
        secret = ("--passphrase-file", str(self.folder / "passphrase"))
        module, before = {
            "intake": ("intake.online.cli", ("--config", str(self.folder / "intake.toml"))),
            "intake-review": (
                "intake.offline.cli",
                ("--vault", str(self.folder / "offline"), *secret),
            ),
            "intake-keys": (
                "intake.offline.admin.cli",
                ("--home", str(self.folder / "admin"), *secret),
            ),
        }[program]
        done = subprocess.run(
            [sys.executable, "-c", f"from {module} import main; main()", *before, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done

    def listed(self) -> list[dict[str, object]]:
        """Return what the vault lists."""
        found: list[dict[str, object]] = json.loads(
            self.run("intake-review", "list", "--json").stdout
        )
        return found


@contextlib.contextmanager
def running_demo(parent: Path) -> Iterator[Demo]:
    """Run ``intake demo`` in a folder of ``parent``."""
    folder = parent / "demo"
    port = free_port()
    log = folder.parent / "output"
    python = [sys.executable, "-c", "from intake.online.cli import main; main()"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*python, "demo", "--port", str(port), "--dir", str(folder)],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}/"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < deadline, log.read_text()
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
        yield Demo(folder, address, log.read_text())
    finally:
        process.terminate()
        process.wait(30)
