"""The server's own symmetric keys: for the visit's cookie and for the codes it hands out.

They open no account. One random secret stands in ``state/server.key``; each use has a key of its
own, derived under a label.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from intake.durable import sync_folder
from intake.errors import StoreUnavailable
from intake.secret import Secret

_SIZE = 32
_NAME = "server.key"


class ServerKeys:
    """The keys derived from one server secret."""

    def __init__(self, secret: Secret) -> None:
        """Derive the keys from ``secret`` (32 bytes)."""
        #: Seals the visit's cookie.
        self.visit = _expand(secret, b"visit cookie")
        #: Authenticates codes in forms, so that nobody brings a code of their own.
        self.code_mac = _expand(secret, b"code mac")
        #: Signs CSRF tokens.
        self.csrf = _expand(secret, b"csrf")

    @classmethod
    def load(cls, state: Path) -> ServerKeys:
        """Read the secret from the ``state`` folder; make it there the first time.

        Raises:
            StoreUnavailable: the folder cannot be used, or the file is damaged.
        """
        return cls(load_or_create(state / _NAME, _SIZE))


def load_or_create(path: Path, size: int) -> Secret:
    """Read a secret of ``size`` random bytes; make it the first time.

    Raises:
        StoreUnavailable: the folder cannot be used, or the file is damaged.
    """
    try:
        if not path.exists():
            _create(path, size)
        secret = path.read_bytes()
    except OSError as error:
        raise StoreUnavailable(
            f"Cannot use {path}; see that the server may write to its state folder."
        ) from error
    if len(secret) != size:
        raise StoreUnavailable(f"{path} is damaged: restore it from a backup, or remove it.")
    return Secret(secret)


def _create(path: Path, size: int) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            os.write(descriptor, secrets.token_bytes(size))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        # A link, unlike a rename, leaves the file of whoever was first.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    sync_folder(path.parent)


def _expand(secret: Secret, label: bytes) -> Secret:
    hkdf = HKDFExpand(algorithm=SHA256(), length=_SIZE, info=b"intake/server/1/" + label)
    return Secret(hkdf.derive(secret.reveal()))
