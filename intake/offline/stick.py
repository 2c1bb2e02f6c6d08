"""A submission's file on a stick, which whoever carried it may have changed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from intake.age.opening.identity import Identity
from intake.courier.bundle import SUBMISSIONS, BundledSubmission, open_regular
from intake.courier.file_systems import unreadable
from intake.errors import BundleBroken
from intake.offline.sealed_files import header_opens


def open_bundled(submission: BundledSubmission, folder: Path) -> BinaryIO:
    """Open a submission's file on the stick, if it has the size that the listing says.

    Raises:
        BundleBroken: it is missing, no plain file, of another size, or this user may not read it.
    """
    try:
        source = os.fdopen(_open(submission, folder), "rb")
    except PermissionError as error:
        raise unreadable(submission.path(folder)) from error
    except OSError as error:
        raise BundleBroken(
            f"The bundle names {submission.id}, but the file is missing; export again."
        ) from error
    if os.fstat(source.fileno()).st_size != submission.size:
        source.close()
        raise changed(submission)
    return source


def bundled_opens(
    submission: BundledSubmission, folder: Path, identities: Sequence[Identity]
) -> bool:
    """Return whether the file is there, and its header opens with one of these."""
    if not identities:
        return False
    try:
        with open_bundled(submission, folder) as source:
            return header_opens(source, identities)
    except BundleBroken:
        return False


def _open(submission: BundledSubmission, folder: Path) -> int:
    """Open a submission's file, whose folder must be no link either."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    files = os.open(folder / SUBMISSIONS, flags)
    try:
        return open_regular(Path(submission.path(folder).name), folder=files)
    finally:
        os.close(files)


def substitute(submission: BundledSubmission) -> BundleBroken:
    """Return the refusal of another file under the id of one that was received."""
    return BundleBroken(
        f"The bundle holds another file under the id {submission.id} than the one received "
        "before; keep the stick and find out who changed it."
    )


def changed(submission: BundledSubmission) -> BundleBroken:
    """Return the refusal of a file that the listing does not describe."""
    return BundleBroken(
        f"The file of {submission.id} is not the one that was exported; export again."
    )


def damaged(submission: BundledSubmission) -> BundleBroken:
    """Return the refusal of a file that is no age file, or whose header was forged."""
    return BundleBroken(f"The file of {submission.id} is damaged; export again.")
