"""The zip's structure, held against the one shape that an envelope may have.

Everything that is stated twice must agree, and every byte must belong to exactly one thing, before
``zipfile`` is asked for a member. Nothing here reads a member's content.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from intake.envelope import members
from intake.errors import EnvelopeBroken

#: Ten times what one form can bring (the server's parser takes 1,000 parts).
MAX_ATTACHMENTS = 10_000

# Members that are no attachments: account.txt, identity.age, account.json, padding.
LAST_MEMBERS = (members.ACCOUNT_TEXT, members.IDENTITY, members.ACCOUNT_JSON, members.PADDING)

#: An archive may claim ten million members, and ``zipfile`` makes an object of each: the number
#: is judged from the end record alone, before the directory is read.
MAX_MEMBERS = MAX_ATTACHMENTS + len(LAST_MEMBERS)

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

ZIP_ERRORS = (
    zipfile.BadZipFile,
    NotImplementedError,  # a feature that zipfile does not have
    ValueError,  # names that are not in their encoding
    struct.error,
    EOFError,
)


@dataclass(frozen=True)
class _End:
    """What the end of the zip says: where the directory lies, and of how many members."""

    count: int
    size: int
    offset: int


def broken(what: str) -> EnvelopeBroken:
    """Return the error that says what is wrong with an envelope."""
    return EnvelopeBroken(
        f"This submission is not an envelope as we make them: {what}. Nothing was taken out of it."
    )


def open_zip(source: BinaryIO) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    """Check the whole structure, and return the zip and its members in order."""
    end = _read_end(source)
    try:
        archive = zipfile.ZipFile(source)
    except ZIP_ERRORS as error:
        raise broken("its directory is damaged") from error
    infos = archive.infolist()
    attachments = range(1, end.count - len(LAST_MEMBERS) + 1)
    expected = [*map(members.attachment_member, attachments), *LAST_MEMBERS]
    # The names as they stand: zipfile cuts `filename` at a NUL. Equality with what must be there
    # leaves no room for other paths, duplicates, folders or another order.
    if [info.orig_filename for info in infos] != expected:
        raise broken("its members are not the ones that must be there, in their order")
    _check_lengths(_read_at(source, end.offset, end.size), infos)
    position = 0
    for info in infos:
        _check_directory_entry(info)
        # Before anything is sought there: a size may be any number of 64 bits.
        if info.header_offset != position or position + info.file_size > end.offset:
            raise broken("its members overlap, leave gaps or go on beyond its end")
        position = _check_member(source, info)
    if position != end.offset:
        raise broken("something stands between its members and its directory")
    return archive, infos


def _read_end(source: BinaryIO) -> _End:
    """Read the end record (4.3.16), or the zip64 one (4.3.14); nothing may stand behind it."""
    length = source.seek(0, os.SEEK_END)
    if length < _END.size:
        raise broken("it is too short")
    at = length - _END.size
    signature, disk, start_disk, here, count, size, offset, comment = _END.unpack(
        _read_at(source, at, _END.size)
    )
    if signature != b"PK\5\6" or comment:
        raise broken("it does not end where a zip ends")
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
        raise broken("its end contradicts itself")
    if disk or start_disk:
        raise broken("it claims to be a part of a larger one")
    if not len(LAST_MEMBERS) <= end.count <= MAX_MEMBERS:
        raise broken("it claims a number of members that cannot be")
    if end.size > end.count * _MAX_CENTRAL or end.offset + end.size != at:
        raise broken("its directory is not where it must be")
    return end


def _read_end64(source: BinaryIO, at: int, locator: bytes) -> _End:
    _, disk, stated_at, disks = _LOCATOR64.unpack(locator)
    signature, rest, _, version, this_disk, start_disk, here, count, size, offset = _END64.unpack(
        _read_at(source, at, _END64.size)
    )
    # `rest` counts what follows it: anything more would be data of somebody's own.
    if signature != b"PK\6\6" or stated_at != at or rest != _END64.size - 12:
        raise broken("its end is damaged")
    if disk or this_disk or start_disk or disks != 1 or here != count or version > _MAX_VERSION:
        raise broken("it claims to be a part of a larger one")
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
            raise broken("its directory has room for something hidden")
        at += _CENTRAL_LENGTH + sum(lengths)
    if at != len(directory):
        raise broken("its directory has room for something hidden")


def _check_directory_entry(info: zipfile.ZipInfo) -> None:
    mode = info.external_attr >> 16
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise broken("a member is compressed")
    if info.flag_bits & ~(_HAS_DESCRIPTOR | _UTF8_NAME) or info.extract_version > _MAX_VERSION:
        raise broken("a member is encrypted or needs another program")
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG} or stat.S_IMODE(mode) & ~0o777:
        raise broken("a member claims to be a link, a folder or a device")
    if info.external_attr & _MAX_16 & ~_DOS_PLAIN:
        raise broken("a member claims to be a folder")
    if info.volume or info.extra not in _possible_extras(info):
        raise broken("a member carries more than its bytes")


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
        raise broken("a member's own header is damaged")
    if (header[_LOCAL.size :], flags, method) != (name, info.flag_bits, zipfile.ZIP_STORED):
        raise broken("a member's own header contradicts the directory")
    wide = extra_length > 0
    if wide:
        if extra_length != _LOCAL_EXTRA64.size or (packed, size) != (_MAX_32, _MAX_32):
            raise broken("a member carries more than its bytes")
        tag, length, size, packed = _LOCAL_EXTRA64.unpack(extra)
        if (tag, length) != (_ZIP64_TAG, _LOCAL_EXTRA64.size - 4):
            raise broken("a member carries more than its bytes")
    truth = (info.CRC, info.file_size, info.file_size)
    streamed = flags & _HAS_DESCRIPTOR
    if (crc, packed, size) != ((0, 0, 0) if streamed else truth):
        raise broken("a member's own header contradicts the directory")
    position += info.file_size
    if streamed:
        record = _DESCRIPTOR64 if wide else _DESCRIPTOR
        if record.unpack(_read_at(source, position, record.size)) != (b"PK\7\10", *truth):
            raise broken("what follows a member contradicts the directory")
        position += record.size
    return position


def _read_at(source: BinaryIO, position: int, size: int) -> bytes:
    source.seek(position)
    data = source.read(size)
    if len(data) != size:
        raise broken("it is cut short")
    return data
