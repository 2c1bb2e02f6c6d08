"""A real browser on a phone-sized screen, without script, that may talk to nobody else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests.support.demos import Demo, running_demo

#: What Chromium is told so that it starts as root in a container and asks nobody anything.
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("journeys did not run: chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield browser
        browser.close()


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
