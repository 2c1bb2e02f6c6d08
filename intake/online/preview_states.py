"""Every page in every state and language, by going through the real pages of a deployment.

What leads to a state is done as a visitor would do it, where that is possible in a moment. The
reasons for which a form comes back are given to the store to refuse with: the page is the same.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import NoReturn

from flask import Flask, abort
from werkzeug.datastructures import MultiDict

from intake.errors import IntakeError, SettingsMistaken
from intake.online.preview_form import has_leave, problems_with_form
from intake.online.preview_mailbox import mailbox_states
from intake.online.preview_receipt import receipt_states
from intake.online.preview_scene import PreviewScene, preview_scene
from intake.online.preview_visitor import Found, Visitor, everything
from intake.online.preview_weight import advice_on_weight, weight
from intake.online.questionnaire.model import Questionnaire
from intake.online.refusal import Reason, Refusal
from intake.online.settings import Settings
from intake.online.witness.app import create_app

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
    """One page as it was answered.

    ``policy`` is its Content-Security-Policy, ``weight`` what it has in bytes on the wire;
    ``problems`` has a sentence for each thing that is wrong with it, and ``advice`` for what could
    be better.
    """

    page: str
    name: str
    tag: str
    status: int
    html: bytes
    policy: str
    weight: int
    problems: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The name of a file for it."""
        return f"{self.page}-{self.name}-{self.tag}.html"


def preview(settings: Settings) -> list[State]:
    """Return every page in every state and language of the deployment of ``settings``.

    Raises:
        SettingsMistaken: what the pages are to say is wrong, or a page cannot be made.
    """
    alone = preview_scene(settings, custodians=False)
    with preview_scene(settings) as scene, alone as without_custodians:
        # That nothing is in force on the last pages is no news for the log.
        logging.disable(logging.ERROR)
        try:
            found = _states(scene, _app(scene))
            return [*found, *_states_without_custodians(without_custodians)]
        except IntakeError:
            raise
        except Exception as error:
            raise _cannot_be_made(error) from error
        finally:
            logging.disable(logging.NOTSET)


def _app(scene: PreviewScene) -> Flask:
    """Return the real application, in which an error of its own is not answered but raised."""
    app = create_app(scene.deployment)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.register_error_handler(Exception, _raise)
    app.add_url_rule("/failing", view_func=lambda: abort(503))
    return app


def _states(scene: PreviewScene, app: Flask) -> Iterator[State]:
    tags = [language.tag for language in scene.deployment.languages]
    asked = scene.deployment.questionnaire
    for tag in tags:
        for found in (
            _plain_states(Visitor(app, tag)),
            _form_states(scene, app, tag),
            receipt_states(scene, app, tag),
            mailbox_states(scene, app, tag),
        ):
            yield from (_state(tag, one, asked) for one in found)
    scene.close()
    for tag in tags:
        yield from (_state(tag, one, asked) for one in _closed_states(Visitor(app, tag)))


def _states_without_custodians(scene: PreviewScene) -> Iterator[State]:
    """Yield the form where nobody can be told what identifies a witness, and so is not asked."""
    asked = scene.deployment.questionnaire
    if not any(question.identifying for question in asked.questions()):
        return
    app = _app(scene)
    for language in scene.deployment.languages:
        page = Visitor(app, language.tag).get("/submit")
        yield _state(language.tag, Found("submit", "no_custodians", page), asked)


def _state(tag: str, found: Found, asked: Questionnaire) -> State:
    answer = found.answer
    policy = answer.headers["Content-Security-Policy"]
    sent = answer.data, policy, weight(answer)
    state = State(found.page, found.name, tag, answer.status_code, *sent)
    return replace(
        state,
        problems=tuple(_problems(state, found, asked)),
        advice=tuple(advice_on_weight(state.page, state.file, answer)),
    )


def _problems(state: State, found: Found, asked: Questionnaire) -> Iterator[str]:
    """Yield what would keep a witness from what the page is for; a template can do that."""
    if state.status != found.status:
        yield (
            f"The page {state.file} was answered with {state.status}, and not with "
            f"{found.status:d}: the template of the page that leads there may lack a field."
        )
        return
    if not has_leave(found.answer.text, state.tag):
        yield f"The page {state.file} has no link to /{state.tag}/leave: nobody could leave it."
    if (state.page, state.name) == ("submit", "usual"):
        yield from problems_with_form(found.answer.text, state.tag, asked)


def _plain_states(visitor: Visitor) -> Iterator[Found]:
    yield Found("front", "usual", visitor.get("/"))
    yield Found("front", "over_tor", visitor.get("/", host=_ONION))
    yield Found("keys", "usual", visitor.get("/keys"))
    yield Found("error", "404", visitor.get("/nothing"), HTTPStatus.NOT_FOUND)
    yield Found("error", "405", visitor.post("/", MultiDict()), HTTPStatus.METHOD_NOT_ALLOWED)
    yield Found("error", "503", visitor.get("/failing", prefix=""), HTTPStatus.SERVICE_UNAVAILABLE)


def _closed_states(visitor: Visitor) -> Iterator[Found]:
    none = Reason.NO_KEYS.status
    yield Found("front", "closed", visitor.get("/"))
    yield Found("submit", "closed", visitor.get("/submit"), none)
    yield Found("keys", "closed", visitor.get("/keys"), none)


def _form_states(scene: PreviewScene, app: Flask, tag: str) -> Iterator[Found]:
    questions = scene.deployment.questionnaire
    visitor = Visitor(app, tag)
    empty = visitor.get("/submit")
    yield Found("submit", "usual", empty)
    filled = visitor.fill(empty)
    filled.update(everything(questions, tag))
    for reason in Reason:
        if reason not in _NOT_THE_FORMS:
            with scene.refusing(Refusal(reason, field=_field(reason, questions))):
                yield Found(
                    "submit", reason.name.lower(), visitor.post("/submit", filled), reason.status
                )
    old = MultiDict([*filled.items(multi=True), ("no-longer-asked", "…")])
    yield Found("submit", "old_form", visitor.post("/submit", old), Reason.QUESTIONS_CHANGED.status)
    for language in scene.deployment.languages:
        if language.tag != tag:  # written in another language, then changed to this one
            switched = Visitor(app, tag).post("/submit?switch=1", filled, encoded=True)
            yield Found("submit", f"from_{language.tag}", switched)


def _field(reason: Reason, questions: Questionnaire) -> str:
    """Return the field that a refusal of the form is about, where the reason does not know it."""
    identifying = [q.id for q in questions.questions() if q.identifying]
    texts = [q.id for q in questions.questions() if not q.identifying and q.fields == (q.id,)]
    match reason:
        case Reason.ANSWER_TOO_LONG:
            return (*texts, "")[0]
        case Reason.REACH_TOO_LONG | Reason.NOBODY_TO_TELL:
            return (*identifying, "")[0]
    return ""


def _raise(error: Exception) -> NoReturn:
    raise error


def _cannot_be_made(error: Exception) -> SettingsMistaken:
    """Say in which template a page failed."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}, line {frame.lineno}" for frame in frames]
    place = ([place for place in places if ".html, " in place] or places)[-1]
    return SettingsMistaken(f"A page cannot be made: {place}: {error}.")
