"""A witness comes back: on a small phone in Burmese, and by keyboard alone in English."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from intake.online.deployment import Deployment
from intake.online.settings import read_settings
from intake.online.witness import languages
from intake.receipt.code import Code
from tests.support.demos import Demo
from tests.support.mailboxes import file_reply

ACCOUNT = "ကျွန်တော် မြင်ခဲ့တယ်။ ရွာကို မီးရှို့ခဲ့တယ်။"
QUESTION = "သင့်စာကို ဖတ်ပြီးပါပြီ။\n\nဘယ်ရက်က ဖြစ်ခဲ့တာလဲ။ <b>ပြောပြပါ</b> & ဂရုစိုက်ပါ။"
MESSAGE = "ဇန်နဝါရီ ၁၂ ရက် ညနေက ဖြစ်ခဲ့တာပါ။"


def photo(folder: Path, name: str, size: int = 200_000) -> Path:
    path = folder / name
    path.write_bytes(os.urandom(size))
    return path


def reviewer_answers(demo: Demo, code: Code, text: str) -> None:
    """File a reply as the courier would."""
    deployment = Deployment.open(read_settings(demo.folder / "intake.toml"))
    file_reply(deployment, code, text, day=deployment.today())


def submissions(demo: Demo) -> int:
    return Deployment.open(read_settings(demo.folder / "intake.toml")).store.count()


def digits(page: Page) -> str:
    return re.sub(r"\D", "", page.locator("#receipt-code").inner_text())


def fits(page: Page) -> None:
    """See that nothing is wider than the screen: nobody scrolls sideways to read. WCAG 1.4.10."""
    width = page.viewport_size
    assert width is not None
    overflowing = page.locator("html").evaluate("e => e.scrollWidth")
    assert overflowing <= width["width"], page.url


def big_enough(page: Page) -> None:
    """See that what is pressed can be hit by a thumb: 44 pixels. WCAG 2.5.8."""
    for control in page.locator("button, a.button, a.large, nav a, input[type=text]").all():
        box = control.bounding_box()
        assert box is not None
        assert box["height"] >= 44, control.inner_text()


@pytest.fixture
def small(phone: Page) -> Page:
    """The smallest phone that pages have to fit."""
    phone.set_viewport_size({"width": 320, "height": 568})
    return phone


def test_a_witness_comes_back_in_burmese(demo: Demo, small: Page, tmp_path: Path) -> None:
    before = submissions(demo)
    code = sends_an_account(demo, small)
    answers_the_question(small, code)
    adds_a_photo(demo, small, photo(tmp_path, "ဓာတ်ပုံ ၁.jpg"))
    assert digits(small) == code.reveal()
    assert submissions(demo) == before + 2
    # Days later.
    reviewer_answers(demo, code, QUESTION)
    small.context.clear_cookies()
    opens_the_mailbox(demo, small, code)
    assert small.locator(".reply").inner_text() == QUESTION
    writes_again(small, photo(tmp_path, "ဓာတ်ပုံ ၂.jpg"))
    assert submissions(demo) == before + 3
    small.reload()
    assert small.locator(".done").count() == 0
    assert submissions(demo) == before + 3
    deletes_the_reply(small)
    takes_it_all_back(demo, small)
    assert submissions(demo) == before + 1


def sends_an_account(demo: Demo, page: Page) -> Code:
    page.goto(f"{demo.address}my/submit")
    page.locator("#account").fill(ACCOUNT)
    page.locator("button[type=submit]").click()
    fits(page)
    big_enough(page)
    return Code(digits(page))


def answers_the_question(page: Page, code: Code) -> None:
    """First with a slip of the pen, then right, in Burmese digits."""
    last = code.groups()[-1]
    wrong = "0000" if last != "0000" else "1111"
    right = languages.in_digits(last, languages.BY_TAG["my"])
    for typed, seen in ((wrong, ".error"), (right, ".done")):
        page.locator("#last-group").fill(typed)
        page.locator("#last-group ~ button").click()
        assert page.url.endswith("/my/receipt#compare")
        assert page.locator(seen).is_visible()
        fits(page)


def adds_a_photo(demo: Demo, page: Page, picture: Path) -> None:
    page.locator("#attachments").set_input_files(picture)
    page.locator("form:has(#attachments) button").click()
    assert page.url == f"{demo.address}my/receipt"
    assert "၂၀၀ KB" in page.locator("main").inner_text()


def opens_the_mailbox(demo: Demo, page: Page, code: Code) -> None:
    """With the code in Burmese digits, group by group, and one of them wrong at first."""
    page.goto(f"{demo.address}my/")
    page.locator("a[href='/my/mailbox']").click()
    fits(page)
    big_enough(page)
    burmese = languages.in_digits(" ".join(code.groups()), languages.BY_TAG["my"])
    mistyped = burmese[:-1] + ("၁" if burmese[-1] != "၁" else "၂")
    page.locator("#code").fill(mistyped)
    page.locator("main button").click()
    assert page.url == f"{demo.address}my/mailbox"
    assert page.locator(".error").is_visible()
    assert page.locator("#code").input_value() == mistyped
    page.locator("#code").fill(burmese)
    page.locator("main button").click()
    assert page.url == f"{demo.address}my/mailbox/open"
    fits(page)
    big_enough(page)


def writes_again(page: Page, picture: Path) -> None:
    page.locator("#message").fill(MESSAGE)
    page.locator("#attachments").set_input_files(picture)
    page.locator("form:has(#message) button").click()
    assert page.locator(".done").is_visible()


def deletes_the_reply(page: Page) -> None:
    page.locator("button[name=reply]").click()
    assert page.locator(".reply").count() == 0
    assert page.locator(".done").is_visible()


def takes_it_all_back(demo: Demo, page: Page) -> None:
    """Only with the tick: without it the browser sends nothing."""
    before = submissions(demo)
    page.locator("form:has(#sure) button").click()
    assert submissions(demo) == before
    page.locator("#sure").check()
    page.locator("form:has(#sure) button").click()
    assert page.locator(".done").is_visible()
    fits(page)


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until something has the focus."""
    target = page.locator(selector)
    for _ in range(60):
        page.keyboard.press("Tab")
        if target.evaluate("e => e === document.activeElement"):
            return
    raise AssertionError(f"{selector} is not reached by the keyboard")


def test_by_keyboard_alone_in_english(demo: Demo, phone: Page) -> None:
    phone.goto(f"{demo.address}en/submit")
    tab_to(phone, "#account")
    phone.keyboard.type("I saw it burn.")
    tab_to(phone, "button[type=submit]")
    phone.keyboard.press("Enter")
    phone.wait_for_url("**/en/receipt")
    code = Code(digits(phone))
    tab_to(phone, "#last-group")
    phone.keyboard.type(code.groups()[-1])
    phone.keyboard.press("Enter")
    phone.locator(".done").wait_for()
    reviewer_answers(demo, code, "When was it?")

    phone.goto(f"{demo.address}en/")
    tab_to(phone, "a[href='/en/mailbox']")
    phone.keyboard.press("Enter")
    phone.wait_for_url("**/en/mailbox")
    tab_to(phone, "#code")
    phone.keyboard.type(code.reveal())
    phone.keyboard.press("Enter")
    phone.wait_for_url("**/en/mailbox/open")
    assert phone.locator(".reply").inner_text() == "When was it?"

    tab_to(phone, "#message")
    phone.keyboard.type("On the twelfth.")
    tab_to(phone, "form:has(#message) button")
    phone.keyboard.press("Enter")
    phone.locator(".done").wait_for()
    tab_to(phone, "button[name=reply]")
    phone.keyboard.press("Enter")
    phone.locator(".reply").wait_for(state="detached")
    tab_to(phone, "#sure")
    phone.keyboard.press("Space")
    tab_to(phone, "form:has(#sure) button")
    phone.keyboard.press("Enter")
    phone.locator(".done").wait_for()
    assert "destroyed" in phone.locator(".done").inner_text()
    tab_to(phone, "main > p a.button")


def test_words_survive_a_visit_that_was_forgotten(demo: Demo, phone: Page) -> None:
    code = Code.generate()
    phone.goto(f"{demo.address}en/mailbox")
    phone.locator("#code").fill(code.reveal())
    phone.locator("main button").click()
    phone.locator("#message").fill(MESSAGE)
    phone.context.clear_cookies()
    phone.locator("form:has(#message) button").click()
    assert phone.locator(".error").is_visible()
    assert phone.locator("#message").input_value() == MESSAGE
    phone.locator("#code").fill("-".join(code.groups()))
    phone.locator("form:has(#message) button").click()
    assert phone.url == f"{demo.address}en/mailbox/open"
    assert phone.locator(".done").is_visible()


def test_leaving_closes_the_mailbox(demo: Demo, phone: Page) -> None:
    phone.goto(f"{demo.address}en/mailbox")
    phone.locator("#code").fill(Code.generate().reveal())
    phone.locator("main button").click()
    assert phone.url == f"{demo.address}en/mailbox/open"
    assert phone.request.get(f"{demo.address}en/leave", max_redirects=0).status == 303
    phone.goto(f"{demo.address}en/mailbox/open")
    assert phone.url == f"{demo.address}en/mailbox"
