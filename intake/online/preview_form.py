"""What the empty form must hold, whatever template it is made by, so that an account can be sent.

A template of a deployment may put it in any order and any words. Without one of these a witness
writes in vain, or leaves more behind than the pages say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

from intake.online.questionnaire.model import Questionnaire
from intake.online.witness.forms import OWN_FIELDS

_Attributes = dict[str, str | None]

#: What stands in the form unseen, and is never empty.
_HIDDEN = ("csrf_token", "code", "code_mac", "questions_seen")
_MULTIPART = "multipart/form-data"


def problems_with_form(html: str, tag: str, questionnaire: Questionnaire) -> Iterator[str]:
    """Yield a sentence for each thing that is wrong with the page of the form in a language."""
    page = _Page(f"/{tag}/submit")
    page.feed(html)
    if not page.has_form:
        yield (
            f"The page of the form in {tag} has no form that sends to /{tag}/submit, by post and "
            f"as {_MULTIPART}: nobody could send anything."
        )
        return
    for name in _HIDDEN:
        if not page.hidden.get(name):
            yield f"The form in {tag} has no hidden field {name}: nobody could send anything."
    if not page.has_button:
        yield f"The form in {tag} has no button that sends it."
    if not page.is_kept_off_disk:
        yield (
            f"The form in {tag} has no password field with a value and without a name: what comes "
            "back would be kept in the browser's files."
        )
    yield from _problems_with_fields(page.names, tag, questionnaire)


def _problems_with_fields(
    names: Sequence[str], tag: str, questionnaire: Questionnaire
) -> Iterator[str]:
    asked = (q for q in questionnaire.questions() if q.is_asked_in(tag))
    fields = [name for question in asked for name in question.fields]
    consents = [consent.field for consent in questionnaire.consents]
    for name in ("account", "attachments", *fields, *consents):
        if name not in names:
            yield f"The form in {tag} has no field {name}: nobody could fill it in."
    known = questionnaire.fields() | OWN_FIELDS
    for name in dict.fromkeys(names):
        if name not in known:
            yield f"The form in {tag} has a field {name}: whoever fills it in could not send."
    first_file = names.index("attachments") if "attachments" in names else len(names)
    for name in names[first_file:]:
        if name != "attachments":
            yield f"The form in {tag} has {name} behind the files: with one it could not be sent."


def has_leave(html: str, tag: str) -> bool:
    """Return whether a page of a language can be left at once."""
    page = _Page("")
    page.feed(html)
    return f"/{tag}/leave" in page.links


@dataclass
class _Page(HTMLParser):
    """The links of a page, and the fields of the form that sends to ``address``."""

    address: str
    has_form: bool = False
    has_button: bool = False
    is_kept_off_disk: bool = False
    #: In the order in which a browser sends them.
    names: list[str] = field(default_factory=list)
    hidden: dict[str, str] = field(default_factory=dict)
    links: set[str] = field(default_factory=set)
    _inside: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self.links.add(given.get("href") or "")
        elif tag == "form":
            self._inside = self._is_ours(given)
            self.has_form |= self._inside
        elif self._inside and "disabled" not in given:
            self._take(tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False

    def _is_ours(self, form: _Attributes) -> bool:
        address = (form.get("action") or "").partition("?")[0]
        sends = (form.get("method") or "").lower(), (form.get("enctype") or "").lower()
        return address == self.address and sends == ("post", _MULTIPART)

    def _take(self, tag: str, given: _Attributes) -> None:
        name, value = given.get("name") or "", given.get("value") or ""
        kind = given.get("type") or ("submit" if tag == "button" else "text")
        if tag in {"button", "input"} and kind == "submit":
            self.has_button |= "formaction" not in given and "hidden" not in given
        elif tag in {"input", "select", "textarea"} and name:
            self.names.append(name)
        if tag == "input" and kind == "hidden":
            self.hidden[name] = value
        if tag == "input" and kind == "password":
            self.is_kept_off_disk |= bool(value) and not name
