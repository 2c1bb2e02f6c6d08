"""Foreign text becoming HTML: all of it goes through here, and through bleach."""

from __future__ import annotations

import bleach
from markupsafe import Markup, escape


def foreign(text: str | None) -> Markup:
    """Return ``text``, typed or chosen by a stranger, as HTML that shows it and does nothing.

    It is escaped first, so that ``&lt;`` typed by a witness comes back as ``&lt;``; bleach then
    allows no tag at all.
    """
    return Markup(bleach.clean(str(escape(text or "")), tags=frozenset()))  # noqa: S704  # cleaned
