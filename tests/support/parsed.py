"""A page as a browser's parser sees it: what is in its fields, and what else there is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from xml.etree.ElementTree import Element

#: bleach brings its own copy, which is the parser by which it judges what a tag is.
html5lib: Any = import_module("bleach._vendor.html5lib")

_OURS = {"csrf_token", "code", "code_mac"}


@dataclass(frozen=True)
class Parsed:
    """The tree of a page."""

    root: Element

    @classmethod
    def of(cls, page: str) -> Parsed:
        """Parse a page by the rules of HTML, which find a tree in anything."""
        return cls(html5lib.parse(page, treebuilder="etree", namespaceHTMLElements=False))

    def values(self) -> dict[str, list[str]]:
        """Return what a browser would send of each field that is filled in or chosen."""
        found: dict[str, list[str]] = {}
        for element in self.root.iter():
            for value in _values(element):
                found.setdefault(element.get("name", ""), []).append(value)
        return found

    def skeleton(self, typed: Iterable[str]) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
        """Return every element with its attributes, but for what the fields ``typed`` hold."""
        free = {*typed, *_OURS}
        return list(_bare(self.root, free, within=""))

    def texts(self) -> str:
        """Return all text that is not in a field."""
        return "\n".join(part.strip() for element in self.root.iter() for part in _texts(element))


def _texts(element: Element) -> Iterable[str]:
    inside = "" if element.tag in {"textarea", "option", "style"} else element.text
    return filter(str.strip, (inside or "", element.tail or ""))


def _values(element: Element) -> Iterable[str]:
    if element.tag == "textarea":
        yield element.text or ""
    elif element.tag == "input" and element.get("type") in {"checkbox", "radio"}:
        if "checked" in element.keys():  # noqa: SIM118  # an Element is no mapping
            yield element.get("value", "")
    elif element.tag == "input":
        yield element.get("value", "")
    elif element.tag == "select":
        yield next((o.get("value", "") for o in element if o.get("selected") is not None), "")


def _bare(
    element: Element, free: set[str], *, within: str
) -> Iterable[tuple[str, tuple[tuple[str, str], ...]]]:
    name = element.get("name", within)
    kept = {n: v for n, v in element.items() if not (n == "value" and name in free)}
    yield str(element.tag), tuple(sorted(kept.items()))
    for child in element:
        yield from _bare(child, free, within=name if element.tag == "select" else "")
