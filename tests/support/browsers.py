"""The browsers of a witness: real ones, without script, each with a profile that can be searched.

Both do what a person does with a page and nothing else. Chromium is driven with Playwright, which
takes away the pages kept for *Back* unless it is told not to; here it is told not to.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import BrowserContext, Error, Page, Playwright

#: What Chromium is told so that it starts as root in a container and asks nobody anything.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

#: The fields in which a person can write, or could.
WRITABLE = "textarea, input:not([type=hidden]):not([type=file])"

#: Milliseconds in which a page of the loopback interface is there.
_SETTLED = 700


class Browser(Protocol):
    """A browser with one page open."""

    name: str
    #: The folder in which it keeps what it keeps. Read it when the browser is closed.
    profile: Path

    def goto(self, address: str) -> None:
        """Open an address."""

    def address(self) -> str:
        """Return where it is."""

    def fill(self, selector: str, text: str) -> None:
        """Type ``text`` into a field, which is unfolded if it is folded away."""

    def choose(self, selector: str, file: Path) -> None:
        """Choose a file."""

    def press(self, selector: str) -> None:
        """Press a button or follow a link, and wait for the page that comes."""

    def back(self) -> None:
        """Go back, as with the browser's button."""

    def reload(self) -> None:
        """Load the page again; agree to whatever that asks."""

    def seen(self) -> str:
        """Return all that the page shows and all that stands in its fields."""

    def long_fields(self) -> list[str]:
        """Return the ids of the fields for longer texts that are asked, all unfolded."""

    def forget_cookies(self) -> None:
        """Lose every cookie."""

    def close(self) -> None:
        """End the browser as a person ends it, so that it writes down what it keeps."""


def chromium_program() -> str:
    """Return the path of Chromium; without it the test says that it did not run."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("did not run: chromium is not installed")
    return program


class Chromium:
    """Chromium, as it is installed, with a profile of its own."""

    name = "Chromium"

    def __init__(self, playwright: Playwright, profile: Path) -> None:
        """Start it with the empty folder ``profile``."""
        self.profile = profile
        self.elsewhere: list[str] = []
        self._context: BrowserContext = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium_program(),
            args=ARGUMENTS,
            ignore_default_args=["--disable-back-forward-cache"],
            java_script_enabled=False,
            viewport={"width": 360, "height": 640},
            locale="my-MM",
        )
        self._context.set_default_timeout(10_000)
        self._context.on("request", lambda request: self._watch(request.url))
        self.page: Page = self._context.pages[0]

    def _watch(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "http://localhost:", "data:", "about:")):
            self.elsewhere.append(url)

    def goto(self, address: str) -> None:
        self.page.goto(address)

    def address(self) -> str:
        return self.page.url

    def fill(self, selector: str, text: str) -> None:
        unfold(self.page, selector)
        self.page.locator(selector).fill(text)

    def choose(self, selector: str, file: Path) -> None:
        self.page.locator(selector).set_input_files(file)

    def press(self, selector: str) -> None:
        unfold(self.page, selector)
        with self.page.expect_navigation():
            self.page.locator(selector).click()

    def back(self) -> None:
        # A page that was kept whole does not load again, so nothing more than this can be awaited.
        with _perhaps_asked_for_again():
            self.page.go_back(wait_until="commit")
        self.page.wait_for_timeout(_SETTLED)

    def reload(self) -> None:
        with _perhaps_asked_for_again():
            self.page.reload(wait_until="commit")
        self.page.wait_for_timeout(_SETTLED)

    def seen(self) -> str:
        values = self.page.locator(WRITABLE).evaluate_all("all => all.map(e => e.value)")
        text: str = self.page.locator("html").evaluate("e => e.textContent")
        return "\n".join([text, *values])

    def long_fields(self) -> list[str]:
        unfold(self.page, "textarea")
        fields = self.page.locator("textarea:visible")
        return [str(name) for name in fields.evaluate_all("all => all.map(e => e.id)")]

    def forget_cookies(self) -> None:
        self._context.clear_cookies()

    def close(self) -> None:
        with contextlib.suppress(IndexError):
            self._context.pages[0].wait_for_timeout(3000)  # it writes its session every 2.5 s
        self._context.close()
        assert self.elsewhere == []


@contextlib.contextmanager
def _perhaps_asked_for_again() -> Iterator[None]:
    """Pass by Chromium's own page that asks whether a form shall be sent again."""
    try:
        yield
    except Error as error:
        if "ERR_CACHE_MISS" not in error.message:
            raise


def unfold(page: Page, selector: str) -> None:
    """Open whatever part of the page is folded over an element, unless it is not asked at all."""
    folded = page.locator(f"details:not([open]):has({selector}) > summary:visible")
    while folded.count():
        folded.first.click()


@contextlib.contextmanager
def opened(browser: Browser) -> Iterator[Browser]:
    """Yield a browser; close it however the test ends."""
    try:
        yield browser
    finally:
        with contextlib.suppress(Exception):
            browser.close()
