"""One courier, one stick and two reviewers: out to both, back from both, and nothing is lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from intake.command_line import today
from intake.online.demo import make_demo
from intake.online.deployment import Deployment
from intake.online.settings import read_settings
from intake.online.witness.app import create_app
from tests.support.demos import Demo
from tests.support.deployments import receipt_code, send
from tests.support.mailboxes import Visitor

QUESTIONS = {"offline": "Which day?", "second": "Which village?"}


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    """A deployment with two reviewers, whose vaults both must acknowledge; no server runs."""
    make_demo(tmp_path / "demo", 8000, today())
    demo = Demo(tmp_path / "demo", "", "")
    root, recipients = str(demo.folder / "admin" / "root.pub"), str(tmp_path / "recipients.json")
    review(demo, "second", "init", "--name", "second", "--work-factor", "10", "--root", root)
    review(demo, "second", "keys", "new", "--from", today().isoformat(), "--out", recipients)
    demo.run("intake-keys", "add-recipients", recipients)
    demo.run("intake-keys", "vaults", "--acks-required", "2")
    demo.run("intake-keys", "sign")
    demo.run("intake", "keys", "install", str(demo.folder / "admin" / "manifest.json"))
    return demo


def review(demo: Demo, vault: str, *arguments: str) -> str:
    """Do something as one of the two."""
    return demo.run("intake-review", "--vault", str(demo.folder / vault), *arguments).stdout


def sealed(demo: Demo) -> list[Path]:
    return list((demo.folder / "state" / "blobs").glob("*.age"))


def replies(demo: Demo, vault: str) -> list[str]:
    return [one["state"] for one in json.loads(review(demo, vault, "replies", "--json"))]


def visit(demo: Demo, stick: str, vault: str, tmp_path: Path) -> str:
    """Import at a reviewer's, ask, and write what goes back; return what that said."""
    assert "Imported 1;" in review(demo, vault, "import", stick)
    [entry] = json.loads(review(demo, vault, "list", "--json"))
    question = tmp_path / f"{vault}.txt"
    question.write_text(QUESTIONS[vault], encoding="utf-8")
    review(demo, vault, "reply", entry["id"], "--text-file", str(question))
    return review(demo, vault, "courier", stick)


def test_one_stick_brings_back_what_both_reviewers_have(demo: Demo, tmp_path: Path) -> None:
    client = create_app(Deployment.open(read_settings(demo.folder / "intake.toml"))).test_client()
    assert send(client, "what I saw", lang="en").status_code == 303
    code = receipt_code(client.get("/en/receipt").text)
    stick = str(tmp_path / "stick")
    demo.run("intake", "export", stick)

    # One after the other, on one round.
    for vault in QUESTIONS:
        written = visit(demo, stick, vault, tmp_path)
        assert written.startswith("Wrote return 1 with 1 reply and 1 acknowledgement.")

    # An export in between leaves both as they are; one of them alone deletes nothing.
    demo.run("intake", "export", stick)
    half = tmp_path / "half"
    shutil.copytree(stick, half)
    [one, _] = (half / "returns").iterdir()
    shutil.rmtree(one)
    said = demo.run("intake", "import", str(half)).stdout
    assert "1 new; 0 submissions have enough now" in said
    assert len(sealed(demo)) == 1
    said = demo.run("intake", "import", stick).stdout
    assert (said.count("Took return 1 of "), said.count("taken before")) == (2, 1)
    assert sealed(demo) == []

    # The witness has the questions of both.
    visitor = Visitor(client)
    visitor.type_code(code)
    assert all(question in visitor.page() for question in QUESTIONS.values())

    # And both learn of it by the next stick, which still holds what they sent.
    demo.run("intake", "export", stick)
    for vault in QUESTIONS:
        assert "Imported 0;" in review(demo, vault, "import", stick)
        assert replies(demo, vault) == ["filed"]
        written = review(demo, vault, "courier", stick)
        assert written.startswith("Wrote return 2 with 0 replies and 0 acknowledgements.")
    demo.run("intake", "import", stick)
