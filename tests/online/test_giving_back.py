"""Pages that give much back are made few at a time, so that memory is bounded."""

from __future__ import annotations

import threading

from flask import Flask

from intake.online.witness import giving_back

MANY = 10_000_000


def test_two_large_answers_are_made_at_a_time_and_small_ones_do_not_wait() -> None:
    third = threading.Event()

    def make() -> None:
        with giving_back.turn(MANY):
            third.set()

    with giving_back.turn(MANY):
        with giving_back.turn(MANY):
            thread = threading.Thread(target=make)
            thread.start()
            assert not third.wait(0.2)
            with giving_back.turn(1000):
                pass
        assert third.wait(10)
        thread.join()


def test_a_text_comes_in_pieces_and_whole() -> None:
    for text in ("", "က", "x" * 65_536, "😀" * 200_000):
        assert "".join(giving_back.pieces(text)) == text
    assert "".join(giving_back.pieces(None)) == ""
    assert max(map(len, giving_back.pieces("x" * 1_000_000))) == 65_536


def test_a_page_is_padded_to_its_step(app: Flask) -> None:
    with app.test_request_context("/en/nothing"):
        app.preprocess_request()
        page = giving_back.page("error.html", step=1000, status=404)
    assert len(page) % 1000 == 0
    assert page.startswith(b"<!doctype html>")
    assert page.rstrip(b" ").endswith(b"</html>")
