"""A browser that sends far too much is shown our page, not a broken connection."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from playwright.sync_api import Page

from tests.support.deployments import make_scene
from tests.support.servers import free_port, serving


def test_a_file_far_over_the_limit_is_answered_with_our_page(tmp_path: Path, phone: Page) -> None:
    port = free_port()
    today = dt.datetime.now(dt.UTC).date()
    scene = make_scene(tmp_path / "deployment", port=port, today=today)
    scene.config.write_text(scene.config.read_text() + 'submission = "1 MiB"\n')
    large = tmp_path / "video.mp4"
    with large.open("wb") as file:
        file.truncate(300 * 1024 * 1024)
    with serving(scene.config, port):
        phone.goto(f"http://127.0.0.1:{port}/my/submit")
        phone.locator("#account").fill("စာ")
        phone.locator("#attachments").set_input_files(large)
        phone.locator("button[type=submit]").click()
        assert phone.locator(".error").is_visible()
        assert phone.locator("#account").input_value() == "စာ"
        phone.locator("button[type=submit]").click()
        assert phone.locator("#receipt-code").is_visible()
    assert scene.accounts() == ["စာ"]
