"""What a witness sees of the keys: who can be told how to reach them, and a day without any."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.errors import NotForUs
from tests.support.deployments import Scene, make_scene
from tests.support.servers import free_port, serving

ACCOUNT = "ရွာကို မီးရှို့ခဲ့တယ်။"
REACH = "ဒေါ်အေး၊ ၀၉ ၁၂၃ ၄၅၆\nညနေပိုင်းမှာ"


@contextmanager
def house(folder: Path, custodian: HybridIdentity | None = None) -> Iterator[tuple[Scene, str]]:
    """Serve a deployment of today; yields the address of its pages too."""
    port = free_port()
    today = dt.datetime.now(dt.UTC).date()
    scene = make_scene(folder / "deployment", port=port, today=today, custodian=custodian)
    with serving(scene.config, port):
        yield scene, f"http://127.0.0.1:{port}"


def close(scene: Scene) -> None:
    """Revoke the one epoch there is: from now on nothing is in force."""
    (epoch,) = scene.manifest.epochs
    scene.publish(scene.manifest, replace(scene.manifest, version=2, revocations=(epoch.id,)))


def unfold(page: Page, selector: str) -> None:
    """Open the part of the page that has it, as somebody does who looks for it."""
    page.locator(f"details:has({selector}) > summary").click()


def fits(page: Page) -> bool:
    """Return whether nothing of a page stands beyond the edge of a small phone."""
    return all(
        box["x"] >= 0 and box["x"] + box["width"] <= 360
        for element in page.locator("main *").all()
        if (box := element.bounding_box()) is not None
    )


@pytest.mark.parametrize("lang", ["en", "my"])
def test_how_to_reach_a_witness_is_opened_by_the_custodian_alone(
    tmp_path: Path, phone: Page, lang: str
) -> None:
    custodian = HybridIdentity.generate()
    with house(tmp_path, custodian) as (scene, address):
        phone.goto(f"{address}/{lang}/submit")
        assert fits(phone)
        unfold(phone, "#reach")
        phone.locator("#reach").fill(REACH)
        phone.locator("button[type=submit]").click()
        assert phone.locator(".error").is_visible()  # there is no account yet
        assert phone.locator("#reach").input_value() == REACH
        phone.locator("#account").fill(ACCOUNT)
        phone.locator("button[type=submit]").click()
        assert phone.locator("#receipt-code").is_visible()
        assert REACH.splitlines()[0] not in phone.content()
    assert scene.accounts() == [ACCOUNT]
    (sealed,) = scene.sealed()
    identity = scene.members(sealed)["identity.age"]
    assert json.loads(open_bytes(identity, [custodian]))["answers"] == {"reach": REACH}
    with pytest.raises(NotForUs):
        open_bytes(identity, [scene.reviewer])


def test_without_a_custodian_the_form_does_not_ask(tmp_path: Path, phone: Page) -> None:
    with house(tmp_path) as (scene, address):
        phone.goto(f"{address}/my/submit")
        assert phone.locator("#account").count() == 1
        assert phone.locator("#reach").count() == 0
        phone.locator("#account").fill(ACCOUNT)
        phone.locator("button[type=submit]").click()
        assert phone.locator("#receipt-code").is_visible()
    assert scene.accounts() == [ACCOUNT]


@pytest.mark.parametrize("lang", ["en", "my"])
def test_the_words_to_compare_are_found_from_the_first_page(
    tmp_path: Path, phone: Page, lang: str
) -> None:
    with house(tmp_path) as (scene, address):
        phone.goto(f"{address}/{lang}/")
        unfold(phone, f"a[href='/{lang}/keys']")
        phone.locator(f"a[href='/{lang}/keys']").click()
        words = phone.locator("#fingerprint li").all_inner_texts()
        assert fits(phone)
    today = dt.datetime.now(dt.UTC).date()
    assert " ".join(words) == scene.deployment().keys.on(today).fingerprint


def test_on_a_bad_day_nobody_writes_in_vain_and_what_was_written_is_not_lost(
    tmp_path: Path, phone: Page
) -> None:
    with house(tmp_path) as (scene, address):
        phone.goto(f"{address}/my/submit")
        phone.locator("#account").fill(ACCOUNT)
        close(scene)
        phone.locator("button[type=submit]").click()
        assert phone.locator(".error").is_visible()
        assert phone.locator("#account").input_value() == ACCOUNT
        for page in ("", "submit", "keys"):
            phone.goto(f"{address}/my/{page}")
            assert phone.locator(".error").is_visible()
            assert phone.locator("form").count() == 0
            assert fits(phone)
    assert scene.sealed() == []
