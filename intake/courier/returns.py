"""A return: what is carried on a stick from a vault to the server.

    DIR/returns/<vault>/return.json         a DSSE envelope around the listing
    DIR/returns/<vault>/replies/<id>.age    each sealed reply, named by its id in hex

One stick visits many reviewers: each vault has a folder of its own there, named by the first
sixteen hex digits of its keyid, and writes into no other. The listing acknowledges submissions,
each by its id and the SHA-256 of its sealed file, and names the replies with the addresses that
they may go to. It is signed with the vault's key that the manifest names, and says all that the
vault does not yet know to have arrived: a return that was lost is made good by the next, and one
that comes late brings nothing that the next had not.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from intake import strict_json
from intake.courier.bundle import number, open_regular
from intake.courier.file_systems import unreadable
from intake.errors import BundleBroken, DocumentMalformed
from intake.manifest import dsse
from intake.manifest.model import Signer
from intake.manifest.signing import SigningIdentity
from intake.receipt.mailbox import ADDRESSES
from intake.strict_json import Fields

RETURN_FORMAT = "intake-return-1"
RETURN_TYPE = "application/vnd.intake.return+json"
RETURNS = "returns"
RETURN = "return.json"
REPLIES = "replies"

#: A listing of a million acknowledgements; what is larger is not one.
MAX_LISTING_SIZE = 256 * 1024 * 1024

#: How many digits of its keyid name a vault's folder.
_FOLDER_DIGITS = 16
FOLDER_NAME = re.compile(rf"[0-9a-f]{{{_FOLDER_DIGITS}}}")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_ID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Acknowledgement:
    """That a vault holds a submission durably: its id and its sealed file's SHA-256, in hex."""

    submission: str
    sha256: str


@dataclass(frozen=True)
class CarriedReply:
    """A sealed reply: its random id, its file's SHA-256, and the addresses of its mailbox, in hex.

    The addresses are those of :class:`intake.receipt.mailbox.MailboxAddresses`, in that order.
    """

    id: str
    sha256: str
    addresses: tuple[str, ...]

    def path(self, folder: Path) -> Path:
        """Return where the file lies in a vault's ``folder``."""
        return folder / REPLIES / f"{self.id}.age"


@dataclass(frozen=True)
class Return:
    """What a return says of itself.

    ``root`` is the SHA-256 (hex) of the deployment's root
    (:func:`intake.manifest.payload.serialise_root`); ``sequence`` counts this vault's returns.
    """

    root: str
    sequence: int
    acknowledgements: tuple[Acknowledgement, ...]
    replies: tuple[CarriedReply, ...]


@dataclass(frozen=True)
class SignedReturn:
    """A return as it was read, with the envelope whose signatures are still to be verified."""

    content: Return
    envelope: dsse.Envelope

    def signer(self, vaults: Iterable[Signer]) -> Signer | None:
        """Return which of ``vaults`` signed it, with both halves of its key."""
        return next(iter(dsse.signers(self.envelope, vaults)), None)


def folder_name(vault: Signer) -> str:
    """Return how the folder of a vault's return is called."""
    return dsse.ed25519_keyid(vault.key)[:_FOLDER_DIGITS]


def return_folder(stick: Path, vault: Signer) -> Path:
    """Return where the return of ``vault`` lies on a stick."""
    return stick / RETURNS / folder_name(vault)


def return_folders(stick: Path) -> list[Path]:
    """Return what is named like a vault's folder on a stick, in the order of the names.

    Nothing is known of these but their names: one may be a link, which :func:`read_return` refuses.

    Raises:
        BundleBroken: the folder of returns is a link, or cannot be read.
    """
    path = stick / RETURNS
    try:
        with open_folder(path) as folder:
            names = os.listdir(folder)  # noqa: PTH208  # the folder itself, not where a link leads
    except FileNotFoundError:
        return []
    except PermissionError as error:
        raise unreadable(path) from error
    except OSError as error:
        raise BundleBroken(
            f"{path} is a link, or no folder that can be read; let the reviewers write to another "
            "stick."
        ) from error
    return [path / name for name in sorted(names) if FOLDER_NAME.fullmatch(name)]


@contextlib.contextmanager
def open_folder(path: Path) -> Iterator[int]:
    """Open a folder of a stick, itself and not where a link leads, and give its descriptor.

    Raises:
        OSError: it is missing, a link, no folder, or cannot be read.
    """
    descriptor = os.open(path, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def nothing_at(folder: Path) -> BundleBroken:
    """Return what is said of a folder without a return."""
    return BundleBroken(
        f"{folder} holds nothing from the reviewers; let a reviewer run 'intake-review courier "
        "DIR' first."
    )


def serialise_return(content: Return, signer: SigningIdentity) -> bytes:
    """Write ``return.json``, signed by ``signer``."""
    payload = strict_json.dumps(
        {
            "format": RETURN_FORMAT,
            "root": content.root,
            "sequence": content.sequence,
            "acknowledgements": [
                {"submission": a.submission, "sha256": a.sha256} for a in content.acknowledgements
            ],
            "replies": [
                {"id": r.id, "sha256": r.sha256, "addresses": list(r.addresses)}
                for r in content.replies
            ],
        }
    )
    envelope = dsse.Envelope(RETURN_TYPE, payload, signatures=())
    return dsse.envelope_bytes(signer.sign(envelope))


def read_return(folder: Path) -> SignedReturn:
    """Read the listing of the return in a vault's ``folder``. Nothing in it is believed yet.

    Raises:
        BundleBroken: there is none, or it breaks its format's rules; the folder is a link.
    """
    path = folder / RETURN
    try:
        with (
            open_folder(folder) as opened,
            os.fdopen(open_regular(Path(RETURN), folder=opened), "rb") as file,
        ):
            data = file.read(MAX_LISTING_SIZE + 1)
    except FileNotFoundError as error:
        raise nothing_at(folder) from error
    except PermissionError as error:
        raise unreadable(path) from error
    except OSError as error:
        raise BundleBroken(
            f"{path} is no plain file in a plain folder, or cannot be read; let the reviewer write "
            "to another stick."
        ) from error
    if len(data) > MAX_LISTING_SIZE:
        raise BundleBroken(f"{path} is far larger than any listing; write it again.")
    try:
        return parse_return(data)
    except DocumentMalformed as error:
        raise BundleBroken(f"{path} is damaged; write it again. {error}") from error


def parse_return(data: bytes) -> SignedReturn:
    """Read the bytes of ``return.json``. Nothing in it is believed yet.

    Raises:
        DocumentMalformed: they break the format's rules.
    """
    envelope = dsse.read_envelope(strict_json.loads(data))
    if envelope.payload_type != RETURN_TYPE:
        raise DocumentMalformed("The listing holds something else than a return.")
    fields = Fields(strict_json.loads(envelope.payload), "return")
    if fields.take("format", str) != RETURN_FORMAT:
        raise DocumentMalformed(f"The return is not in the format {RETURN_FORMAT}.")
    content = Return(
        root=_matching(fields.take("root", str), _SHA256),
        sequence=number(fields, "sequence"),
        acknowledgements=fields.each("acknowledgements", _read_acknowledgement),
        replies=fields.each("replies", _read_reply),
    )
    fields.end()
    if len({r.id for r in content.replies}) != len(content.replies):
        raise DocumentMalformed("The return names one reply twice.")
    if len({a.submission for a in content.acknowledgements}) != len(content.acknowledgements):
        raise DocumentMalformed("The return acknowledges one submission twice.")
    return SignedReturn(content, envelope)


def _read_acknowledgement(element: object) -> Acknowledgement:
    fields = Fields(element, "acknowledgement")
    acknowledgement = Acknowledgement(
        submission=_matching(fields.take("submission", str), _ID),
        sha256=_matching(fields.take("sha256", str), _SHA256),
    )
    fields.end()
    return acknowledgement


def _read_reply(element: object) -> CarriedReply:
    fields = Fields(element, "reply of the return")
    reply = CarriedReply(
        id=_matching(fields.take("id", str), _ID),
        sha256=_matching(fields.take("sha256", str), _SHA256),
        addresses=fields.each("addresses", lambda text: _matching(text, _SHA256)),
    )
    fields.end()
    if len(set(reply.addresses)) != ADDRESSES:
        raise DocumentMalformed("A reply of the return has other addresses than a mailbox has.")
    return reply


def _matching(text: object, pattern: re.Pattern[str]) -> str:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise DocumentMalformed("The return holds an id, an address or a hash that is none.")
    return text
