"""Leaving: on every page, first for a keyboard, and nothing that can be cleared stays."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from werkzeug.test import Client

from intake.online.preview_states import State, preview
from intake.online.witness.app import create_app
from intake.online.witness.visit import COOKIE
from tests.support.deployments import Scene, make_scene, send

#: What a keyboard stops at.
STOPS = {"a", "button", "input", "select", "textarea", "summary"}
#: What a field has from its form, if not by itself (HTML Standard: spelling and grammar checking,
#: autocorrection, autocapitalization). By the standard it has `autocomplete` too, but Firefox keeps
#: in its session files every field that does not say so itself.
INHERITED = {"spellcheck", "autocorrect", "autocapitalize"}


class Page(HTMLParser):
    """What a page has of interest to somebody who wants to leave."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.stops: list[tuple[str, dict[str, str | None]]] = []
        self.forms: list[dict[str, str | None]] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inherited: dict[str, str | None] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.elements.append((tag, self.inherited | given))
        if tag == "form":
            self.forms.append(given)
            self.inherited = {name: value for name, value in given.items() if name in INHERITED}
        if tag in STOPS and given.get("type") != "hidden" and "disabled" not in given:
            self.stops.append((tag, given))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inherited = {}


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> list[State]:
    return preview(make_scene(tmp_path_factory.mktemp("pages") / "deployment").settings)


def test_leaving_is_the_first_stop_of_every_page_in_every_state(states: list[State]) -> None:
    for state in states:
        page = Page(state.html.decode())
        tag, attributes = page.stops[0]
        assert (tag, attributes["class"]) == ("a", "leave"), state.file
        assert attributes["href"] == f"/{state.tag}/leave", state.file
        assert "target" not in attributes, state.file


def test_no_browser_is_to_remember_what_is_typed(states: list[State]) -> None:
    for state in states:
        page = Page(state.html.decode())
        for form in page.forms:
            assert form.get("autocomplete") == "off", state.file
        for tag, given in page.elements:
            typed_in = tag == "textarea" or (tag == "input" and given.get("type") == "text")
            if typed_in:
                assert given.get("autocomplete") == "off", state.file
                assert given.get("spellcheck") == "false", state.file
                assert given.get("autocorrect") == "off", state.file
                assert given.get("autocapitalize") == "off", state.file


def test_every_page_is_kept_out_of_every_cache(client: Client) -> None:
    for path in ("/en/", "/en/submit", "/en/leave", "/en/receipt", "/en/mailbox", "/en/nothing"):
        assert client.get(path).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("visited", [True, False])
def test_leaving_clears_the_site_and_its_cookie(client: Client, *, visited: bool) -> None:
    """Also where no cookie came: that it changes is what makes a browser forget the form."""
    if visited:
        send(client, "စာ")
    answer = client.get("/my/leave", headers={"Sec-Fetch-Mode": "navigate"})
    assert answer.status_code == 303
    assert answer.headers["Clear-Site-Data"] == '"cache", "cookies", "storage"'
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert re.match(rf"{COOKIE}=; Expires=Thu, 01 Jan 1970 .*; Max-Age=0; HttpOnly; ", cookie)
    assert client.get_cookie(COOKIE) is None
    assert client.get("/my/receipt").status_code == 404


def test_every_page_with_a_form_has_a_cookie_that_leaving_deletes(client: Client) -> None:
    for path in ("/en/submit", "/en/mailbox"):
        client.get("/en/leave")
        assert client.get_cookie(COOKIE) is None
        client.get(path)
        assert client.get_cookie(COOKIE) is not None


def test_leaving_goes_where_the_deployment_says_and_tells_nobody_from_where(scene: Scene) -> None:
    deployment = scene.deployment()
    pages = replace(deployment.settings.pages, leave_to="https://weather.example/")
    deployment = replace(deployment, settings=replace(deployment.settings, pages=pages))
    answer = Client(create_app(deployment)).get("/en/leave")
    assert answer.headers["Location"] == "https://weather.example/"
    assert answer.headers["Referrer-Policy"] == "same-origin"
