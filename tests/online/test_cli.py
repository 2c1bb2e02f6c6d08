"""The commands of the server: what they say, and how they fail."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import Client

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_age
from intake.courier.returns import Acknowledgement
from intake.manifest.chain import parse_chain
from intake.manifest.fingerprint import (
    manifest_fingerprint,
    root_fingerprint,
    signer_fingerprint,
)
from intake.manifest.model import Epoch, Manifest
from intake.manifest.signing import SigningIdentity, parse_signer
from intake.online.signing_key import load_signing_key
from intake.online.witness.app import create_app
from tests.support.deployments import HEIR, Scene, make_scene, send
from tests.support.returns import Mailbox, ReturnStick, root_hash

A_DAY = dt.timedelta(days=1)


def intake(
    *arguments: str | Path, cwd: Path | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from intake.online.cli import main; main()", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def scene_of_today(tmp_path: Path) -> Scene:
    return make_scene(tmp_path / "deployment", today=dt.datetime.now(dt.UTC).date())


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["demo"],
        ["serve"],
        ["export"],
        ["status"],
        ["doctor"],
        ["import"],
        ["sweep"],
        ["backup"],
        ["restore"],
        ["keys"],
        ["keys", "show"],
        ["keys", "install"],
        ["keys", "server"],
        ["keys", "reset-day"],
    ],
)
def test_every_command_teaches(command: list[str]) -> None:
    done = intake(*command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: ")
    assert len(done.stdout.splitlines()) > 4


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["export"],
        ["import"],
        ["backup"],
        ["restore", "no-such-file"],
        ["demo", "--port", "0"],
        ["keys", "install"],
        ["keys", "install", "no-such-file"],
        ["keys", "install", "."],
        ["keys", "server"],
        ["keys", "forget"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    done = intake(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def fails(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert all(word in done.stderr for word in words), done.stderr


def test_each_failure_is_one_sentence(tmp_path: Path) -> None:
    fails(intake("serve", cwd=tmp_path), "--config", "intake demo")
    fails(intake("--config", "missing.toml", "serve", cwd=tmp_path), "missing.toml")
    scene = scene_of_today(tmp_path)
    config = str(scene.config)
    (scene.folder / "manifest.json").write_bytes(b"{}")
    fails(intake("--config", config, "keys", "show"))
    (scene.folder / "root.pub").unlink()
    fails(intake("--config", config, "serve"), "root.pub")
    fails(intake("--config", config, "export", str(tmp_path / "stick")), "root.pub")
    full = tmp_path / "used"
    full.mkdir()
    (full / "something").write_bytes(b"")
    fails(intake("demo", "--dir", str(full)), "not empty")


def test_debug_shows_where(tmp_path: Path) -> None:
    done = intake("serve", "--debug", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_keys_show_says_what_is_in_force(tmp_path: Path) -> None:
    scene = scene_of_today(tmp_path)
    shown = json.loads(intake("--config", str(scene.config), "keys", "show", "--json").stdout)
    assert shown["version"] == 1
    assert shown["epoch"] == scene.manifest.epochs[0].id
    assert shown["epoch_ends"] == scene.manifest.epochs[0].ends.isoformat()
    assert shown["recipients"] == [str(scene.reviewer.recipient())]
    assert "version: 1" in intake("--config", str(scene.config), "keys", "show").stdout


def test_an_export_says_what_it_wrote(tmp_path: Path) -> None:
    scene = scene_of_today(tmp_path)
    done = intake("--config", str(scene.config), "export", str(tmp_path / "stick"))
    assert done.returncode == 0
    assert "bundle 1" in done.stdout


@pytest.mark.parametrize("named", [None, "another's"])
def test_an_export_that_no_vault_will_take_says_so(tmp_path: Path, named: str | None) -> None:
    """The stick travels for days, and is refused whole where it arrives."""
    scene = scene_of_today(tmp_path)
    other = SigningIdentity.generate("server").public().key if named else None
    scene.publish(good(scene, 1, server=other))
    done = at(scene, "export", tmp_path / "stick")
    assert done.returncode == 0, "accounts leave all the same"
    assert "bundle 1" in done.stdout
    assert done.stderr.startswith("Warning: The manifest names ")
    assert "'intake keys server FILE'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.removeprefix("Warning: ").strip() in at(scene, "status").stdout
    scene.publish(good(scene, 1), good(scene))
    scene.record.unlink()
    assert at(scene, "export", tmp_path / "stick").stderr == ""


def test_an_export_names_what_it_left_out(tmp_path: Path) -> None:
    scene = scene_of_today(tmp_path)
    send(Client(create_app(replace(scene.deployment(), clock=time.time))), "account")
    [sealed] = scene.sealed()
    os.truncate(sealed, 100)
    done = at(scene, "export", tmp_path / "stick")
    assert (done.returncode, "bundle 1 with 0" in done.stdout) == (1, True)
    assert "1 submission could not be read whole and was left out" in done.stderr
    assert sealed.stem in done.stderr


def test_a_damaged_count_of_bundles_is_one_sentence(tmp_path: Path) -> None:
    scene = scene_of_today(tmp_path)
    (scene.settings.state / "courier.json").write_bytes(b"null")
    fails(at(scene, "export", tmp_path / "stick"), "courier.json is damaged", "intake-review list")
    assert not (tmp_path / "stick").exists()


# --- import, backup and restore ------------------------------------------------------------------


def test_an_import_says_what_it_took(tmp_path: Path) -> None:
    scene = scene_of_today(tmp_path)
    scene.publish(good(scene, 1))
    send(Client(create_app(replace(scene.deployment(), clock=time.time))), "account")
    assert at(scene, "export", tmp_path / "stick").returncode == 0
    returned = ReturnStick(tmp_path / "stick", scene.vault, root_hash(scene))
    mailbox = Mailbox.of(scene)
    for n in range(9):
        returned.reply(mailbox, f"reply {n}")
    told = json.loads(at(scene, "status", "--json").stdout)
    assert told["on_the_way"]["carried"] == [{"bundle": 1, "submissions": 1}]
    returned.acknowledge(*scene.sealed()).write()
    done = at(scene, "import", returned.stick)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "Took return 1 of reviewer.",
        "Replies: 8 filed, 1 waits for a free slot, 0 were here already.",
        "Acknowledgements: 1 new; 1 submission has enough now, 1 was deleted.",
    ]
    again = at(scene, "import", returned.stick)
    assert (again.returncode, "taken before" in again.stdout) == (0, True)
    told = json.loads(at(scene, "status", "--json").stdout)
    assert (told["submissions"], told["unacknowledged"], told["replies"]) == (0, 0, 9)
    assert "replies: 8 in mailboxes, 1 waits for a free slot" in at(scene, "status").stdout


def test_an_import_that_could_not_take_all_takes_the_rest_and_fails(tmp_path: Path) -> None:
    scene = scene_of_today(tmp_path)
    returned = ReturnStick(tmp_path / "stick", scene.vault, root_hash(scene))
    returned.acknowledgements.append(Acknowledgement("ab" * 16, "cd" * 32))
    returned.reply(Mailbox.of(scene))
    returned.write()
    done = at(scene, "import", returned.stick)
    fails(done, "reviewer: 1 acknowledgement names a submission that is not here", "ab" * 16)
    assert "harmless, and ends, where the reviewers import a newer bundle" in done.stderr
    assert "Replies: 1 filed" in done.stdout
    (tmp_path / "empty").mkdir()
    fails(at(scene, "import", tmp_path / "empty"), "'intake-review courier DIR'")


def test_a_backup_is_made_and_restored(tmp_path: Path) -> None:
    scene = scene_of_today(tmp_path)
    scene.publish(good(scene, 1))
    file, out = tmp_path / "backup.age", tmp_path / "opened.zip"
    done = at(scene, "backup", file)
    assert (done.returncode, "keys of any one of: admin" in done.stdout) == (0, True)
    fails(at(scene, "backup", file), "is there already")
    with file.open("rb") as sealed:
        out.write_bytes(open_age(sealed, [HybridIdentity(scene.admin.backup_seed())]).read())
    fails(at(scene, "restore", out), "is in use")
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    (fresh / "intake.toml").write_bytes(scene.config.read_bytes())
    fails(intake("--config", fresh / "intake.toml", "restore", file), "still sealed")
    done = intake("--config", fresh / "intake.toml", "restore", out)
    assert (done.returncode, "0 submissions on record" in done.stdout) == (0, True)
    told = json.loads(intake("--config", fresh / "intake.toml", "status", "--json").stdout)
    assert told["problems"] == []


# --- keys ----------------------------------------------------------------------------------------


def today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def at(scene: Scene, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return intake("--config", scene.config, *arguments, stdin=stdin)


def good(scene: Scene, number: int = 2, **changes: object) -> Manifest:
    """Return a version with nothing to complain of."""
    epoch = scene.manifest.epochs[0]
    later = Epoch("long", epoch.ends, scene.manifest.expires, (HEIR,))
    ours = load_signing_key(scene.settings.state).public().key
    right = replace(scene.manifest, version=number, server=ours, epochs=(epoch, later))
    return replace(right, **changes)  # type: ignore[arg-type]


def stick(scene: Scene, *manifests: Manifest) -> Path:
    """Return a manifest file as it comes from the admins."""
    path = scene.folder / "from-the-admins.json"
    path.write_bytes(scene.manifest_file(*manifests))
    return path


def words_of(path: Path) -> str:
    return manifest_fingerprint(parse_chain(path.read_bytes())[-1].payload)


def test_the_fingerprint_is_that_of_the_manifest_file(tmp_path: Path) -> None:
    scene = scene_of_today(tmp_path)
    shown = json.loads(at(scene, "keys", "show", "--json").stdout)
    assert shown["fingerprint"] == words_of(scene.settings.manifest)
    assert shown["root_fingerprint"] == root_fingerprint(scene.settings.root.read_bytes())
    for words in (shown["fingerprint"], shown["root_fingerprint"]):
        assert words in at(scene, "keys", "show").stdout


def test_what_is_revoked_is_shown_no_more(tmp_path: Path) -> None:
    scene = scene_of_today(tmp_path)
    [epoch] = scene.manifest.epochs
    heir = replace(
        epoch.recipients[0], name="heir", recipient=str(HybridIdentity.generate().recipient())
    )
    both = (replace(epoch, recipients=(*epoch.recipients, heir)),)
    lost = (str(scene.reviewer.recipient()),)
    scene.publish(scene.manifest, good(scene, epochs=both, revocations=lost))
    shown = json.loads(at(scene, "keys", "show", "--json").stdout)
    assert shown["recipients"] == [heir.recipient]
    text = at(scene, "keys", "show").stdout
    assert "reviewers: heir" in text
    assert "reviewers: reviewer" not in text


def test_installing_says_what_is_in_force_and_leaves_nothing_but_that(tmp_path: Path) -> None:
    scene = scene_of_today(tmp_path)
    file = stick(scene, scene.manifest, good(scene))
    names = {path.name for path in scene.folder.iterdir()}
    done = at(scene, "keys", "install", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Version 2 is in force." in done.stdout
    assert f"fingerprint: {words_of(file)}" in done.stdout
    assert scene.settings.manifest.read_bytes() == file.read_bytes()
    assert {path.name for path in scene.folder.iterdir()} == names
    assert scene.keys().record().seen.version == 2


@pytest.mark.parametrize(
    ("how", "warning"),
    [("ends soon", "'intake-keys rotate'"), ("takes nothing", "no account can be taken now")],
)
def test_a_manifest_that_is_good_and_of_little_use_is_installed_with_a_warning(
    tmp_path: Path, how: str, warning: str
) -> None:
    scene = scene_of_today(tmp_path)
    next_version = good(scene)
    if how == "ends soon":
        next_version = replace(next_version, expires=today() + 3 * A_DAY)
    else:
        next_version = replace(next_version, epochs=())
    done = at(scene, "keys", "install", stick(scene, scene.manifest, next_version))
    assert done.returncode == 0
    assert "Version 2 is in force." in done.stdout
    assert done.stderr.startswith("Warning: ")
    assert warning in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_is_refused_is_one_sentence_and_changes_nothing(tmp_path: Path) -> None:
    scene = scene_of_today(tmp_path)
    before = scene.settings.manifest.read_bytes()
    file = stick(scene, scene.manifest, good(scene, expires=today() - A_DAY))
    fails(at(scene, "keys", "install", file), "expired on", "intake-keys rotate")
    file.write_bytes(file.read_bytes()[:-100])
    fails(at(scene, "keys", "install", file), "no manifest file")
    assert scene.settings.manifest.read_bytes() == before


def test_the_servers_key_is_written_for_the_admins(tmp_path: Path) -> None:
    scene = scene_of_today(tmp_path)
    file = tmp_path / "server.pub"
    for _ in range(2):
        done = at(scene, "keys", "server", file)
        assert done.returncode == 0
        assert f"fingerprint: {signer_fingerprint(file.read_bytes())}" in done.stdout
    assert parse_signer(file.read_bytes()) == load_signing_key(scene.settings.state).public()
    secret = (scene.settings.state / "signing.key").read_bytes()
    assert secret[:32] not in file.read_bytes()


def test_a_clock_that_was_wrong_is_forgiven_only_by_a_person(tmp_path: Path) -> None:
    scene = scene_of_today(tmp_path)
    scene.publish(scene.manifest, good(scene))
    scene.keys().on(today() + A_DAY)
    fails(at(scene, "keys", "show"), f"{today()}", f"{today() + A_DAY}", "reset-day")
    asked = at(scene, "keys", "reset-day", stdin="n\n")
    assert asked.returncode == 1
    assert str(today()) in asked.stdout
    fails(at(scene, "keys", "show"), "reset-day")
    assert at(scene, "keys", "reset-day", stdin="y\n").returncode == 0
    assert at(scene, "keys", "show").returncode == 0
    scene.keys().on(today() + A_DAY)
    assert at(scene, "keys", "reset-day", "--yes").returncode == 0
    assert at(scene, "keys", "show").returncode == 0


# --- status and doctor ---------------------------------------------------------------------------


def well(tmp_path: Path) -> Scene:
    scene = scene_of_today(tmp_path)
    scene.publish(good(scene, 1))
    scene.settings.state.chmod(0o700)
    return scene


def test_status_tells_the_same_to_people_and_programs(tmp_path: Path) -> None:
    scene = well(tmp_path)
    told = json.loads(at(scene, "status", "--json").stdout)
    assert told["problems"] == []
    assert (told["submissions"], told["manifest_version"]) == (0, 1)
    text = at(scene, "status").stdout
    assert "submissions: 0" in text
    assert f"epoch: {told['epoch']}" in text
    assert "problem" not in text


def test_status_says_who_is_revoked_and_what_is_exposed(tmp_path: Path) -> None:
    scene = scene_of_today(tmp_path)
    lost = (str(scene.reviewer.recipient()),)
    scene.publish(scene.manifest, good(scene, revocations=lost))
    done = at(scene, "status")
    assert done.returncode == 0, "to tell of a bad day is no failure"
    assert "revoked: reviewer, 1 recipient; nothing is sealed to them any more" in done.stdout
    epoch = scene.manifest.epochs[0].id
    assert f"exposed: epoch {epoch}, manifest version 1, to reviewer; 0 still here" in done.stdout
    assert "epoch: none: no account is taken" in done.stdout
    assert "problem: No account is taken now." in done.stdout


def test_on_the_worst_day_status_and_doctor_still_answer(tmp_path: Path) -> None:
    scene = well(tmp_path)
    scene.settings.manifest.write_bytes(b"")
    (scene.settings.state / "intake.db").write_bytes(b"not a database at all" * 1000)
    done = at(scene, "status", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (told["submissions"], told["manifest_version"], told["epoch"]) == (None, None, None)
    assert len(told["problems"]) == 2
    assert "submissions: unknown" in at(scene, "status").stdout
    done = at(scene, "doctor", "--json")
    assert done.returncode == 1
    found = {finding["what"]: finding["problems"] for finding in json.loads(done.stdout)}
    assert "'intake keys install FILE'" in found["keys"][0]
    assert "store.database" in found["store"][0]


def test_without_a_root_status_and_doctor_still_answer(tmp_path: Path) -> None:
    scene = well(tmp_path)
    scene.settings.root.unlink()
    done = at(scene, "status", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (told["submissions"], told["manifest_version"], told["epoch"]) == (0, None, None)
    [problem] = told["problems"]
    assert f"Cannot read the pinned root {scene.settings.root}; put" in problem
    done = at(scene, "doctor", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    found = {finding["what"]: finding["problems"] for finding in json.loads(done.stdout)}
    assert found["keys"] == [problem]
    for command in (["keys", "show"], ["keys", "reset-day", "--yes"]):
        fails(at(scene, *command), "Cannot read the pinned root")


def test_the_doctors_exit_status_says_whether_anything_is_wrong(tmp_path: Path) -> None:
    scene = well(tmp_path)
    done = at(scene, "doctor", "--json")
    wrong = [f["what"] for f in json.loads(done.stdout) if f["problems"]]
    # This machine's own swap is not ours to mend.
    assert set(wrong) <= {"swap"}
    assert done.returncode == (1 if wrong else 0)
    scene.settings.state.chmod(0o755)
    done = at(scene, "doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert "state folder: see below" in done.stdout
    assert f"problem: Others on this machine can look into {scene.settings.state}" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_root_leaves_no_files_that_the_servers_user_could_not_use(tmp_path: Path) -> None:
    scene = well(tmp_path)
    os.chown(scene.settings.state, 65534, 65534)
    names = sorted(scene.folder.rglob("*"))
    for command in (
        ["status"],
        ["doctor"],
        ["export", tmp_path / "stick"],
        ["serve"],
        ["keys", "show"],
        ["keys", "install", scene.settings.manifest],
        ["keys", "server", tmp_path / "server.pub"],
        ["keys", "reset-day", "--yes"],
    ):
        fails(at(scene, *command), "sudo -u nobody")
    assert sorted(scene.folder.rglob("*")) == names
    os.chown(scene.settings.state, 54321, 54321)
    fails(at(scene, "keys", "show"), "sudo -u '#54321'")
    os.chown(scene.settings.state, 0, 0)
    assert at(scene, "keys", "show").returncode == 0
