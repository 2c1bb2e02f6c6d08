"""The courier: 10,000 submissions and 10 GiB out of the server and into a vault, against ``cp``.

Both sides hash what they read and what they wrote, by the same library, and both sync it. Whole
processes, with the demo's own keys.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from intake.age.sealing.seal import SealingWriter
from intake.envelope.account import AccountRecord, Attachment
from intake.envelope.identity import seal_identity
from intake.envelope.writer import EnvelopeWriter
from intake.online.demo import make_demo
from intake.online.deployment import Deployment
from intake.online.keys_in_force import InForce
from intake.online.settings import read_settings
from intake.online.store.submissions import Arrival

MIB = 1 << 20
GIB = 1 << 30
SUBMISSIONS = int(os.environ.get("BENCH_ACCOUNTS", "10000"))
#: Submissions with a film of 60 MiB, which take 64 MiB sealed: with the others about 10 GiB.
FILMS = int(os.environ.get("BENCH_FILMS", "120"))
_FILM = 60 * MIB
_AIM = 1.3


def courier(folder: Path) -> str:
    """Measure an export and an import, each against copying and hashing the same files."""
    demo = folder / "demo"
    settings = make_demo(demo, 8000, dt.datetime.now(dt.UTC).date())
    _fill(settings)
    stick, copy = folder / "stick", folder / "copy"
    export = _timed(
        [*_program("intake.online.cli"), "--config", str(settings), "export", str(stick)]
    )
    sealed = sorted((stick / "submissions").iterdir())
    size, count = sum(path.stat().st_size for path in sealed), len(sealed)
    if count != SUBMISSIONS:
        raise AssertionError("not everything was exported")
    out = _plain(demo / "state" / "blobs", copy)
    review = _program("intake.offline.cli")
    vault = ["--vault", str(demo / "offline"), "--passphrase-file", str(demo / "passphrase")]
    imported = _timed([*review, *vault, "import", str(stick)])
    back = _plain(stick / "submissions", copy)
    listed = _timed([*review, *vault, "list"])
    return "\n".join(
        [
            f"## The courier: {count:,} submissions, {size / GIB:.1f} GiB",
            "",
            f"{SUBMISSIONS - FILMS:,} text accounts and {FILMS:,} films. Beside each, the same "
            "files copied with `cp`, synced, and hashed before and after: with Debian's "
            "`sha256sum`, and with the faster library that we use. The copy is hashed from memory; "
            "an export hashes each file twice (whole, and what follows the age header) and reads "
            "it back from the disk; an import opens every one. Aim: at most "
            f"{_AIM}.",
            "",
            "| | seconds | against `sha256sum` and `cp` | against the library and `cp` |",
            "| --- | --- | --- | --- |",
            f"| `cp` of what leaves | | {out[0]:.1f} | {out[1]:.1f} |",
            _row("intake export", export, out),
            f"| `cp` of what comes in | | {back[0]:.1f} | {back[1]:.1f} |",
            _row("intake-review import", imported, back),
            f"| `intake-review list` afterwards, passphrase and all | {listed:.1f} | | |",
            "",
        ]
    )


def _row(name: str, seconds: float, plain: tuple[float, float]) -> str:
    ratios = " | ".join(f"**{seconds / other:.2f}**" for other in plain)
    return f"| `{name}` | {seconds:.1f} | {ratios} |"


def _plain(source: Path, target: Path) -> tuple[float, float]:
    """Copy and hash as a person at a shell does, and as a program that hashes as fast as we do."""
    seconds = []
    for hashing in (_SHA256SUM, f"{sys.executable} -c '{_HASH}'"):
        script = f"cd {source} && {hashing} && cp -r . {target} && sync && cd {target} && {hashing}"
        seconds.append(_timed(["sh", "-c", script]))
        shutil.rmtree(target)
    return seconds[0], seconds[1]


def _program(module: str) -> list[str]:
    return [sys.executable, "-c", f"from {module} import main; main()"]


def _fill(settings: Path) -> None:
    """Put the submissions into the demo's store."""
    deployment = Deployment.open(read_settings(settings))
    today = deployment.today()
    in_force = deployment.keys.on(today)
    film = os.urandom(MIB)
    for number in range(SUBMISSIONS):
        _submit(deployment, in_force, film if number < FILMS else b"", today)


def _submit(deployment: Deployment, in_force: InForce, block: bytes, today: dt.date) -> None:
    text = "စာ".encode() * 300
    draft = deployment.store.draft()
    envelope = EnvelopeWriter(SealingWriter(draft.write, in_force.reviewers))
    attachments = []
    if block:
        with envelope.attachment() as writer:
            for _ in range(_FILM // MIB):
                writer.write(block)
        stored = writer.stored()
        attachments.append(
            Attachment(stored.member, "film.mp4", "video/mp4", stored.size, stored.sha256)
        )
    record = AccountRecord(
        language="my",
        account_bytes=len(text),
        repaired=(),
        attachments=tuple(attachments),
        manifest_version=in_force.manifest.version,
        epoch=in_force.epoch.id,
        reply_to=str(in_force.reviewers[0]),
        reply_key=os.urandom(32).hex(),
    )
    size = envelope.finish(
        account_text=text, identity=seal_identity({}, ()), account_json=record.to_bytes()
    )
    deployment.store.commit(
        draft,
        Arrival(
            address=lambda _n: os.urandom(32),
            sameness=os.urandom(32),
            epoch=in_force.epoch.id,
            manifest_version=in_force.manifest.version,
            day=today,
            size=size,
        ),
    )


def _timed(command: list[str]) -> float:
    _cold()
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begin


_SHA256SUM = "find . -type f -exec sha256sum {} + > /dev/null"

#: Hashes all there is with the library that we use.
_HASH = """
import hashlib, pathlib
for path in pathlib.Path(".").rglob("*"):
    if path.is_file():
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")
"""


def _cold() -> None:
    """Write back what is dirty, so that nobody pays for what was measured before."""
    os.sync()
