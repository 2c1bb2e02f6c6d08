"""A visitor without a browser, who goes through the real pages and keeps what they answer."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http import HTTPStatus

from flask import Flask
from werkzeug.datastructures import MultiDict
from werkzeug.test import Client, TestResponse

from intake.online.questionnaire.model import Kind, Question, Questionnaire
from intake.receipt.code import Code

#: What is typed where words are asked for: short enough for the smallest field.
WORDS = "ဥပမာ · An example"

_File = tuple[io.BytesIO, str]


@dataclass(frozen=True)
class Found:
    """A page, a state of it, what was answered, and the status with which it should be."""

    page: str
    name: str
    answer: TestResponse
    status: int = HTTPStatus.OK


class Visitor:
    """Somebody at the pages of one application, in one language."""

    def __init__(self, app: Flask, tag: str) -> None:
        """Visit ``app`` in the language ``tag``."""
        self._client = Client(app)
        self._tag = tag

    def get(self, path: str, *, host: str = "localhost", prefix: str | None = None) -> TestResponse:
        """Return the answer to an address, behind its language or another ``prefix``."""
        before = f"/{self._tag}" if prefix is None else prefix
        headers = {"Host": host, "Accept-Language": self._tag}
        return self._client.get(f"{before}{path}", headers=headers)

    def post(
        self,
        path: str,
        fields: MultiDict[str, str],
        files: Sequence[_File] = (),
        *,
        encoded: bool = False,
    ) -> TestResponse:
        """Send a form: as one that carries files, unless it is to be ``encoded``."""
        data: dict[str, object] = {name: fields.getlist(name) for name in fields}
        if files:
            data["attachments"] = [(io.BytesIO(file.getvalue()), name) for file, name in files]
        kind = "application/x-www-form-urlencoded" if encoded else "multipart/form-data"
        return self._client.post(f"/{self._tag}{path}", data=data, content_type=kind)

    @staticmethod
    def fill(page: TestResponse) -> MultiDict[str, str]:
        """Return the hidden fields of the first form on a page that is one of ours."""
        ours = (form for form in hidden_fields(page.text) if "csrf_token" in form)
        return next(ours, MultiDict())

    def open_mailbox(self, code: Code) -> TestResponse:
        """Type a code at the door, and return the mailbox behind it."""
        fields = self.fill(self.get("/mailbox"))
        fields["code"] = code.reveal()
        self.post("/mailbox", fields)
        return self.get("/mailbox/open")


def everything(questionnaire: Questionnaire, tag: str) -> MultiDict[str, str]:
    """Return an answer to every question and consent that is asked in a language."""
    fields = MultiDict({"account": f"{WORDS}\n\n{WORDS}"})
    for question in questionnaire.questions():
        if not question.is_asked_in(tag):
            continue
        for name, value in _answers(question):
            fields.add(name, value)
    for consent in questionnaire.consents:
        fields.add(consent.field, consent.options[0].id if consent.options else "yes")
    return fields


def _answers(question: Question) -> list[tuple[str, str]]:
    """Return the fields of an answer to ``question``."""
    options = [option.id for option in question.options]
    match question.kind:
        case Kind.TEXT | Kind.LONG_TEXT:
            values = [WORDS]
        case Kind.CHOICE:
            values = options[:1]
        case Kind.CHOICES:
            return [(question.id, option) for option in options]
        case Kind.DATE:
            values = ["2026", "11", "23", "yes"]
        case Kind.PLACE:
            values = [WORDS, options[0]]
        case Kind.NUMBERS:
            values = ["10", "20"]
    return list(zip(question.fields, values, strict=True))


def hidden_fields(page: str) -> list[MultiDict[str, str]]:
    """Return the hidden fields of each form of a page."""
    found = _Forms()
    found.feed(page)
    return found.forms


@dataclass
class _Forms(HTMLParser):
    forms: list[MultiDict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append(MultiDict())
        hidden = tag == "input" and given.get("type") == "hidden"
        if hidden and self.forms and given.get("name"):
            self.forms[-1].add(given["name"] or "", given.get("value") or "")
