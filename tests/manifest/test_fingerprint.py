"""Fingerprints in words: the published list, its checksum, and nothing of our own making."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mnemonic
import pytest

from intake.manifest.fingerprint import (
    manifest_fingerprint,
    recipients_fingerprint,
    root_fingerprint,
    signer_fingerprint,
)

#: SHA-256 of english.txt as BIP 39 publishes it: 2,048 lines, a line feed at each one's end.
PUBLISHED = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
WORDS = (
    (Path(mnemonic.__file__).parent / "wordlist" / "english.txt").read_text(encoding="ascii")
).split()

KINDS: dict[str, Callable[[bytes], str]] = {
    "manifest": manifest_fingerprint,
    "root": root_fingerprint,
    "recipients": recipients_fingerprint,
    "signer": signer_fingerprint,
}


def expected(kind: str, data: bytes) -> str:
    """Compute the words from hashlib and the list alone, as BIP 39 tells it."""
    seed = hashlib.sha256(b"intake/fingerprint/1/" + kind.encode() + b"\0" + data).digest()[:16]
    checksum = hashlib.sha256(seed).digest()[0] >> 4
    bits = f"{int.from_bytes(seed, 'big'):0128b}{checksum:04b}"
    return " ".join(WORDS[int(bits[at : at + 11], 2)] for at in range(0, 132, 11))


def test_the_list_is_the_published_one() -> None:
    assert len(WORDS) == len(set(WORDS)) == 2048
    assert hashlib.sha256("".join(f"{word}\n" for word in WORDS).encode()).hexdigest() == PUBLISHED
    assert len({word[:4] for word in WORDS}) == 2048, "four letters tell every word"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", [b"", b"a", b"a\n", b"x" * 100_000])
def test_the_words_are_those_that_hashlib_and_the_list_give(kind: str, data: bytes) -> None:
    assert KINDS[kind](data) == expected(kind, data)


VECTOR = "broom admit lesson nephew clay fragile sense silk brain firm catalog humor"


def test_a_vector_that_never_changes() -> None:
    assert manifest_fingerprint(b"vector") == VECTOR == expected("manifest", b"vector")


def test_twelve_words_hold_128_bits_and_a_checksum() -> None:
    official = mnemonic.Mnemonic("english")
    for number in range(200):
        words = manifest_fingerprint(b"%d" % number)
        assert len(words.split()) == 12
        assert official.check(words)


def test_most_words_misheard_make_no_fingerprint() -> None:
    official = mnemonic.Mnemonic("english")
    words = manifest_fingerprint(b"vector").split()
    misheard = [official.check(" ".join([other, *words[1:]])) for other in WORDS]
    assert sum(misheard) < len(WORDS) / 8


def test_one_file_taken_for_another_kind_has_other_words() -> None:
    assert len({words(b"same") for words in KINDS.values()}) == len(KINDS)


def test_one_bit_gives_other_words() -> None:
    assert manifest_fingerprint(b"\x00").split()[0] != manifest_fingerprint(b"\x01").split()[0]


def test_nothing_is_fetched_to_know_the_words() -> None:
    script = (
        "import socket; socket.socket = None\n"
        "from intake.manifest.fingerprint import root_fingerprint\n"
        "print(root_fingerprint(b'x'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == expected("root", b"x")
