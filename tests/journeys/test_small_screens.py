"""The whole visit on the smallest phone, with twice as large letters, and by keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browsers import unfold
from tests.support.pages import LEAVE, SEND, Site

_CUT = """() => [...document.querySelectorAll('main *, nav *')].filter(e => {
  const box = e.getBoundingClientRect();
  return box.width > 1 && box.height > 1 && (box.right > innerWidth + 1 || box.left < -1);
}).map(e => e.tagName + '#' + e.id + '.' + e.className)"""
#: Whether the element with the focus is on the screen, and not wholly under Leave.
_IN_SIGHT = """() => {
  const e = document.activeElement, b = e.getBoundingClientRect();
  const l = document.querySelector('a.leave').getBoundingClientRect();
  const under = b.left >= l.left && b.right <= l.right && b.top >= l.top && b.bottom <= l.bottom;
  const seen = b.bottom > 0 && b.top < innerHeight;
  return e === document.body || e.matches('a.leave') || (seen && !under);
}"""
_PATHS = ("", "/submit", "/keys", "/mailbox", "/receipt", "/nothing")


def whole(page: Page) -> None:
    """See that nothing is wider than the screen and nothing cut off. WCAG 1.4.4, 1.4.10."""
    width = page.locator("html").evaluate("e => innerWidth")
    assert page.locator("html").evaluate("e => e.scrollWidth") <= width, page.url
    assert page.locator("html").evaluate(_CUT) == [], page.url


@pytest.fixture
def large_letters(chromium: Browser) -> Iterator[Page]:
    """A phone 320 pixels wide whose owner has set letters to twice their size."""
    context = chromium.new_context(
        java_script_enabled=False, viewport={"width": 320, "height": 568}
    )
    page = context.new_page()
    page.context.new_cdp_session(page).send("Page.setFontSizes", {"fontSizes": {"standard": 32}})
    yield page
    context.close()


@pytest.mark.parametrize("lang", ["en", "my"])
def test_nothing_is_cut_with_letters_of_twice_the_size(
    site: Site, large_letters: Page, lang: str
) -> None:
    for path in _PATHS:
        large_letters.goto(f"{site.address}{lang}{path}")
        assert (
            large_letters.locator("main p").first.evaluate(
                "e => parseFloat(getComputedStyle(e).fontSize)"
            )
            >= 31
        )
        unfold(large_letters, "*")
        whole(large_letters)
    sends(site, large_letters, lang)
    whole(large_letters)


@pytest.mark.parametrize("lang", ["en", "my"])
@pytest.mark.parametrize("size", [(320, 568), (360, 640)], ids=["320x568", "360x640"])
def test_a_visit_fits_a_phone(site: Site, phone: Page, lang: str, size: tuple[int, int]) -> None:
    phone.set_viewport_size({"width": size[0], "height": size[1]})
    for path in _PATHS:
        phone.goto(f"{site.address}{lang}{path}")
        box = phone.locator(LEAVE).bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert 0 <= box["y"] <= size[1] - box["height"], "Leave is not on the screen"
        unfold(phone, "*")
        whole(phone)
    sends(site, phone, lang)
    whole(phone)


def sends(site: Site, page: Page, lang: str) -> None:
    page.goto(f"{site.address}{lang}/submit")
    page.locator("#account").fill("ရွာကို မီးရှို့ခဲ့တယ်။")
    page.locator(SEND).click()
    page.wait_for_url(f"**/{lang}/receipt")


def focused(page: Page, selector: str) -> bool:
    same = page.locator(selector).evaluate_all("all => all.includes(document.activeElement)")
    return bool(same)


def test_no_focus_is_hidden_under_leave(site: Site, phone: Page) -> None:
    """WCAG 2.4.11: what has the focus can be seen, on a page whose Leave stands above the rest."""
    for path in ("", "/submit", "/mailbox"):
        phone.goto(f"{site.address}my{path}")
        unfold(phone, "*")
        phone.keyboard.press("Tab")
        for _ in range(150):
            phone.keyboard.press("Tab")
            assert phone.locator("html").evaluate(_IN_SIGHT), path
            if phone.locator("html").evaluate("e => document.activeElement === document.body"):
                break
        else:
            raise AssertionError(f"{path}: the last stop was not reached")


def tab_to(page: Page, selector: str, *, key: str = "Tab") -> None:
    """Press Tab until something has the focus."""
    for _ in range(200):
        page.keyboard.press(key)
        if focused(page, selector):
            return
    raise AssertionError(f"{selector} is not reached by the keyboard")


def test_leave_is_the_first_stop_of_every_page(site: Site, phone: Page) -> None:
    for path in _PATHS:
        phone.goto(f"{site.address}en{path}")
        phone.keyboard.press("Tab")
        assert focused(phone, LEAVE), path
    phone.keyboard.press("Enter")
    phone.wait_for_url(site.leave_to)


@pytest.mark.parametrize("lang", ["en", "my"])
def test_a_whole_visit_by_keyboard_alone(site: Site, phone: Page, lang: str) -> None:
    before = site.scene.accounts()
    phone.goto(f"{site.address}{lang}/")
    tab_to(phone, f"main a[href='/{lang}/submit']")
    phone.keyboard.press("Enter")
    phone.wait_for_url(f"**/{lang}/submit")
    tab_to(phone, "#account")
    phone.keyboard.type("I saw it burn.")
    tab_to(phone, "summary")
    phone.keyboard.press("Enter")
    tab_to(phone, "details[open] input[type=checkbox], details[open] input[type=radio]")
    phone.keyboard.press("Space")
    assert phone.locator("input:checked").count() == 1
    tab_to(phone, "#account", key="Shift+Tab")
    tab_to(phone, SEND)
    phone.keyboard.press("Enter")
    phone.wait_for_url(f"**/{lang}/receipt")
    assert len(re.sub(r"\D", "", phone.locator("#receipt-code").inner_text())) == 28
    assert len(site.scene.accounts()) == len(before) + 1


def test_enter_in_a_field_never_sends(site: Site, phone: Page) -> None:
    phone.goto(f"{site.address}en/submit")
    address = phone.url
    fields = phone.locator("#account-form input[type=text], #account-form input[type=number]")
    ids = fields.evaluate_all("all => all.map(e => e.id)")
    assert ids != []
    pressed = 0
    for name in ids:
        unfold(phone, f"#{name}")
        if phone.locator(f"#{name}").is_visible():
            phone.locator(f"#{name}").press("Enter")
            pressed += 1
    phone.wait_for_timeout(300)
    assert phone.url == address
    assert pressed >= 1


def test_enter_on_a_tick_sends_nothing_and_loses_no_word(site: Site, phone: Page) -> None:
    before = len(site.scene.accounts())
    phone.goto(f"{site.address}en/submit")
    phone.locator("#account").fill("words")
    unfold(phone, "input[type=checkbox]")
    phone.locator("#account-form input[type=checkbox]:visible").first.press("Enter")
    phone.wait_for_timeout(500)
    assert phone.url.startswith(f"{site.address}en/submit")
    assert phone.locator("#account").input_value() == "words"
    assert len(site.scene.accounts()) == before
