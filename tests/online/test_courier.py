"""Exporting: whole, repeatable, interruptible, and never over somebody's other files."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import Client

from intake.courier.bundle import read_bundle
from intake.errors import BundleBroken
from intake.manifest.model import Epoch, Manifest
from intake.manifest.signing import SigningIdentity
from intake.online.courier import Export, Seal, export_bundle
from intake.online.deployment import Deployment
from intake.online.settings import Limits
from intake.online.signing_key import load_signing_key
from intake.online.store import sqlite
from intake.online.witness.app import create_app
from tests.support.deployments import NOON, TODAY, Scene, send
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


def test_a_bundle_holds_every_sealed_file_to_the_byte(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    for n in range(3):
        send(client, f"account {n}", [("a", os.urandom(300_000))] if n else None)
    stick = tmp_path / "stick"
    assert export(scene, stick) == sum(path.stat().st_size for path in scene.sealed())
    bundle = read_bundle(stick).bundle
    assert (bundle.sequence, bundle.closed_epochs) == (1, ())
    assert sorted(s.id for s in bundle.submissions) == [path.stem for path in scene.sealed()]
    for submission, original in zip(
        sorted(bundle.submissions, key=lambda s: s.id), scene.sealed(), strict=True
    ):
        data = submission.path(stick).read_bytes()
        assert data == original.read_bytes()
        assert submission.sha256 == hashlib.sha256(data).hexdigest()
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
    assert answers == [303] * 3


def test_nothing_to_export_is_a_bundle_too(scene: Scene, tmp_path: Path) -> None:
    export(scene, tmp_path / "stick")
    assert read_bundle(tmp_path / "stick").bundle.submissions == ()


def test_an_interrupted_export_is_no_bundle_and_is_finished_by_the_next(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    send(client, "account")
    stick = tmp_path / "stick"
    export(scene, stick)

    def pulled_out(_bytes: int) -> None:
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        export_of(scene.deployment(), stick, pulled_out)
    with pytest.raises(BundleBroken):
        read_bundle(stick)
    export(scene, stick)
    assert len(read_bundle(stick).bundle.submissions) == 1
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


def test_links_on_the_stick_are_never_followed(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    """Whoever had the stick must not make the server write over its own files."""
    send(client, "account")
    database = scene.folder / "state" / "intake.db"
    before = database.read_bytes()
    (sealed,) = scene.sealed()
    stick = tmp_path / "stick"
    (stick / "submissions").mkdir(parents=True)
    for name in (f"{sealed.stem}.age.partial", f"{sealed.stem}.age"):
        (stick / "submissions" / name).symlink_to(database)
    for name in ("root.pub", "manifest.json"):
        (stick / name).symlink_to(database)
    export(scene, stick)
    assert database.read_bytes() == before
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
    later = Epoch("later", november.ends, dt.date(2027, 6, 1), november.recipients)
    return replace(scene.manifest, version=2, epochs=(november, later))


def closed_on(
    scene: Scene, day: dt.date, stick: Path, limits: Limits | None = None
) -> tuple[str, ...]:
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
    scene.keys().on(TODAY)
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
    (scene.settings.state / "high-water.json").write_bytes(b"{")


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
