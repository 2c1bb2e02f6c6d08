"""The answers that identify a witness, in a custodian's vault: kept past their epoch, and read.

The rule: whoever sealed them may be the attacker, and the account itself is worth more. Whatever is
wrong with them, they are passed over, and the account is taken and shown without them.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from intake import strict_json
from intake.age.header import parse_header
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.age.opening.rewrap import replace_header
from intake.durable import write_file
from intake.envelope import members
from intake.errors import AgeError, DocumentMalformed, EnvelopeBroken
from intake.manifest.model import Role
from intake.offline.sealed_files import header_opens, opens
from intake.offline.unpacking import Envelope
from intake.offline.vault import Vault
from intake.strict_json import Fields

#: A copy is an ``identity.age`` under a header of ours; what is larger is none.
_MAX_COPY = 2 * members.IDENTITY_SIZE


def keep_answers(vault: Vault, submission_id: str) -> None:
    """Copy a submission's ``identity.age`` under our own header, if a key of the vault's opens it.

    So that it opens once the custodian's key of its epoch is destroyed. Safe to repeat: a copy that
    the vault's own key opens is left. Only within the vault's lock.

    Raises:
        OSError: the vault's disk is full or cannot be written.
    """
    if vault.keys.custodians and not opens(vault.identity_path(submission_id), vault.keys.own()):
        _copy_answers(vault, submission_id)


def restore_answers(vault: Vault, submission_id: str) -> None:
    """Do as :func:`keep_answers`, also where the copy is another's. Only within the vault's lock.

    Raises:
        OSError: the vault's disk is full or cannot be written.
    """
    custodians = tuple(vault.keys.custodians.values())
    if custodians and not answers_are_kept(vault, submission_id, custodians):
        _copy_answers(vault, submission_id)


def answers_are_kept(
    vault: Vault, submission_id: str, custodians: Sequence[HybridIdentity]
) -> bool:
    """Return whether the vault's own key opens what ``custodians`` open of an account of ours.

    What is in the copy is as it was sealed, whatever an attacker sealed.
    """
    try:
        with vault.envelope(submission_id) as envelope:
            if not header_opens(io.BytesIO(envelope.identity()), custodians):
                return True
            copy = _copy_of(vault.identity_path(submission_id), envelope)
    except (AgeError, EnvelopeBroken):
        return False
    return copy is not None and header_opens(io.BytesIO(copy), vault.keys.own())


def _copy_answers(vault: Vault, submission_id: str) -> None:
    custodians = tuple(vault.keys.custodians.values())
    try:
        with vault.envelope(submission_id) as envelope:
            source = io.BytesIO(envelope.identity())
        header = replace_header(source, custodians, [vault.keys.vault.recipient()])
    except (AgeError, EnvelopeBroken):
        return
    write_file(vault.identity_path(submission_id), header + source.read())


def read_answers(vault: Vault, submission_id: str, envelope: Envelope) -> dict[str, str] | None:
    """Return the answers by question id, if this vault can read them: ``None`` otherwise."""
    custodians = (*vault.lent_to(Role.CUSTODIANS), *vault.keys.custodians.values())
    try:
        sealed = _copy_of(vault.identity_path(submission_id), envelope)
        if sealed is not None and header_opens(io.BytesIO(sealed), vault.keys.own()):
            return _parse(open_bytes(sealed, vault.keys.own()))
        return _parse(open_bytes(envelope.identity(), custodians))
    except (AgeError, DocumentMalformed, OSError):
        return None


def _copy_of(path: Path, envelope: Envelope) -> bytes | None:
    """Return the copy, if there is one and only its header differs from what the envelope holds.

    Anybody can seal to the vault: a file put in its place must not name another witness.
    """
    if not path.exists() or path.stat().st_size > _MAX_COPY:
        return None
    sealed = path.read_bytes()
    try:
        return sealed if _payload(sealed) == _payload(envelope.identity()) else None
    except AgeError:
        return None


def _payload(sealed: bytes) -> bytes:
    source = io.BytesIO(sealed)
    parse_header(source)
    return source.read()


def _parse(plaintext: bytes) -> dict[str, str]:
    fields = Fields(strict_json.loads(plaintext), "witness's identity")
    if fields.take("format", str) != members.IDENTITY_FORMAT:
        raise DocumentMalformed("The identifying answers are in a format that we do not know.")
    answers = fields.take("answers", dict)
    fields.end()
    if not all(isinstance(answer, str) for answer in answers.values()):
        raise DocumentMalformed("An identifying answer is no text.")
    return answers
