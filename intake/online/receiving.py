"""From a request's body to fields and files, in one pass and constant memory.

Our own loop over a strict push parser. Fields come first and are held, within a bound; then files
come, block by block, and are never held. What was read of the fields stays in
:attr:`ArrivingForm.fields` whatever goes wrong later, so that no word is lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from multipart import MultipartError, MultipartSegment, PushMultipartParser

from intake.online.refusal import Reason, Refusal

#: The most that is read at once (measured: docs/performance.md).
BLOCK = 1024 * 1024

#: A part's header line: a name of 4,000 Burmese letters fits.
HEADER_LINE_LIMIT = 16 * 1024
#: Parts that are no files: far more than any questionnaire has.
FIELDS_LIMIT = 1000

#: The parser wants the last boundary and what stands behind it in one piece.
_TAIL = 4096

#: How long a body may take to arrive, in seconds, where nobody says. An epoch is called closed only
#: after this and a margin: what arrived later would be an account that nobody can open any more.
MOST_SECONDS = 24 * 3600


class Body:
    """A request's body: so many bytes, from a stream that may break off."""

    def __init__(
        self,
        read: Callable[[int], bytes],
        length: int,
        *,
        seconds: float = MOST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read ``length`` bytes with ``read``, which returns some of them, and none at the end.

        What has not arrived ``seconds`` from now is not taken.
        """
        self._read = read
        self._left = length
        self._clock = clock
        self._deadline = clock() + seconds

    def blocks(self) -> Iterator[bytes]:
        """Yield the body as it arrives, in blocks of at most ``BLOCK`` and a tail.

        Raises:
            Refusal: the connection broke, or it took too long.
        """
        while self._left:
            block = self._receive(BLOCK)
            broken: Refusal | None = None
            try:
                while 0 < self._left < _TAIL:
                    block += self._receive(_TAIL)
            except Refusal as refusal:
                broken = refusal
            yield block  # also when it broke: the words in it are given back
            if broken is not None:
                raise broken
            if self._left and self._clock() > self._deadline:
                raise Refusal(Reason.TOO_SLOW)

    def _receive(self, most: int) -> bytes:
        try:
            data = self._read(min(most, self._left))
        except OSError as error:
            self._left = 0
            raise Refusal(Reason.CUT_SHORT) from error
        if not data:
            self._left = 0
            raise Refusal(Reason.CUT_SHORT)
        self._left -= len(data)
        return data

    def drain(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Read and forget what is left, for at most ``seconds``.

        A browser shows an answer only when it could send everything, or nearly so.
        """
        deadline = clock() + seconds
        try:
            while self._left and clock() < deadline:
                self._receive(BLOCK)
        except Refusal:
            return


@dataclass(frozen=True)
class ArrivingFile:
    """A file on its way in. ``chunks`` yields its bytes once, and must be used up."""

    name: str
    type: str
    chunks: Iterator[bytes]


class ArrivingForm:
    """A multipart form (RFC 7578) on its way in."""

    def __init__(self, body: Body, boundary: str, *, fields_size: int) -> None:
        """Hold at most ``fields_size`` bytes of fields from ``body``."""
        self.fields: list[tuple[str, bytes]] = []
        self._room = fields_size
        self._events = self._parse(body, boundary)
        self._file: MultipartSegment | None = None

    def read_fields(self) -> None:
        """Read the fields, up to the first file or the end.

        Raises:
            Refusal: the form is malformed, cut short, or holds too much text.
        """
        if self._file is None:
            self._file = self._next_file(fields_may_come=True)

    def files(self, field: str) -> Iterator[ArrivingFile]:
        """Yield the files of ``field`` in turn, each to be used up before the next.

        Raises:
            Refusal: the form is malformed or cut short; fields follow files; a file of another
                field.
        """
        self.read_fields()
        while self._file is not None:
            segment = self._file
            if segment.name != field:
                raise Refusal(Reason.MALFORMED)
            yield ArrivingFile(
                name=_unicode(segment.filename or ""),
                type=segment.content_type or "application/octet-stream",
                chunks=self._chunks(),
            )
            self._file = self._next_file(fields_may_come=False)

    def _next_file(self, *, fields_may_come: bool) -> MultipartSegment | None:
        """Go on to the next part that is a file, keeping the fields before it."""
        for event in self._events:
            if not isinstance(event, MultipartSegment):
                raise Refusal(Reason.MALFORMED)
            if event.filename:
                return event
            if event.filename is None and not fields_may_come:
                # It would not have been judged before the files, and must not be lost unsaid.
                raise Refusal(Reason.MALFORMED)
            self._read_field(event)
        return None

    def _read_field(self, segment: MultipartSegment) -> None:
        value = bytearray()
        # An input of files in which none was chosen arrives as a file without name or content.
        unchosen = segment.filename is not None
        name = segment.name or ""
        self._room -= len(name)
        try:
            for chunk in self._chunks():
                self._room -= len(chunk)
                if self._room < 0:
                    raise Refusal(Reason.FORM_TOO_LONG)
                value += chunk
        finally:
            # Half a field too: what has arrived of the words is given back.
            if not unchosen:
                self.fields.append((name, bytes(value)))
        if unchosen and value:
            raise Refusal(Reason.MALFORMED)

    def _chunks(self) -> Iterator[bytes]:
        for event in self._events:
            if event is None:
                return
            if isinstance(event, MultipartSegment):
                break
            yield bytes(event)
        raise Refusal(Reason.MALFORMED)

    def _parse(
        self, body: Body, boundary: str
    ) -> Iterator[MultipartSegment | bytes | bytearray | None]:
        try:
            with PushMultipartParser(
                boundary,
                max_header_size=HEADER_LINE_LIMIT,
                max_segment_count=FIELDS_LIMIT,
                header_charset="latin-1",  # bytes as they are: names are decoded below
                strict=True,
            ) as parser:
                for block in body.blocks():
                    yield from parser.parse(block)
        except MultipartError as error:
            raise Refusal(Reason.MALFORMED) from error


def _unicode(latin_1: str) -> str:
    """Return a header's bytes as UTF-8; what is not becomes U+FFFD."""
    return latin_1.encode("latin-1").decode("utf-8", errors="replace")
