"""Fixtures that several parts of the tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Playwright, sync_playwright
from werkzeug.test import Client

from intake.online.witness.app import create_app
from tests.support import browsers
from tests.support.databases import PROGRAMS, postgresql_server
from tests.support.deployments import Scene, make_scene
from tests.support.servers import Server, house_of_today


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene(tmp_path / "deployment")


@pytest.fixture
def app(scene: Scene) -> Flask:
    return create_app(scene.deployment())


@pytest.fixture
def client(app: Flask) -> Client:
    return Client(app)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Scene, Server]]:
    """A deployment of today, served by the real server."""
    with house_of_today(tmp_path) as found:
        yield found


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of our own; yields its URL."""
    if not PROGRAMS:
        pytest.skip("PostgreSQL did not run: it is not installed")
    with postgresql_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database of either kind."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql"))
    return f"sqlite:///{tmp_path}/intake.db"


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Yield what drives Chromium: there can be one of it in a process."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(
        executable_path=browsers.chromium_program(), args=browsers.ARGUMENTS
    )
    yield browser
    browser.close()
