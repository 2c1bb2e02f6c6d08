"""The organisation's own words for its first page: a folder with ``en.md``, ``my.md`` and so on.

Markdown becomes HTML here, and bleach lets little of it through: no picture, no link, nothing that
could be fetched. A link is shown as its text and its address, so that nobody follows one by
mistake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import bleach
from markdown_it import MarkdownIt
from markdown_it.token import Token

from intake.errors import SettingsMistaken

#: The first page has to arrive before a bad line pauses for the first time.
MOST_CHARACTERS = 2000

_TAGS = frozenset({"p", "ul", "ol", "li", "strong", "em", "h3", "br", "blockquote"})


def read_words(folder: Path | None, tags: Sequence[str]) -> Mapping[str, str]:
    """Return the words as HTML, by the tag of their language; none where there is no folder.

    Raises:
        SettingsMistaken: a language that is offered has no file, or one cannot be used.
    """
    return {} if folder is None else {tag: _read(folder / f"{tag}.md") for tag in tags}


def _read(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SettingsMistaken(
            f"Cannot read {path}: {error.strerror}. The folder pages.words needs a file for each "
            "language that the pages are offered in."
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsMistaken(f"{path} is not UTF-8: save it as that.") from error
    if not text.strip():
        raise SettingsMistaken(f"{path} is empty: write who you are, in a few sentences.")
    if len(text) > MOST_CHARACTERS:
        raise SettingsMistaken(
            f"{path} has {len(text)} characters; at most {MOST_CHARACTERS} reach a phone on a bad "
            "line at once. Shorten it."
        )
    return to_html(text)


def to_html(text: str) -> str:
    """Return Markdown as the little HTML that the first page shows of it."""
    markdown = MarkdownIt("commonmark", {"html": False}).disable("image")
    tokens = markdown.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = "h3"  # below the page's own
        token.children = _without_links(token.children or [])
    rendered = markdown.renderer.render(tokens, markdown.options, {})
    return bleach.clean(rendered, tags=_TAGS, attributes={}, protocols=(), strip=True).strip()


def _without_links(tokens: Sequence[Token]) -> list[Token]:
    """Put a link's address behind its text, unless the text is the address."""
    shown: list[Token] = []
    address = text = ""
    for token in tokens:
        if token.type == "link_open":
            address, text = str(token.attrs.get("href", "")), ""
        elif token.type == "link_close":
            shown += [] if text == address else [Token("text", "", 0, content=f" ({address})")]
        else:
            text += token.content
            shown.append(token)
    return shown
