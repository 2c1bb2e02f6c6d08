"""The reviewer's machine: opening a gigabyte, against age."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.x25519 import X25519Identity
from intake.age.sealing.seal import SealingWriter
from intake.envelope.account import AccountRecord, Attachment
from intake.envelope.identity import seal_identity
from intake.envelope.writer import EnvelopeWriter

MIB = 1 << 20
GIB = 1 << 30
RUNS = 3

_DECRYPT = """
import sys
from pathlib import Path
from intake.age.opening.open import open_age
from intake.age.opening.keyfile import parse_identities
identities = parse_identities(Path(sys.argv[1]).read_text())
with open(sys.argv[2], "rb") as sealed, open(sys.argv[3], "wb", buffering=0) as out:
    plain = open_age(sealed, identities)
    while block := plain.read(1 << 20):
        out.write(block)
"""

_EXTRACT = """
import sys
from pathlib import Path
from intake.age.opening.open import open_age
from intake.age.opening.keyfile import parse_identities
from intake.offline.unpacking import Envelope
identities = parse_identities(Path(sys.argv[1]).read_text())
with open(sys.argv[2], "rb") as sealed:
    Envelope(open_age(sealed, identities)).extract(Path(sys.argv[3]))
"""


def _seal(path: Path, identity: HybridIdentity, text: bytes, attachment: int) -> None:
    """Write a sealed submission."""
    block = os.urandom(MIB)
    with path.open("wb", buffering=0) as file:
        envelope = EnvelopeWriter(SealingWriter(file.write, [identity.recipient()]))
        attachments = []
        if attachment:
            with envelope.attachment() as writer:
                for _ in range(attachment // MIB):
                    writer.write(block)
            stored = writer.stored()
            attachments.append(
                Attachment(stored.member, "video.mp4", "video/mp4", stored.size, stored.sha256)
            )
        record = AccountRecord(
            "my",
            len(text),
            (),
            tuple(attachments),
            1,
            "2026-11",
            str(identity.recipient()),
            "00" * 32,
        )
        envelope.finish(
            account_text=text, identity=seal_identity({}, ()), account_json=record.to_bytes()
        )


def _timed(command: list[str], then: Callable[[], None]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    elapsed = time.perf_counter() - begin
    then()
    return elapsed


def opening(folder: Path) -> str:
    """Measure opening a 1 GiB submission against ``age -d`` on an x25519 file of that size."""
    age = shutil.which("age")
    if age is None:
        return "## Opening 1 GiB offline\n\nNot measured: `age` is not installed.\n"
    identity = HybridIdentity.generate()
    ours, key = folder / "ours.age", folder / "key"
    _seal(ours, identity, "စာ".encode(), GIB)
    key.write_text(identity.encode() + "\n")
    classical = X25519Identity.generate()
    theirs, their_key = folder / "theirs.age", folder / "their-key"
    with theirs.open("wb") as file:
        writer = SealingWriter(file.write, [classical.recipient()])
        block = os.urandom(MIB)
        for _ in range(ours.stat().st_size // MIB):
            writer.write(block)
        writer.close()
    their_key.write_text(classical.encode() + "\n")

    def nothing() -> None:
        """Leave what was written."""

    out = folder / "out"
    rows: dict[str, list[float]] = {name: [] for name in ("age", "ours", "age file", "extract")}
    python = [sys.executable, "-c"]
    for run in range(RUNS + 1):
        timings = {
            "age": _timed(
                [age, "-d", "-i", str(their_key), "-o", "/dev/null", str(theirs)], nothing
            ),
            "ours": _timed([*python, _DECRYPT, str(key), str(ours), "/dev/null"], nothing),
            "age file": _timed(
                ["sh", "-c", f"{age} -d -i {their_key} -o {out} {theirs} && sync {out}"], out.unlink
            ),
            "extract": _timed(
                [*python, _EXTRACT, str(key), str(ours), str(out)], lambda: shutil.rmtree(out)
            ),
        }
        if run:
            for name, value in timings.items():
                rows[name].append(value)
    plain = statistics.median(a / b for a, b in zip(rows["ours"], rows["age"], strict=True))
    whole = statistics.median(a / b for a, b in zip(rows["extract"], rows["age file"], strict=True))
    return "\n".join(
        [
            "## Opening a 1 GiB submission offline",
            "",
            "Whole processes, against Debian's `age -d` on an x25519 file of the same sealed size "
            "(1.125 GiB). Aims: parity when only decrypting, at most 1.5 with unzipping and "
            "hashing.",
            "",
            "| | seconds (median) | ratio |",
            "| --- | --- | --- |",
            f"| `age -d`, thrown away | {statistics.median(rows['age']):.2f} | |",
            f"| ours, decrypting only, thrown away | {statistics.median(rows['ours']):.2f} "
            f"| **{plain:.2f}** |",
            f"| `age -d` to a file, synced | {statistics.median(rows['age file']):.2f} | |",
            f"| ours, unzipped, hashed, checked, synced | {statistics.median(rows['extract']):.2f} "
            f"| **{whole:.2f}** |",
            "",
        ]
    )
