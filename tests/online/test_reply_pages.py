"""How replies become HTML, and how they are laid out on pages of one length."""

from __future__ import annotations

import datetime as dt
import html
import itertools

import bleach.sanitizer
import pytest

from intake.envelope.reply import TEXT_SIZE
from intake.online.mailbox import OpenedReply
from intake.online.witness import foreign
from intake.online.witness.lengths import REPLIES_ROOM, REPLY_FRAME
from intake.online.witness.reply_pages import escaped_size, lay_out
from tests.support.randomness import seeded

DAY = dt.date(2026, 11, 23)


def opened(text: str) -> OpenedReply:
    return OpenedReply(bytes(16), DAY, text, whole=True)


def test_every_character_of_unicode_is_shown_or_said_to_be_none() -> None:
    """One by one and all in a row: nothing is dropped, nothing becomes a tag or half an entity."""
    everything = "".join(chr(p) for p in range(0x110000) if not 0xD800 <= p < 0xE000)
    (shown,) = foreign.replies([everything], 0)
    assert "<" not in shown
    assert ">" not in shown
    plain = str(shown).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    changed = {a for a, b in zip(everything, plain, strict=True) if a != b}
    controls = {chr(point) for point in (*range(0x09), *range(0x0B, 0x20), 0x7F)}
    stand_ins = {chr(point) for point in range(0x10FF00, 0x10FF03)}
    assert changed == controls | stand_ins


@pytest.mark.parametrize("seed", range(20))
def test_any_mixture_comes_back_to_the_letter(seed: int) -> None:
    dice = seeded(seed)
    alphabet = "&<>;#\"' \n\tabကျ်ာ🕊xlt3D&&<<"
    texts = ["".join(dice.choices(alphabet, k=dice.randrange(9000))) for _ in range(4)]
    shown = foreign.replies(texts, 40_000)
    assert [html.unescape(text) for text in shown] == texts


@pytest.mark.parametrize(
    "texts", [[], [""], ["x"], ["&" * 60_000], ["x"] * 8, ["က" * 20_000, "<" * 9], ["\x01" * 9000]]
)
def test_bleach_goes_over_the_same_amount_whatever_there_is(
    monkeypatch: pytest.MonkeyPatch, texts: list[str]
) -> None:
    amounts: list[int] = []
    real = bleach.sanitizer.Cleaner.clean

    def clean(cleaner: bleach.sanitizer.Cleaner, text: str) -> str:
        amounts.append(len(text))
        return real(cleaner, text)

    monkeypatch.setattr(bleach.sanitizer.Cleaner, "clean", clean)
    shown = foreign.replies(texts, REPLIES_ROOM)
    assert len(shown) == len(texts)
    assert sum(amounts) == REPLIES_ROOM
    assert len(amounts) == -(-REPLIES_ROOM // 4000)


@pytest.mark.parametrize("seed", range(30))
def test_nothing_is_lost_doubled_or_out_of_order_and_no_page_is_too_full(seed: int) -> None:
    dice = seeded(seed)
    replies = []
    for _ in range(dice.randrange(9)):
        letters = dice.choice(["x", "က", "&", "<&x", "&က ", "\n"])
        text = (letters * TEXT_SIZE)[: dice.choice([0, 1, 50, 5000, TEXT_SIZE // 3, TEXT_SIZE])]
        replies.append(opened(text))
    pages = lay_out(replies)
    assert pages
    for page in pages:
        assert sum(part.room for part in page) <= REPLIES_ROOM
        taken = sum(len(str(t).encode()) for t in foreign.replies([p.text for p in page], 0))
        assert taken + REPLY_FRAME * len(page) <= REPLIES_ROOM
    parts = [part for page in pages for part in page]
    together: list[str] = []
    for part in parts:
        if part.continued:
            together[-1] += part.text
        else:
            together.append(part.text)
    assert together == [reply.text for reply in replies]
    for before, after in itertools.pairwise(parts):
        assert before.goes_on == after.continued


def test_no_replies_are_one_page() -> None:
    assert lay_out([]) == [[]]


def test_a_reply_is_cut_only_where_no_page_holds_it() -> None:
    whole = "x" * (REPLIES_ROOM - REPLY_FRAME)
    assert [len(page) for page in lay_out([opened(whole)])] == [1]
    assert [len(page) for page in lay_out([opened(whole + "x")])] == [1, 1]
    assert [len(page) for page in lay_out([opened("x"), opened(whole)])] == [1, 1]


@pytest.mark.parametrize("text", ["", "x", "က", "&<>", "a&b" * 100, "🕊<"])
def test_the_size_is_that_of_the_html(text: str) -> None:
    assert escaped_size(text) == len(str(foreign.replies([text], 0)[0]).encode())
