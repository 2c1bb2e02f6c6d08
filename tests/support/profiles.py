"""What a browser leaves on the disk: every file of a profile searched, packed or not."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path

import lz4.block
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from intake.receipt.code import Code

_GZIP = b"\x1f\x8b\x08"
_MOZLZ4 = b"mozLz40\0"
#: A session of Chromium's whose records are sealed, with the key it takes where there is no keyring
#: (components/os_crypt, "v10"): a key that everybody knows.
_SEALED_SESSION = b"SNSS\x05\0\0\0"
_SEALED = b"v10"
_KNOWN_KEY = hashlib.pbkdf2_hmac("sha1", b"peanuts", b"saltysalt", 1, 16)
#: How a code may be written, between its groups.
_SEPARATORS = ("", " ", "-", "+", "%20", "\n", "\u00a0", "\u202f")
_BURMESE = str.maketrans("0123456789", "၀၁၂၃၄၅၆၇၈၉")


def found(profile: Path, words: list[str]) -> list[str]:
    """Return ``FILE: WORD`` for every file of a profile in which a word stands.

    Files are read as bytes (UTF-8, UTF-16), and again unpacked where they hold gzip (a cache),
    Mozilla's LZ4 (a session) or Chromium's sealed records (another). Snappy, in Chromium's
    databases, keeps what was never seen before as it is; a word for this search is therefore made
    at random.
    """
    hits = []
    for path in sorted(profile.rglob("*")):
        if path.is_file() and not path.is_symlink():
            layers = list(_layers(path.read_bytes()))
            hits += [
                f"{path.relative_to(profile)}: {word}"
                for word in words
                if any(_stands(word, layer) for layer in layers)
            ]
    return hits


def writings(code: Code) -> list[str]:
    """Return how three groups of a code after each other may be written: enough to know it by."""
    groups = code.groups()
    triples = [groups[i : i + 3] for i in range(len(groups) - 2)]
    plain = [separator.join(triple) for triple in triples for separator in _SEPARATORS]
    return plain + [text.translate(_BURMESE) for text in plain]


def _stands(word: str, data: bytes) -> bool:
    return any(word.encode(encoding) in data for encoding in ("utf-8", "utf-16-le", "utf-16-be"))


def _layers(data: bytes) -> Iterator[bytes]:
    yield data
    if data.startswith(_MOZLZ4):
        yield lz4.block.decompress(data[len(_MOZLZ4) :])
    if data.startswith(_SEALED_SESSION):
        yield b"".join(_records(data[len(_SEALED_SESSION) :]))
    start = data.find(_GZIP)
    while start >= 0:
        yield _unpacked(data[start:])
        start = data.find(_GZIP, start + 1)


def _records(data: bytes) -> Iterator[bytes]:
    """Open the records of a sealed session: a length of 32 bits, then what is sealed."""
    while data:
        size = int.from_bytes(data[:4], "little")
        record, data = data[4 : 4 + size], data[4 + size :]
        if record.startswith(_SEALED):
            opener = Cipher(AES(_KNOWN_KEY), CBC(b" " * 16)).decryptor()
            yield opener.update(record[len(_SEALED) :]) + opener.finalize()


def _unpacked(data: bytes) -> bytes:
    """Return what a gzip stream holds that begins here, as far as it goes."""
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        return stream.decompress(data)
    except zlib.error:
        return b""
