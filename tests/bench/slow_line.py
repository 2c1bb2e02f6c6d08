"""A visit on a bad line: Chromium at 50 kbit/s with 800 ms of latency, from nothing to the receipt.

Beside our pages a page of the same server's kind that says one word. The browser's own brake waits
the latency once for each request, and does not count the handshakes of TCP and TLS: over https,
add two such waits to the first page.
"""

from __future__ import annotations

import contextlib
import http.server
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.browsers import ARGUMENTS, chromium_program
from tests.support.pages import SEND
from tests.support.servers import house_of_today

RUNS = 5
BITS_A_SECOND = 50_000
LATENCY_MS = 800

LANGUAGES = {"en": "English", "my": "Burmese"}

#: Milliseconds from asking for a page to its first text, once it is there.
_FIRST_PAINT = """() =>
  performance.getEntriesByName("first-contentful-paint").map(paint => paint.startTime)[0]"""
_WORD = b"<!doctype html><html lang=en><title>w</title><p>word"
_BRAKE = {
    "offline": False,
    "latency": LATENCY_MS,
    "downloadThroughput": BITS_A_SECOND / 8,
    "uploadThroughput": BITS_A_SECOND / 8,
}
_ACCOUNT = "ကျွန်တော် မြင်ခဲ့တာကို ပြောပြချင်ပါတယ်။ " * 20


class Visit(NamedTuple):
    """Seconds: to the first text of the first page and of the form, and from *Send* to the code."""

    landing: float
    form: float
    receipt: float


class _OneWord(http.server.BaseHTTPRequestHandler):
    """A page that says one word."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(_WORD)))
        self.end_headers()
        self.wfile.write(_WORD)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def slow_line(folder: Path) -> str:
    """Measure visits in both languages, and the plain page, in turn."""
    plain = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _OneWord)
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    word: list[float] = []
    visits: dict[str, list[Visit]] = {"en": [], "my": []}
    with house_of_today(folder) as (_, server), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_program(), args=ARGUMENTS)
        for _ in range(RUNS):
            with _slow_page(browser) as page:
                word.append(_first_text(page, f"http://127.0.0.1:{plain.server_address[1]}/"))
            for lang, runs in visits.items():
                with _slow_page(browser) as page:
                    runs.append(_visit(page, f"http://127.0.0.1:{server.port}/{lang}/"))
        browser.close()
    plain.shutdown()
    plain.server_close()
    return _section(statistics.median(word), visits)


@contextlib.contextmanager
def _slow_page(browser: Browser) -> Iterator[Page]:
    """Yield the page of somebody new on the slow line."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 640})
    page = context.new_page()
    brake = context.new_cdp_session(page)
    brake.send("Network.enable")
    brake.send("Network.emulateNetworkConditions", _BRAKE)
    try:
        yield page
    finally:
        context.close()


def _first_text(page: Page, address: str) -> float:
    """Open an address; return the seconds until its first text stood on the screen."""
    page.goto(address)
    painted = page.wait_for_function(_FIRST_PAINT).json_value()
    return float(painted) / 1000


def _visit(page: Page, address: str) -> Visit:
    """Make a whole visit; typing takes no time."""
    landing = _first_text(page, address)
    form = _first_text(page, f"{address}submit")
    page.locator("#account").fill(_ACCOUNT)
    begin = time.perf_counter()
    page.locator(SEND).click(no_wait_after=True)
    page.locator("#receipt-code").wait_for()
    return Visit(landing, form, time.perf_counter() - begin)


def _section(word: float, visits: dict[str, list[Visit]]) -> str:
    rows = []
    for lang, runs in visits.items():
        landing, form, receipt = (statistics.median(column) for column in zip(*runs, strict=True))
        rows.append(
            f"| {LANGUAGES[lang]} | {landing:.1f} | {landing / word:.1f} | {form:.1f} | "
            f"{form / word:.1f} | {receipt:.1f} | {receipt / word:.1f} |"
        )
    return "\n".join(
        [
            "## A visit on a bad line",
            "",
            f"Chromium without script, held to {BITS_A_SECOND // 1000} kbit/s each way with "
            f"{LATENCY_MS} ms before each answer: seconds until the first text of a page stands on "
            "the screen, and from pressing *Send* (an account of a few lines, no file) to the "
            "code. Beside each, how often the first text of a page of one word fits into it, which "
            f"takes {word:.1f} s. Over https two more waits come before the first page. Medians of "
            f"{RUNS} runs.",
            "",
            "A form that comes back with words (an error, another language) is not compressed "
            "(decision 0012): 32 KB in English or 45 KB in Burmese, and the words. That is 5 or 7 "
            "seconds more on this line.",
            "",
            "| | first page, s | ratio | form, s | ratio | receipt, s | ratio |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )
