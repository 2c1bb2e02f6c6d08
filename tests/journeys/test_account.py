"""An account travels from the form to the offline reader, as the three people live it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.support.demos import Demo

BURMESE = (
    "ကျွန်တော်က တပ်သား တစ်ယောက်ပါ။ ၂၀၂၆ ခုနှစ် ဇန်နဝါရီလက "
    "ရွာကို မီးရှို့ဖို့ အမိန့်ပေးတာကို ကြားခဲ့ရတယ်။\n\nနာမည် — မပြောပါရစေနဲ့။ 🕊"
)


def photo(folder: Path, size: int) -> Path:
    path = folder / "ဓာတ်ပုံ (သက်သေ) ၁.jpg"
    path.write_bytes(os.urandom(size))
    return path


def digits(page: Page) -> str:
    return re.sub(r"\D", "", page.locator("#receipt-code").inner_text())


@pytest.mark.parametrize(
    ("lang", "account", "size"), [("my", BURMESE, 3_000_000), ("en", "I saw it burn.", 70_000_000)]
)
def test_from_the_form_to_the_offline_reader(
    demo: Demo, phone: Page, tmp_path: Path, lang: str, account: str, size: int
) -> None:
    picture = photo(tmp_path, size)
    empty = tmp_path / "note.txt"
    empty.write_bytes(b"")

    # The witness.
    phone.goto(f"{demo.address}{lang}/")
    phone.locator("a.button").click()
    phone.locator("#account").fill(account)
    phone.locator("#attachments").set_input_files([picture, empty])
    phone.locator("button[type=submit]").click()
    assert phone.url == f"{demo.address}{lang}/receipt"
    code = digits(phone)
    assert len(code) == 28
    phone.reload()
    assert digits(phone) == code
    known = {entry["id"] for entry in demo.listed()}

    # The admin, then the reviewer.
    stick = tmp_path / "stick"
    demo.run("intake", "export", str(stick))
    demo.run("intake-review", "import", str(stick))
    assert "Imported 0" in demo.run("intake-review", "import", str(stick)).stdout
    (entry,) = [entry for entry in demo.listed() if entry["id"] not in known]
    assert set(entry) >= {"id", "epoch", "day", "status", "attachments", "language"}
    assert (entry["status"], entry["attachments"], entry["language"]) == ("unread", 2, lang)

    submission = str(entry["id"])
    shown = json.loads(demo.run("intake-review", "show", submission, "--json").stdout)
    assert shown["account"] == account
    assert shown["identity"] is None
    assert shown["attachments"] == [
        {
            "name": file.name,
            "type": kind,
            "size": file.stat().st_size,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        }
        for file, kind in ((picture, "image/jpeg"), (empty, "text/plain"))
    ]
    assert account.splitlines()[0] in demo.run("intake-review", "show", submission[:8]).stdout

    out = tmp_path / "out"
    demo.run("intake-review", "extract", submission, str(out))
    assert {path.name for path in out.iterdir()} == {
        "account.txt",
        "account.json",
        picture.name,
        empty.name,
    }
    assert (out / picture.name).read_bytes() == picture.read_bytes()
    assert (out / "account.txt").read_text(encoding="utf-8") == account
    assert [e["status"] for e in demo.listed() if e["id"] == submission] == ["read"]


def test_the_demo_says_where_to_look_and_what_to_type(demo: Demo) -> None:
    assert demo.address in demo.output
    assert "make demo-review" in demo.output
    assert "intake-review" in demo.output


def test_an_error_keeps_the_words_and_the_next_try_arrives(demo: Demo, phone: Page) -> None:
    phone.goto(f"{demo.address}my/submit")
    phone.locator("button[type=submit]").click()
    assert phone.locator(".error").is_visible()
    phone.locator("#account").fill(BURMESE)
    phone.context.clear_cookies()
    phone.locator("button[type=submit]").click()
    assert phone.locator(".error").is_visible()
    assert phone.locator("#account").input_value() == BURMESE
    phone.locator("button[type=submit]").click()
    assert len(digits(phone)) == 28


def test_leaving_takes_the_code_along(demo: Demo, phone: Page) -> None:
    phone.goto(f"{demo.address}my/submit")
    phone.locator("#account").fill(BURMESE)
    phone.locator("button[type=submit]").click()
    assert len(digits(phone)) == 28
    answer = phone.request.get(f"{demo.address}my/leave", max_redirects=0)
    assert answer.status == 303
    phone.goto(f"{demo.address}my/receipt")
    assert phone.locator("#receipt-code").count() == 0
    assert [cookie for cookie in phone.context.cookies() if cookie["name"] == "visit"] == []
