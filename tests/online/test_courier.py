"""Exporting: whole, repeatable, interruptible, and never over somebody's other files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from werkzeug.test import Client

from intake.courier.bundle import read_bundle
from intake.errors import BundleBroken
from intake.online.courier import export_bundle
from intake.online.store import sqlite
from intake.online.witness.app import create_app
from tests.support.deployments import Scene, send


def export(scene: Scene, folder: Path) -> int:
    seen: list[int] = []
    deployment = scene.deployment()
    export_bundle(deployment.store, scene.folder / "state", folder, seen.append)
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
    export_bundle(
        scene.deployment().store,
        scene.folder / "state",
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
        export_bundle(scene.deployment().store, scene.folder / "state", stick, pulled_out)
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
    deployment = scene.deployment()
    export = export_bundle(
        deployment.store, scene.folder / "state", tmp_path / "stick", lambda _: None
    )
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
    export(scene, stick)
    assert database.read_bytes() == before
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
