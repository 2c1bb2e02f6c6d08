"""``make bench``: speed and memory, side by side with something plain, in one run.

Writes docs/performance.md. Every figure is a median of several runs; a ratio compares two things
measured in turn within the same minute. ``--only NAME`` runs one part and prints it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench import courier, keys, mailbox, offline, slow_line, uploads, visits
from tests.bench.machine import machine

PARTS: dict[str, Callable[[Path], str]] = {
    "upload": uploads.upload,
    "memory": uploads.memory,
    "visits": visits.visits,
    "slow_line": slow_line.slow_line,
    "opening": offline.opening,
    "courier": courier.courier,
    "mailbox": mailbox.mailboxes,
    "sealing": keys.sealing_costs,
    "acceptance": keys.acceptance,
}


def main() -> None:
    """Run the parts and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="run one part and print it")
    chosen = parser.parse_args().only
    sections = []
    for name, part in PARTS.items():
        if chosen in {None, name}:
            print(f"measuring: {name} ...", file=sys.stderr, flush=True)
            folder = Path(tempfile.mkdtemp(prefix="intake-bench-", dir=os.environ.get("BENCH_DIR")))
            begin = time.monotonic()
            try:
                sections.append(part(folder))
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            print(f"  {time.monotonic() - begin:.0f} s", file=sys.stderr)
    today = dt.datetime.now(dt.UTC).date()
    page = "\n".join(
        [
            "# Performance",
            "",
            "Written by `make bench`; run it again on your machine. Ratios travel better than "
            "absolute figures: both sides of a ratio were measured in turn, within the same "
            "minute, on the same disk.",
            "",
            f"Machine: {machine()}. Day: {today}.",
            "",
            "Beside other people's servers: [performance-peers.md](performance-peers.md).",
            "",
            *sections,
        ]
    )
    if chosen is None:
        (Path(__file__).resolve().parents[2] / "docs" / "performance.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
