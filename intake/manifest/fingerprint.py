"""Fingerprints in words, to compare by voice: twelve words of BIP 39's English list.

A fingerprint is the first 128 bits of SHA-256 over a label and the bytes in question, so that
nobody can make other bytes with the same words. BIP 39 turns 128 bits into twelve words, of which
the last holds a checksum: most words misheard make a row of words that is none
(https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki).
"""

from __future__ import annotations

import functools
import hashlib

from mnemonic import Mnemonic

_SIZE = 16
_LABEL = b"intake/fingerprint/1/"


def manifest_fingerprint(payload: bytes) -> str:
    """Return the words for one version of the manifest: its signed bytes, and so all before it."""
    return _words(b"manifest", payload)


def root_fingerprint(data: bytes) -> str:
    """Return the words for the bytes of ``root.pub``."""
    return _words(b"root", data)


def recipients_fingerprint(data: bytes) -> str:
    """Return the words for the bytes of a recipients file."""
    return _words(b"recipients", data)


def signer_fingerprint(data: bytes) -> str:
    """Return the words for the bytes of a signer's public file."""
    return _words(b"signer", data)


def _words(kind: bytes, data: bytes) -> str:
    digest = hashlib.sha256(_LABEL + kind + b"\0" + data).digest()
    return _list().to_mnemonic(digest[:_SIZE])


@functools.cache
def _list() -> Mnemonic:
    return Mnemonic("english")
