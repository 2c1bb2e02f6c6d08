"""Reading an envelope back, where whoever sealed it may be the attacker.

The rule: one submission has one reading. Every byte of the zip belongs to exactly one thing that
the format knows, and everything stated twice (local header, descriptor, directory, end record,
``account.json``) agrees, before anything is taken out. So no other zip program sees other files in
it, nothing hides between members, and nothing can be larger than the file that carries it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from intake.envelope import members
from intake.envelope.account import Attachment
from intake.envelope.digest import BackgroundSha256
from intake.errors import FolderRefused
from intake.offline.account_document import AccountDocument, read_account_document
from intake.offline.new_folder import partial_folder, usable, write_new
from intake.offline.safe_names import IDENTITY_JSON, safe_names
from intake.offline.zip_structure import LAST_MEMBERS, ZIP_ERRORS, broken, open_zip

if TYPE_CHECKING:
    from typing_extensions import Buffer

MIB = 1024 * 1024

#: Read, hashed and written at once: what the age reader opens in one piece.
BLOCK = MIB

#: The server takes a million characters (4 MiB at most); the rest is room for answers to come.
MAX_ACCOUNT_TEXT = 64 * MIB

#: A hundred attachments with the longest names a header can carry; parsed, it is some ten times
#: as large in memory.
MAX_ACCOUNT_JSON = 16 * MIB


def ignore(_count: int) -> None:
    """Show no progress."""


class Envelope:
    """The envelope of one submission, checked from end to end; nothing is written by opening it.

    Args:
        source: the plaintext of a sealed submission, which can seek and does not change. It is
            not closed here, and nobody else may move it meanwhile.

    Attributes:
        record: the checked ``account.json``.

    Raises:
        EnvelopeBroken: the zip or its ``account.json`` breaks the format.
        AgeError: ``source`` does, if it reads an age file.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._zip, infos = open_zip(source)
        self._infos = {info.filename: info for info in infos}
        account_json = self._infos[members.ACCOUNT_JSON]
        account_text = self._infos[members.ACCOUNT_TEXT]
        if account_json.file_size > MAX_ACCOUNT_JSON:
            raise broken("its account.json is larger than any that we write")
        if account_text.file_size > MAX_ACCOUNT_TEXT:
            raise broken("its account.txt is larger than any that we write")
        if self._infos[members.IDENTITY].file_size != members.IDENTITY_SIZE:
            raise broken("its identity.age has a wrong size")
        self._json = self._read(account_json)
        self._text = self._read(account_text)
        self._identity = self._read(self._infos[members.IDENTITY])
        self.record: AccountDocument = read_account_document(self._json)
        self._account, self._answers = _parts(self._text, self.record.account_bytes)
        stored = [(info.filename, info.file_size) for info in infos[: -len(LAST_MEMBERS)]]
        listed = [(attachment.member, attachment.size) for attachment in self.record.attachments]
        if stored != listed:
            raise broken("its account.json lists other attachments than are in it")

    def account_text(self) -> str:
        """Return what the witness told: the first ``account_bytes`` bytes of ``account.txt``."""
        return self._account

    def answers_text(self) -> str:
        """Return what follows the account in ``account.txt``: the answers as a person reads them.

        It is whatever the sealer wrote; what programs go by is in ``record.answers``.
        """
        return self._answers

    def identity(self) -> bytes:
        """Return ``identity.age``, an age file of its own."""
        return self._identity

    def open_attachment(self, attachment: Attachment) -> BinaryIO:
        """Open one of ``record.attachments`` for reading, once from its beginning to its end.

        The read that reaches the end raises EnvelopeBroken if the zip's checksum is wrong. The
        SHA-256 in ``account.json`` is compared by :meth:`extract` alone.
        """
        return cast("BinaryIO", self._open(self._infos[attachment.member]))

    def extract(
        self,
        folder: Path,
        progress: Callable[[int], None] = ignore,
        *,
        answers: Mapping[str, str] | None = None,
    ) -> tuple[Path, ...]:
        """Write ``account.txt``, ``account.json`` and the attachments to ``folder``.

        Everything goes to a folder beside it first, which takes its name at the end: whatever
        fails leaves nothing behind (a power cut may leave ``.NAME.partial-XXXX``). No file can be
        run, and none has a name that does more than name it.

        Args:
            folder: not there yet, or empty; its parent is there.
            progress: called with the number of bytes written since the last call; in all, the
                lengths of ``account.txt`` and ``account.json`` and the sizes of the attachments.
            answers: those that identify the witness, if they are known: they are written to
                ``identity.json``.

        Returns:
            The files, in the order above.

        Raises:
            EnvelopeBroken: a checksum is wrong, or an attachment is not what ``account.json`` says.
            FolderRefused: the folder is in use, or cannot be written to.
        """
        target = usable(folder)
        names = safe_names([attachment.name for attachment in self.record.attachments])
        documents = {members.ACCOUNT_TEXT: self._text, members.ACCOUNT_JSON: self._json}
        if answers is not None:
            written = json.dumps(dict(answers), ensure_ascii=False, indent=1) + "\n"
            documents[IDENTITY_JSON] = written.encode("utf-8")
        try:
            with partial_folder(target) as partial:
                for name, data in documents.items():
                    write_new(partial / name, [data], progress)
                for attachment, name in zip(self.record.attachments, names, strict=True):
                    write_new(partial / name, self._verified_blocks(attachment), progress)
        except OSError as error:
            raise FolderRefused(
                f"The submission could not be written to {folder} ({error.strerror}); "
                "nothing of it was left there."
            ) from error
        return tuple(target / name for name in (*documents, *names))

    def _verified_blocks(self, attachment: Attachment) -> Iterator[bytes]:
        """Yield an attachment's bytes; raise at the end if they are not the ones listed."""
        digest = BackgroundSha256()
        try:
            with self.open_attachment(attachment) as reader:
                while block := reader.read(BLOCK):
                    digest.update(block)
                    yield block
            if digest.hexdigest() != attachment.sha256:
                raise broken("an attachment is not the one that its account.json describes")
        finally:
            digest.close()

    def _read(self, info: zipfile.ZipInfo) -> bytes:
        with self._open(info) as reader:
            return reader.read()

    def _open(self, info: zipfile.ZipInfo) -> _MemberReader:
        try:
            return _MemberReader(self._zip.open(info))
        except ZIP_ERRORS as error:
            raise broken("a member's own header is damaged") from error


class _MemberReader(io.RawIOBase):
    """A member's bytes, with ``zipfile``'s errors in our words."""

    def __init__(self, handle: IO[bytes]) -> None:
        super().__init__()
        self._handle = handle

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        try:
            return self._handle.read(-1 if size is None else size)
        except (zipfile.BadZipFile, EOFError) as error:
            raise broken("a checksum in it is wrong") from error

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: Buffer, /) -> int:
        target = memoryview(buffer).cast("B")
        data = self.read(len(target))
        target[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._handle.close()
        super().close()


def _parts(text: bytes, length: int) -> tuple[str, str]:
    """Return the account and what follows it."""
    if length > len(text):
        raise broken("its account.txt is shorter than its account.json says")
    try:
        # The whole file is checked: it is written out as it stands.
        return text[:length].decode("utf-8"), text[length:].decode("utf-8").strip("\n")
    except UnicodeDecodeError as error:
        raise broken("its account.txt is no valid text") from error
