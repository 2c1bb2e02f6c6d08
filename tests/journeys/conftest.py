"""A real browser on a phone-sized screen, without script, that may talk to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, Request

from tests.support import browsers
from tests.support.demos import Demo, running_demo
from tests.support.firefox import Firefox
from tests.support.pages import Site, witness_site


@pytest.fixture(params=["chromium", "firefox"])
def browser(
    request: pytest.FixtureRequest, playwright: Playwright, tmp_path: Path
) -> Iterator[browsers.Browser]:
    """Each browser in turn, with a profile of its own."""
    chosen: browsers.Browser
    if request.param == "chromium":
        chosen = browsers.Chromium(playwright, tmp_path / "profile")
    else:
        chosen = Firefox(tmp_path)
    with browsers.opened(chosen):
        yield chosen


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A deployment that leaves to a plain page of ours."""
    with witness_site(tmp_path_factory.mktemp("site")) as served:
        yield served


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    """A page on a small phone; a request to anywhere but the loopback interface fails the test."""
    context = chromium.new_context(
        java_script_enabled=False, viewport={"width": 360, "height": 640}, locale="my-MM"
    )
    elsewhere: list[str] = []

    def watch(request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:")):
            elsewhere.append(request.url)

    context.on("request", watch)
    page = context.new_page()
    yield page
    context.close()
    assert elsewhere == []


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("newcomer")) as found:
        yield found
