"""Exporting: whole, repeatable, interruptible, and never over somebody's other files."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest
from werkzeug.test import Client

from intake.courier.bundle import ReplyState, read_bundle
from intake.courier.digest import header_size
from intake.errors import BundleBroken, StoreUnavailable
from intake.manifest.model import Epoch, Manifest
from intake.manifest.signing import SigningIdentity
from intake.online.bundle_count import note_restored
from intake.online.courier import Export, Seal, export_bundle
from intake.online.deployment import Deployment
from intake.online.settings import Limits
from intake.online.signing_key import load_signing_key
from intake.online.stick import Stick
from intake.online.store import sqlite
from intake.online.store.leaving import Quorum
from intake.online.store.submissions import Store
from intake.online.witness.app import create_app
from intake.receipt.mailbox import MailboxAddresses
from intake.secret import Secret
from tests.online.test_exactly_once import together
from tests.support.deployments import HEIR, NOON, TODAY, Scene, send
from tests.support.kills import every_kill

DAY_SECONDS = 24 * 3600


def noon_of(day: dt.date) -> float:
    return NOON + (day - TODAY).days * DAY_SECONDS


def export_of(
    deployment: Deployment, folder: Path, progress: Callable[[int], object] = lambda _bytes: None
) -> Export:
    state = deployment.settings.state
    return export_bundle(deployment.store, Seal.of(deployment), state, folder, progress)


def export(scene: Scene, folder: Path) -> int:
    seen: list[int] = []
    export_of(scene.deployment(), folder, seen.append)
    return sum(seen)


def flip_last(path: Path) -> None:
    """Change the last byte of a file."""
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def assert_whole(stick: Path, count: int) -> None:
    """All that the listing names stands there, with its hashes, and nothing else."""
    submissions = read_bundle(stick).bundle.submissions
    assert len(submissions) == count
    assert {path.stem for path in (stick / "submissions").iterdir()} == {s.id for s in submissions}
    for submission in submissions:
        data = submission.path(stick).read_bytes()
        assert submission.sha256 == hashlib.sha256(data).hexdigest()
        payload = data[header_size(data) :]
        assert submission.payload_sha256 == hashlib.sha256(payload).hexdigest()


def test_a_bundle_holds_every_sealed_file_to_the_byte(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    for n in range(3):
        send(client, f"account {n}", [("a", os.urandom(300_000))] if n else None)
    stick = tmp_path / "stick"
    size = sum(path.stat().st_size for path in scene.sealed())
    assert export(scene, stick) == 2 * size, "copied, and read back"
    bundle = read_bundle(stick).bundle
    assert (bundle.sequence, bundle.closed_epochs) == (1, ())
    assert sorted(s.id for s in bundle.submissions) == [path.stem for path in scene.sealed()]
    assert_whole(stick, 3)
    for submission, original in zip(
        sorted(bundle.submissions, key=lambda s: s.id), scene.sealed(), strict=True
    ):
        data = submission.path(stick).read_bytes()
        assert data == original.read_bytes()
        assert (submission.epoch, submission.day.isoformat()) == ("2026-11", "2026-11-23")


def test_an_export_can_be_repeated_and_grows(scene: Scene, client: Client, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    for n in (1, 2, 3):
        send(client, f"account {n}")
        export(scene, stick)
        bundle = read_bundle(stick).bundle
        assert (bundle.sequence, len(bundle.submissions)) == (n, n)


def test_accounts_are_taken_while_an_export_goes_on(
    scene: Scene, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long export must not hold the database: the witnesses would be turned away meanwhile."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 1)
    meanwhile = Client(create_app(scene.deployment()))
    for n in range(3):
        send(client, f"account {n}")
    answers: list[int] = []
    export_of(
        scene.deployment(),
        tmp_path / "stick",
        lambda _bytes: answers.append(send(meanwhile, "meanwhile").status_code),
    )
    assert answers == [303] * 6


def test_nothing_to_export_is_a_bundle_too(scene: Scene, tmp_path: Path) -> None:
    export(scene, tmp_path / "stick")
    assert read_bundle(tmp_path / "stick").bundle.submissions == ()


def test_an_interrupted_export_leaves_the_bundle_before_and_is_finished_by_the_next(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    send(client, "account")
    stick = tmp_path / "stick"
    export(scene, stick)
    before = (stick / "bundle.json").read_bytes()
    send(client, "another account")

    def pulled_out(_bytes: int) -> None:
        raise OSError(5, "Input/output error")

    with pytest.raises(BundleBroken, match=r"Input/output.*still counts"):
        export_of(scene.deployment(), stick, pulled_out)
    assert (stick / "bundle.json").read_bytes() == before
    assert_whole(stick, 1)
    export(scene, stick)
    assert_whole(stick, 2)
    assert list(stick.rglob("*.partial")) == []


def test_a_blob_that_is_lost_does_not_keep_the_others_from_leaving(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    for n in range(3):
        send(client, f"account {n}")
    lost = scene.sealed()[1]
    lost.unlink()
    export = export_of(scene.deployment(), tmp_path / "stick")
    assert export.unreadable == (lost.stem,)
    assert len(export.bundle.submissions) == 2
    assert len(read_bundle(tmp_path / "stick").bundle.submissions) == 2


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def overgrown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(3_000_000))


@pytest.mark.parametrize("damage", [cut_short, emptied, overgrown])
def test_a_sealed_file_of_another_length_is_not_said_to_be_all_of_it(
    scene: Scene, client: Client, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """Neither it nor its epoch: what is left of it will never open."""
    scene.publish(scene.manifest, second(scene))
    for n in range(2):
        send(client, f"account {n}")
    lost, whole = scene.sealed()
    good, stick = lost.read_bytes(), tmp_path / "stick"
    damage(lost)
    scene.keys().confirm_day(dt.date(2026, 12, 3))
    found = export_of(scene.deployment(now=noon_of(dt.date(2026, 12, 3))), stick)
    assert found.unreadable == (lost.stem,)
    assert found.bundle.closed_epochs == ()
    assert [s.id for s in read_bundle(stick).bundle.submissions] == [whole.stem]
    assert [path.name for path in (stick / "submissions").iterdir()] == [whole.name]
    lost.write_bytes(good)
    found = export_of(scene.deployment(now=noon_of(dt.date(2026, 12, 3))), stick)
    assert (found.unreadable, found.bundle.closed_epochs) == ((), ("2026-11",))


def test_a_bad_sector_does_not_keep_the_others_from_leaving(
    scene: Scene, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        send(client, f"account {n}")
    lost = scene.sealed()[1]
    open_blob = Store.open_blob

    class BadDisk(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    def failing(self: Store, blob_id: bytes) -> BinaryIO:
        return BadDisk() if blob_id.hex() == lost.stem else open_blob(self, blob_id)

    monkeypatch.setattr(Store, "open_blob", failing)
    found = export_of(scene.deployment(), tmp_path / "stick")
    assert (found.unreadable, len(found.bundle.submissions)) == ((lost.stem,), 2)


def test_links_on_the_stick_are_never_followed(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    """Whoever had the stick must not make the server write over its own files."""
    send(client, "account")
    key = scene.folder / "state" / "server.key"
    before = key.read_bytes()
    (sealed,) = scene.sealed()
    stick = tmp_path / "stick"
    (stick / "submissions").mkdir(parents=True)
    for name in (f"{sealed.stem}.age.partial", f"{sealed.stem}.age"):
        (stick / "submissions" / name).symlink_to(key)
    for name in ("root.pub", "manifest.json"):
        (stick / name).symlink_to(key)
    export(scene, stick)
    assert key.read_bytes() == before
    for name in ("root.pub", "manifest.json", "bundle.json"):
        assert not (stick / name).is_symlink()
    assert not (stick / "submissions" / f"{sealed.stem}.age").is_symlink()

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "submissions").symlink_to(elsewhere)
    with pytest.raises(BundleBroken):
        export(scene, linked)
    assert list(elsewhere.iterdir()) == []


def test_a_folder_with_other_files_is_left_alone(scene: Scene, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(BundleBroken):
        export(scene, stick)
    assert [path.name for path in stick.iterdir()] == ["holiday.jpg"]


def test_what_the_reviewers_put_on_the_stick_stays(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    send(client, "account")
    stick = tmp_path / "stick"
    (stick / "returns" / "01" / "replies").mkdir(parents=True)
    one = "returns/01"
    theirs = {f"{one}/return.json": b"x", f"{one}/replies/00.age": b"y", f"{one}/.a.draft": b"z"}
    for name, data in theirs.items():
        (stick / name).write_bytes(data)
    for _ in range(2):
        export(scene, stick)
        assert {name: (stick / name).read_bytes() for name in theirs} == theirs
        assert_whole(stick, 1)


# --- the stick -----------------------------------------------------------------------------------


def test_what_the_stick_holds_already_is_read_back_and_not_copied_again(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    send(client, "account")
    stick = tmp_path / "stick"
    export(scene, stick)
    (first,) = (stick / "submissions").iterdir()
    inode = first.stat().st_ino
    send(client, "another")
    export(scene, stick)
    assert first.stat().st_ino == inode
    flip_last(first)
    export(scene, stick)
    assert_whole(stick, 2)


def test_what_is_not_here_any_more_does_not_stay_on_the_stick(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    for n in range(3):
        send(client, f"account {n}")
    stick = tmp_path / "stick"
    export(scene, stick)
    theirs = stick / "submissions" / "holiday.jpg"
    theirs.write_bytes(b"x")
    store = scene.deployment().store
    gone = store.rows()[0].id
    store.leaving.acknowledge(bytes(32), [gone])
    store.leaving.settle(Quorum(1, frozenset([bytes(32)])), TODAY)
    store._blobs.remove([gone])
    export(scene, stick)
    assert theirs.read_bytes() == b"x", "what is not ours is nobody's to remove"
    theirs.unlink()
    assert_whole(stick, 2)


def test_the_last_copy_of_what_the_server_has_lost_stays_on_the_stick(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    for n in range(2):
        send(client, f"account {n}")
    stick = tmp_path / "stick"
    export(scene, stick)
    scene.sealed()[0].unlink()
    found = export_of(scene.deployment(), stick)
    assert found.unreadable == ()
    assert_whole(stick, 2)


def test_a_sealed_file_that_changed_since_it_first_left_does_not_leave(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    send(client, "account")
    export(scene, tmp_path / "first")
    (sealed,) = scene.sealed()
    flip_last(sealed)
    found = export_of(scene.deployment(), tmp_path / "second")
    assert found.unreadable == (sealed.stem,)
    assert list((tmp_path / "second" / "submissions").iterdir()) == []


def test_a_stick_without_room_is_said_before_anything_is_written(
    scene: Scene, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(client, "account")
    stick = tmp_path / "stick"
    export(scene, stick)
    send(client, "another")
    monkeypatch.setattr(Stick, "free_bytes", lambda _self: 3 << 20)
    with pytest.raises(BundleBroken, match=r"needs 5 MiB more .* has room for 3 MiB"):
        export(scene, stick)
    assert_whole(stick, 1)


def test_room_is_made_of_what_nobody_needs_any_more(
    scene: Scene, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(client, "account", [("a", bytes(3 << 20))])
    stick = tmp_path / "stick"
    export(scene, stick)
    store = scene.deployment().store
    gone = store.rows()[0]
    store.leaving.delete([gone.id], acknowledged=False)
    send(client, "another")
    monkeypatch.setattr(Stick, "free_bytes", lambda _self: 3 << 20)
    export(scene, stick)
    assert_whole(stick, 1)


def test_a_stick_that_does_not_hold_what_was_written_has_no_bundle(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    for n in range(2):
        send(client, f"account {n}")
    stick = tmp_path / "stick"
    steps: list[int] = []

    def worn_out(size: int) -> None:
        steps.append(size)
        if len(steps) == 2:  # both are copied, and not read back yet
            victim = next(p for p in (stick / "submissions").iterdir() if p.suffix == ".age")
            flip_last(victim)

    with pytest.raises(BundleBroken, match="does not read back the same"):
        export_of(scene.deployment(), stick, worn_out)
    with pytest.raises(BundleBroken):
        read_bundle(stick)
    export(scene, stick)
    assert_whole(stick, 2)


def test_two_sticks_at_once_have_two_numbers_and_the_higher_one_looked_later(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    for n in range(5):
        send(client, f"account {n}")
    deployment, sticks = scene.deployment(), [tmp_path / str(n) for n in range(3)]
    together([partial(export_of, deployment, stick) for stick in sticks])
    assert sorted(read_bundle(stick).bundle.sequence for stick in sticks) == [1, 2, 3]
    for stick in sticks:
        assert_whole(stick, 5)
    assert {row.bundle for row in deployment.store.rows()} < {1, 2, 3}


def test_two_exports_to_one_stick_do_not_mix(scene: Scene, client: Client, tmp_path: Path) -> None:
    send(client, "account")
    refused: list[bool] = []

    def meanwhile(_bytes: int) -> None:
        with pytest.raises(BundleBroken, match="Another export"):
            export(scene, tmp_path / "stick")
        refused.append(True)

    export_of(scene.deployment(), tmp_path / "stick", meanwhile)
    assert refused == [True, True]
    assert_whole(tmp_path / "stick", 1)


def test_a_bundle_says_what_has_come_the_other_way(scene: Scene, tmp_path: Path) -> None:
    store = scene.deployment().store
    store.leaving.note_taken(bytes(32), 7)
    mailbox = MailboxAddresses.of(Secret(bytes(32)))
    for n in range(9):
        store.replies.file(bytes([n] * 16), b"sealed", mailbox, TODAY)
    export(scene, tmp_path / "stick")
    bundle = read_bundle(tmp_path / "stick").bundle
    assert bundle.taken == {"00" * 32: 7}
    states = [bundle.replies[bytes([n] * 16).hex()] for n in range(9)]
    assert states == [ReplyState.FILED] * 8 + [ReplyState.WAITING]
    assert bundle.restored is None
    note_restored(scene.settings.state, TODAY)
    export(scene, tmp_path / "other")
    assert read_bundle(tmp_path / "other").bundle.order == (TODAY, 2)


def test_the_first_bundle_that_carried_it_and_its_hash_are_noted(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    send(client, "account")
    export(scene, tmp_path / "stick")
    export(scene, tmp_path / "other")
    (row,), (sealed,) = scene.deployment().store.rows(), scene.sealed()
    assert (row.bundle, row.sha256) == (1, hashlib.sha256(sealed.read_bytes()).digest())


# --- the count of bundles ------------------------------------------------------------------------

MISCOUNTS = {
    "empty": b"",
    "nothing": b"{}",
    "a list": b"[]",
    "null": b"null",
    "a text": b'{"sequence": "x"}',
    "none yet": b'{"sequence": 0}',
    "below nothing": b'{"sequence": -3}',
    "no whole number": b'{"sequence": 1e400}',
    "true": b'{"sequence": true}',
    "as far as numbers go": b'{"sequence": 9007199254740991}',
    "farther": b'{"sequence": ' + b"9" * 4000 + b"}",
    "farther than Python reads": b'{"sequence": ' + b"9" * 9000 + b"}",
    "more beside it": b'{"sequence": 3, "x": 1}',
    "twice": b'{"sequence": 3, "sequence": 4}',
    "not UTF-8": b"\xff",
}


@pytest.mark.parametrize("name", MISCOUNTS)
def test_a_damaged_count_is_said_before_the_stick_is_touched_and_can_be_mended(
    scene: Scene, client: Client, tmp_path: Path, name: str
) -> None:
    send(client, "account")
    stick, count = tmp_path / "stick", scene.settings.state / "courier.json"
    for _ in range(3):
        export(scene, stick)
    listing = (stick / "bundle.json").read_bytes()
    count.write_bytes(MISCOUNTS[name])
    with pytest.raises(StoreUnavailable, match=r"courier\.json is damaged.*: N\}"):
        export(scene, stick)
    assert (stick / "bundle.json").read_bytes() == listing, "the bundle before is still one"

    count.write_bytes(b'{"sequence": 3}')
    export(scene, stick)
    assert read_bundle(stick).bundle.sequence == 4


# --- what makes it the server's ------------------------------------------------------------------


def test_a_bundle_is_signed_by_the_key_that_the_manifest_names(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    send(client, "account")
    ours = load_signing_key(scene.settings.state).public().key
    scene.publish(scene.manifest, replace(scene.manifest, version=2, server=ours))
    export(scene, tmp_path / "stick")
    found = read_bundle(tmp_path / "stick")
    assert found.signed_by(ours)
    assert not found.signed_by(SigningIdentity.generate("server").public().key)


def test_the_signing_key_is_made_once_and_opens_for_nobody_else(scene: Scene) -> None:
    first = load_signing_key(scene.settings.state).public()
    assert load_signing_key(scene.settings.state).public() == first
    assert (scene.settings.state / "signing.key").stat().st_mode & 0o777 == 0o600
    assert sorted(scene.settings.state.glob("signing.key*")) == [
        scene.settings.state / "signing.key"
    ]


def test_what_the_server_believes_is_on_the_stick(scene: Scene, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    for _ in range(2):
        export(scene, stick)
        for name in ("root.pub", "manifest.json"):
            assert (stick / name).read_bytes() == (scene.folder / name).read_bytes()
        scene.publish(scene.manifest, replace(scene.manifest, version=2))


# --- closed epochs -------------------------------------------------------------------------------


def second(scene: Scene) -> Manifest:
    november = scene.manifest.epochs[0]
    later = Epoch("later", november.ends, dt.date(2027, 6, 1), (HEIR,))
    return replace(scene.manifest, version=2, epochs=(november, later))


def closed_on(
    scene: Scene, day: dt.date, stick: Path, limits: Limits | None = None
) -> tuple[str, ...]:
    scene.keys().confirm_day(day)  # as if the server had been running until then
    deployment = scene.deployment(limits=limits, now=noon_of(day))
    return export_of(deployment, stick).bundle.closed_epochs


@pytest.mark.parametrize(
    ("upload_hours", "first_day"),
    [(1, dt.date(2026, 12, 3)), (24, dt.date(2026, 12, 3)), (72, dt.date(2026, 12, 5))],
)
def test_an_epoch_is_closed_after_the_longest_upload_and_a_margin(
    scene: Scene, client: Client, tmp_path: Path, upload_hours: int, first_day: dt.date
) -> None:
    send(client, "in November")
    scene.publish(scene.manifest, second(scene))
    limits = Limits(upload_hours=upload_hours, disk_reserve=0)
    day = dt.date(2026, 11, 30)
    while day < first_day:
        assert closed_on(scene, day, tmp_path / "stick", limits) == ()
        day += dt.timedelta(days=1)
    assert closed_on(scene, first_day, tmp_path / "stick", limits) == ("2026-11",)
    found = read_bundle(tmp_path / "stick").bundle
    assert (found.closed_epochs, len(found.submissions)) == (("2026-11",), 1)


def test_what_a_bundle_calls_closed_the_server_has_noted_before(
    scene: Scene, tmp_path: Path
) -> None:
    scene.publish(scene.manifest, second(scene))
    scene.keys().confirm_day(dt.date(2026, 12, 2))
    seal = Seal.of(scene.deployment(now=noon_of(dt.date(2026, 12, 3))))
    assert seal.closed_epochs == ("2026-11",)
    assert scene.keys().record().closed == ("2026-11",)
    assert not (tmp_path / "stick").exists()


def test_an_epoch_of_which_a_file_cannot_be_read_is_not_closed(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    for n in range(2):
        send(client, f"in November, {n}")
    scene.publish(scene.manifest, second(scene))
    lost = scene.sealed()[0]
    data = lost.read_bytes()
    lost.unlink()
    day = dt.date(2026, 12, 3)
    assert closed_on(scene, day, tmp_path / "stick") == ()
    lost.write_bytes(data)
    assert closed_on(scene, day, tmp_path / "stick") == ("2026-11",)


def missing(scene: Scene) -> None:
    scene.settings.manifest.unlink()


def damaged(scene: Scene) -> None:
    scene.settings.manifest.write_bytes(scene.settings.manifest.read_bytes()[:-100])


def rolled_back(scene: Scene) -> None:
    scene.deployment().keys.on(TODAY)
    scene.publish(scene.manifest)


def set_back(scene: Scene) -> None:
    scene.deployment().keys.on(dt.date(2026, 12, 30))


def forgotten(scene: Scene) -> None:
    scene.record.write_bytes(b"{")


@pytest.mark.parametrize("bad_day", [missing, damaged, rolled_back, set_back, forgotten])
def test_where_the_manifest_is_not_believed_nothing_is_closed_and_the_accounts_leave(
    scene: Scene, client: Client, tmp_path: Path, bad_day: Callable[[Scene], None]
) -> None:
    send(client, "in November")
    scene.publish(scene.manifest, second(scene))
    stick = tmp_path / "stick"
    export(scene, stick)
    bad_day(scene)
    found = export_of(scene.deployment(now=noon_of(dt.date(2026, 12, 3))), stick)
    assert (found.bundle.closed_epochs, len(found.bundle.submissions)) == ((), 1)
    assert (stick / "manifest.json").exists() == (bad_day is not missing), "none of an earlier one"
    if bad_day is not forgotten:
        assert scene.keys().record().closed == ()


def test_a_clock_that_jumped_closes_nothing_until_somebody_says_that_it_is_right(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    send(client, "in November")
    scene.publish(scene.manifest, second(scene))
    scene.keys().on(TODAY)
    day = dt.date(2026, 12, 3)
    for _ in range(2):
        found = export_of(scene.deployment(now=noon_of(day)), tmp_path / "stick")
        assert (found.bundle.closed_epochs, len(found.bundle.submissions)) == ((), 1)
        scene.keys().on(day)
    assert scene.keys().record().closed == ()
    scene.keys().confirm_day(day)
    assert closed_on(scene, day, tmp_path / "stick") == ("2026-11",)


def test_a_manifest_that_has_expired_still_closes_its_epochs(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    send(client, "in November")
    scene.publish(scene.manifest, replace(scene.manifest, version=2, expires=TODAY))
    assert closed_on(scene, dt.date(2026, 12, 3), tmp_path / "stick") == ("2026-11",)


def test_an_epoch_without_an_end_keeps_no_account_from_leaving(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    endless = replace(scene.manifest.epochs[0], ends=dt.date.max)
    scene.publish(
        scene.manifest,
        replace(scene.manifest, version=2, epochs=(endless,), expires=dt.date.max),
    )
    assert send(client, "account").status_code == 303
    assert closed_on(scene, dt.date(2031, 1, 1), tmp_path / "stick") == ()


# --- killed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_export_killed_at_any_step_is_finished_by_the_next(
    scene: Scene, client: Client, tmp_path: Path, *, after: bool
) -> None:
    send(client, "account")
    deployment = scene.deployment()

    def stick(step: int) -> Path:
        return tmp_path / f"{after}-{step}"

    for step in every_kill(lambda n: lambda: export_of(deployment, stick(n)), after=after):
        export_of(deployment, stick(step))
        assert len(read_bundle(stick(step)).bundle.submissions) == 1
        assert {path.name for path in stick(step).iterdir()} == {
            "bundle.json",
            "manifest.json",
            "root.pub",
            "submissions",
        }


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_export_killed_at_any_step_leaves_a_whole_bundle_where_one_stood(
    scene: Scene, client: Client, tmp_path: Path, *, after: bool
) -> None:
    send(client, "account")
    deployment, before = scene.deployment(), tmp_path / "before"
    export_of(deployment, before)
    send(client, "another")

    def again(step: int) -> Callable[[], object]:
        shutil.copytree(before, tmp_path / str(step))
        return lambda: export_of(deployment, tmp_path / str(step))

    for step in every_kill(again, after=after):
        stick = tmp_path / str(step)
        listed = read_bundle(stick).bundle.submissions
        assert len(listed) in {1, 2}
        for submission in listed:
            data = submission.path(stick).read_bytes()
            assert submission.sha256 == hashlib.sha256(data).hexdigest()
        export_of(deployment, stick)
        assert_whole(stick, 2)
