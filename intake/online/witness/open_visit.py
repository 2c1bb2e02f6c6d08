"""The mailbox that a visit has open: its code, in the sealed cookie, for ten minutes.

The ten minutes begin anew each time it is used.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Self

from flask import session

from intake.online.witness.visit import CODE_SECONDS
from intake.receipt.code import Code

_KEY = "mailbox"


@dataclass(frozen=True)
class Done:
    """What was just done in the mailbox, for the next page to say.

    ``what`` is ``sent``, ``deleted``, ``withdrawn`` or ``forgotten``; the numbers are those of
    what was sent, ``size`` in bytes.
    """

    what: str
    characters: int = 0
    files: int = 0
    size: int = 0


@dataclass(frozen=True)
class OpenVisit:
    """A visit to an open mailbox."""

    code: Code
    done: Done | None = None

    @classmethod
    def current(cls, now: float) -> Self | None:
        """Return the mailbox that is open; ``None`` where none is, or ten minutes are over."""
        kept = session.get(_KEY)
        if not kept or kept["until"] < now:
            return None
        done = kept.get("done")
        return cls(Code(kept["code"]), Done(**done) if done else None)

    @classmethod
    def begin(cls, code: Code, now: float) -> Self:
        """Open the mailbox of ``code`` for this visit."""
        visit = cls(code)
        visit.keep(now)
        return visit

    @staticmethod
    def end() -> bool:
        """Forget the mailbox; return whether there was one, be it until this moment."""
        dropped: frozenset[str] = getattr(session, "dropped", frozenset())
        return session.pop(_KEY, None) is not None or _KEY in dropped

    def keep(self, now: float, done: Done | None = None) -> None:
        """Let the visit carry it for ten minutes from now, and what was ``done``."""
        kept = {"code": self.code.reveal(), "until": int(now) + CODE_SECONDS}
        session[_KEY] = kept | ({"done": asdict(done)} if done else {})
