"""What a sealed file says of itself, whatever a catalogue says of it.

A key goes only once the files have been looked at: headers can be damaged, payloads cut, and a
listing that was right when it was written does not know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from intake.age.header import parse_header
from intake.age.opening.identity import Identity, unwrap_file_key
from intake.age.opening.open import open_age
from intake.errors import AgeError, EnvelopeBroken
from intake.offline.unpacking import BLOCK, Envelope, ignore


def header_opens(source: BinaryIO, identities: Sequence[Identity]) -> bool:
    """Return whether one of these opens the header that ``source`` stands at."""
    try:
        unwrap_file_key(parse_header(source), identities)
    except AgeError:
        return False
    return True


def opens(path: Path, identities: Sequence[Identity]) -> bool:
    """Return whether there is a file whose header opens with one of these."""
    try:
        with path.open("rb") as source:
            return header_opens(source, identities)
    except FileNotFoundError:
        return False


def is_whole(
    path: Path, identities: Sequence[Identity], progress: Callable[[int], object] = ignore
) -> bool:
    """Return whether every byte of a submission opens, and is an envelope.

    ``progress`` is told of every block's length in bytes.
    """
    try:
        with path.open("rb") as source:
            plaintext = open_age(source, identities)
            while block := plaintext.read(BLOCK):
                progress(len(block))
            plaintext.seek(0)
            Envelope(plaintext)
    except (AgeError, EnvelopeBroken):
        return False
    return True


def is_cut_or_changed(path: Path, identities: Sequence[Identity]) -> bool:
    """Return whether a file's header opens, and its payload is not what was sealed.

    What was sealed as something else than an envelope is neither.
    """
    if not opens(path, identities):
        return False
    try:
        with path.open("rb") as source:
            plaintext = open_age(source, identities)
            while plaintext.read(BLOCK):
                pass
    except AgeError:
        return True
    return False


def sha256_of(path: Path) -> str:
    """Return the hash of a whole file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_end(path: Path, length: int) -> str | None:
    """Return the hash of a file's last ``length`` bytes; ``None`` if it has fewer.

    A payload is the end of its file, also where the header cannot be read any more.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        if size < length:
            return None
        file.seek(size - length)
        return hashlib.file_digest(file, "sha256").hexdigest()
