"""The phone is searched: nothing of a visit stands in what the browser has written to the disk."""

from __future__ import annotations

import re
from pathlib import Path

from intake.receipt.code import Code
from tests.support.browsers import Browser
from tests.support.pages import (
    LEAVE,
    SEND,
    Site,
    plain_site,
    unheard_of,
    write,
)
from tests.support.profiles import found, writings

_OPEN_MAILBOX = "main form button[type=submit]"
_WRITE_AGAIN = "#message ~ button[type=submit]"


def code_shown(browser: Browser) -> Code:
    """Return the code of the receipt that is shown."""
    match = re.search(r"(?:\d{4}\s+){6}\d{4}", browser.seen())
    assert match is not None, browser.seen()
    return Code(re.sub(r"\s", "", match[0]))


def test_a_whole_visit_leaves_nothing(site: Site, browser: Browser, tmp_path: Path) -> None:
    picture = tmp_path / f"{unheard_of()}.jpg"
    picture.write_bytes(unheard_of().encode() * 100)
    browser.goto(f"{site.address}en/")
    browser.goto(f"{site.address}en/submit")
    words = write(browser)
    browser.choose("#attachments", picture)
    browser.press(SEND)
    code = code_shown(browser)
    browser.goto(f"{site.address}en/mailbox")
    browser.fill("#code", " ".join(code.groups()))
    browser.press(_OPEN_MAILBOX)
    assert browser.address() == f"{site.address}en/mailbox/open"
    message = unheard_of()
    browser.fill("#message", message)
    browser.press(_WRITE_AGAIN)
    assert browser.address().startswith(f"{site.address}en/mailbox/open")
    browser.press(LEAVE)
    browser.close()
    # The file's name and words, too: a browser writes down what it has sent, with its path or not.
    assert found(browser.profile, [*words, message, *writings(code)]) == []
    assert found(browser.profile, [picture.stem, picture.read_text()[:18]]) == []


def test_a_form_that_came_back_leaves_nothing(site: Site, browser: Browser) -> None:
    browser.goto(f"{site.address}en/submit")
    words = write(browser)
    browser.forget_cookies()
    browser.press(SEND)
    assert [word for word in words if word not in browser.seen()] == []
    browser.forget_cookies()
    browser.press(SEND)
    browser.press(SEND)
    code = code_shown(browser)
    browser.press(LEAVE)
    browser.close()
    assert found(browser.profile, [*words, *writings(code)]) == []


def test_a_form_in_another_language_leaves_nothing(site: Site, browser: Browser) -> None:
    browser.goto(f"{site.address}en/submit")
    words = write(browser)
    browser.press("[formaction^='/my/']:not([disabled])")
    assert [word for word in words if word not in browser.seen()] == []
    browser.press(LEAVE)
    browser.close()
    assert found(browser.profile, words) == []


def test_a_mistyped_code_leaves_nothing(site: Site, browser: Browser) -> None:
    code = Code.generate()
    wrong = code.reveal()[:-1] + str((int(code.reveal()[-1]) + 1) % 10)
    browser.goto(f"{site.address}en/mailbox")
    browser.fill("#code", wrong)
    browser.press(_OPEN_MAILBOX)
    assert wrong in browser.seen()
    browser.press(LEAVE)
    browser.close()
    assert found(browser.profile, writings(code)) == []


def test_a_message_that_came_back_leaves_nothing(site: Site, browser: Browser) -> None:
    code = Code.generate()
    browser.goto(f"{site.address}en/mailbox")
    browser.fill("#code", code.reveal())
    browser.press(_OPEN_MAILBOX)
    message = unheard_of()
    browser.fill("#message", message)
    browser.forget_cookies()
    browser.press(_WRITE_AGAIN)
    assert message in browser.seen()
    browser.press(LEAVE)
    browser.close()
    assert found(browser.profile, [message, *writings(code)]) == []


def test_the_search_finds_what_a_plain_site_leaves(browser: Browser) -> None:
    shown, typed = unheard_of(), unheard_of()
    with plain_site(shown) as plain:
        browser.goto(f"{plain}shows")
        browser.goto(plain)
        browser.fill("#words", typed)
        browser.press("button")
        browser.goto(f"{plain}other")
        browser.fill("#words", typed)  # and closed with the words in the form
        browser.close()
    files = {hit.split(": ")[0] for hit in found(browser.profile, [typed])}
    assert files != set()  # a form, in the session or among what was typed before
    if (browser.profile / "Default" / "Sessions_Encrypted").is_dir():
        assert [file for file in files if "Sessions_Encrypted" in file] != []
    assert found(browser.profile, [shown]) != []  # a page, in the cache, packed
