"""The commands of the server: what they say, and how they fail."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deployments import Scene, make_scene


def intake(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from intake.online.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def scene_of_today(tmp_path: Path) -> Scene:
    return make_scene(tmp_path / "deployment", today=dt.datetime.now(dt.UTC).date())


@pytest.mark.parametrize(
    "command", [[], ["demo"], ["serve"], ["export"], ["keys"], ["keys", "show"]]
)
def test_every_command_teaches(command: list[str]) -> None:
    done = intake(*command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: ")
    assert len(done.stdout.splitlines()) > 4


@pytest.mark.parametrize("arguments", [["nonsense"], ["export"], ["demo", "--port", "0"]])
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
