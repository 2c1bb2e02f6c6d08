"""Reading an envelope back, where whoever sealed it may be the attacker.

The rule: one submission has one reading. Every byte of the zip belongs to exactly one thing that
the format knows, and everything stated twice (local header, descriptor, directory, end record,
``account.json``) agrees, before anything is taken out. So no other zip program sees other files in
it, nothing hides between members, and nothing can be larger than the file that carries it.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from intake.durable import sync_folder
from intake.envelope import members
from intake.envelope.account import Attachment
from intake.envelope.digest import BackgroundSha256
from intake.errors import EnvelopeBroken, IntakeError
from intake.offline.account_document import AccountDocument, read_account_document
from intake.offline.safe_names import safe_names

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

#: Ten times what one form can bring (the server's parser takes 1,000 parts).
MAX_ATTACHMENTS = 10_000

# Members that are no attachments: account.txt, identity.age, account.json, padding.
_LAST_MEMBERS = (members.ACCOUNT_TEXT, members.IDENTITY, members.ACCOUNT_JSON, members.PADDING)

#: An archive may claim ten million members, and ``zipfile`` makes an object of each: the number
#: is judged from the end record alone, before the directory is read.
MAX_MEMBERS = MAX_ATTACHMENTS + len(_LAST_MEMBERS)

# The zip format's records (APPNOTE 6.3.10, 4.3.7 to 4.3.16, 4.5.3).
_LOCAL = struct.Struct("<4s5H3L2H")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_DESCRIPTOR = struct.Struct("<4s3L")
_DESCRIPTOR64 = struct.Struct("<4sL2Q")
_LOCAL_EXTRA64 = struct.Struct("<2H2Q")
_CENTRAL_LENGTH = 46
# Of the name, the extra field and the comment.
_CENTRAL_LENGTHS = struct.Struct("<3H")
_CENTRAL_LENGTHS_AT = 28
_ZIP64_TAG = 1
_MAX_16 = 0xFFFF
_MAX_32 = 0xFFFF_FFFF

#: The longest record the directory may have: a name, and one extra field of three 64-bit values.
_MAX_CENTRAL = _CENTRAL_LENGTH + len(members.attachment_member(MAX_ATTACHMENTS)) + 4 + 3 * 8

#: Version 4.5 of the zip format is the one that brought zip64; nothing later is needed.
_MAX_VERSION = 45

# Flags a member may carry. All others mean encryption, patches or compression.
_HAS_DESCRIPTOR = 1 << 3
_UTF8_NAME = 1 << 11

# MS-DOS attributes a plain file may have (read-only, archive), not directory or volume label.
_DOS_PLAIN = 0x01 | 0x20

_ZIP_ERRORS = (
    zipfile.BadZipFile,
    NotImplementedError,  # a feature that zipfile does not have
    ValueError,  # names that are not in their encoding
    struct.error,
    EOFError,
)


class FolderRefused(IntakeError):
    """A submission cannot be written out to the folder that was named."""


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
        self._zip, infos = _open_zip(source)
        self._infos = {info.filename: info for info in infos}
        account_json = self._infos[members.ACCOUNT_JSON]
        account_text = self._infos[members.ACCOUNT_TEXT]
        if account_json.file_size > MAX_ACCOUNT_JSON:
            raise _broken("its account.json is larger than any that we write")
        if account_text.file_size > MAX_ACCOUNT_TEXT:
            raise _broken("its account.txt is larger than any that we write")
        if self._infos[members.IDENTITY].file_size != members.IDENTITY_SIZE:
            raise _broken("its identity.age has a wrong size")
        self._json = self._read(account_json)
        self._text = self._read(account_text)
        self._identity = self._read(self._infos[members.IDENTITY])
        self.record: AccountDocument = read_account_document(self._json)
        self._account = _account(self._text, self.record.account_bytes)
        stored = [(info.filename, info.file_size) for info in infos[: -len(_LAST_MEMBERS)]]
        listed = [(attachment.member, attachment.size) for attachment in self.record.attachments]
        if stored != listed:
            raise _broken("its account.json lists other attachments than are in it")

    def account_text(self) -> str:
        """Return what the witness told: the first ``account_bytes`` bytes of ``account.txt``."""
        return self._account

    def identity(self) -> bytes:
        """Return ``identity.age``, an age file of its own."""
        return self._identity

    def open_attachment(self, attachment: Attachment) -> BinaryIO:
        """Open one of ``record.attachments`` for reading, once from its beginning to its end.

        The read that reaches the end raises EnvelopeBroken if the zip's checksum is wrong. The
        SHA-256 in ``account.json`` is compared by :meth:`extract` alone.
        """
        return cast("BinaryIO", self._open(self._infos[attachment.member]))

    def extract(self, folder: Path, progress: Callable[[int], None] = ignore) -> tuple[Path, ...]:
        """Write ``account.txt``, ``account.json`` and the attachments to ``folder``.

        Everything goes to a folder beside it first, which takes its name at the end: whatever
        fails leaves nothing behind (a power cut may leave ``.NAME.partial-XXXX``). No file can be
        run, and none has a name that does more than name it.

        Args:
            folder: not there yet, or empty; its parent is there.
            progress: called with the number of bytes written since the last call; in all, the
                lengths of ``account.txt`` and ``account.json`` and the sizes of the attachments.

        Returns:
            The files, in the order above.

        Raises:
            EnvelopeBroken: a checksum is wrong, or an attachment is not what ``account.json`` says.
            FolderRefused: the folder is in use, or cannot be written to.
        """
        target = _usable(folder)
        names = safe_names([attachment.name for attachment in self.record.attachments])
        try:
            with _partial_folder(target) as partial:
                _write(partial / members.ACCOUNT_TEXT, [self._text], progress)
                _write(partial / members.ACCOUNT_JSON, [self._json], progress)
                for attachment, name in zip(self.record.attachments, names, strict=True):
                    _write(partial / name, self._verified_blocks(attachment), progress)
        except OSError as error:
            raise FolderRefused(
                f"The submission could not be written to {folder} ({error.strerror}); "
                "nothing of it was left there."
            ) from error
        return tuple(target / n for n in (members.ACCOUNT_TEXT, members.ACCOUNT_JSON, *names))

    def _verified_blocks(self, attachment: Attachment) -> Iterator[bytes]:
        """Yield an attachment's bytes; raise at the end if they are not the ones listed."""
        digest = BackgroundSha256()
        try:
            with self.open_attachment(attachment) as reader:
                while block := reader.read(BLOCK):
                    digest.update(block)
                    yield block
            if digest.hexdigest() != attachment.sha256:
                raise _broken("an attachment is not the one that its account.json describes")
        finally:
            digest.close()

    def _read(self, info: zipfile.ZipInfo) -> bytes:
        with self._open(info) as reader:
            return reader.read()

    def _open(self, info: zipfile.ZipInfo) -> _MemberReader:
        try:
            return _MemberReader(self._zip.open(info))
        except _ZIP_ERRORS as error:
            raise _broken("a member's own header is damaged") from error


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
            raise _broken("a checksum in it is wrong") from error

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


# --- the zip's structure ---------------------------------------------------------------------


@dataclass(frozen=True)
class _End:
    """What the end of the zip says: where the directory lies, and of how many members."""

    count: int
    size: int
    offset: int


def _broken(what: str) -> EnvelopeBroken:
    return EnvelopeBroken(
        f"This submission is not an envelope as we make them: {what}. Nothing was taken out of it."
    )


def _open_zip(source: BinaryIO) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    """Check the whole structure, and return the zip and its members in order."""
    end = _read_end(source)
    try:
        archive = zipfile.ZipFile(source)
    except _ZIP_ERRORS as error:
        raise _broken("its directory is damaged") from error
    infos = archive.infolist()
    attachments = range(1, end.count - len(_LAST_MEMBERS) + 1)
    expected = [*map(members.attachment_member, attachments), *_LAST_MEMBERS]
    # The names as they stand: zipfile cuts `filename` at a NUL. Equality with what must be there
    # leaves no room for other paths, duplicates, folders or another order.
    if [info.orig_filename for info in infos] != expected:
        raise _broken("its members are not the ones that must be there, in their order")
    _check_lengths(_read_at(source, end.offset, end.size), infos)
    position = 0
    for info in infos:
        _check_directory_entry(info)
        # Before anything is sought there: a size may be any number of 64 bits.
        if info.header_offset != position or position + info.file_size > end.offset:
            raise _broken("its members overlap, leave gaps or go on beyond its end")
        position = _check_member(source, info)
    if position != end.offset:
        raise _broken("something stands between its members and its directory")
    return archive, infos


def _read_end(source: BinaryIO) -> _End:
    """Read the end record (4.3.16), or the zip64 one (4.3.14); nothing may stand behind it."""
    length = source.seek(0, os.SEEK_END)
    if length < _END.size:
        raise _broken("it is too short")
    at = length - _END.size
    signature, disk, start_disk, here, count, size, offset, comment = _END.unpack(
        _read_at(source, at, _END.size)
    )
    if signature != b"PK\5\6" or comment:
        raise _broken("it does not end where a zip ends")
    end = _End(count, size, offset)
    if at >= _LOCATOR64.size + _END64.size:
        tail = _read_at(source, at - _LOCATOR64.size, _LOCATOR64.size)
        if tail.startswith(b"PK\6\7"):
            at -= _LOCATOR64.size + _END64.size
            end = _read_end64(source, at, tail)
    # A value that does not fit stands as the largest one; some writers always write that.
    stated = [(here, end.count, _MAX_16), (count, end.count, _MAX_16)]
    stated += [(size, end.size, _MAX_32), (offset, end.offset, _MAX_32)]
    if any(short not in {min(value, largest), largest} for short, value, largest in stated):
        raise _broken("its end contradicts itself")
    if disk or start_disk:
        raise _broken("it claims to be a part of a larger one")
    if not len(_LAST_MEMBERS) <= end.count <= MAX_MEMBERS:
        raise _broken("it claims a number of members that cannot be")
    if end.size > end.count * _MAX_CENTRAL or end.offset + end.size != at:
        raise _broken("its directory is not where it must be")
    return end


def _read_end64(source: BinaryIO, at: int, locator: bytes) -> _End:
    _, disk, stated_at, disks = _LOCATOR64.unpack(locator)
    signature, rest, _, version, this_disk, start_disk, here, count, size, offset = _END64.unpack(
        _read_at(source, at, _END64.size)
    )
    # `rest` counts what follows it: anything more would be data of somebody's own.
    if signature != b"PK\6\6" or stated_at != at or rest != _END64.size - 12:
        raise _broken("its end is damaged")
    if disk or this_disk or start_disk or disks != 1 or here != count or version > _MAX_VERSION:
        raise _broken("it claims to be a part of a larger one")
    return _End(count, size, offset)


def _check_lengths(directory: bytes, infos: list[zipfile.ZipInfo]) -> None:
    """Check that the directory is its entries and nothing else.

    ``zipfile`` takes an entry whose last fields reach beyond the directory for a shorter one;
    other programs would read on, into the end record.
    """
    at = 0
    for info in infos:
        lengths = (len(info.orig_filename), len(info.extra), 0)
        if _CENTRAL_LENGTHS.unpack_from(directory, at + _CENTRAL_LENGTHS_AT) != lengths:
            raise _broken("its directory has room for something hidden")
        at += _CENTRAL_LENGTH + sum(lengths)
    if at != len(directory):
        raise _broken("its directory has room for something hidden")


def _check_directory_entry(info: zipfile.ZipInfo) -> None:
    mode = info.external_attr >> 16
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise _broken("a member is compressed")
    if info.flag_bits & ~(_HAS_DESCRIPTOR | _UTF8_NAME) or info.extract_version > _MAX_VERSION:
        raise _broken("a member is encrypted or needs another program")
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG} or stat.S_IMODE(mode) & ~0o777:
        raise _broken("a member claims to be a link, a folder or a device")
    if info.external_attr & _MAX_16 & ~_DOS_PLAIN:
        raise _broken("a member claims to be a folder")
    if info.volume or info.extra not in _possible_extras(info):
        raise _broken("a member carries more than its bytes")


def _possible_extras(info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the extra fields an entry may have: none, or zip64's (4.5.3) with the values in use.

    Any other would be read by some programs and not by others (a second name, for example).
    """
    yield b""
    sizes, offset = (info.file_size, info.compress_size), (info.header_offset,)
    for values in (sizes, offset, sizes + offset):
        yield struct.pack(f"<2H{len(values)}Q", _ZIP64_TAG, 8 * len(values), *values)


def _check_member(source: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Check what stands before and behind a member's bytes, and return where it ends."""
    position = info.header_offset
    name = info.orig_filename.encode("ascii")
    header = _read_at(source, position, _LOCAL.size + len(name))
    signature, version, flags, method, _, _, crc, packed, size, name_length, extra_length = (
        _LOCAL.unpack_from(header)
    )
    position += len(header)
    extra = _read_at(source, position, extra_length) if extra_length else b""
    position += len(extra)
    if signature != b"PK\3\4" or version > _MAX_VERSION or name_length != len(name):
        raise _broken("a member's own header is damaged")
    if (header[_LOCAL.size :], flags, method) != (name, info.flag_bits, zipfile.ZIP_STORED):
        raise _broken("a member's own header contradicts the directory")
    wide = extra_length > 0
    if wide:
        if extra_length != _LOCAL_EXTRA64.size or (packed, size) != (_MAX_32, _MAX_32):
            raise _broken("a member carries more than its bytes")
        tag, length, size, packed = _LOCAL_EXTRA64.unpack(extra)
        if (tag, length) != (_ZIP64_TAG, _LOCAL_EXTRA64.size - 4):
            raise _broken("a member carries more than its bytes")
    truth = (info.CRC, info.file_size, info.file_size)
    streamed = flags & _HAS_DESCRIPTOR
    if (crc, packed, size) != ((0, 0, 0) if streamed else truth):
        raise _broken("a member's own header contradicts the directory")
    position += info.file_size
    if streamed:
        record = _DESCRIPTOR64 if wide else _DESCRIPTOR
        if record.unpack(_read_at(source, position, record.size)) != (b"PK\7\10", *truth):
            raise _broken("what follows a member contradicts the directory")
        position += record.size
    return position


def _read_at(source: BinaryIO, position: int, size: int) -> bytes:
    source.seek(position)
    data = source.read(size)
    if len(data) != size:
        raise _broken("it is cut short")
    return data


def _account(text: bytes, length: int) -> str:
    if length > len(text):
        raise _broken("its account.txt is shorter than its account.json says")
    try:
        # The whole file is checked: it is written out as it stands.
        text.decode("utf-8")
        return text[:length].decode("utf-8")
    except UnicodeDecodeError as error:
        raise _broken("its account.txt is no valid text") from error


# --- the folder ------------------------------------------------------------------------------


def _usable(folder: Path) -> Path:
    """Return the folder's absolute path, once it is known that it can be filled."""
    try:
        if folder.is_symlink():
            raise FolderRefused(f"{folder} is a link; name a folder that is not there yet.")
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise FolderRefused(f"{folder} is in use; name a folder that is not there yet.")
        target = folder.resolve()
        # The new folder takes the old one's place: whoever stands in that would see nothing.
        if target == Path.cwd():
            raise FolderRefused("This is the folder you are in; name one that is not there yet.")
        if not target.parent.is_dir():
            raise FolderRefused(f"{target.parent} is not there; make it, or name another folder.")
    except (OSError, ValueError) as error:
        raise FolderRefused(f"{folder} cannot be used; name another folder.") from error
    return target


@contextlib.contextmanager
def _partial_folder(target: Path) -> Iterator[Path]:
    """Give a new folder beside ``target`` that takes its name at the end, or is removed."""
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.partial-", dir=target.parent))
    try:
        yield partial
        sync_folder(partial)
        # Onto a folder that is not empty by now, or a link, this fails.
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync_folder(target.parent)


def _write(
    path: Path, blocks: Iterator[bytes] | list[bytes], progress: Callable[[int], None]
) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        for block in blocks:
            file.write(block)
            progress(len(block))
        file.flush()
        os.fsync(file.fileno())
