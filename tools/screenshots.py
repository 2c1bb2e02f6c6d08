"""``make screenshots``: every page in every state and language as a picture, phone and desktop.

All of them go into ``docs/screenshots/all/``, which git ignores. The few that the docs show go into
``docs/screenshots/``: on a phone, in grey and few colours, so that each stays below 60 kB.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from intake.online.demo import make_demo  # noqa: E402
from tests.support.browsers import ARGUMENTS  # noqa: E402

FOLDER = ROOT / "docs" / "screenshots"
SCREENS = {"phone": (360, 640), "desktop": (1280, 800)}

#: What the docs show, and as what.
SHOWN = {
    "front-usual": "front",
    "submit-usual": "form",
    "receipt-text": "receipt",
    "mailbox_open-replies": "mailbox",
}
LANGUAGES = ("en", "my")
MOST_BYTES = 60_000


def main() -> None:
    """Write the pictures."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        pages = written_pages(Path(folder))
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
        for name, (width, height) in SCREENS.items():
            with screen(browser, width, height) as page:
                for path in pages:
                    picture(page, path, FOLDER / "all" / name / f"{path.stem}.png")
        browser.close()
    for state, name in SHOWN.items():
        for lang in LANGUAGES:
            taken = FOLDER / "all" / "phone" / f"{state}-{lang}.png"
            reduce(taken, FOLDER / f"{name}-{lang}.png")


def written_pages(folder: Path) -> list[Path]:
    """Return the pages of a demo, as files in ``folder``."""
    make_demo(folder / "demo", 8000, dt.datetime.now(dt.UTC).date())
    command = [sys.executable, "-c", "from intake.online.cli import main; main()"]
    config = str(folder / "demo" / "intake.toml")
    pages = folder / "pages"
    subprocess.run([*command, "--config", config, "preview", "--write", str(pages)], check=True)
    return sorted(pages.glob("*.html"))


@contextlib.contextmanager
def screen(browser: Browser, width: int, height: int) -> Iterator[Page]:
    """Yield a page of a browser without script, so large."""
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": width, "height": height}
    )
    yield context.new_page()
    context.close()


def picture(page: Page, path: Path, to: Path) -> None:
    """Write what a screen shows of a page, from its top."""
    page.goto(path.as_uri())
    page.screenshot(path=to)


def program(name: str) -> str:
    """Return the path of a program that this needs."""
    path = shutil.which(name)
    if path is None:
        sys.exit(f"{name} is not installed: run 'make programs' as root.")
    return path


def reduce(picture: Path, to: Path) -> None:
    """Write a picture with few colours."""
    subprocess.run(
        [program("convert"), str(picture), "-strip", "+dither", "-colors", "32", f"PNG8:{to}"],
        check=True,
    )
    if to.stat().st_size > MOST_BYTES:
        sys.exit(f"{to} is larger than {MOST_BYTES} bytes.")


if __name__ == "__main__":
    main()
