"""Two taps, repeats and many at once at the mailbox, on the real server. Threats 4, 6."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from intake.receipt.code import Code
from tests.support.deployments import BOUNDARY, Scene, encode
from tests.support.mailboxes import file_reply, form, records, replies
from tests.support.servers import Answer, Browser, Server

TAPS = 4
GUESSERS = 40


def post(
    browser: Browser,
    path: str,
    fields: dict[str, str],
    files: list[tuple[str, bytes]] | None = None,
) -> Answer:
    body = encode([*fields.items()], files or [])
    head = (
        f"POST {path}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
    )
    return browser.request(head, body)


def open_mailbox(browser: Browser, code: Code) -> str:
    fields = form(browser.get("/en/mailbox").text) | {"code": code.reveal()}
    assert post(browser, "/en/mailbox", fields).status == 303
    return browser.get("/en/mailbox/open").text


def at_once(browser: Browser, path: str, fields: dict[str, str], name: str) -> list[int]:
    """Send the same form several times at the same moment, as one browser."""
    files = [(f"{name}.jpg", name.encode() * 20_000)]
    with ThreadPoolExecutor(TAPS) as taps:
        futures = [
            taps.submit(post, Browser(browser.server, browser.cookie), path, fields, files)
            for _ in range(TAPS)
        ]
        return [future.result().status for future in futures]


def test_the_same_sent_at_once_is_one_message_and_one_set_of_files(
    served: tuple[Scene, Server],
) -> None:
    scene, server = served

    def person(n: int) -> None:
        browser = Browser(server)
        assert browser.send(f"account {n}").status == 303
        code = Code(browser.receipt())
        token = form(browser.get("/en/receipt").text)
        assert at_once(browser, "/en/receipt", token, f"r{n}") == [303] * TAPS
        fields = form(open_mailbox(browser, code), "send") | {"message": f"message {n}"}
        assert at_once(browser, "/en/mailbox/open", fields, f"m{n}") == [303] * TAPS

    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(person, range(8)))
    expected = [
        entry
        for n in range(8)
        for entry in (
            ("account", f"account {n}", []),
            ("files", "", [f"r{n}.jpg"]),
            ("message", f"message {n}", [f"m{n}.jpg"]),
        )
    ]
    assert records(scene) == sorted(expected)


def test_a_crowd_that_guesses_shuts_nobody_out(served: tuple[Scene, Server]) -> None:
    """No limit by address, no lock that one visitor holds: the right code still opens."""
    scene, server = served
    code = Code.generate()
    file_reply(scene.deployment(), code, "it is you")
    end = time.monotonic() + 6

    def guesser(_n: int) -> int:
        guesses = 0
        while time.monotonic() < end:
            assert replies(open_mailbox(Browser(server), Code.generate())) == []
            guesses += 1
        return guesses

    with ThreadPoolExecutor(GUESSERS) as crowd:
        guesses = [crowd.submit(guesser, n) for n in range(GUESSERS)]
        time.sleep(1)
        assert replies(open_mailbox(Browser(server), code)) == ["it is you"]
        assert sum(future.result() for future in guesses) >= GUESSERS
    assert replies(open_mailbox(Browser(server), code)) == ["it is you"]
