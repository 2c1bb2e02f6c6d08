"""What is wrong with a deployment's pages, and what could be better: a part of ``intake doctor``.

It makes every page as :mod:`intake.online.preview_states` does, over keys that are thrown away.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from intake.command_line import counted
from intake.errors import IntakeError
from intake.online.deployment import questionnaire_of
from intake.online.doctor import Finding
from intake.online.keys_in_force import KeysInForce
from intake.online.preview_states import preview
from intake.online.settings import Settings
from intake.online.status import problems_with_an_unused_state
from intake.online.witness import languages


def examine_pages(settings: Settings, keys: KeysInForce, today: dt.date) -> Finding:
    """Return what is wrong with the pages; all may be well and something advised."""
    try:
        states = preview(settings)
        advice = [*advice_on_languages(settings), *_unasked(settings, keys, today)]
    except IntakeError as error:
        return Finding("pages", (str(error),))
    advice += [sentence for state in states for sentence in state.advice]
    return Finding("pages", tuple(p for state in states for p in state.problems), tuple(advice))


def advice_on_languages(settings: Settings) -> list[str]:
    """Return which languages are not offered for want of a translation, where all would be.

    Where the settings name them, one that is not complete is refused.
    """
    return [] if settings.pages.languages else list(languages.waiting().values())


def _unasked(settings: Settings, keys: KeysInForce, today: dt.date) -> Iterator[str]:
    """Yield which questions no witness sees, although the questionnaire asks them."""
    asked = questionnaire_of(settings.pages, languages.offered(settings.pages.languages))
    identifying = [question.id for question in asked.questions() if question.identifying]
    # Looking at the keys remembers them: nothing is to be made where a backup is to be restored.
    if not identifying or problems_with_an_unused_state(settings):
        return
    try:
        custodians = keys.look(today).custodians
    except IntakeError:  # said already, and nothing is asked at all
        return
    if not custodians:
        questions = counted(len(identifying), "question is", "questions are")
        yield (
            f"{questions} asked only where there are custodians, and the epoch in force has none: "
            f"{', '.join(identifying)}."
        )
