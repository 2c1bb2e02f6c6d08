"""Opening an age file: header, identities, MAC, then the payload through the fitting reader.

The rule: the header's MAC is verified before anything of the payload is read.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO, cast

from intake.age.armor import BEGIN, MAX_WHITESPACE, ArmorReader
from intake.age.header import parse_header
from intake.age.opening.identity import Identity, unwrap_file_key
from intake.age.opening.seekable import SeekableReader
from intake.age.opening.sequential import SequentialReader
from intake.age.opening.source import FilledReader, read_exactly
from intake.age.payload import ENCRYPTED_CHUNK, NONCE_SIZE, payload_cipher
from intake.errors import HeaderBroken

if TYPE_CHECKING:
    from collections.abc import Sequence

_BINARY = b"age-encryption.org/"
_PEEK = MAX_WHITESPACE + len(BEGIN)


def open_age(source: BinaryIO, identities: Sequence[Identity]) -> BinaryIO:
    """Open an age file, armored or not, and return its plaintext as a readable binary file.

    Where ``source`` seeks and is not armored, the file returned seeks too, and truncation is
    found here (:class:`~intake.age.opening.seekable.SeekableReader`). Otherwise it can be read
    once, and truncation is found at its end
    (:class:`~intake.age.opening.sequential.SequentialReader`). Neither closes ``source``.

    Args:
        source: stands at the file's beginning, and is not touched by others meanwhile.
        identities: whom to try, in order.

    Raises:
        ArmorBroken: the armor breaks a rule (also by reads of the result).
        HeaderBroken: not an age file, or its header breaks a rule.
        HeaderForged: the header was changed after sealing.
        NotForUs: no identity opens it; `WrongPassphrase` if a passphrase should have.
        PayloadBroken: the payload was cut or extended (also by reads of the result).
    """
    if source.seekable():
        start = source.tell()
        peeked = read_exactly(source, _PEEK)
        source.seek(start)
        stream = source
    else:
        buffered = io.BufferedReader(FilledReader(source), ENCRYPTED_CHUNK)
        peeked = buffered.peek(_PEEK)[:_PEEK]
        stream = cast("BinaryIO", buffered)
    armored = _looks_armored(peeked)
    if armored:
        stream = cast("BinaryIO", io.BufferedReader(ArmorReader(stream), ENCRYPTED_CHUNK))
    file_key = unwrap_file_key(parse_header(stream), identities)
    nonce = read_exactly(stream, NONCE_SIZE)
    if len(nonce) != NONCE_SIZE:
        raise HeaderBroken("The file is cut short right after its header.")
    cipher = payload_cipher(file_key, nonce)
    if source.seekable() and not armored:
        return cast("BinaryIO", SeekableReader(stream, cipher))
    return cast("BinaryIO", SequentialReader(stream, cipher))


def open_bytes(ciphertext: bytes, identities: Sequence[Identity]) -> bytes:
    """Return the plaintext of a whole age file, armored or not.

    Raises:
        AgeError: as :func:`open_age`.
    """
    return open_age(io.BytesIO(ciphertext), identities).read()


def _looks_armored(peeked: bytes) -> bool:
    """Tell armor, also broken armor or one with text above it, from anything else."""
    if peeked.startswith(_BINARY):
        return False
    return peeked.lstrip().startswith(b"-----") or BEGIN in peeked
