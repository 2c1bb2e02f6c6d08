"""Which keys the server believes, and that it rather takes nothing than seals to nobody."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from werkzeug.test import Client

from intake.errors import IntakeError, ManifestRefused, NoEpochInForce
from intake.manifest.model import Epoch
from intake.online.keys_in_force import KeysInForce
from intake.online.refusal import Reason
from intake.online.witness.app import create_app
from tests.support.deployments import TODAY, Scene, hidden_fields, send


def keys(scene: Scene) -> KeysInForce:
    folder = scene.folder
    return KeysInForce(
        root=folder / "root.pub", manifest=folder / "manifest.json", state=folder / "state"
    )


def second(scene: Scene, **changes: object) -> None:
    """Install a second version."""
    changed = replace(scene.manifest, version=2, **changes)  # type: ignore[arg-type]
    scene.publish(scene.manifest, changed)


def test_the_epoch_of_the_day_is_in_force(scene: Scene) -> None:
    in_force = keys(scene).on(TODAY)
    assert in_force.epoch.id == "2026-11"
    assert [str(r) for r in in_force.reviewers] == [str(scene.reviewer.recipient())]
    assert in_force.custodians == ()


def test_a_new_manifest_is_used_without_a_restart(scene: Scene) -> None:
    found = keys(scene)
    assert found.on(TODAY).manifest.version == 1
    second(scene)
    assert found.on(TODAY).manifest.version == 2


def test_a_manifest_rolled_back_is_refused_also_after_a_restart(scene: Scene) -> None:
    second(scene)
    assert keys(scene).on(TODAY).manifest.version == 2
    scene.publish(scene.manifest)
    for _ in range(2):
        with pytest.raises(ManifestRefused, match="version 2 has been accepted before"):
            keys(scene).on(TODAY)


@pytest.mark.parametrize("day", [dt.date(2026, 10, 31), dt.date(2026, 12, 1), dt.date(2030, 1, 1)])
def test_outside_every_epoch_nobody_is_sealed_to(scene: Scene, day: dt.date) -> None:
    with pytest.raises((NoEpochInForce, ManifestRefused)):
        keys(scene).on(day)


def test_a_running_server_stops_when_its_epoch_ends(scene: Scene) -> None:
    found = keys(scene)
    found.on(TODAY)
    with pytest.raises(NoEpochInForce):
        found.on(dt.date(2026, 12, 1))


def broken(scene: Scene, how: str) -> None:
    manifest = scene.folder / "manifest.json"
    data = manifest.read_bytes()
    later = replace(scene.manifest.epochs[0], begins=TODAY + dt.timedelta(days=1))
    match how:
        case "missing":
            manifest.unlink()
        case "truncated":
            manifest.write_bytes(data[:-100])
        case "empty":
            manifest.write_bytes(b"")
        case "not json":
            manifest.write_bytes(b"\xff\x00")
        case "changed":
            manifest.write_bytes(data.replace(b'"keyid": "', b'"keyid": "0', 1))
        case "expired":
            second(scene, expires=TODAY - dt.timedelta(days=1))
        case "revoked epoch":
            second(scene, revocations=("2026-11",))
        case "revoked recipient":
            second(scene, revocations=(str(scene.reviewer.recipient()),))
        case "no epochs":
            second(scene, epochs=())
        case "not yet":
            second(scene, epochs=(later,))
        case "nobody in it":
            second(scene, epochs=(Epoch("2026-11", TODAY, TODAY + dt.timedelta(days=9), ()),))
        case "a directory":
            manifest.unlink()
            manifest.mkdir()


@pytest.mark.parametrize(
    "how",
    [
        "missing",
        "truncated",
        "empty",
        "not json",
        "changed",
        "expired",
        "revoked epoch",
        "revoked recipient",
        "no epochs",
        "not yet",
        "nobody in it",
        "a directory",
    ],
)
def test_on_a_bad_day_the_pages_say_so_and_nothing_is_taken(
    scene: Scene, client: Client, how: str
) -> None:
    hidden = hidden_fields(client.get("/en/submit").text)
    broken(scene, how)
    with pytest.raises(IntakeError):
        keys(scene).on(TODAY)
    for answer in (client.get("/en/submit"), send(client, "စာ", hidden=hidden, lang="en")):
        assert answer.status_code == 503
        assert Reason.NO_KEYS.sentence in answer.text
    assert "စာ" in answer.text
    assert client.get("/keys/recipients.txt").status_code == 503
    assert scene.sealed() == []
    assert list((scene.folder / "state" / "blobs").iterdir()) == []


def test_an_upload_ends_under_the_manifest_it_began_with(scene: Scene) -> None:
    deployment = scene.deployment()
    began = deployment.keys.on(TODAY)
    second(scene, epochs=())
    with pytest.raises(NoEpochInForce):
        deployment.keys.on(TODAY)
    assert began.epoch.id == "2026-11"
    assert began.manifest.version == 1


def test_recipients_and_manifest_are_served(scene: Scene, client: Client) -> None:
    lines = client.get("/keys/recipients.txt").text.splitlines()
    assert lines == ["# 2026-11", str(scene.reviewer.recipient())]
    served = client.get("/keys/manifest.json")
    assert served.data == (scene.folder / "manifest.json").read_bytes()
    assert "2026-11" in client.get("/en/keys").text


def test_a_missing_root_is_said(scene: Scene) -> None:
    (scene.folder / "root.pub").unlink()
    with pytest.raises(ManifestRefused):
        create_app(scene.deployment())
