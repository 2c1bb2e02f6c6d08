"""Firefox as a witness uses it: driven with Marionette, without script, its profile kept."""

from __future__ import annotations

import contextlib
import gc
import shutil
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browsers import WRITABLE
from tests.support.servers import free_port

with warnings.catch_warnings():
    # A library of Marionette's asks for the name of the system in a way that is going out of use.
    warnings.simplefilter("ignore", DeprecationWarning)
    from marionette_driver.by import By
    from marionette_driver.errors import (
        NoSuchElementException,
        StaleElementException,
        UnexpectedAlertOpen,
        UnknownException,
    )
    from marionette_driver.marionette import Alert, Marionette, WebElement

#: Automation switches off some of what would be kept: it is switched on again, or made stricter.
_AS_PEOPLE_HAVE_IT = {
    "javascript.enabled": False,
    "signon.rememberSignons": True,
    "browser.pagethumbnails.capturing_disabled": False,
    "browser.sessionstore.resume_from_crash": True,
    "browser.sessionstore.interval": 500,
    "browser.startup.page": 3,
    # Whatever Firefox asks of anybody else is answered by nobody.
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
}
_PATIENCE = 30.0


def firefox_program() -> str:
    """Return the path of Firefox; without it the test says that it did not run."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        pytest.skip("did not run: firefox-esr is not installed")
    return program


@contextlib.contextmanager
def _perhaps_not_kept() -> Iterator[None]:
    """Pass by Firefox's own page that says that an answer to a form was not kept."""
    try:
        yield
    except UnknownException as error:
        if "e=notCached" not in str(error):
            raise


class Firefox:
    """Firefox with a new profile."""

    name = "Firefox"

    def __init__(self, folder: Path) -> None:
        """Start it with a profile in the empty ``folder``."""
        with warnings.catch_warnings():
            # Marionette knocks until Firefox answers, and leaves the knocking sockets to Python.
            warnings.simplefilter("ignore", ResourceWarning)
            self._driver = Marionette(
                bin=firefox_program(),
                headless=True,
                workspace=str(folder),
                prefs=_AS_PEOPLE_HAVE_IT,
                gecko_log=str(folder / "gecko.log"),
                port=free_port(),
            )
            self._driver.start_session()
            gc.collect()
        self.profile = Path(self._driver.profile_path)

    def goto(self, address: str) -> None:
        self._driver.navigate(address)

    def address(self) -> str:
        return str(self._driver.get_url())

    def fill(self, selector: str, text: str) -> None:
        field = self._found(selector)
        field.clear()
        field.send_keys(text)

    def choose(self, selector: str, file: Path) -> None:
        self._found(selector).send_keys(str(file))

    def press(self, selector: str) -> None:
        before = self._found("html").id
        self._found(selector).click()
        self._wait_for_another(before)

    def back(self) -> None:
        with _perhaps_not_kept():
            self._driver.go_back()
        self._agree()

    def reload(self) -> None:
        with _perhaps_not_kept(), contextlib.suppress(UnexpectedAlertOpen):
            self._driver.refresh()
        self._agree()

    def seen(self) -> str:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return self._seen()
            except (StaleElementException, NoSuchElementException):
                # The page was about to give way to the next.
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.05)

    def _seen(self) -> str:
        fields = self._driver.find_elements(By.CSS_SELECTOR, WRITABLE)
        values = [str(field.get_property("value")) for field in fields]
        text = str(self._found("html").get_property("textContent"))
        return "\n".join([text, *values])

    def long_fields(self) -> list[str]:
        self._unfold("textarea")
        fields = self._driver.find_elements(By.CSS_SELECTOR, "textarea")
        return [str(field.get_attribute("id")) for field in fields if field.is_displayed()]

    def forget_cookies(self) -> None:
        self._driver.delete_all_cookies()

    def close(self) -> None:
        if self._driver.session_id is not None:
            time.sleep(1.5)  # it writes its session every half second
            self._driver.quit()

    def _found(self, selector: str) -> WebElement:
        self._unfold(selector)
        return self._driver.find_element(By.CSS_SELECTOR, selector)

    def _unfold(self, selector: str) -> None:
        folded = f"details:not([open]):has({selector}) > summary"
        for summary in self._driver.find_elements(By.CSS_SELECTOR, folded):
            if summary.is_displayed():
                summary.click()

    def _wait_for_another(self, before: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(NoSuchElementException):
                if self._driver.find_element(By.CSS_SELECTOR, "html").id != before:
                    return
            time.sleep(0.02)
        raise AssertionError(f"no page came after {self.address()}")

    def _agree(self) -> None:
        """Agree to send a form again, where that is asked."""
        with contextlib.suppress(Exception):
            Alert(self._driver).accept()
