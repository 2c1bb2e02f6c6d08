"""Every page in every state and language, by going through the real pages of a deployment.

What leads to a state is done as a visitor would do it, where that is possible in a moment. The
reasons for which a form comes back are given to the store to refuse with: the page is the same.
"""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from flask import Flask, abort
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from intake.errors import IntakeError, SettingsMistaken
from intake.online.preview_mailbox import mailbox_states
from intake.online.preview_scene import PreviewScene, preview_scene
from intake.online.preview_visitor import Found, Visitor, everything
from intake.online.questionnaire.model import Questionnaire
from intake.online.refusal import Reason, Refusal
from intake.online.settings import Settings
from intake.online.witness.app import create_app
from intake.online.witness.visit import CODE_SECONDS
from intake.receipt.code import GROUP, Code

_ONION = "a" * 56 + ".onion"

#: What only the mailbox or the receipt says.
_NOT_THE_FORMS = {
    Reason.EMPTY_MESSAGE,
    Reason.NO_FILE,
    Reason.CODE_LENGTH,
    Reason.CODE_MISTYPED,
    Reason.CODE_LETTERS,
    Reason.CODE_AGAIN,
    Reason.OTHER_MAILBOX,
    Reason.NO_MAILBOX,
    Reason.NOT_DONE,
    Reason.OTHER_RECEIPT,
    Reason.RECEIPT_OVER,
    Reason.NOT_SURE,
}


@dataclass(frozen=True)
class State:
    """One page as it was answered. ``policy`` is its Content-Security-Policy."""

    page: str
    name: str
    tag: str
    status: int
    html: bytes
    policy: str

    @property
    def file(self) -> str:
        """The name of a file for it."""
        return f"{self.page}-{self.name}-{self.tag}.html"


def preview(settings: Settings) -> list[State]:
    """Return every page in every state and language of the deployment of ``settings``.

    Raises:
        SettingsMistaken: what the pages are to say is wrong, or a page cannot be made.
    """
    with preview_scene(settings) as scene:
        app = create_app(scene.deployment)
        app.config["PROPAGATE_EXCEPTIONS"] = True
        app.register_error_handler(Exception, _raise)
        app.add_url_rule("/failing", view_func=lambda: abort(503))
        # That nothing is in force on the last pages is no news for the log.
        logging.disable(logging.ERROR)
        try:
            return list(_states(scene, app))
        except IntakeError:
            raise
        except Exception as error:
            raise _cannot_be_made(error) from error
        finally:
            logging.disable(logging.NOTSET)


def _states(scene: PreviewScene, app: Flask) -> Iterator[State]:
    tags = [language.tag for language in scene.deployment.languages]
    for tag in tags:
        for found in (
            _plain_states(Visitor(app, tag)),
            _form_states(scene, app, tag),
            _receipt_states(scene, app, tag),
            mailbox_states(scene, app, tag),
        ):
            yield from (_state(tag, *one) for one in found)
    scene.close()
    for tag in tags:
        yield from (_state(tag, *one) for one in _closed_states(Visitor(app, tag)))


def _state(tag: str, page: str, name: str, answer: TestResponse) -> State:
    policy = answer.headers["Content-Security-Policy"]
    return State(page, name, tag, answer.status_code, answer.data, policy)


def _plain_states(visitor: Visitor) -> Iterator[Found]:
    yield "front", "usual", visitor.get("/")
    yield "front", "over_tor", visitor.get("/", host=_ONION)
    yield "keys", "usual", visitor.get("/keys")
    yield "error", "404", visitor.get("/nothing")
    yield "error", "405", visitor.post("/", MultiDict())
    yield "error", "503", visitor.get("/failing", prefix="")


def _closed_states(visitor: Visitor) -> Iterator[Found]:
    for page, path in (("front", "/"), ("submit", "/submit"), ("keys", "/keys")):
        yield page, "closed", visitor.get(path)


def _form_states(scene: PreviewScene, app: Flask, tag: str) -> Iterator[Found]:
    questions = scene.deployment.questionnaire
    visitor = Visitor(app, tag)
    empty = visitor.get("/submit")
    yield "submit", "usual", empty
    filled = visitor.fill(empty)
    filled.update(everything(questions, tag))
    for reason in Reason:
        if reason not in _NOT_THE_FORMS:
            with scene.refusing(Refusal(reason, field=_field(reason, questions))):
                yield "submit", reason.name.lower(), visitor.post("/submit", filled)
    old = MultiDict([*filled.items(multi=True), ("no-longer-asked", "…")])
    yield "submit", "old_form", visitor.post("/submit", old)
    for language in scene.deployment.languages:
        if language.tag != tag:  # written in another language, then changed to this one
            switched = Visitor(app, tag).post("/submit?switch=1", filled, encoded=True)
            yield "submit", f"from_{language.tag}", switched


def _field(reason: Reason, questions: Questionnaire) -> str:
    """Return the field that a refusal of the form is about, where it is about one."""
    identifying = [q.id for q in questions.questions() if q.identifying]
    texts = [q.id for q in questions.questions() if not q.identifying and q.fields == (q.id,)]
    match reason:
        case Reason.EMPTY | Reason.ACCOUNT_TOO_LONG:
            return "account"
        case Reason.ANSWER_TOO_LONG:
            return (*texts, "")[0]
        case Reason.REACH_TOO_LONG | Reason.NOBODY_TO_TELL:
            return (*identifying, "")[0]
        case Reason.TOO_LARGE | Reason.TOO_MANY_FILES | Reason.NO_ROOM_FOR_FILES:
            return "attachments"
    return ""


def _receipt_states(scene: PreviewScene, app: Flask, tag: str) -> Iterator[Found]:
    visitor = Visitor(app, tag)
    yield "receipt", "none", visitor.get("/receipt")
    fields = visitor.fill(visitor.get("/submit"))
    fields["account"] = "…"
    code = Code(fields["code"])
    visitor.post("/submit", fields)
    plain = visitor.get("/receipt")
    yield "receipt", "text", plain
    notes = visitor.fill(plain)
    for name, last in (("noted", code.reveal()[-GROUP:]), ("not_noted", "0")):
        visitor.post("/receipt", MultiDict([*notes.items(), ("last_group", last)]))
        yield "receipt", name, visitor.get("/receipt")
    files = [(io.BytesIO(bytes(size)), f"{size}.jpg") for size in (70_000, 300_000)]
    visitor.post("/receipt", notes, files)
    yield "receipt", "files", visitor.get("/receipt")
    for reason in (Reason.NO_FILE, Reason.TOO_LARGE, Reason.CUT_SHORT, Reason.NO_KEYS):
        with scene.refusing(Refusal(reason)):
            yield "receipt", reason.name.lower(), visitor.post("/receipt", notes, files)
    other = MultiDict([*notes.items(multi=True)])
    other["mailbox"] = "another"
    yield "receipt", "other_receipt", visitor.post("/receipt", other, files)
    with scene.later(CODE_SECONDS + 1):
        yield "receipt", "receipt_over", visitor.post("/receipt", notes, files)


def _raise(error: Exception) -> NoReturn:
    raise error


def _cannot_be_made(error: Exception) -> SettingsMistaken:
    """Say in which template a page failed."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}, line {frame.lineno}" for frame in frames]
    place = ([place for place in places if ".html, " in place] or places)[-1]
    return SettingsMistaken(f"A page cannot be made: {place}: {error}.")
