"""``intake keys install``, killed at every step: the old manifest is in force, or the new one.

Threat 7. Whatever the kill leaves, the server believes what is there, nobody can lead it back
behind it, and the next installation removes the debris. So does the server when it starts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import Client

from intake.age.opening.hybrid import HybridIdentity
from intake.errors import ManifestRefused
from intake.manifest.model import Manifest, Recipient, Role
from intake.online.server_keys import ServerKeys
from intake.online.signing_key import load_signing_key
from intake.online.witness.app import create_app
from tests.support.deployments import TODAY, Scene, make_scene, send
from tests.support.kills import every_kill
from tests.support.servers import Browser, free_port, serving

HEIR = HybridIdentity.generate()


def second(scene: Scene) -> Manifest:
    """Return a version in which the reviewer is revoked and another one stands there."""
    heir = Recipient("heir", Role.REVIEWERS, str(HEIR.recipient()))
    epochs = (replace(scene.manifest.epochs[0], recipients=(heir,)),)
    lost = (str(scene.reviewer.recipient()),)
    return replace(scene.manifest, version=2, epochs=epochs, revocations=lost)


def drafts(scene: Scene) -> list[Path]:
    return [path for path in scene.folder.rglob("*") if path.name.endswith(".draft")]


def killed_installations(folder: Path, *, after: bool) -> Iterator[tuple[Scene, bytes, bytes]]:
    """Yield each deployment in which one was killed, and the files before and after it."""
    scenes: dict[int, tuple[Scene, bytes, bytes]] = {}

    def work(step: int) -> Callable[[], object]:
        scene = make_scene(folder / str(step))
        scene.keys().on(TODAY)
        new = scene.manifest_file(scene.manifest, second(scene))
        scenes[step] = (scene, scene.settings.manifest.read_bytes(), new)
        return lambda: scene.keys().install(new, TODAY)

    for step in every_kill(work, after=after):
        yield scenes[step]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_the_old_manifest_is_in_force_or_the_new_one(tmp_path: Path, *, after: bool) -> None:
    found: set[int] = set()
    debris = 0
    for scene, old, new in killed_installations(tmp_path, after=after):
        data = scene.settings.manifest.read_bytes()
        assert data in {old, new}
        version = scene.keys().on(TODAY).manifest.version
        assert version == (1 if data == old else 2)
        found.add(version)
        debris += len(drafts(scene))
        expected = scene.reviewer if version == 1 else HEIR
        assert [str(r) for r in scene.keys().on(TODAY).reviewers] == [str(expected.recipient())]
        assert send(Client(create_app(scene.deployment())), "account").status_code == 303

        # Now that it was looked at, nobody leads the server back.
        if version == 2:
            scene.settings.manifest.write_bytes(old)
            with pytest.raises(ManifestRefused, match="accepted before"):
                scene.keys().on(TODAY)
        assert scene.keys().install(new, TODAY).version == 2
        assert scene.keys().on(TODAY).manifest.version == 2
        assert drafts(scene) == []
    assert found == {1, 2}, "both must have happened"
    assert debris, "no kill left a draft: nothing was tried"


def test_a_server_that_starts_removes_what_was_left(tmp_path: Path) -> None:
    port = free_port()
    scene = make_scene(tmp_path / "deployment", port=port, today=dt.datetime.now(dt.UTC).date())
    for folder, name in (
        (scene.settings.manifest.parent, "manifest.json"),
        (scene.settings.state, scene.record.name),
    ):
        (folder / f".{name}.0123456789ab.draft").write_bytes(b"{")
    (scene.folder / ".manifest.json.swp").write_bytes(b"an editor's")
    with serving(scene.config, port) as server:
        assert Browser(server).get("/en/submit").status == 200
        assert drafts(scene) == []
    assert (scene.folder / ".manifest.json.swp").exists(), "what is not ours stays"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "load", [ServerKeys.load, load_signing_key], ids=["server.key", "signing.key"]
)
def test_a_servers_own_key_is_whole_or_not_there(
    tmp_path: Path, load: Callable[[Path], object], *, after: bool
) -> None:
    def work(step: int) -> Callable[[], object]:
        (tmp_path / str(step)).mkdir()
        return lambda: load(tmp_path / str(step))

    for step in every_kill(work, after=after):
        state = tmp_path / str(step)
        made = {path.name: path.read_bytes() for path in state.glob("*.key")}
        load(state)
        assert all((state / name).read_bytes() == data for name, data in made.items())
