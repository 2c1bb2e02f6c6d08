"""Logs that tell where something failed, and never whose, what or from where.

Exception texts quote input, records quote addresses: so no exception's text and no argument of a
foreign record is ever written, at any level. What is written is a sentence of our own program,
and of an exception its class and the places in the code it came through.
"""

from __future__ import annotations

import logging
import traceback
from types import TracebackType

_OURS = "intake"

ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


class PrivateFormatter(logging.Formatter):
    """Writes the level, the logger, our own sentences, and exceptions without their texts."""

    def format(self, record: logging.LogRecord) -> str:
        ours = record.name == _OURS or record.name.startswith(_OURS + ".")
        # Another program's sentence may have been put together from anything.
        sentence = record.getMessage() if ours else "something happened"
        line = f"{record.levelname.lower()} {record.name}: {sentence}"
        if record.exc_info and record.exc_info[0] is not None:
            line += " " + self.formatException(record.exc_info)
        return line

    def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802  # logging's own name
        kind, _error, trace = ei
        places = [
            f"{frame.f_globals.get('__name__', '?')}:{line}"
            for frame, line in traceback.walk_tb(trace)
        ]
        return f"[{kind.__name__ if kind else '?'} at {' > '.join(places)}]"

    def formatStack(self, _stack_info: str) -> str:  # noqa: N802  # logging's own name
        return ""


def configure(level: int = logging.WARNING) -> None:
    """Send every log of this process through the private formatter to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(PrivateFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
