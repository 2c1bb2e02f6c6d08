"""A whole working set in one folder, to try everything: ``intake demo``.

The offline half runs as its own programs, as it would on its own machine: this half of the code
cannot reach it in any other way.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from intake.durable import write_file
from intake.errors import SettingsMistaken
from intake.manifest.signing import serialise_signer
from intake.online.signing_key import load_signing_key

PASSPHRASE = "demo"  # noqa: S105  # printed for everybody to see: nothing here is secret
DEFAULT_PORT = 8000

_ORGANISATION = "Demo"
_EPOCHS = "12"
#: A demo's passphrase is known to all: there is nothing to slow down.
_WORK_FACTOR = "12"
_LISTEN = re.compile(r'^(listen = "127\.0\.0\.1:)\d+(")', re.MULTILINE)


def make_demo(folder: Path, port: int | None, today: dt.date) -> Path:
    """Make the demo in ``folder`` unless it is there, and return its settings file.

    Of one that is there, the settings may have been changed to try something: they stay as they
    are, but for the ``port`` where one is named.

    Raises:
        SettingsMistaken: the offline half is not installed, or the folder is in use, or the
            settings have no port that could be changed.
    """
    settings = folder / "intake.toml"
    if settings.exists():
        if port is not None:
            _listen_on(settings, port)
    else:
        if folder.exists() and any(folder.iterdir()):
            raise SettingsMistaken(f"{folder} is not empty; name another with --dir.")
        if importlib.util.find_spec("intake.offline.cli") is None:
            raise SettingsMistaken("The demo needs both halves: pip install '.[server,offline]'.")
        # Elsewhere first: a demo that was killed while it was made is none.
        making = folder.with_name(f".{folder.name}.making")
        shutil.rmtree(making, ignore_errors=True)
        _make(making, today)
        write_file(making / settings.name, _settings(port or DEFAULT_PORT).encode("utf-8"))
        making.rename(folder)
    return settings


def _listen_on(settings: Path, port: int) -> None:
    """Change the port in the settings of a demo, and nothing else."""
    text = settings.read_text(encoding="utf-8")
    changed, lines = _LISTEN.subn(rf"\g<1>{port}\g<2>", text, count=1)
    if not lines:
        raise SettingsMistaken(
            f"{settings} has no line 'listen = \"127.0.0.1:PORT\"' to name the port {port} in: "
            "change it there, or leave out --port."
        )
    if changed != text:
        write_file(settings, changed.encode("utf-8"))


def _make(folder: Path, today: dt.date) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = folder / "passphrase"
    write_file(secret, (PASSPHRASE + "\n").encode())
    review = ("intake.offline.cli", "--vault", str(folder / "offline"))
    keys = ("intake.offline.admin.cli", "--home", str(folder / "admin"))
    recipients, server = folder / "recipients.json", folder / "server.pub"
    out = ("--out", str(recipients))
    root = ("--root", str(folder / "admin" / "root.pub"))
    state = folder / "state"
    state.mkdir(mode=0o700)
    write_file(server, serialise_signer(load_signing_key(state).public()))
    for program, *arguments in (
        (*keys, "init", "--organisation", _ORGANISATION, "--work-factor", _WORK_FACTOR),
        (*review, "init", "--work-factor", _WORK_FACTOR, *root),
        (*review, "keys", "new", "--from", today.isoformat(), "--count", _EPOCHS, *out),
        (*keys, "add-recipients", str(recipients)),
        (*keys, "add-server", str(server)),
        (*keys, "sign"),
    ):
        _run(program, arguments, secret)
    (folder / "keys").mkdir()
    for name in ("root.pub", "manifest.json"):
        shutil.copyfile(folder / "admin" / name, folder / "keys" / name)


def _run(program: str, arguments: list[str], secret: Path) -> None:
    """Run a program of the offline half as its own process."""
    done = subprocess.run(
        [sys.executable, "-c", f"from {program} import main; main()", *arguments],
        env={**os.environ, "INTAKE_PASSPHRASE_FILE": str(secret)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SettingsMistaken(f"The demo could not be made. {done.stderr.strip()}")


def _settings(port: int) -> str:
    return f"""\
# Made by 'intake demo'. The passphrase of everything here is "{PASSPHRASE}": keep nothing in it.

[server]
listen = "127.0.0.1:{port}"
hosts = ["127.0.0.1", "localhost"]

[keys]
root = "keys/root.pub"
manifest = "keys/manifest.json"

[store]
state = "state"

[pages]
organisation = "{_ORGANISATION}"
"""
