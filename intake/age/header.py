"""The header of an age file: stanzas, each wrapping the file key for somebody, and a MAC.

The rule: what is parsed here can be written again byte for byte, so the MAC may be computed over
the parsed header and no two spellings of one header exist. (C2SP age.md, "Header".)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from intake.age import base64
from intake.errors import HeaderBroken, HeaderForged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intake.secret import Secret

VERSION_LINE = b"age-encryption.org/v1\n"
FILE_KEY_SIZE = 16
WRAPPED_KEY_SIZE = FILE_KEY_SIZE + 16
"""Bytes of a stanza body that holds a file key under ChaCha20-Poly1305."""

MAX_HEADER_SIZE = 1024 * 1024
"""Bytes. Twenty hybrid recipients need 31 KB; a hostile header must not fill the memory."""
MAX_STANZAS = 1024
"""Each stanza may cost a key agreement for each identity: thousands would be a way to stall."""

_COLUMNS = 64
_MAC_SIZE = 32
_STANZA_LINE = re.compile(rb"->((?: [\x21-\x7e]+)+)\n")
_MAC_LINE = re.compile(rb"--- ([A-Za-z0-9+/]{43})\n")
_ARGUMENT = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class Stanza:
    """One recipient stanza.

    Attributes:
        type: what kind of recipient, such as ``X25519``; printable ASCII without spaces.
        args: further arguments, each printable ASCII without spaces.
        body: any bytes; the wrapped file key in every type known here.
    """

    type: str
    args: tuple[str, ...]
    body: bytes

    def __bytes__(self) -> bytes:
        words = (self.type, *self.args)
        if not all(_ARGUMENT.fullmatch(word) for word in words):
            raise HeaderBroken("A stanza's words must be printable ASCII without spaces.")
        body = base64.encode(self.body)
        # The last line is always a short one, if need be an empty one: it ends the body.
        lines = [body[at : at + _COLUMNS] for at in range(0, len(body) + 1, _COLUMNS)]
        return "\n".join(["-> " + " ".join(words), *lines, ""]).encode("ascii")


@dataclass(frozen=True)
class Header:
    """A parsed header. Nothing in it is to be trusted until :meth:`verify` has passed.

    Attributes:
        stanzas: at least one.
        mac: 32 bytes.
    """

    stanzas: tuple[Stanza, ...]
    mac: bytes

    def verify(self, file_key: Secret) -> None:
        """Check the MAC: who does not know ``file_key`` cannot add, drop or change stanzas.

        Raises:
            HeaderForged: the header was changed after sealing.
        """
        try:
            _mac(_unsigned(self.stanzas), file_key).verify(self.mac)
        except InvalidSignature:
            raise HeaderForged(
                "The file's header was changed after it was sealed; ask for the file again."
            ) from None


def serialise(stanzas: Sequence[Stanza], file_key: Secret) -> bytes:
    """Return the bytes of a whole header, MAC included, up to where the payload begins.

    Args:
        stanzas: at least one, at most ``MAX_STANZAS``.
        file_key: 16 bytes.

    Raises:
        HeaderBroken: no stanzas, too many, or a stanza that cannot be written.
    """
    if not 1 <= len(stanzas) <= MAX_STANZAS:
        raise HeaderBroken(f"A header holds between 1 and {MAX_STANZAS} stanzas.")
    unsigned = _unsigned(stanzas)
    mac = base64.encode(_mac(unsigned, file_key).finalize())
    return unsigned + b" " + mac.encode("ascii") + b"\n"


def parse_header(source: BinaryIO) -> Header:
    """Read exactly the header, leaving ``source`` where the payload's nonce begins.

    Args:
        source: a binary stream, standing at the start of an age file without armor.

    Raises:
        HeaderBroken: not an age file, or one whose header breaks a rule or a bound.
    """
    lines = _Lines(source)
    if lines.next() != VERSION_LINE:
        raise HeaderBroken("This is not an age file of version 1.")
    stanzas: list[Stanza] = []
    while True:
        line = lines.next()
        if line.startswith(b"---"):
            break
        if len(stanzas) == MAX_STANZAS:
            raise HeaderBroken("The file's header names more recipients than we read.")
        stanzas.append(_parse_stanza(line, lines))
    if not stanzas:
        raise HeaderBroken("The file's header names no recipient.")
    found = _MAC_LINE.fullmatch(line)
    if found is None:
        raise HeaderBroken("The file's header does not end as headers do.")
    return Header(tuple(stanzas), base64.decode(found[1].decode("ascii")))


class _Lines:
    """The header's lines, within the bound on its size."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._left = MAX_HEADER_SIZE

    def next(self) -> bytes:
        line = self._source.readline(self._left)
        self._left -= len(line)
        if not line.endswith(b"\n"):
            raise HeaderBroken("The file's header is cut short, or longer than we read.")
        return line


def _parse_stanza(line: bytes, lines: _Lines) -> Stanza:
    found = _STANZA_LINE.fullmatch(line)
    if found is None:
        raise HeaderBroken("A line of the file's header is not a recipient's.")
    kind, *args = found[1][1:].decode("ascii").split(" ")
    body = []
    while True:
        row = lines.next()[:-1]
        if len(row) > _COLUMNS or not row.isascii():
            raise HeaderBroken("A line of the file's header is too long or not ASCII.")
        body.append(row)
        if len(row) < _COLUMNS:
            break
    return Stanza(kind, tuple(args), base64.decode(b"".join(body).decode("ascii")))


def _unsigned(stanzas: Sequence[Stanza]) -> bytes:
    """Return what the MAC covers: the header up to and with its three dashes."""
    return b"".join([VERSION_LINE, *(bytes(stanza) for stanza in stanzas), b"---"])


def _mac(unsigned: bytes, file_key: Secret) -> HMAC:
    key = HKDF(algorithm=SHA256(), length=_MAC_SIZE, salt=b"", info=b"header")
    mac = HMAC(key.derive(file_key.reveal()), SHA256())
    mac.update(unsigned)
    return mac
