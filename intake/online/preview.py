"""Looking through every page in every state and language: ``intake preview``.

The pages are made once, by the real application over a deployment that is thrown away, and shown
or written as they were answered. Nothing can be sent from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from markupsafe import Markup
from werkzeug import Request, Response
from werkzeug.serving import BaseWSGIServer, make_server

from intake.durable import write_file
from intake.errors import IntakeError, SettingsMistaken
from intake.online.preview_states import State, preview
from intake.online.settings import Settings

LOOPBACK = "127.0.0.1"

#: Where *Leave* and every other link of a page leads: back to the list.
_LIST = "/"


def write_pages(states: Sequence[State], folder: Path) -> None:
    """Write each page into ``folder``, as ``PAGE-STATE-LANGUAGE.html``.

    Raises:
        SettingsMistaken: it cannot be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for state in states:
            write_file(folder / state.file, state.html)
    except OSError as error:
        raise SettingsMistaken(f"Cannot write to {folder}: {error.strerror}.") from error


def pages_server(states: Sequence[State], port: int) -> BaseWSGIServer:
    """Return a server of the pages and a list of them, on the loopback interface alone.

    Raises:
        SettingsMistaken: another program listens on ``port``.
    """
    pages = {f"/{state.file}": state for state in states}
    index = _index(states)

    @Request.application
    def answer(request: Request) -> Response:
        state = pages.get(request.path)
        if state is not None:
            headers = {"Content-Security-Policy": state.policy, "Cache-Control": "no-store"}
            return Response(state.html, mimetype="text/html", headers=headers)
        if request.path != _LIST:
            return Response(status=303, headers={"Location": _LIST})
        return Response(index, mimetype="text/html")

    try:
        return make_server(LOOPBACK, port, answer, threaded=True)
    except (OSError, SystemExit) as error:
        raise SettingsMistaken(
            f"Cannot listen on port {port}: another program may be there. Name another: --port."
        ) from error


def problems_with_pages(settings: Settings) -> list[str]:
    """Return why a page of this deployment cannot be made, or cannot do what it is for."""
    try:
        return [problem for state in preview(settings) for problem in state.problems]
    except IntakeError as error:
        return [str(error)]


def refuse_broken_templates(settings: Settings) -> None:
    """Make every page once where a deployment has templates of its own.

    In a process that ends with it: this one is to know no code that opens a mailbox.

    Raises:
        SettingsMistaken: one cannot be made, or cannot do what it is for; no witness is to find
            that out.
    """
    if settings.pages.templates is None:
        return
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as elsewhere:
        for problem in elsewhere.submit(problems_with_pages, settings).result():
            raise SettingsMistaken(problem)


def _index(states: Sequence[State]) -> str:
    """Return the list of all pages, by page and state, with a link for each language."""
    rows: dict[tuple[str, str], list[State]] = {}
    for state in states:
        rows.setdefault((state.page, state.name), []).append(state)
    lines = [_row(page, name, found) for (page, name), found in rows.items()]
    return _INDEX.format(rows=Markup("\n").join(lines))


def _row(page: str, name: str, states: Sequence[State]) -> Markup:
    link = Markup('<a href="/{}">{}</a> {:,}')
    links = Markup("<td>").join(link.format(s.file, s.tag, s.weight) for s in states)
    return Markup("<tr><td>{}<td>{}<td>{}<td>{}").format(page, name, states[0].status, links)


_INDEX = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Every page, every state</title>
<style>body{{font:1rem/1.6 system-ui,sans-serif;margin:1rem}}td{{padding:.1rem .75rem .1rem 0}}
:root{{color-scheme:light dark}}</style>
<h1>Every page in every state</h1>
<p>Nothing can be sent from here. A link within a page leads back to this list. Each page is listed
with its status and, for each language, its bytes on the wire, headers and all.</p>
<table>
{rows}
</table>
</html>
"""
