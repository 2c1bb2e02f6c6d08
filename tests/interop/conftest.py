"""Brings in the npm packages that the interop tests compare with, once, or says why it cannot."""

from __future__ import annotations

import base64
import functools
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PACKAGES = ("age-encryption", "cctv-age")


@functools.cache
def why_not() -> str | None:
    """Return why the tests that need npm packages cannot run, or None when they can."""
    if shutil.which("node") is None:
        return "interop did not run: node is not installed"
    if all((HERE / "node_modules" / name / "package.json").exists() for name in PACKAGES):
        return None
    if shutil.which("npm") is None:
        return "interop did not run: node_modules is missing and npm is not installed"
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return None if done.returncode == 0 else "interop did not run: npm ci failed"


def run_node(script: str, request: object = None) -> Any:
    done = subprocess.run(
        ["node", script],
        cwd=HERE,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@functools.cache
def published() -> dict[str, bytes]:
    """Return every file that cctv-age publishes, by its name."""
    files = run_node("vectors.mjs")
    return {name: base64.b64decode(file) for name, file in files.items()}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a vector, so that each failure has its vector's name."""
    if "vector_file" not in metafunc.fixturenames:
        return
    reason = why_not()
    if reason is not None:
        skipped = pytest.param(b"", id="none", marks=pytest.mark.skip(reason=reason))
        metafunc.parametrize("vector_file", [skipped])
        return
    files = published()
    metafunc.parametrize("vector_file", files.values(), ids=files.keys())


@pytest.fixture(scope="session")
def vector_files() -> dict[str, bytes]:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    return published()


class Typage:
    """The npm package age-encryption, one process a call."""

    def seal(self, plaintext: bytes, **request: object) -> bytes:
        request |= {"do": "seal", "plaintext": base64.b64encode(plaintext).decode()}
        return base64.b64decode(run_node("typage.mjs", request)["file"])

    def open(self, file: bytes, **request: object) -> bytes:
        request |= {"do": "open", "file": base64.b64encode(file).decode()}
        return base64.b64decode(run_node("typage.mjs", request)["plaintext"])

    def generate(self, kind: str) -> tuple[str, str]:
        answer = run_node("typage.mjs", {"do": "generate", "kind": kind})
        return answer["identity"], answer["recipient"]


@pytest.fixture(scope="session")
def typage() -> Typage:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    return Typage()
