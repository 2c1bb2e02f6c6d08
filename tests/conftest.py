"""Fixtures that several parts of the tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import Client

from intake.online.witness.app import create_app
from tests.support.deployments import Scene, make_scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene(tmp_path / "deployment")


@pytest.fixture
def app(scene: Scene) -> Flask:
    return create_app(scene.deployment())


@pytest.fixture
def client(app: Flask) -> Client:
    return Client(app)
