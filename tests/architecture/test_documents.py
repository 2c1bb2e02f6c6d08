"""The documents say what is so: every test they name exists, every command, every link."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import click
import pytest

from intake.offline.admin.cli import keys
from intake.offline.cli import review
from intake.online.cli import intake

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("keys/*.md")],
)
PROGRAMS: dict[str, click.Command] = {
    "intake": intake,
    "intake-review": review,
    "intake-keys": keys,
}


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_promise_names_a_test_that_exists() -> None:
    page = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)?(?:::(test_\w+))?`", page)
    assert len(named) > 30
    path = ""
    for file, name in named:
        path = file or path
        if path:
            assert (ROOT / path).exists(), path
        if name:
            assert name in names_in(ROOT / path), f"{path}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_and_option_shown_is_one(page: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for line in "\n".join(blocks).splitlines():
        for command in line.split("#")[0].split("&&"):
            words = command.split()
            if words and words[0] in PROGRAMS:
                check(PROGRAMS[words[0]], words[1:], line)


def check(command: click.Command, words: list[str], line: str) -> None:
    options = {
        o for parameter in command.params for o in (*parameter.opts, *parameter.secondary_opts)
    }
    skip = False
    for index, word in enumerate(words):
        if skip:
            skip = False
        elif word.startswith("--"):
            assert word in options, f"{line}: {word}"
            skip = not any(word in p.opts and getattr(p, "is_flag", False) for p in command.params)
        elif isinstance(command, click.Group):
            assert word in command.commands, f"{line}: {word}"
            check(command.commands[word], words[index + 1 :], line)
            return


def test_make_names_what_the_documents_name() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"`make ([a-z-]+)`", page.read_text(encoding="utf-8")):
            assert target in targets, f"{page.name}: make {target}"


def test_pinned_requirements_have_hashes_and_name_no_index() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text(encoding="utf-8")
        assert "://" not in text
        assert "--index" not in text
        assert text.count("==") <= text.count("--hash=sha256:")


def test_nothing_of_this_machine_stands_in_the_project() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    home = re.compile(rb"/(work|root|home/\w+)/")
    found = [
        name
        for name in listed.stdout.splitlines()
        if name != "tests/architecture/test_documents.py"
        and (ROOT / name).is_file()
        and home.search((ROOT / name).read_bytes())
    ]
    assert found == []
