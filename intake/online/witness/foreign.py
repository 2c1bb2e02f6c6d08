"""Foreign text becoming HTML: all of it goes through here.

Names and the like go through bleach. What a witness typed, and is shown again in the form, is only
escaped: bleach takes time that grows with the square of its entities, and drops control characters,
where the words have to come back to the letter (docs/decisions/0007-typed-words.md).
"""

from __future__ import annotations

import bleach
from markupsafe import Markup, escape

#: Nothing that is shown by its name is longer; what is, is cut.
NAME_LIMIT = 500


def foreign(text: str | None) -> Markup:
    """Return a name or the like as HTML that shows it and does nothing: no tag is allowed.

    It is escaped first, so that ``&lt;`` in it comes back as ``&lt;``.
    """
    name = (text or "")[:NAME_LIMIT]
    return Markup(bleach.clean(str(escape(name)), tags=frozenset()))  # noqa: S704  # cleaned


def typed(text: str | None) -> Markup:
    """Return what a witness typed as the content of a textarea, to the letter."""
    return escape(text or "")
