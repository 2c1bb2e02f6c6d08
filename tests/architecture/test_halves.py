"""Each half of the code runs on its own machine without the other."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.deployments import make_scene
from tests.support.servers import Browser, free_port, serving

ROOT = Path(__file__).resolve().parents[2]


def copy_without(folder: Path, *gone: str) -> Path:
    """Copy the code without some of its parts."""
    shutil.copytree(ROOT / "intake", folder / "intake", ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copytree(ROOT / "templates", folder / "templates")
    for part in gone:
        shutil.rmtree(folder / part)
    return folder


def test_a_server_without_the_offline_half_takes_a_submission(tmp_path: Path) -> None:
    """And without any code that opens an age file: what is not there cannot be reached."""
    copy = copy_without(tmp_path / "copy", "intake/offline", "intake/age/opening")
    port = free_port()
    today = dt.datetime.now(dt.UTC).date()
    scene = make_scene(tmp_path / "deployment", port=port, today=today)
    with serving(scene.config, port, root=copy) as server:
        browser = Browser(server)
        assert browser.send("စာ", [("a.jpg", b"photo")]).status == 303
        assert len(browser.receipt()) == 28
        maps = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in server.workers())
        assert "intake/offline" not in maps
    assert scene.accounts() == ["စာ"]


def test_no_submission_loads_any_code_that_opens(tmp_path: Path) -> None:
    """Ask the interpreter itself, after a submission, what it has loaded."""
    scene = make_scene(tmp_path / "deployment")
    program = """
import sys
from pathlib import Path
from werkzeug.test import Client
from intake.online.deployment import Deployment
from intake.online.settings import read_settings
from intake.online.witness.app import create_app
import dataclasses, io, re

NOON = float(sys.argv[2])
deployment = Deployment.open(read_settings(Path(sys.argv[1])))
client = Client(create_app(dataclasses.replace(deployment, clock=lambda: NOON)))
page = client.get("/my/submit").text
fields = dict(re.findall(r'name="(\\w+)" value="([^"]*)"', page)) | {"account": "x"}
body = "".join(
    f'--b\\r\\nContent-Disposition: form-data; name="{k}"\\r\\n\\r\\n{v}\\r\\n'
    for k, v in fields.items()
) + "--b--\\r\\n"
answer = client.post("/my/submit", input_stream=io.BytesIO(body.encode()),
                     content_length=len(body), content_type="multipart/form-data; boundary=b")
assert answer.status_code == 303, answer.text
assert client.get("/my/receipt").status_code == 200
assert client.get("/my/mailbox").status_code == 200
opens = ("intake.offline", "intake.age.opening", "intake.online.mailbox")
print([name for name in sys.modules if name.startswith(opens)])
"""
    noon = str(scene.deployment().clock())
    done = subprocess.run(
        [sys.executable, "-c", program, str(scene.config), noon],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, with the build tool that is pinned."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    copy_without(source)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_the_templates_and_the_catalogues(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as found:
        names = set(found.namelist())
    for path in sorted((ROOT / "templates").rglob("*.*")):
        assert f"intake/{path.relative_to(ROOT)}" in names
    assert "intake/online/witness/locale/my.po" in names
    assert "intake/online/store/migrations/env.py" in names


def test_the_offline_half_installs_and_runs_without_the_servers_libraries(
    wheel: Path, tmp_path: Path
) -> None:
    """``pip install '.[offline]'`` as a reviewer would, pinned by hash."""
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pinned = ["--require-hashes", "-r", str(ROOT / "requirements" / "offline.txt")]
    installed = subprocess.run([*pip, *pinned], check=False, capture_output=True, text=True)
    assert installed.returncode == 0, installed.stderr
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True, capture_output=True)
    # What pip would have added for '.[offline]' is there already: nothing more is asked for.
    checked = subprocess.run(
        [str(python), "-m", "pip", "check"], check=False, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout

    vault = tmp_path / "vault"
    secret = tmp_path / "passphrase"
    secret.write_text("demo\n")
    command = [str(environment / "bin" / "intake-review"), "--vault", str(vault)]
    command += ["--passphrase-file", str(secret)]
    for arguments in (
        ["init", "--work-factor", "10"],
        ["keys", "new", "--from", "2026-12", "--out", str(tmp_path / "recipients.json")],
        ["list", "--json"],
    ):
        done = subprocess.run([*command, *arguments], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    server = subprocess.run(
        [str(environment / "bin" / "intake"), "serve"], check=False, capture_output=True, text=True
    )
    assert server.returncode == 1
    assert server.stderr.startswith("Error: The server's libraries are not installed here")
    for library in ("flask", "sqlalchemy", "obstore", "gunicorn"):
        tried = subprocess.run(
            [str(python), "-c", f"import {library}"], check=False, capture_output=True
        )
        assert tried.returncode != 0, library


#: What may reach a mailbox: its pages, the application that lists all pages, what starts or shows
#: that.
MAY_OPEN = {
    "intake.online.mailbox",
    "intake.online.witness.openings",
    "intake.online.witness.deeds",
    "intake.online.witness.reply_pages",
    "intake.online.witness.mailbox_open",
    "intake.online.witness.app",
    "intake.online.doctor_pages",
    "intake.online.preview",
    "intake.online.preview_states",
    "intake.online.server",
    "intake.online.cli",
    "intake.online.start",
}


def test_the_import_contract_names_every_module_that_takes_a_submission() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (named,) = [
        set(contract["source_modules"])
        for contract in contracts["contracts"]
        if "intake.online.mailbox" in contract.get("forbidden_modules", ())
    ]
    online = ROOT / "intake" / "online"
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for folder in (online, online / "witness")
        for path in folder.glob("*.py")
        if path.name != "__init__.py"
    }
    assert named - {"intake.online.questionnaire", "intake.online.store"} == modules - MAY_OPEN


def test_without_code_that_opens_a_mailbox_says_so_and_the_form_goes_on(tmp_path: Path) -> None:
    copy = copy_without(tmp_path / "copy", "intake/offline", "intake/age/opening")
    port = free_port()
    today = dt.datetime.now(dt.UTC).date()
    scene = make_scene(tmp_path / "deployment", port=port, today=today)
    with serving(scene.config, port, root=copy) as server:
        browser = Browser(server)
        assert browser.get("/en/mailbox").status == 200
        answer = browser.get("/en/mailbox/open")
        assert answer.status == 503
        assert 'class="error"' in answer.text
        assert browser.send("စာ").status == 303


def test_init_files_stay_empty() -> None:
    filled = [str(p) for p in (ROOT / "intake").rglob("__init__.py") if p.read_bytes()]
    assert filled == []
