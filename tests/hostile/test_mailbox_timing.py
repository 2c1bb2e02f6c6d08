"""Whatever code is typed, the mailbox is the same work and the same bytes. Threat 14.

Counted, not timed: a clock decides no test. What a clock could tell is measured by ``make bench``
with :func:`tests.support.mailboxes.timed_mailbox`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import bleach.sanitizer
import pytest
from sqlalchemy import event
from werkzeug.test import Client

from intake.age.sealing.hybrid import HybridRecipient
from intake.envelope.reply import SLOT_SIZE, TEXT_SIZE, seal_reply
from intake.online import mailbox
from intake.online.deployment import Deployment
from intake.online.witness.app import create_app
from intake.online.witness.lengths import DOOR_PAGE, MAILBOX_PAGE, REPLIES_ROOM
from intake.receipt import derivation
from intake.receipt.code import Code
from tests.support.deployments import Scene, hidden_fields, send
from tests.support.mailboxes import USUAL_REPLY, Visitor, file_reply, reply_ids

ONE, FULL, LONG, HARD, ASKED, GONE, UNKNOWN, WITHDRAWN = (Code.generate() for _ in range(8))


@pytest.fixture
def deployment(scene: Scene) -> Deployment:
    """A deployment with a mailbox in every state that there is."""
    deployment = scene.deployment()
    file_reply(deployment, ONE, "reply")
    file_reply(deployment, GONE, "reply")
    for n in range(10):
        file_reply(deployment, FULL, f"{n} {USUAL_REPLY}")
    file_reply(deployment, LONG, "က" * (TEXT_SIZE // 3))
    file_reply(deployment, HARD, "&<>" * (TEXT_SIZE // 3))
    visitor = Visitor(Client(create_app(deployment)))
    visitor.delete(reply_ids(visitor.open(GONE))[0])
    visitor.open(ASKED)
    visitor.send("is anybody there?")
    visitor.open(WITHDRAWN)
    visitor.send("words")
    visitor.withdraw()
    return deployment


def codes(deployment: Deployment) -> dict[str, Code]:
    """Return a code for every state: of mailboxes that are there, and of some that are not."""
    client = Client(create_app(deployment))
    hidden = hidden_fields(client.get("/en/submit").text)
    send(client, "an account", hidden=hidden, lang="en")
    return {
        "never answered": Code(hidden["code"]),
        "asked": ASKED,
        "one": ONE,
        "eight and two that wait": FULL,
        "the longest": LONG,
        "the hardest to show": HARD,
        "deleted": GONE,
        "withdrawn": WITHDRAWN,
        "unknown": UNKNOWN,
        "of another deployment": Code.generate(),
        "zeros": Code("0" * 28),
    }


@pytest.fixture
def work(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Note what is done: derivations, statements, seals, openings, and what bleach goes over."""
    noted: list[Any] = []

    def count(name: str, place: object, attribute: str, *tell: Callable[..., object]) -> None:
        real = getattr(place, attribute)

        def counted(*arguments: Any, **named: Any) -> Any:
            noted.append((name, *(one(*arguments) for one in tell)))
            return real(*arguments, **named)

        monkeypatch.setattr(place, attribute, counted)

    count("derive", derivation, "Argon2id")
    count("seal", mailbox, "seal_reply")
    count("open", mailbox, "open_bytes", lambda sealed, _identities: len(sealed))
    count("clean", bleach.sanitizer.Cleaner, "clean", lambda _self, text: len(text))

    def statement(*arguments: Any) -> None:
        if arguments[2] != "BEGIN":
            noted.append(("query", arguments[2], len(arguments[3])))

    engine = deployment.store._engine
    event.listen(engine, "before_cursor_execute", statement)
    yield noted
    event.remove(engine, "before_cursor_execute", statement)


def test_every_code_is_the_same_work_and_the_same_bytes(
    deployment: Deployment, work: list[Any]
) -> None:
    known = codes(deployment)
    done = {}
    for lang in ("en", "my"):
        for name, code in known.items():
            visitor = Visitor(Client(create_app(deployment)), lang)
            visitor.client.get(f"/{lang}/mailbox")
            work.clear()
            door = visitor.type_code(code.reveal())
            assert work == [], "the door derives nothing and looks nothing up"
            answer = visitor.client.get(f"/{lang}/mailbox/open")
            lengths = [(key, len(value)) for key, value in answer.headers]
            done[lang, name] = (len(door.data), len(answer.data), answer.status, lengths, [*work])
    first = done["en", "unknown"]
    for (lang, name), found in done.items():
        assert found[1:] == first[1:], (lang, name)
        assert found[0] == first[0]
    assert first[1] == MAILBOX_PAGE
    counted = [entry[0] for entry in first[-1]]
    assert [counted.count(name) for name in ("derive", "query", "seal")] == [1, 1, 1]
    assert [entry for entry in first[-1] if entry[0] == "open"] == [("open", SLOT_SIZE)] * 8
    assert sum(entry[1] for entry in first[-1] if entry[0] == "clean") == REPLIES_ROOM
    (query,) = [entry for entry in first[-1] if entry[0] == "query"]
    # Eight slots, eight waiting places, and that no more than eight are wanted.
    assert query[2] == 18


def test_every_state_of_an_open_mailbox_has_one_length(deployment: Deployment) -> None:
    lengths = set()
    for lang in ("en", "my"):
        visitor = Visitor(Client(create_app(deployment)), lang)
        lengths.add(len(visitor.open(FULL).encode()))
        for _ in range(10):  # after each deletion, and then with nothing left
            visitor.delete(reply_ids(visitor.page() or "")[0])
            lengths |= {len(visitor.page().encode()), len(visitor.page().encode())}
        visitor.send("words", [("a.jpg", b"x" * 100_000)])
        lengths.add(len(visitor.page().encode()))
        visitor.withdraw()
        lengths.add(len(visitor.page().encode()))
        for n in range(10):
            file_reply(deployment, Code("0" * 28), f"{n}")
        visitor.open(Code("0" * 28))
        visitor.withdraw()
        for n in range(10):
            file_reply(deployment, FULL, f"{n}")
        visitor.open(FULL)
        visitor.send("again")
        for n in range(10):
            file_reply(deployment, FULL, f"{n}")
    assert lengths == {MAILBOX_PAGE}


def test_every_state_of_the_door_has_one_length(deployment: Deployment) -> None:
    lengths = set()
    for lang in ("en", "my"):
        visitor = Visitor(Client(create_app(deployment)), lang)
        lengths.add(len(visitor.client.get(f"/{lang}/mailbox").data))
        for typed in ("", "1", "x", "0" * 27 + "1", "၁" * 27, "0" * 60_000, '"<&>' * 30):
            visitor.type_code(typed)
            lengths.add(len(visitor.client.get(f"/{lang}/mailbox").data))
        lengths.add(len(visitor.type_code("1", csrf_token="wrong").data))
        lengths.add(len(Visitor(Client(create_app(deployment)), lang).post("/mailbox", []).data))
    assert lengths == {DOOR_PAGE}


def test_every_answer_to_a_deed_has_one_length(deployment: Deployment) -> None:
    """What was sent, deleted, or taken back shows in no header either."""
    found = set()
    for code in (FULL, UNKNOWN, ONE):
        visitor = Visitor(Client(create_app(deployment)))
        visitor.open(code)
        for answer in (
            visitor.send("words"),
            visitor.send("words and a file", [("a", b"x" * 70_000)]),
            visitor.delete("00" * 16),
            visitor.delete((reply_ids(visitor.page()) or ["11" * 16])[0]),
            visitor.withdraw(),
        ):
            headers = tuple((key, len(value)) for key, value in answer.headers)
            found.add((answer.status, len(answer.data), headers))
    assert len(found) == 1


def test_a_slot_that_is_damaged_is_opened_all_the_same(
    scene: Scene, deployment: Deployment, work: list[Any]
) -> None:
    code = Code.generate()
    keys = derivation.derive(code, scene.manifest.receipt)
    sealed = seal_reply("x", HybridRecipient.from_seed(keys.reply_seed))
    file_reply(deployment, code, "", sealed=sealed[:-1] + bytes([sealed[-1] ^ 1]))
    visitor = Visitor(Client(create_app(dataclasses.replace(deployment))))
    work.clear()
    visitor.open(code)
    assert [entry for entry in work if entry[0] == "open"] == [("open", SLOT_SIZE)] * 8
