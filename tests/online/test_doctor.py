"""What the doctor finds: nothing on a good day, and on a bad one the cause and what mends it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import Client

from intake.manifest.model import Epoch, Manifest
from intake.online.doctor import examine
from intake.online.settings import GIB, Limits
from intake.online.signing_key import load_signing_key
from intake.online.store.submissions import Store
from intake.online.witness.app import create_app
from tests.support.deployments import HEIR, TODAY, Scene, send

CHECKS = ["keys", "store", "disk", "state folder", "swap", "names"]
SWAPS = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"


def findings(scene: Scene, *, limits: Limits | None = None) -> dict[str, tuple[str, ...]]:
    settings = scene.settings if limits is None else replace(scene.settings, limits=limits)
    swaps = scene.folder / "swaps"
    return {f.what: f.problems for f in examine(settings, scene.keys(), TODAY, swaps=swaps)}


def problem(scene: Scene, what: str, *, limits: Limits | None = None) -> str:
    """Return the one problem that is found, which is ``what``'s."""
    found = findings(scene, limits=limits)
    assert list(found) == CHECKS, "one failure keeps no other check from being made"
    assert {name for name, problems in found.items() if problems} == {what}
    [sentence] = found[what]
    return sentence


def good(scene: Scene) -> Manifest:
    november = scene.manifest.epochs[0]
    later = Epoch("long", november.ends, scene.manifest.expires, (HEIR,))
    ours = load_signing_key(scene.settings.state).public().key
    return replace(scene.manifest, server=ours, epochs=(november, later))


@pytest.fixture
def well(scene: Scene) -> Scene:
    scene.settings.state.chmod(0o700)
    scene.publish(good(scene))
    (scene.folder / "swaps").write_text(SWAPS)
    return scene


def test_on_a_good_day_everything_is_well(well: Scene) -> None:
    send(Client(create_app(well.deployment())), "account", [("a", b"x")])
    assert findings(well) == dict.fromkeys(CHECKS, ())


def test_it_makes_nothing_and_takes_nothing_away(well: Scene) -> None:
    send(Client(create_app(well.deployment())), "account")
    findings(well)

    def names() -> list[Path]:
        return sorted(well.folder.rglob("*"))

    before = names()
    findings(well)
    assert names() == before


# --- keys and clock ------------------------------------------------------------------------------


def missing(scene: Scene) -> None:
    scene.settings.manifest.unlink()


def revoked(scene: Scene) -> None:
    second = replace(good(scene), version=2, revocations=("2026-11",))
    scene.publish(good(scene), second)


def unknown_server(scene: Scene) -> None:
    (scene.settings.state / "signing.key").unlink()


@pytest.mark.parametrize(
    ("bad_day", "says"),
    [
        (missing, "No account is taken now.*'intake keys install FILE'"),
        (revoked, "No account is taken now.*2026-11 is revoked"),
        (unknown_server, "names another server's key.*'intake keys server FILE'"),
    ],
)
def test_what_is_wrong_with_the_keys_is_found(
    well: Scene, bad_day: Callable[[Scene], None], says: str
) -> None:
    bad_day(well)
    assert re.search(says, problem(well, "keys"))


def test_a_clock_set_forward_is_found(well: Scene) -> None:
    well.keys().on(TODAY.replace(day=16))
    assert findings(well)["keys"] == (), "a week may go by"
    well.keys().confirm_day(TODAY.replace(day=15))
    assert "from 2026-11-15 to 2026-11-23 at once" in problem(well, "keys")
    assert "'intake keys reset-day'" in problem(well, "keys")
    well.keys().confirm_day(TODAY)
    assert findings(well)["keys"] == ()


# --- the store -----------------------------------------------------------------------------------


def test_a_broken_database_is_found_and_the_rest_is_looked_at(well: Scene) -> None:
    (well.settings.state / "intake.db").write_bytes(b"not a database at all" * 1000)
    found = findings(well)
    assert list(found) == CHECKS
    for check in ("store", "disk"):
        assert "store.database" in found[check][0]
    assert (found["keys"], found["state folder"]) == ((), ())


def test_sealed_files_that_are_lost_are_found(well: Scene) -> None:
    client = Client(create_app(well.deployment()))
    for n in range(3):
        send(client, f"account {n}")
    first, second, _ = well.sealed()
    first.unlink()
    second.unlink()
    said = problem(well, "store")
    assert said.startswith("Submissions that have lost their files, or a part of them: 2 (")
    assert first.stem in said
    assert str(well.settings.blobs) in said


@pytest.mark.parametrize("size", [0, 1, 262_143, 262_145])
def test_a_sealed_file_of_another_length_is_found(well: Scene, size: int) -> None:
    send(Client(create_app(well.deployment())), "account")
    [sealed] = well.sealed()
    assert sealed.stat().st_size == 262_144
    os.truncate(sealed, size)
    said = problem(well, "store")
    assert said.startswith("Submissions that have lost their files, or a part of them: 1 (")
    assert sealed.stem in said


def test_a_disk_that_is_nearly_full_is_found(well: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(submission=GIB, disk_reserve=GIB)
    for free, enough in ((2 * GIB, True), (2 * GIB - 1, False), (0, False)):
        monkeypatch.setattr(Store, "free_bytes", lambda _self, free=free: free)
        if enough:
            assert findings(well, limits=limits)["disk"] == ()
        else:
            assert "'intake export DIR'" in problem(well, "disk", limits=limits)


# --- the machine ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o755, 0o770, 0o777, 0o750])
def test_a_state_folder_that_others_can_look_into_is_found(well: Scene, mode: int) -> None:
    well.settings.state.chmod(mode)
    assert f"chmod 700 {well.settings.state}" in problem(well, "state folder")


def test_a_damaged_server_key_is_found(well: Scene) -> None:
    well.deployment()
    (well.settings.state / "server.key").write_bytes(b"")
    assert "server.key is damaged" in problem(well, "state folder")


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ([], None),
        (["/dev/sda2  partition 8388604 0 -2"], "/dev/sda2"),
        (["/swapfile  file 2097148 0 -2"], "/swapfile"),
        (["/dev/zram0 partition 8388604 0 100"], None),
        (["/dev/zram0 partition 1 0 100", "/dev/sdb1 partition 1 0 -2"], "/dev/sdb1"),
        (["/dev/sda2 partition 1 0 -2", "/dev/sdb1 partition 1 0 -3"], "/dev/sda2, /dev/sdb1"),
        ([""], None),
    ],
)
def test_swap_in_the_clear_is_found(well: Scene, lines: list[str], named: str | None) -> None:
    (well.folder / "swaps").write_text(SWAPS + "\n".join(lines))
    if named is None:
        assert findings(well)["swap"] == ()
    else:
        said = problem(well, "swap")
        assert f"written to {named} in the clear" in said
        assert "swapoff -a" in said


def test_a_machine_that_does_not_tell_of_swap_is_no_problem(well: Scene) -> None:
    (well.folder / "swaps").unlink()
    assert findings(well)["swap"] == ()
