"""Keys change under a running server, as the witness, the admin and the reviewers live it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page

from tests.support.demos import Demo


def fingerprint(text: str) -> str:
    """Return the twelve words that a command prints."""
    found = re.search(r"^fingerprint: ((?:[a-z]+ ?){12})$", text, re.MULTILINE)
    assert found, text
    return found[1]


def install(demo: Demo) -> str:
    """Sign what waits and install it; return its fingerprint."""
    demo.run("intake-keys", "sign")
    manifest = str(demo.folder / "admin" / "manifest.json")
    return fingerprint(demo.run("intake", "keys", "install", manifest).stdout)


def send(phone: Page, demo: Demo, account: str) -> None:
    phone.goto(f"{demo.address}en/submit")
    phone.locator("#account").fill(account)
    phone.locator("button[type=submit]").click()
    assert phone.locator("#receipt-code").count() == 1


def test_keys_change_under_a_running_server_and_a_lost_laptop_opens_nothing_new(
    demo: Demo, phone: Page, tmp_path: Path
) -> None:
    # The reviewer's laptop, as it is when it is lost.
    send(phone, demo, "before the laptop was lost")
    lost = tmp_path / "lost"
    shutil.copytree(demo.folder / "offline", lost)

    # The witness begins to write while the admin works.
    phone.goto(f"{demo.address}en/submit")
    phone.locator("#account").fill("begun before, sent after")

    # The reviewer begins again on another machine; the admin takes that in.
    shutil.rmtree(demo.folder / "offline")
    root = str(demo.folder / "admin" / "root.pub")
    demo.run("intake-review", "init", "--name", "new", "--work-factor", "10", "--root", root)
    recipients = str(tmp_path / "recipients.json")
    month = json.loads(demo.run("intake", "keys", "show", "--json").stdout)["epoch"]
    demo.run("intake-review", "keys", "new", "--from", month, "--count", "12", "--out", recipients)
    demo.run("intake-keys", "revoke", "reviewer")
    demo.run("intake-keys", "add-recipients", recipients)
    words = install(demo)

    # Everybody sees the same words, without a restart.
    assert fingerprint(demo.run("intake-keys", "show").stdout) == words
    assert fingerprint(demo.run("intake", "keys", "show").stdout) == words
    page = phone.context.new_page()
    page.goto(f"{demo.address}en/keys")
    assert " ".join(re.findall(r"[a-z]+", page.locator("ol").inner_text())) == words
    assert "reviewer, 12 recipients" in demo.run("intake", "status").stdout
    assert "1 still here" in demo.run("intake", "status").stdout

    # The form that was open is sent, and opens for the new machine alone.
    phone.locator("button[type=submit]").click()
    assert phone.locator("#receipt-code").count() == 1
    stick = tmp_path / "stick"
    demo.run("intake", "export", str(stick))
    taken = demo.run("intake-review", "import", str(stick))
    assert "Passed over, because sealed to others: 1." in taken.stdout
    assert [entry["epoch"] for entry in demo.listed()] == [month]
    [entry] = demo.listed()
    shown = json.loads(demo.run("intake-review", "show", str(entry["id"]), "--json").stdout)
    assert shown["account"] == "begun before, sent after"
    assert shown["manifest_version"] == 2

    # Whoever has the lost laptop, its passphrase and the stick opens what came before.
    thief = [*("--vault", str(lost)), *("--passphrase-file", str(demo.folder / "passphrase"))]
    script = "from intake.offline.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, *thief, "import", str(stick)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "Imported 1;" in done.stdout
    assert "Passed over, because sealed to others: 1." in done.stdout
