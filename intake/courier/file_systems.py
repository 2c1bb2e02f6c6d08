"""Sticks and their file systems: what these put there themselves, and who may read what we write.

What is carried is sealed or signed, and is read by another user on another machine: it is open to
every reader, whatever the umask of whoever writes it.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from intake.errors import BundleBroken

#: What operating systems put at the root of a stick: nobody's files.
NOBODYS = re.compile(
    r"lost\+found|System Volume Information|\$RECYCLE\.BIN|FOUND\.[0-9]{3}"
    r"|\.Trash-.*|\.Trashes|\.fseventsd|\.Spotlight-V100|\.TemporaryItems",
    re.IGNORECASE,
)

#: Where sticks are mounted, by custom and by desktops (Filesystem Hierarchy Standard, 3.11-12).
_MOUNTED_UNDER = (Path("/media"), Path("/mnt"), Path("/run/media"))

_FOLDER, _FILE = 0o755, 0o644
#: Answers of file systems that have no modes, or whose files are another user's.
_NO_MODES = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


def share_file(descriptor: int) -> None:
    """Let everybody read a file that we wrote.

    Raises:
        OSError: the stick cannot be written.
    """
    _set_mode(descriptor, _FILE)


def share_folder(descriptor: int) -> None:
    """Let everybody look into a folder of ours.

    Raises:
        OSError: the stick cannot be written.
    """
    _set_mode(descriptor, _FOLDER)


def unreadable(path: Path) -> BundleBroken:
    """Return what is said of what another user wrote, and shares with nobody."""
    return BundleBroken(
        f"{path} may not be read by this user: mount the stick so that it may, or let whoever owns "
        "the files run 'chmod -R a+rX' on it."
    )


def make_folders(path: Path) -> None:
    """Make a folder, and those around it, unless they are there; what is there stays as it is.

    Raises:
        BundleBroken: it cannot be made.
    """
    _refuse_unmounted(path)
    try:
        _make(path)
    except OSError as error:
        raise BundleBroken(
            f"{path} cannot be made ({error.strerror or error}): see that the stick is there and "
            "not locked, and name a folder on it."
        ) from error


def _refuse_unmounted(path: Path) -> None:
    """Refuse a new folder where sticks are mounted, while none is: it would be on our own disk."""
    place = next((place for place in _MOUNTED_UNDER if path.is_relative_to(place)), None)
    if place is None or path.exists():
        return
    there = next(parent for parent in path.parents if parent.exists())
    if there.stat().st_dev == Path("/").stat().st_dev:
        raise BundleBroken(
            f"No stick is mounted at {path}: the folder would be on this machine's own disk. Put "
            "the stick in, see where it is mounted ('findmnt'), and run this again."
        )


def _make(path: Path) -> None:
    if not path.parent.exists():
        _make(path.parent)
    try:
        path.mkdir()
    except FileExistsError:
        return  # whatever it is: who opens it will see
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        share_folder(descriptor)
    finally:
        os.close(descriptor)


def _set_mode(descriptor: int, mode: int) -> None:
    try:
        os.fchmod(descriptor, mode)
    except OSError as error:
        if error.errno not in _NO_MODES:
            raise
