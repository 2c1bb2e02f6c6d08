"""A question and its way there and back: witness, stick, reviewer, stick, mailbox, stick again."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from werkzeug.test import Client

from intake.command_line import today
from intake.online.demo import make_demo
from intake.online.deployment import Deployment
from intake.online.settings import read_settings
from intake.online.witness.app import create_app
from tests.support.demos import Demo
from tests.support.deployments import receipt_code, send
from tests.support.mailboxes import Visitor

ACCOUNT = "ရွာကို မီးရှို့တာ ကျွန်တော် မြင်ခဲ့တယ်။"
QUESTION = "ဘယ်နေ့က ဖြစ်တာလဲ။ <b>Which day?</b>"
_REPLY = re.compile(r'class="[^"]*\breply\b[^"]*"')


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    """A whole deployment with its vault and admin; no server runs."""
    make_demo(tmp_path / "demo", 8000, today())
    return Demo(tmp_path / "demo", "", "")


def witness(demo: Demo) -> Client:
    app = create_app(Deployment.open(read_settings(demo.folder / "intake.toml")))
    return app.test_client()


def open_mailbox(demo: Demo, code: str) -> str:
    """Type the code at the door, on a phone that was never here; return the mailbox."""
    visitor = Visitor(witness(demo))
    visitor.type_code(code)
    return visitor.page()


def replies(demo: Demo) -> list[str]:
    listed = json.loads(demo.run("intake-review", "replies", "--json").stdout)
    return [reply["state"] for reply in listed]


def on_the_way(demo: Demo) -> list[object]:
    return [entry["courier"] for entry in demo.listed()]


def test_a_question_reaches_the_witness_and_the_account_leaves_the_server(
    demo: Demo, tmp_path: Path
) -> None:
    client = witness(demo)
    assert send(client, ACCOUNT, lang="en").status_code == 303
    code = receipt_code(client.get("/en/receipt").text)
    stick, text = str(tmp_path / "stick"), tmp_path / "question.txt"
    text.write_text(QUESTION, encoding="utf-8")

    # Out, and read.
    demo.run("intake", "export", stick)
    assert "Imported 1;" in demo.run("intake-review", "import", stick).stdout
    [entry] = demo.listed()
    name = str(entry["id"])
    assert on_the_way(demo) == ["to acknowledge"]

    # Asked, and back.
    assert not _REPLY.search(open_mailbox(demo, code))
    demo.run("intake-review", "reply", name, "--text-file", str(text))
    written = demo.run("intake-review", "courier", stick).stdout
    assert written.startswith("Wrote return 1 with 1 reply and 1 acknowledgement.")
    assert (replies(demo), on_the_way(demo)) == (["queued"], ["acknowledged, on the way"])
    demo.run("intake", "import", stick)
    demo.run("intake", "import", stick)
    assert list((demo.folder / "state" / "blobs").glob("*.age")) == []

    # The witness reads it: with the code, and as text.
    page = open_mailbox(demo, code)
    assert len(_REPLY.findall(page)) == 1
    assert "ဘယ်နေ့က ဖြစ်တာလဲ။ &lt;b&gt;Which day?&lt;/b&gt;" in page

    # And the reviewer learns of both by the next stick.
    demo.run("intake", "export", stick)
    assert "Imported 0; 0 were here already." in demo.run("intake-review", "import", stick).stdout
    assert (replies(demo), on_the_way(demo)) == (["filed"], ["gone from the server"])
    shown = json.loads(demo.run("intake-review", "show", name, "--json").stdout)
    assert shown["account"] == ACCOUNT
    assert [reply["text"] for reply in shown["replies"]] == [QUESTION]
    again = demo.run("intake-review", "courier", stick).stdout
    assert again.startswith("Wrote return 2 with 0 replies and 0 acknowledgements.")
    demo.run("intake", "import", stick)


def test_what_a_witness_takes_back_the_reviewer_is_told_and_answers_no_more(
    demo: Demo, tmp_path: Path
) -> None:
    client = witness(demo)
    assert send(client, ACCOUNT, lang="en").status_code == 303
    code = receipt_code(client.get("/en/receipt").text)
    stick, text = str(tmp_path / "stick"), tmp_path / "question.txt"
    text.write_text(QUESTION, encoding="utf-8")
    demo.run("intake", "export", stick)
    demo.run("intake-review", "import", stick)
    [entry] = demo.listed()
    name = str(entry["id"])
    demo.run("intake-review", "reply", name, "--text-file", str(text))

    visitor = Visitor(witness(demo))
    visitor.type_code(code)
    assert visitor.withdraw().status_code == 303
    demo.run("intake", "export", stick)
    taken = demo.run("intake-review", "import", stick).stdout
    assert "A witness has taken back what came before" in taken
    assert replies(demo) == ["refused"]
    shown = demo.run("intake-review", "show", name).stdout
    assert shown.startswith("The witness has taken this back on ")
    refused = demo.run("intake-review", "reply", name, "--text-file", str(text), status=1)
    assert "mailbox is closed" in refused.stderr
    written = demo.run("intake-review", "courier", stick).stdout
    # The account left the server with the withdrawal; the notice leaves by being acknowledged.
    assert written.startswith("Wrote return 1 with 0 replies and 1 acknowledgement.")
    demo.run("intake", "import", stick)
    assert list((demo.folder / "state" / "blobs").glob("*.age")) == []
