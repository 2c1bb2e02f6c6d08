"""The database is lost, empty or another one: no sealed account goes for that. Threat 7."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from intake.courier.bundle import UNKNOWN_EPOCH, read_bundle
from intake.offline.inbox import import_bundle
from intake.online import server
from intake.online.cli import intake
from intake.online.courier import Seal, export_bundle
from intake.online.settings import read_settings
from tests.support.deployments import TODAY, Scene, make_scene, submit
from tests.support.submissions import EPOCH
from tests.support.vaults import make_vault

NOBODYS = "to no row of this database: see that store.database is right"


@pytest.fixture
def lost(tmp_path: Path) -> Scene:
    """A deployment of today with three accounts, whose database is gone."""
    scene = make_scene(tmp_path / "deployment", today=dt.datetime.now(dt.UTC).date())
    for n in range(3):
        submit(scene, f"account {n}")
    (scene.settings.state / "intake.db").unlink()
    return scene


def run(scene: Scene, *arguments: str | Path) -> Result:
    return CliRunner().invoke(intake, ["--config", str(scene.config), *map(str, arguments)])


def files(scene: Scene) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in scene.settings.blobs.iterdir()}


def test_sweep_and_serve_keep_every_account_and_say_so(
    lost: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, said = files(lost), list[str]()
    swept = run(lost, "sweep")
    assert f"3 sealed files belong {NOBODYS}" in swept.stderr
    assert "0 files left by a crash" in swept.stdout
    monkeypatch.setattr(server.Server, "run", lambda _self: None)
    server.serve(replace(lost.settings, listen="127.0.0.1:0"), said.append)
    assert any(NOBODYS in sentence for sentence in said)
    assert any(NOBODYS in p for p in json.loads(run(lost, "status", "--json").stdout)["problems"])
    assert NOBODYS in run(lost, "doctor").stdout
    assert files(lost) == before


def test_a_mistake_in_the_settings_costs_no_account(tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "deployment", today=dt.datetime.now(dt.UTC).date())
    submit(scene, "account")
    settings, right = scene.config.read_text(), scene.config
    right.write_text(settings.replace("[store]", f'[store]\ndatabase = "sqlite:///{tmp_path}/x"'))
    assert NOBODYS in run(scene, "sweep").stderr
    right.write_text(settings)
    scene.settings = read_settings(right)
    assert NOBODYS not in run(scene, "sweep").stderr
    assert scene.accounts() == ["account"]
    assert scene.deployment().store.count() == 1


def test_what_is_taken_in_again_reaches_the_reviewers(tmp_path: Path) -> None:
    vault = make_vault(tmp_path / "vault")
    scene = make_scene(tmp_path / "deployment")
    scene.reviewer = vault.keys.epochs[EPOCH]
    ids = {submit(scene, f"account {n}").hex() for n in range(3)}
    (scene.settings.state / "intake.db").unlink()
    assert len(scene.deployment().store.adopt(TODAY, 1)) == len(ids)
    stick = tmp_path / "stick"
    deployment = scene.deployment()
    seal = replace(Seal.of(deployment), closed_epochs=("2026-10",))
    export_bundle(deployment.store, seal, scene.settings.state, stick, lambda _n: None)
    bundle = read_bundle(stick).bundle
    assert {s.id: s.epoch for s in bundle.submissions} == dict.fromkeys(ids, UNKNOWN_EPOCH)
    assert bundle.closed_epochs == (), "nobody knows which epochs these are of"
    report = import_bundle(vault, stick, lambda _n: None, TODAY)
    assert set(report.imported) == ids
    assert set(vault.ids()) == ids


def test_no_epoch_is_called_closed_while_something_belongs_to_no_row(
    lost: Scene, tmp_path: Path
) -> None:
    deployment = lost.deployment()
    seal = replace(Seal.of(deployment), closed_epochs=("2026-10",))
    done = export_bundle(
        deployment.store, seal, lost.settings.state, tmp_path / "stick", lambda _n: None
    )
    assert (done.bundle.submissions, done.bundle.closed_epochs) == ((), ())


def test_adopting_says_what_it_did_and_ends_the_problem(lost: Scene) -> None:
    done = run(lost, "sweep", "--adopt")
    assert "Took in 3 sealed files" in done.stdout
    assert NOBODYS not in done.stderr
    assert json.loads(run(lost, "sweep", "--adopt", "--json").stdout)["adopted"] == []
    assert lost.deployment().store.count() == 3


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_looking_makes_nothing_where_a_backup_is_to_be_restored(lost: Scene, command: str) -> None:
    state = lost.settings.state
    for path in state.iterdir():
        if path.is_file():
            path.unlink()
    found = run(lost, command)
    assert "restore a backup ('intake restore FILE')" in found.stdout
    assert [path.name for path in state.iterdir()] == ["blobs"]
