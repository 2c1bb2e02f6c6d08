"""Brings in the npm packages that the interop tests compare with, once, or says why it cannot."""

from __future__ import annotations

import base64
import functools
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.node import why_not

HERE = Path(__file__).parent


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
    reason = why_not(HERE)
    if reason is not None:
        skipped = pytest.param(b"", id="none", marks=pytest.mark.skip(reason=reason))
        metafunc.parametrize("vector_file", [skipped])
        return
    files = published()
    metafunc.parametrize("vector_file", files.values(), ids=files.keys())


@pytest.fixture(scope="session")
def vector_files() -> dict[str, bytes]:
    reason = why_not(HERE)
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
    reason = why_not(HERE)
    if reason is not None:
        pytest.skip(reason)
    return Typage()
