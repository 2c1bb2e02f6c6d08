"""What a visit weighs on the wire, headers and all: at most ten segments a page, in one request.

Ten segments of 1,460 bytes arrive before a browser has to wait for the first time.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser as Chromium

from intake.online.preview_states import preview
from intake.online.preview_weight import FIRST_VIEW
from tests.support.deployments import BOUNDARY
from tests.support.pages import Site, witness_site
from tests.support.servers import Browser

VISIT = 45_000

#: What Chromium on a phone sends with a page it asks for.
_ASKED = (
    "User-Agent: Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/156.0.0.0 Mobile Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Encoding: gzip, deflate\r\nAccept-Language: my-MM,my;q=0.9,en;q=0.8\r\n"
)
#: The mailbox has one length for every code, with replies or none: see docs/threat-model.md.
_PAGES = ("/", "/submit", "/keys", "/mailbox", "/receipt", "/nothing")


class Phone(Browser):
    """A visitor who asks as a phone's browser does, and knows what everything weighed."""

    def weigh(self, path: str) -> int:
        """Open a page; return what its answer weighs."""
        answer = self.request(f"GET {path}\r\n{_ASKED}")
        return len(answer.head.encode("latin-1")) + len("\r\n\r\n") + len(answer.body)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with witness_site(tmp_path_factory.mktemp("weights")) as served:
        yield served


@pytest.mark.parametrize("lang", ["en", "my"])
@pytest.mark.parametrize("path", _PAGES)
def test_the_first_view_of_a_page_comes_without_a_wait(site: Site, lang: str, path: str) -> None:
    assert Phone(site.server).weigh(f"/{lang}{path}") <= FIRST_VIEW


def test_the_preview_knows_what_a_page_weighs(site: Site) -> None:
    states = {(s.page, s.name, s.tag): s.weight for s in preview(site.scene.settings)}
    for page, path in (("front", "/"), ("keys", "/keys"), ("mailbox", "/mailbox")):
        for lang in ("en", "my"):
            weighed = Phone(site.server).weigh(f"/{lang}{path}")
            assert states[page, "usual", lang] == pytest.approx(weighed, abs=100), page


@pytest.mark.parametrize("lang", ["en", "my"])
def test_a_whole_visit_is_light(site: Site, lang: str) -> None:
    phone = Phone(site.server)
    landing, form = phone.weigh(f"/{lang}/"), phone.weigh(f"/{lang}/submit")
    phone.open_form(lang)
    body = phone.form_body("words")
    sent = phone.request(
        f"POST /{lang}/submit\r\n{_ASKED}Content-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n",
        body,
    )
    assert sent.status == 303
    receipt = phone.weigh(f"/{lang}/receipt")
    assert receipt <= FIRST_VIEW  # the one with a code on it
    taken = len(sent.head) + len(sent.body)
    assert landing + form + taken + receipt <= VISIT


@pytest.mark.parametrize("lang", ["en", "my"])
def test_a_page_is_one_request(site: Site, chromium: Chromium, lang: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in _PAGES:
        asked.clear()
        page.goto(f"{site.address}{lang}{path}")
        page.wait_for_load_state("networkidle")
        assert [url for url in asked if not url.startswith("data:")] == [page.url]
    context.close()
