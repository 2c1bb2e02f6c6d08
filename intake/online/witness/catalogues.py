"""The sentences of the pages, for those who translate them: ``python -m`` this to renew catalogues.

Collects every sentence from the templates and from :mod:`intake.online.refusal`, and brings each
``locale/*.po`` up to date: what is new stands there untranslated, what is gone is dropped.
"""

from __future__ import annotations

import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from intake.online import refusal
from intake.online.witness.languages import CATALOGUES
from intake.online.witness.templates import template_folder

_JINJA = "jinja2.ext:babel_extract"


def collect() -> Catalog:
    """Return every sentence that a witness can meet."""
    template = Catalog(project="intake", charset="utf-8")
    for path in sorted(template_folder().glob("*.html")):
        _add(template, _JINJA, path)
    _add(template, "python", Path(refusal.__file__))
    return template


def renew(path: Path) -> Catalog:
    """Return the catalogue at ``path``, brought up to date."""
    with path.open("rb") as file:
        catalogue = read_po(file)
    catalogue.update(collect(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    return catalogue


def _add(template: Catalog, method: str, path: Path) -> None:
    options = {"silent": "false", "trim_blocks": "true", "lstrip_blocks": "true"}
    for _line, message, _comments, _context in extract_from_file(
        method, path, keywords={"_": None, "gettext": None}, options=options
    ):
        template.add(message, locations=[(path.name, 0)])


def main() -> None:
    """Renew every catalogue."""
    for path in sorted(CATALOGUES.glob("*.po")):
        renewed = io.BytesIO()
        write_po(renewed, renew(path), width=100, sort_output=False, include_lineno=False)
        path.write_bytes(renewed.getvalue())


if __name__ == "__main__":
    main()
