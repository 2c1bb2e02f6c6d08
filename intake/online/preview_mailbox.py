"""The door and the mailbox in every state, for whoever looks through the pages."""

from __future__ import annotations

import io
from collections.abc import Iterator

from flask import Flask
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from intake.online.preview_scene import PreviewScene
from intake.online.preview_visitor import WORDS, Found, Visitor, hidden_fields
from intake.online.refusal import Reason, Refusal
from intake.online.witness.visit import CODE_SECONDS
from intake.receipt.code import Code

_REASONS = (
    Reason.EMPTY_MESSAGE,
    Reason.ACCOUNT_TOO_LONG,
    Reason.TOO_LARGE,
    Reason.CUT_SHORT,
    Reason.CANNOT_KEEP,
    Reason.NO_KEYS,
    Reason.TOO_MANY_MESSAGES,
)

#: What is no code, by what is wrong with it.
_NO_CODES = (
    ("code_length", "1234"),
    ("code_mistyped", "0" * 27 + "1"),
    ("code_letters", "correct horse"),
)

#: A reply of usual length, and one that is longer than a page has room for beside others.
_REPLY = f"{WORDS}\n" * 12
_LONG_REPLY = "&" * 40_000


def mailbox_states(scene: PreviewScene, app: Flask, tag: str) -> Iterator[Found]:
    """Yield the door, a mailbox that is empty, and one with replies."""
    yield from _door_states(scene, Visitor(app, tag))
    yield from _mailbox_states(scene, Visitor(app, tag))


def _door_states(scene: PreviewScene, visitor: Visitor) -> Iterator[Found]:
    yield Found("mailbox", "usual", visitor.get("/mailbox"))
    for name, typed in _NO_CODES:
        fields = visitor.fill(visitor.get("/mailbox"))
        fields["code"] = typed
        visitor.post("/mailbox", fields)
        yield Found("mailbox", name, visitor.get("/mailbox"))
    fields["csrf_token"] = "another"  # noqa: S105  # no token at all
    yield Found(
        "mailbox", "wrong_token", visitor.post("/mailbox", fields), Reason.WRONG_TOKEN.status
    )
    visitor.open_mailbox(Code.generate())
    with scene.later(CODE_SECONDS + 1):
        visitor.get("/mailbox/open")
        yield Found("mailbox", "code_again", visitor.get("/mailbox"))


def _mailbox_states(scene: PreviewScene, visitor: Visitor) -> Iterator[Found]:
    code = Code.generate()
    empty = visitor.open_mailbox(code)
    yield Found("mailbox_open", "empty", empty)
    sends = _form(empty, "send")
    sends["message"] = WORDS
    yield from _refused_states(scene, visitor, sends)
    visitor.open_mailbox(code)  # its ten minutes are over
    visitor.post("/mailbox/open", sends, [(io.BytesIO(bytes(70_000)), "a.jpg")])
    yield Found("mailbox_open", "sent", visitor.get("/mailbox/open"))
    for text in (_REPLY, _LONG_REPLY, WORDS):
        scene.file_reply(code, text)
    scene.file_reply(code, WORDS, whole=False)
    replies = visitor.get("/mailbox/open")
    yield Found("mailbox_open", "replies", replies)
    yield Found("mailbox_open", "older", visitor.get("/mailbox/open?page=2"))
    deletes = _form(replies, "delete")
    deletes["reply"] = "00" * 16
    visitor.post("/mailbox/open", deletes)
    yield Found("mailbox_open", "deleted", visitor.get("/mailbox/open"))
    yield from _withdrawn_states(scene, visitor, _form(replies, "withdraw"))


def _withdrawn_states(
    scene: PreviewScene, visitor: Visitor, form: MultiDict[str, str]
) -> Iterator[Found]:
    yield Found(
        "mailbox_refused", "not_sure", visitor.post("/mailbox/open", form), Reason.NOT_SURE.status
    )
    form["sure"] = "yes"
    with scene.refusing(Refusal(Reason.NO_KEYS)):
        visitor.post("/mailbox/open", form)
    yield Found("mailbox_open", "forgotten", visitor.get("/mailbox/open"))
    visitor.post("/mailbox/open", form)
    yield Found("mailbox_open", "withdrawn", visitor.get("/mailbox/open"))


def _refused_states(
    scene: PreviewScene, visitor: Visitor, form: MultiDict[str, str]
) -> Iterator[Found]:
    for reason in _REASONS:
        with scene.refusing(Refusal(reason)):
            yield Found(
                "mailbox_refused",
                reason.name.lower(),
                visitor.post("/mailbox/open", form),
                reason.status,
            )
    other = MultiDict([*form.items(multi=True)])
    other["mailbox"] = "another"
    yield Found(
        "mailbox_refused",
        "other_mailbox",
        visitor.post("/mailbox/open", other),
        Reason.OTHER_MAILBOX.status,
    )
    switched = visitor.post("/mailbox/open?switch=1", form, encoded=True)
    yield Found("mailbox_refused", "other_language", switched)
    with scene.later(CODE_SECONDS + 1):
        yield Found(
            "mailbox_refused",
            "code_again",
            visitor.post("/mailbox/open", form),
            Reason.CODE_AGAIN.status,
        )


def _form(page: TestResponse, action: str) -> MultiDict[str, str]:
    """Return the hidden fields of the form on ``page`` that does ``action``."""
    forms = (form for form in hidden_fields(page.text) if form.get("action") == action)
    return next(forms, MultiDict())
