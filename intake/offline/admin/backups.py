"""Opening a backup of the server: an age file that ``intake backup`` sealed to every admin.

What is in it is for one fresh machine alone: the server's keys stand there in the clear. So it is
written for its owner only, and stands under its name whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_age
from intake.courier.bundle import open_regular
from intake.durable import remove_drafts, sync_folder
from intake.errors import (
    AgeError,
    ArmorBroken,
    DocumentMalformed,
    HeaderBroken,
    NotForUs,
    VaultUnusable,
)
from intake.offline.new_folder import write_new

#: Bytes that are opened and written at once.
_PIECE = 1 << 20


def check_place(out: Path) -> None:
    """Refuse a place that an opened backup cannot be written to.

    Raises:
        VaultUnusable: something stands there, or the folder is none or cannot be written.
    """
    if os.path.lexists(out):
        raise VaultUnusable(f"{out} is there already; name another file to write to.")
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise VaultUnusable(f"{out} cannot be written; name a file in a folder that can.")


def open_backup(
    file: Path, identity: HybridIdentity, out: Path, *, whose: str, progress: Callable[[int], None]
) -> None:
    """Open the backup in ``file`` and write it to ``out``, in one pass and constant memory.

    Args:
        file: the sealed backup.
        identity: an admin's, of :meth:`intake.manifest.signing.SigningIdentity.backup_seed`.
        out: where to; mode 0600, durable when this returns.
        whose: the admin's name, for errors.
        progress: told of each piece how many bytes it has.

    Raises:
        NotForUs: it is sealed to others than this admin.
        DocumentMalformed: it is no backup, or a damaged one. Nothing stands at ``out``.
        VaultUnusable: something stands there already (:func:`check_place`).
        OSError: it cannot be read or written.
    """
    check_place(out)
    remove_drafts(out)
    draft = out.with_name(f".{out.name}.{secrets.token_hex(6)}.draft")
    try:
        write_new(draft, _pieces(file, identity, whose), progress)
        # The last chunk has said that it is the last: only now is it known to be all.
        draft.rename(out)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    sync_folder(out.parent)


def _pieces(file: Path, identity: HybridIdentity, whose: str) -> Iterator[bytes]:
    """Yield what is in a backup, each piece verified."""
    try:
        descriptor = open_regular(file)
    except OSError as error:
        raise DocumentMalformed(
            f"{file} cannot be read, or is a link, a pipe or a device: name the file that 'intake "
            "backup' wrote."
        ) from error
    try:
        with os.fdopen(descriptor, "rb") as sealed:
            opened = open_age(sealed, [identity])
            while piece := opened.read(_PIECE):
                yield piece
    except NotForUs as error:
        raise NotForUs(
            f"{file} is not sealed to {whose}: name another admin with --admin, or open it in the "
            "home of somebody who was an admin of its deployment when it was made."
        ) from error
    except (HeaderBroken, ArmorBroken) as error:
        raise DocumentMalformed(
            f"{file} is no backup, or its beginning is damaged; name the file that 'intake backup' "
            "wrote, or another copy of it."
        ) from error
    except AgeError as error:
        raise DocumentMalformed(
            f"{file} is damaged or incomplete, and nothing was written: take another copy of it, "
            "or an older backup."
        ) from error
