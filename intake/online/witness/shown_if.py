"""Style rules that hide a question for as long as its condition is not met.

Never one in which something is filled in: what is sent can be seen. Browsers that do not know
``:has`` show every question. An id holds small letters, digits and hyphens alone, and begins with
a letter (:mod:`intake.online.questionnaire.entries`), so that none needs an escape.
"""

from __future__ import annotations

from collections.abc import Sequence

from intake.online.questionnaire.model import Condition, Questionnaire

#: A control in which something is filled in. A text shows its placeholder, a space, while it is
#: empty; a select always has an option chosen.
_FILLED = (
    'input:checked:not([value=""]),option:checked:not([value=""]),'
    "[placeholder]:not(:placeholder-shown)"
)


def shown_if_rules(questionnaire: Questionnaire) -> str:
    """Return the rules for every question with a condition, and every section of such alone."""
    rules = []
    for section in questionnaire.sections:
        conditions = [q.shown_if for q in section.questions]
        if conditions and None not in conditions:
            rules.append(_rule(f"s_{section.id}", [c for c in conditions if c]))
        rules += [_rule(f"q_{q.id}", [q.shown_if]) for q in section.questions if q.shown_if]
    return "@supports selector(:has(*)){" + "".join(rules) + "}\n" if rules else ""


def _rule(hidden: str, conditions: Sequence[Condition]) -> str:
    options = dict.fromkeys(f"#{c.question}_{option}" for c in conditions for option in c.options)
    met = ",".join(f"{option}:checked" for option in options)
    return f"form:not(:has({met})) #{hidden}:not(:has({_FILLED})){{display:none}}"
