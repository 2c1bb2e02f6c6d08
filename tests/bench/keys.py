"""Keys that change: what many recipients cost, and how long a large manifest takes to believe."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from intake.age.opening.hybrid import HybridIdentity
from intake.envelope.sizes import size_classes
from intake.manifest import dsse
from intake.manifest.acceptance import NOTHING_SEEN, accept_chain
from intake.manifest.calendar import EpochLength, periods_from
from intake.manifest.chain import parse_chain, serialise_chain
from intake.manifest.model import Epoch, Recipient, Role, Root
from intake.manifest.payload import serialise_manifest
from intake.manifest.signing import SigningIdentity
from intake.online.keys_in_force import InForce
from intake.online.sealing import sealing
from intake.online.sent import Words
from intake.online.store.submissions import Arrival, Store
from intake.receipt.code import Code
from tests.support.manifests import epoch, manifest

TODAY = dt.date(2026, 11, 23)
EPOCHS = 400
REVIEWERS = 20
RUNS = 5
RECIPIENTS = (1, 5, 20)
ACCOUNTS = 100


def sealing_costs(folder: Path) -> str:
    """Measure text accounts a second, sealed and committed, for few and for many recipients."""
    store = Store.open(database=f"sqlite:///{folder / 'intake.db'}", blobs=folder / "blobs")
    blob = os.urandom(next(size_classes()))
    plain = _a_second(lambda: _commit_plain(store, blob))
    rows = []
    for count in RECIPIENTS:
        in_force = _in_force(count)
        ours = _a_second(lambda: _seal_and_commit(store, in_force))  # noqa: B023  # used at once
        rows.append(f"| sealed to {count}, one thread | {ours:.0f} | **{ours / plain:.2f}** |")
    lines = "\n".join(rows)
    return f"""\
## Sealing to many recipients

One Burmese text account after another: the code's Argon2id, the envelope, one hybrid stanza a
recipient, a durable blob and a durable row. Beside it, the durable blob of the same 256 KiB and the
row alone.

| | accounts a second | ratio |
| --- | --- | --- |
| blob and row alone | {plain:.0f} | |
{lines}
"""


def _a_second(work: Callable[[], object]) -> float:
    work()
    begin = time.perf_counter()
    for _ in range(ACCOUNTS):
        work()
    return ACCOUNTS / (time.perf_counter() - begin)


def _commit_plain(store: Store, blob: bytes) -> None:
    draft = store.draft()
    draft.write(blob)
    arrival = Arrival(
        address=lambda _n: os.urandom(32),
        sameness=os.urandom(32),
        epoch="2026-11",
        manifest_version=1,
        day=TODAY,
        size=len(blob),
    )
    store.commit(draft, arrival)


def _in_force(count: int) -> InForce:
    recipients = tuple(HybridIdentity.generate().recipient() for _ in range(count))
    return InForce(
        manifest=manifest(),
        epoch=epoch(),
        reviewers=recipients,
        custodians=(),
        fingerprint="",
        covered_until=TODAY,
    )


def _seal_and_commit(store: Store, in_force: InForce) -> None:
    words = Words(language="my", account="စာ" * 1000)
    with sealing(
        store, in_force, still_open=lambda _epoch, _day: nullcontext(), upload_hours=24
    ) as submission:
        submission.commit(words, Code.generate(), today=TODAY)


def acceptance(_folder: Path) -> str:
    """Measure how long a manifest of 400 epochs and 20 reviewers takes to be believed."""
    admin = SigningIdentity.generate("admin")
    root = Root("Test", 1, (admin.admin(),))
    epochs = tuple(
        Epoch(
            period.id,
            period.begins,
            period.ends,
            tuple(
                Recipient(
                    f"reviewer {n}", Role.REVIEWERS, str(HybridIdentity.generate().recipient())
                )
                for n in range(REVIEWERS)
            ),
        )
        for period in periods_from(TODAY, EPOCHS, EpochLength.DAY)
    )
    large = dataclasses.replace(
        manifest(organisation="Test", admins=root.admins, epochs=epochs),
        epoch_length=EpochLength.DAY,
    )
    unsigned = dsse.Envelope(dsse.MANIFEST_TYPE, serialise_manifest(large), ())
    data = serialise_chain([admin.sign(unsigned)])
    plain = _median(lambda: json.loads(data))
    ours = _median(lambda: accept_chain(root, parse_chain(data), today=TODAY, seen=NOTHING_SEEN))
    return f"""\
## Believing a manifest

{EPOCHS} epochs with {REVIEWERS} reviewers each, {len(data) / 1e6:.1f} MB: signatures are verified
and every recipient is checked. Once for each new manifest in each worker, never for a request.
Aim: well under a second.

| | seconds (median of {RUNS}) | ratio |
| --- | --- | --- |
| `json.loads` of the file, nothing checked | {plain:.3f} | |
| parsed, verified and believed | {ours:.3f} | **{ours / plain:.1f}** |
"""


def _median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)
