"""A witness who comes back: the mailbox as a browser without script uses it."""

from __future__ import annotations

import contextlib
import datetime as dt
import html
import io
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from werkzeug.test import Client, TestResponse

from intake.age.sealing.hybrid import HybridRecipient
from intake.envelope.reply import seal_reply
from intake.manifest.model import ReceiptParameters
from intake.online.deployment import Deployment
from intake.online.refusal import Reason
from intake.online.store.replies import Filing
from intake.online.witness.app import create_app
from intake.online.witness.lengths import ERROR_STEP
from intake.receipt.code import Code
from intake.receipt.derivation import derive
from intake.receipt.mailbox import MailboxAddresses
from tests.support.deployments import BOUNDARY, TODAY, Scene, encode, make_scene

_FORM = re.compile(r"<form[^>]*>(.*?)</form>", re.DOTALL)
_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
_REPLY = re.compile(r'<div class="reply"[^>]*>(.*?)</div>', re.DOTALL)
_REPLY_ID = re.compile(r'name="reply" value="([0-9a-f]{32})"')


@dataclass
class Visitor:
    """Somebody at the mailbox, in one browser and one language."""

    client: Client
    lang: str = "en"

    def type_code(self, typed: str | bytes, **changes: str) -> TestResponse:
        """Open the door, type a code, and return what the server answers."""
        fields = form(self.client.get(f"/{self.lang}/mailbox").text) | changes
        return self.post("/mailbox", [*fields.items(), ("code", typed)])

    def open(self, code: Code) -> str:
        """Open the mailbox of ``code`` and return its page."""
        answer = self.type_code(code.reveal())
        assert (answer.status_code, answer.headers["Location"]) == (
            303,
            f"/{self.lang}/mailbox/open",
        )
        return self.page()

    def page(self, query: str = "") -> str:
        """Return the page of the mailbox that is open."""
        answer = self.client.get(f"/{self.lang}/mailbox/open{query}")
        assert answer.status_code == 200, answer.status
        return answer.text

    def send(
        self,
        message: str | bytes,
        files: list[tuple[str, bytes]] | None = None,
        *,
        hidden: dict[str, str] | None = None,
        changes: Mapping[str, str] | None = None,
    ) -> TestResponse:
        """Write again, in the form of the page that is shown, or in one with ``hidden`` fields."""
        fields = (form(self.page(), "send") if hidden is None else hidden) | dict(changes or {})
        return self.post("/mailbox/open", [*fields.items(), ("message", message)], files)

    def delete(self, reply: str, **changes: str) -> TestResponse:
        """Delete a reply by its id in hex."""
        fields = form(self.page(), "delete") | {"reply": reply} | changes
        return self.post("/mailbox/open", list(fields.items()))

    def withdraw(self, **changes: str) -> TestResponse:
        """Take everything back."""
        fields = form(self.page(), "withdraw") | {"sure": "yes"} | changes
        return self.post("/mailbox/open", list(fields.items()))

    def post(
        self,
        path: str,
        fields: Sequence[tuple[str, str | bytes]],
        files: list[tuple[str, bytes]] | None = None,
        **extra: object,
    ) -> TestResponse:
        """Send a form."""
        body = encode(list(fields), files or [])
        return self.client.post(
            f"/{self.lang}{path}",
            input_stream=io.BytesIO(body),
            content_length=len(body),
            content_type=f"multipart/form-data; boundary={BOUNDARY}",
            **extra,
        )


def form(page: str, action: str | None = None) -> dict[str, str]:
    """Return the hidden fields of a page's form for an action, or of its first form."""
    for inside in _FORM.findall(page):
        fields = dict(_HIDDEN.findall(inside))
        if action is None or fields.get("action") == action:
            return fields
    raise AssertionError(f"no form for {action}")


def replies(page: str) -> list[str]:
    """Return the texts of the replies on a page."""
    return [html.unescape(text) for text in _REPLY.findall(page)]


def reply_ids(page: str) -> list[str]:
    """Return the ids of the replies that a page offers to delete."""
    return _REPLY_ID.findall(page)


def file_reply(
    deployment: Deployment,
    code: Code,
    text: str,
    *,
    day: dt.date = TODAY,
    sealed: bytes | None = None,
) -> Filing:
    """File a reply as the courier does, sealed to the mailbox of ``code``."""
    keys = derive(code, deployment.keys.history()[-1].receipt)
    if sealed is None:
        sealed = seal_reply(text, HybridRecipient.from_seed(keys.reply_seed))
    mailbox = MailboxAddresses.of(keys.reply_key)
    return deployment.store.replies.file(secrets.token_bytes(16), sealed, mailbox, day)


#: What a reviewer writes, usually: some hundred words.
USUAL_REPLY = "သင့်စာကို ဖတ်ပြီးပါပြီ။ ထိုနေ့က ဘယ်တပ်ရင်း ရောက်လာသလဲ၊ ဘယ်နှစ်ယောက် ရှိသလဲ ပြောပြပါ။ " * 12


@dataclass(frozen=True)
class TimedMailbox:
    """A deployment in this process to hold a clock to: a mailbox that is full, and no mailbox."""

    client: Client
    parameters: ReceiptParameters
    full: Code
    unknown: Code

    def visit(self, code: Code) -> None:
        """Type a code and open its mailbox: two requests, in the browser of one visitor."""
        Visitor(self.client).open(code)


@contextlib.contextmanager
def timed_mailbox(folder: Path) -> Iterator[TimedMailbox]:
    """Make a deployment in ``folder`` in which one mailbox holds eight usual replies."""
    scene = make_scene(folder / "mailboxes")
    deployment = scene.deployment()
    full = Code.generate()
    for _ in range(8):
        file_reply(deployment, full, USUAL_REPLY)
    client = Client(create_app(deployment))
    yield TimedMailbox(client, scene.manifest.receipt, full, Code.generate())


def records(scene: Scene) -> list[tuple[str, str, list[str]]]:
    """Return kind, words and names of the files of every submission."""
    found = []
    for path in scene.sealed():
        with scene.opened(path) as envelope:
            names = [attachment.name for attachment in envelope.record.attachments]
            found.append((envelope.record.kind.value, envelope.account_text(), names))
    return sorted(found)


def refused(answer: TestResponse, reason: Reason, words: str = "") -> None:
    assert answer.status_code == reason.status
    assert 'class="error"' in answer.text
    assert reason.sentence.split("%")[0] in html.unescape(answer.text)
    assert words in html.unescape(answer.text)
    assert len(answer.data) % ERROR_STEP == 0


def all_pages(visitor: Visitor, code: Code) -> list[str]:
    """Go through the pages of a mailbox as a witness would, by their links."""
    pages = [visitor.open(code)]
    while match := re.search(r'href="[^"]*(\?page=\d+)">Older', pages[-1]):
        pages.append(visitor.page(match[1]))
    return pages
