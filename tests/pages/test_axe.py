"""axe-core finds nothing on any page, in any state and language, by day and by night.

Script runs here only so that axe can; the pages have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

_ADDRESS = "http://127.0.0.1:1/"
_RUN = """async () => {
  const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const found = await axe.run({runOnly: rules});
  return found.violations.map(v => v.id + ": " + v.nodes.map(n => n.target.join(" ")).join(", "));
}"""
_UNFOLD = "document.querySelectorAll('details').forEach(e => { e.open = true; })"


@pytest.fixture
def screen(chromium: Browser) -> Iterator[Page]:
    """Yield a page in which axe can run; nothing is fetched but what a test gives it."""
    context = chromium.new_context(bypass_csp=True)
    yield context.new_page()
    context.close()


def shown(screen: Page, page: bytes, axe: str) -> None:
    """Show a page, unfolded, with axe in it."""

    def answer(route: Route) -> None:
        route.fulfill(body=page, content_type="text/html; charset=utf-8")

    screen.unroute_all()
    screen.route(f"{_ADDRESS}**", answer)
    screen.goto(_ADDRESS)
    screen.evaluate(_UNFOLD)
    screen.evaluate(axe)


def found_in(screen: Page, width: int, scheme: str) -> list[str]:
    """Return what axe says of the page that is shown, on a screen of one width and scheme."""
    screen.set_viewport_size({"width": width, "height": 800})
    screen.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    found: list[str] = screen.evaluate(_RUN)
    return [f"{width} {scheme}: {line}" for line in found]


def test_axe_finds_nothing(states: dict[str, bytes], screen: Page, node_modules: Path) -> None:
    axe = (node_modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    violations = []
    for name, page in states.items():
        shown(screen, page, axe)
        for width, scheme in ((320, "light"), (1280, "dark")):
            violations += [f"{name} {line}" for line in found_in(screen, width, scheme)]
    assert violations == []


def test_axe_is_awake(screen: Page, node_modules: Path) -> None:
    axe = (node_modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    shown(screen, b"<title>a</title><input><p style='color:#aaa'>pale", axe)
    found = " ".join(found_in(screen, 320, "light"))
    assert "label:" in found
    assert "color-contrast:" in found
    assert "html-has-lang:" in found
