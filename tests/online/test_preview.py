"""``intake preview``: every page in every state and language, without touching the deployment."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from intake.online.cli import intake
from intake.online.preview import pages_server
from intake.online.preview_states import State, preview
from intake.online.refusal import Reason
from tests.support.deployments import Scene, make_scene
from tests.support.servers import free_port


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("preview") / "deployment")


@pytest.fixture(scope="module")
def states(scene: Scene) -> list[State]:
    return preview(scene.settings)


def everything_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_page_is_there_in_every_language_once(states: list[State]) -> None:
    counted = Counter(state.file for state in states)
    assert set(counted.values()) == {1}
    for tag in ("en", "my"):
        pages = {state.page for state in states if state.tag == tag}
        assert pages == {
            "front",
            "submit",
            "receipt",
            "mailbox",
            "mailbox_open",
            "mailbox_refused",
            "keys",
            "error",
        }


def test_every_reason_for_which_something_is_refused_is_shown_somewhere(
    states: list[State],
) -> None:
    shown = {state.name for state in states}
    # These two need a store that fails at the very moment: their page has no form of its own.
    missing = {reason.name.lower() for reason in Reason} - shown
    assert missing <= {"no_mailbox", "not_done"}


def test_what_is_wrong_is_marked_and_what_is_well_is_not(states: list[State]) -> None:
    for state in states:
        wrong = state.status >= 400
        if wrong:
            assert b'class="error"' in state.html, state.file
        assert state.html.startswith(b"<!doctype html>"), state.file
        assert f'<html lang="{state.tag}"'.encode() in state.html, state.file
        assert b"/failing" not in state.html


def test_the_form_is_shown_with_and_without_what_only_custodians_may_read(
    states: list[State],
) -> None:
    by_file = {state.file: state.html.decode() for state in states}
    for tag in ("en", "my"):
        assert 'name="reach"' in by_file[f"submit-usual-{tag}.html"]
        assert 'name="reach"' not in by_file[f"submit-no_custodians-{tag}.html"]


def test_a_mailbox_is_shown_with_what_is_in_it(states: list[State]) -> None:
    by_file = {state.file: state.html.decode() for state in states}
    assert by_file["mailbox_open-replies-en.html"].count('class="reply"') >= 1
    assert 'class="reply"' not in by_file["mailbox_open-empty-en.html"]
    for name in ("sent", "deleted", "forgotten", "withdrawn"):
        assert 'class="done"' in by_file[f"mailbox_open-{name}-en.html"]


def test_the_pages_are_written_and_the_deployment_is_not_touched(
    scene: Scene, tmp_path: Path
) -> None:
    before = everything_in(scene.folder)
    folder = tmp_path / "pages"
    arguments = ["--config", str(scene.config), "preview", "--write", str(folder)]
    done = CliRunner().invoke(intake, arguments)
    assert done.exit_code == 0, done.output
    assert everything_in(scene.folder) == before
    assert (folder / "front-usual-my.html").read_text().startswith("<!doctype html>")
    assert f"{len(list(folder.iterdir()))} pages in {folder}" in done.output


def test_a_machine_without_keys_can_show_the_pages(tmp_path: Path) -> None:
    config = tmp_path / "intake.toml"
    config.write_text(
        '[keys]\nroot = "no/root.pub"\nmanifest = "no/manifest.json"\n[store]\nstate = "none"\n'
        '[pages]\norganisation = "Example"\nlanguages = ["my"]\n'
    )
    arguments = ["--config", str(config), "preview", "--write", str(tmp_path / "pages")]
    assert CliRunner().invoke(intake, arguments).exit_code == 0
    assert not list((tmp_path / "pages").glob("*-en.html"))
    assert not (tmp_path / "none").exists()


def test_the_pages_are_served_on_the_loopback_interface(states: list[State]) -> None:
    port = free_port()
    server = pages_server(states, port)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        assert server.server_address[0] == "127.0.0.1"
        index = _get(port, "/").read().decode()
        for state in states:
            assert f'href="/{state.file}">{state.tag}</a> {state.weight:,}' in index
        page = _get(port, f"/{states[0].file}")
        assert page.read() == states[0].html
        assert page.headers["Content-Security-Policy"] == states[0].policy
        away = _get(port, "/en/leave")
        assert (away.status, away.headers["Location"]) == (303, "/")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _get(port: int, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path, headers={"Connection": "close"})
    return connection.getresponse()
