"""Envelopes made to harm whoever opens them: every one is refused, and nothing is written.

The zips are made byte by byte here, so that anything at all can stand in them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import random
import stat
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from intake.envelope import members
from intake.errors import EnvelopeBroken
from intake.offline import unpacking, zip_structure
from intake.offline.unpacking import Envelope

ACCOUNT = "ရွာကို မီးရှို့ခဲ့တယ်။".encode()
PHOTO = b"\xff\xd8 a photo"
NOTE = b"a note"


@dataclasses.dataclass
class Member:
    """A member as three places of a zip state it; the truth unless something is changed."""

    name: bytes
    data: bytes
    flags: int = 8
    method: int = 0
    version: int = 20
    mode: int = 0o600
    dos: int = 0
    stated: int | None = None
    crc: int | None = None
    signature: bytes = b"PK\3\4"
    local_version: int | None = None
    local_name: bytes | None = None
    local_extra: bytes = b""
    local_flags: int | None = None
    local_method: int | None = None
    local_sizes: tuple[int, int, int] | None = None
    descriptor: bytes | None = None
    gap: bytes = b""
    offset: int | None = None
    packed: int | None = None
    extra: bytes = b""
    comment: bytes = b""
    comment_length: int | None = None
    extra_length: int | None = None
    disk: int = 0

    @property
    def checksum(self) -> int:
        return zlib.crc32(self.data) if self.crc is None else self.crc

    @property
    def size(self) -> int:
        return len(self.data) if self.stated is None else self.stated

    @property
    def sizes(self) -> tuple[int, int, int]:
        packed = self.size if self.packed is None else self.packed
        return self.checksum, packed, self.size

    def local(self) -> bytes:
        name = self.name if self.local_name is None else self.local_name
        flags = self.flags if self.local_flags is None else self.local_flags
        method = self.method if self.local_method is None else self.local_method
        sizes = self.local_sizes or ((0, 0, 0) if flags & 8 else self.sizes)
        header = struct.pack(
            "<4s5H3L2H",
            self.signature,
            self.version if self.local_version is None else self.local_version,
            flags,
            method,
            0,
            33,
            *sizes,
            len(name),
            len(self.local_extra),
        )
        end = b""
        if flags & 8:
            end = self.descriptor or struct.pack("<4s3L", b"PK\7\10", *self.sizes)
        return header + name + self.local_extra + self.data + end + self.gap

    def central(self, offset: int) -> bytes:
        return (
            struct.pack(
                "<4s6H3L5H2L",
                b"PK\1\2",
                0x0314,
                self.version,
                self.flags,
                self.method,
                0,
                33,
                *self.sizes,
                len(self.name),
                len(self.extra) if self.extra_length is None else self.extra_length,
                len(self.comment) if self.comment_length is None else self.comment_length,
                self.disk,
                0,
                self.mode << 16 | self.dos,
                offset if self.offset is None else self.offset,
            )
            + self.name
            + self.extra
            + self.comment
        )


def assemble(contents: list[Member], **end: Any) -> bytes:
    """Put the zip together; ``end`` changes what its end record says."""
    out = bytearray(end.get("before", b""))
    central = bytearray()
    for member in contents:
        central += member.central(len(out))
        out += member.local()
    out += end.get("between", b"")
    offset = len(out)
    out += central
    out += end.get("after_directory", b"")
    count = end.get("count", len(contents))
    comment = end.get("comment", b"")
    out += struct.pack(
        "<4s4H2LH",
        b"PK\5\6",
        end.get("disk", 0),
        end.get("start_disk", 0),
        end.get("here", count),
        count,
        end.get("size", len(central)),
        end.get("offset", offset),
        end.get("comment_length", len(comment)),
    )
    return b"".join((out, comment, end.get("after", b"")))


def record(**changes: Any) -> dict[str, Any]:
    """Return an ``account.json`` that is right, but for ``changes``; ``...`` takes a field out."""
    document = {
        "format": "intake-account-1",
        "language": "my",
        "questionnaire": {"id": "free-account", "sha256": "ab" * 32},
        "answers": {},
        "consents": [],
        "account_bytes": len(ACCOUNT),
        "repaired": [],
        "attachments": [listed(1, "ဓာတ်ပုံ.jpg", PHOTO), listed(2, "note.txt", NOTE)],
        "manifest_version": 1,
        "epoch": "2026-W31",
        "reply_to": "age1pq1qqqq",
        "reply_key": "cd" * 32,
        **changes,
    }
    return {name: value for name, value in document.items() if value is not ...}


def listed(number: int, called: str, content: bytes, /, **changes: Any) -> dict[str, Any]:
    entry = {
        "member": members.attachment_member(number),
        "name": called,
        "type": "image/jpeg",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **changes,
    }
    return {name: value for name, value in entry.items() if value is not ...}


def good(account_json: bytes | None = None) -> list[Member]:
    if account_json is None:
        account_json = json.dumps(record(), ensure_ascii=False).encode()
    return [
        Member(b"attachments/001", PHOTO),
        Member(b"attachments/002", NOTE),
        Member(b"account.txt", ACCOUNT),
        Member(b"identity.age", bytes(members.IDENTITY_SIZE)),
        Member(b"account.json", account_json),
        Member(b"padding", bytes(100)),
    ]


def changed(number: int, **changes: Any) -> list[Member]:
    contents = good()
    contents[number] = dataclasses.replace(contents[number], **changes)
    return contents


def refused(zipped: bytes | BinaryIO) -> str:
    source = cast("BinaryIO", io.BytesIO(zipped)) if isinstance(zipped, bytes) else zipped
    with pytest.raises(EnvelopeBroken) as caught:
        Envelope(source)
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert sentence.endswith(".")
    return sentence


def taken_out(zipped: bytes) -> tuple[object, ...]:
    """Return everything that an envelope gives."""
    envelope = Envelope(io.BytesIO(zipped))
    files = [envelope.open_attachment(a).read() for a in envelope.record.attachments]
    return envelope.account_text(), envelope.identity(), envelope.record, files


# --- what must be taken ----------------------------------------------------------------------

ZIP64_NONE = struct.pack("<2H2Q", 1, 16, 0, 0)


def zip64_descriptor(data: bytes) -> bytes:
    return struct.pack("<4sL2Q", b"PK\7\10", zlib.crc32(data), len(data), len(data))


GOOD: dict[str, list[Member]] = {
    "as our writer does, but narrow": good(),
    "sizes known before": [dataclasses.replace(member, flags=0) for member in good()],
    "names marked as UTF-8": [dataclasses.replace(member, flags=8 | 0x800) for member in good()],
    "modes of a plain file": [
        dataclasses.replace(member, mode=stat.S_IFREG | 0o644, dos=0x20) for member in good()
    ],
    "streamed zip64": changed(
        0,
        version=45,
        local_sizes=(0, 0xFFFFFFFF, 0xFFFFFFFF),
        local_extra=ZIP64_NONE,
        descriptor=zip64_descriptor(PHOTO),
    ),
}


@pytest.mark.parametrize("contents", GOOD.values(), ids=GOOD.keys())
def test_what_is_right_is_taken(contents: list[Member], tmp_path: Path) -> None:
    envelope = Envelope(io.BytesIO(assemble(contents)))
    assert envelope.account_text() == ACCOUNT.decode()
    written = envelope.extract(tmp_path / "out")
    assert [path.read_bytes() for path in written[2:]] == [PHOTO, NOTE]


# --- members ---------------------------------------------------------------------------------

UNUSUAL_NAMES = {
    "traversal": b"../../.bashrc",
    "traversal inside": b"attachments/../../x",
    "backslashes": b"..\\..\\evil.exe",
    "absolute": b"/etc/cron.d/evil",
    "drive": b"C:\\evil.exe",
    "NUL": b"attachments/001\0.exe",
    "NUL at the end": b"attachments/001\0",
    "folder": b"attachments/001/",
    "dot": b"./attachments/001",
    "upper case": b"ATTACHMENTS/001",
    "another number": b"attachments/1",
    "Arabic-Indic digits": "attachments/٠٠١".encode(),
    "not UTF-8": b"\xff\xfe",
    "empty": b"",
    "long": b"a" * 10_000,
    "duplicate": b"attachments/002",
    "another member's": b"account.txt",
    "escape": b"\x1b]0;evil\x07",
}


@pytest.mark.parametrize("flags", [8, 8 | 0x800], ids=["cp437", "UTF-8"])
@pytest.mark.parametrize("name", UNUSUAL_NAMES.values(), ids=UNUSUAL_NAMES.keys())
def test_a_member_of_another_name(name: bytes, flags: int) -> None:
    refused(assemble(changed(0, name=name, flags=flags)))


def without(*numbers: int) -> list[Member]:
    return [member for number, member in enumerate(good()) if number not in numbers]


def swapped(one: int, other: int) -> list[Member]:
    contents = good()
    contents[one], contents[other] = contents[other], contents[one]
    return contents


def deflated(size: int) -> Member:
    """Return a bomb: a member that is a thousand times as large as it looks."""
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = engine.compress(bytes(size)) + engine.flush()
    return Member(
        b"attachments/001",
        packed,
        method=8,
        stated=size,
        packed=len(packed),
        crc=zlib.crc32(bytes(size)),
    )


def all_at_one_place() -> bytes:
    """Make a flat bomb: a thousand entries share one member's bytes (Fifield, 2019)."""
    kernel = good()[0]
    names = [members.attachment_member(n).encode() for n in range(1, 1001)]
    shared = [dataclasses.replace(kernel, name=name, offset=0) for name in names]
    local, rest = kernel.local(), b"".join(member.local() for member in good()[2:])
    central = b"".join(member.central(0) for member in shared)
    at = len(local)
    for member in good()[2:]:
        central += member.central(at)
        at += len(member.local())
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1004, 1004, len(central), at, 0)
    return local + rest + central + end


def one_inside_another() -> bytes:
    """Make a second member's header lie inside the first one's data."""
    inner = Member(b"attachments/002", NOTE)
    outer = Member(b"attachments/001", inner.local())
    contents = [outer, *good()[2:]]
    zipped = assemble(contents)
    end = zipped.rfind(b"PK\5\6")
    directory = zipped.index(b"PK\1\2")
    first = len(outer.central(0))
    hidden = inner.central(len(outer.local()) - 16 - len(inner.local()))
    central = zipped[directory : directory + first] + hidden + zipped[directory + first : end]
    record = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 6, 6, len(central), directory, 0)
    return zipped[:directory] + central + record


ZIP64_LIE = struct.pack("<2H2Q", 1, 16, 1, 1)
CRC = zlib.crc32(PHOTO)

MEMBERS: dict[str, bytes] = {
    # which there are
    "nothing at all": assemble([]),
    "no attachment 1": assemble(without(0)),
    "no attachment 2": assemble(without(1)),
    "no account.txt": assemble(without(2)),
    "no identity.age": assemble(without(3)),
    "no account.json": assemble(without(4)),
    "no padding": assemble(without(5)),
    "one more": assemble([*good(), Member(b"evil", b"")]),
    "one before": assemble([Member(b"mimetype", b""), *good()]),
    "padding twice": assemble([*good(), good()[5]]),
    "account.json twice": assemble([*good()[:5], *good()[4:]]),
    "an unlisted attachment": assemble([*good()[:2], Member(b"attachments/003", b""), *good()[2:]]),
    "attachments in another order": assemble(swapped(0, 1)),
    "padding first": assemble([good()[5], *good()[:5]]),
    "account.json before identity.age": assemble(swapped(3, 4)),
    # what kind
    "a link": assemble(changed(0, mode=stat.S_IFLNK | 0o777)),
    "a folder": assemble(changed(0, mode=stat.S_IFDIR | 0o755)),
    "a folder, says DOS": assemble(changed(0, dos=0x10)),
    "a volume label": assemble(changed(0, dos=0x08)),
    "a device": assemble(changed(0, mode=stat.S_IFBLK | 0o600)),
    "a pipe": assemble(changed(0, mode=stat.S_IFIFO | 0o600)),
    "a socket": assemble(changed(0, mode=stat.S_IFSOCK | 0o600)),
    "setuid": assemble(changed(0, mode=stat.S_IFREG | 0o4755)),
    "deflated": assemble([deflated(10_000_000), *good()[1:]]),
    "deflated, says the directory": assemble(changed(0, method=8, local_method=0)),
    "deflated, says the header": assemble(changed(0, local_method=8)),
    "bzip2": assemble(changed(0, method=12)),
    "a method nobody knows": assemble(changed(0, method=0xFFFF)),
    "encrypted": assemble(changed(0, flags=9)),
    "encrypted, says the directory": assemble(changed(0, flags=9, local_flags=8)),
    "encrypted, says the header": assemble(changed(0, local_flags=9)),
    "strongly encrypted": assemble(changed(0, flags=8 | 1 << 6)),
    "patch data": assemble(changed(0, flags=8 | 1 << 5)),
    "names masked": assemble(changed(0, flags=8 | 1 << 13)),
    "a later zip": assemble(changed(0, version=63)),
    "another disk": assemble(changed(0, disk=1)),
    "a comment": assemble(changed(0, comment=b"hello")),
    "a comment that is not there": assemble(changed(5, comment_length=22)),
    "an extra field that is not there": assemble(changed(5, extra_length=22)),
    "an extra field": assemble(changed(0, extra=struct.pack("<2HL", 0xCAFE, 4, 0))),
    "a second name": assemble(
        changed(0, extra=struct.pack("<2HBL4s", 0x7075, 9, 1, zlib.crc32(b"x"), b"evil"))
    ),
    "an extra field cut short": assemble(changed(0, extra=struct.pack("<2H", 1, 400))),
    "half an extra field": assemble(changed(0, extra=b"\1\0\0")),
    "an extra field in the header": assemble(
        changed(0, local_extra=struct.pack("<2HL", 0xCAFE, 4, 0))
    ),
    "20 bytes of another extra field": assemble(
        changed(
            0,
            local_extra=struct.pack("<2H2Q", 0xCAFE, 16, 0, 0),
            local_sizes=(0, 0xFFFFFFFF, 0xFFFFFFFF),
            descriptor=zip64_descriptor(PHOTO),
        )
    ),
    "20 bytes of it, and sizes beside them": assemble(
        changed(0, local_extra=ZIP64_NONE, descriptor=zip64_descriptor(PHOTO))
    ),
    "more than 20 bytes of it": assemble(
        changed(
            0,
            local_extra=struct.pack("<2H3Q", 1, 24, 0, 0, 0),
            local_sizes=(0, 0xFFFFFFFF, 0xFFFFFFFF),
            descriptor=zip64_descriptor(PHOTO),
        )
    ),
    # headers of their own, also of what nobody takes out
    "an attachment without a signature": assemble(changed(0, signature=b"PK\0\0")),
    "padding without a signature": assemble(changed(5, signature=b"PK\0\0")),
    "padding of a later version": assemble(changed(5, local_version=63)),
    "padding of another name": assemble(changed(5, local_name=b"paddinG")),
    "padding of a longer name": assemble(changed(5, local_name=b"padding.exe")),
    "padding of a shorter name": assemble(changed(5, local_name=b"pad", local_extra=b"ding")),
    # where
    "a gap between members": assemble(changed(0, gap=b"hidden")),
    "a gap before the directory": assemble(good(), between=b"hidden"),
    "overlapping": assemble(changed(1, offset=0)),
    "a header inside a member": one_inside_another(),
    "a flat bomb": all_at_one_place(),
    "beyond the end": assemble(changed(0, offset=0x7FFFFFFF)),
    "offset in 64 bits": assemble(
        changed(0, offset=0xFFFFFFFF, extra=struct.pack("<2HQ", 1, 8, 2**64 - 1))
    ),
    # how large
    "smaller than it is": assemble(changed(0, stated=len(PHOTO) - 1)),
    "larger than it is": assemble(changed(0, stated=len(PHOTO) + 1)),
    "as large as the rest": assemble(changed(0, stated=40_000)),
    "4 GiB": assemble(changed(0, stated=0xFFFFFFFE)),
    "16 EiB": assemble(
        changed(0, stated=0xFFFFFFFF, extra=struct.pack("<2H2Q", 1, 16, 2**64 - 1, 2**64 - 1))
    ),
    "packed otherwise": assemble(changed(0, packed=len(PHOTO) + 1)),
    "the descriptor says less": assemble(
        changed(0, descriptor=struct.pack("<4s3L", b"PK\7\10", CRC, 1, 1))
    ),
    "the descriptor says more": assemble(
        changed(0, descriptor=struct.pack("<4s3L", b"PK\7\10", CRC, 99, 99))
    ),
    "the descriptor has another checksum": assemble(
        changed(0, descriptor=struct.pack("<4s3L", b"PK\7\10", 1, len(PHOTO), len(PHOTO)))
    ),
    "the descriptor has no signature": assemble(
        changed(0, descriptor=struct.pack("<3L", CRC, len(PHOTO), len(PHOTO)))
    ),
    "a wide descriptor for a narrow header": assemble(
        changed(0, descriptor=zip64_descriptor(PHOTO))
    ),
    "a narrow descriptor for a wide header": assemble(
        changed(0, local_sizes=(0, 0xFFFFFFFF, 0xFFFFFFFF), local_extra=ZIP64_NONE)
    ),
    "no descriptor": assemble(changed(0, local_flags=0)),
    "the header states sizes and streams": assemble(changed(0, local_sizes=(CRC, 1, 1))),
    "the header states other sizes": assemble(changed(0, flags=0, local_sizes=(CRC, 1, 1))),
    "the header states other sizes in 64 bits": assemble(
        changed(0, flags=0, local_sizes=(CRC, 0xFFFFFFFF, 0xFFFFFFFF), local_extra=ZIP64_LIE)
    ),
    "the header has another checksum": assemble(
        changed(0, flags=0, local_sizes=(1, len(PHOTO), len(PHOTO)))
    ),
    "the header has another name": assemble(changed(0, local_name=b"attachments/009")),
    "the header has a longer name": assemble(changed(0, local_name=b"attachments/001\0.exe")),
    "identity.age a byte short": assemble(changed(3, data=bytes(members.IDENTITY_SIZE - 1))),
    "identity.age a byte long": assemble(changed(3, data=bytes(members.IDENTITY_SIZE + 1))),
    "account.txt with a wrong checksum": assemble(changed(2, crc=1)),
    "account.json with a wrong checksum": assemble(changed(4, crc=1)),
    "identity.age with a wrong checksum": assemble(changed(3, crc=1)),
    "account.txt not UTF-8": assemble(changed(2, data=b"\xff" * len(ACCOUNT))),
    "account.txt not UTF-8 behind the account": assemble(changed(2, data=ACCOUNT + b"\xff")),
    "account.txt with half surrogates": assemble(changed(2, data=b"\xed\xa0\x80" * 99)),
    "account.txt shorter than the account": assemble(changed(2, data=ACCOUNT[:-3])),
}


@pytest.mark.parametrize("zipped", MEMBERS.values(), ids=MEMBERS.keys())
def test_members_that_lie(zipped: bytes) -> None:
    refused(zipped)


def test_a_wrong_checksum_of_an_attachment_leaves_nothing(tmp_path: Path) -> None:
    envelope = Envelope(io.BytesIO(assemble(changed(0, crc=1))))
    with pytest.raises(EnvelopeBroken):
        envelope.open_attachment(envelope.record.attachments[0]).read()
    with pytest.raises(EnvelopeBroken):
        envelope.extract(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


# --- the end of the zip ----------------------------------------------------------------------


def end64(zipped: bytes, **changes: Any) -> bytes:
    """Give a zip the end records of zip64, with ``changes``."""
    start = zipped.rfind(b"PK\5\6")
    *_, count, size, offset, _ = struct.unpack("<4s4H2LH", zipped[start:])
    says = {"count": count, "here": count, "size": size, "offset": offset, "at": start, **changes}
    record64 = struct.pack(
        "<4sQ2H2L4Q",
        says.get("signature", b"PK\6\6"),
        says.get("rest", 44),
        45,
        says.get("version", 45),
        says.get("disk", 0),
        0,
        says["here"],
        says["count"],
        says["size"],
        says["offset"],
    )
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, says["at"], says.get("disks", 1))
    short_count = says.get("short_count", 0xFFFF)
    short_size, short_offset = (
        says.get("short_size", 0xFFFFFFFF),
        says.get("short_offset", 0xFFFFFFFF),
    )
    short = struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, short_count, short_count, short_size, short_offset, 0
    )
    return b"".join((zipped[:start], record64, says.get("hidden", b""), locator, short))


WHOLE = assemble(good())

ENDS: dict[str, bytes] = {
    "empty": b"",
    "one byte": b"P",
    "an end alone": assemble([])[-22:],
    "zeros": bytes(1000),
    "text": ACCOUNT * 100,
    "a comment": assemble(good(), comment=b"hello"),
    "a comment that is an end": assemble(good(), comment=assemble([])),
    "a comment longer than the file": assemble(good(), comment_length=100),
    "no signature at the end": WHOLE[:-22] + b"PK\5\0" + WHOLE[-18:],
    "something behind": assemble(good(), after=b"\0"),
    "a zip behind": WHOLE + WHOLE,
    "something before": assemble(good(), before=b"#!/bin/sh\n"),
    "something before, moved along": b"#!/bin/sh\n" + WHOLE,
    "something behind the directory": assemble(good(), after_directory=b"hidden"),
    "ten million members": assemble(good(), count=0xFFFF),
    "no members": assemble(good(), count=0),
    "fewer members": assemble(good(), count=5),
    "more members": assemble(good(), count=7),
    "other members on this disk": assemble(good(), here=5),
    "disk 1": assemble(good(), disk=1),
    "begins on disk 1": assemble(good(), start_disk=1),
    "a smaller directory": assemble(good(), size=10),
    "a larger directory": assemble(good(), size=0xFFFFFFFE),
    "a directory at 0": assemble(good(), offset=0),
    "a directory behind the end": assemble(good(), offset=0xFFFFFFFE),
    "values in a zip64 record that is not there": assemble(
        good(), count=0xFFFF, size=0xFFFFFFFF, offset=0xFFFFFFFF
    ),
    "zip64: ten million members": end64(WHOLE, count=10_000_000, here=10_000_000),
    "zip64: 2**64 - 1 members": end64(WHOLE, count=2**64 - 1, here=2**64 - 1),
    "zip64: fewer on this disk": end64(WHOLE, here=5),
    "zip64: the short record says otherwise": end64(WHOLE, short_count=5),
    "zip64: the short offset says otherwise": end64(WHOLE, short_offset=0),
    "zip64: the short size says otherwise": end64(WHOLE, short_size=0),
    "zip64: more behind": end64(WHOLE, rest=1000),
    "zip64: hidden data": end64(WHOLE, hidden=b"hidden"),
    "zip64: hidden data, counted": end64(WHOLE, hidden=b"hidden", rest=50),
    "zip64: elsewhere": end64(WHOLE, at=0),
    "zip64: another disk": end64(WHOLE, disk=1),
    "zip64: two disks": end64(WHOLE, disks=2),
    "zip64: a later version": end64(WHOLE, version=63),
    "zip64: no signature": end64(WHOLE, signature=b"PK\0\0"),
    "zip64: a directory of 16 EiB": end64(WHOLE, size=2**64 - 1),
    "zip64: a directory beyond the end": end64(WHOLE, offset=2**64 - 1),
}


@pytest.mark.parametrize("zipped", ENDS.values(), ids=ENDS.keys())
def test_an_end_that_lies(zipped: bytes) -> None:
    refused(zipped)


def test_an_end_in_64_bits_is_taken() -> None:
    assert taken_out(end64(WHOLE)) == taken_out(WHOLE)


class ManyMembers(io.RawIOBase):
    """A gigabyte of directory: it must never be read."""

    def __init__(self, count: int) -> None:
        super().__init__()
        directory = len(Member(b"attachments/001", b"").central(0)) * 10_000_000
        ending = end64(
            assemble([]), count=count, here=count, size=directory, offset=0, at=directory
        )
        self.ending, self.length = ending, directory + len(ending)
        self.at = self.was_read = 0

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self.at = offset + (0, self.at, self.length)[whence]
        return self.at

    def read(self, size: int | None = -1, /) -> bytes:
        size = self.length - self.at if size is None or size < 0 else size
        self.was_read += size
        assert self.was_read < 1_000_000
        start = self.at - (self.length - len(self.ending))
        self.at += size
        return self.ending[start : start + size] if start >= 0 else bytes(size)


@pytest.mark.parametrize("count", [10_000_000, zip_structure.MAX_MEMBERS, 4])
def test_ten_million_members_are_refused_before_they_are_read(count: int) -> None:
    source = ManyMembers(count)
    refused(cast("BinaryIO", source))
    assert source.was_read < 1000


def test_as_many_members_as_may_be_are_taken(tmp_path: Path) -> None:
    number = 300
    names = [members.attachment_member(n) for n in range(1, number + 1)]
    attachments = [listed(n, "ပုံ.jpg", b"") for n in range(1, number + 1)]
    account_json = json.dumps(record(attachments=attachments)).encode()
    contents = [Member(name.encode(), b"") for name in names] + good(account_json)[2:]
    written = Envelope(io.BytesIO(assemble(contents))).extract(tmp_path / "out")
    assert len({path.name for path in written}) == number + 2


def test_one_member_too_many_is_refused() -> None:
    number = zip_structure.MAX_ATTACHMENTS + 1
    contents = [Member(members.attachment_member(n).encode(), b"") for n in range(1, number + 1)]
    assert "number of members" in refused(assemble(contents + good()[2:]))


@pytest.mark.parametrize("where", [2, 4], ids=["account.txt", "account.json"])
def test_a_member_larger_than_may_be_is_refused_unread(
    where: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MAX_ACCOUNT_TEXT", 1000)
    monkeypatch.setattr(unpacking, "MAX_ACCOUNT_JSON", 5000)
    monkeypatch.setattr(Envelope, "_read", lambda *_: pytest.fail("it was read"))
    assert "larger" in refused(assemble(changed(where, data=b" " * 5001)))


# --- whatever else ---------------------------------------------------------------------------

STRUCTURE = [
    at
    for at in range(len(WHOLE))
    if not WHOLE.index(bytes(1000)) < at < WHOLE.index(bytes(1000)) + members.IDENTITY_SIZE
]


@pytest.mark.parametrize("change", [0x01, 0x80, 0xFF], ids=hex)
def test_every_byte_changed_is_refused_or_changes_nothing(change: int) -> None:
    whole = taken_out(WHOLE)
    taken = []
    for at in STRUCTURE:
        zipped = bytearray(WHOLE)
        zipped[at] ^= change
        try:
            found = taken_out(bytes(zipped))
        except EnvelopeBroken:
            continue
        assert found == whole
        taken.append(at)
    # Dates, versions, modes and what is in the padding: things that nobody reads.
    assert len(taken) < 300


def test_cut_anywhere_it_is_refused() -> None:
    for length in STRUCTURE:
        with pytest.raises(EnvelopeBroken):
            Envelope(io.BytesIO(WHOLE[:length]))


def test_random_damage_is_refused_or_changes_nothing() -> None:
    choice = random.Random(18)  # noqa: S311  # the same each run
    whole = taken_out(WHOLE)
    for _ in range(3000):
        zipped = bytearray(WHOLE)
        for _ in range(choice.randrange(1, 6)):
            at = choice.choice(STRUCTURE)
            width = choice.choice([1, 2, 4, 8])
            zipped[at : at + width] = choice.choice(
                [bytes(width), b"\xff" * width, choice.randbytes(width), b"", WHOLE[:width]]
            )
        try:
            found = taken_out(bytes(zipped))
        except EnvelopeBroken:
            continue
        assert found == whole


# --- account.json ----------------------------------------------------------------------------

GOOD_JSON = json.dumps(record()).encode()


def attachments(**changes: Any) -> dict[str, Any]:
    return record(attachments=[listed(1, "a", PHOTO, **changes), listed(2, "b", NOTE)])


DOCUMENTS: dict[str, bytes | dict[str, Any]] = {
    "empty": b"",
    "not JSON": b"{",
    "not UTF-8": GOOD_JSON.replace(b"free-account", b"\xff"),
    "UTF-16": GOOD_JSON.decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD_JSON,
    "two documents": GOOD_JSON + GOOD_JSON,
    "a list": b"[]",
    "null": b"null",
    "a text": b'"text"',
    "a key twice": GOOD_JSON.replace(b'"answers"', b'"epoch": "x", "answers"'),
    "a key twice inside": GOOD_JSON.replace(b'"id":', b'"id": "x", "id":'),
    "a float": GOOD_JSON.replace(b'"answers": {}', b'"answers": {"a": 1.5}'),
    "a size as a float": GOOD_JSON.replace(b'"manifest_version": 1', b'"manifest_version": 1.0'),
    "infinity": GOOD_JSON.replace(b'"answers": {}', b'"answers": {"a": Infinity}'),
    "NaN": GOOD_JSON.replace(b'"answers": {}', b'"answers": {"a": NaN}'),
    "an endless number": GOOD_JSON.replace(b'"answers": {}', b'"answers": ' + b"9" * 100_000),
    "nested without end": b"[" * 100_000,
    "nested deeply": GOOD_JSON.replace(
        b'"answers": {}', b'"answers": {"a": ' + b"[" * 99 + b"]" * 99 + b"}"
    ),
    "half a surrogate pair": GOOD_JSON.replace(b"free-account", b"\\ud800"),
    "half a pair as a key": GOOD_JSON.replace(b'"answers": {}', b'"answers": {"\\udfff": 1}'),
    "half a pair where nobody looks": GOOD_JSON.replace(
        b'"answers"', b'"new": ["\\ud800"], "answers"'
    ),
    "no format": record(format=...),
    "another format": record(format="intake-account-2"),
    "no language": record(language=...),
    "a language that is a number": record(language=7),
    "a language that is a path": record(language="../../my"),
    "a language with an escape": record(language="\x1b[2J"),
    "a language with a line end": record(language="my\n"),
    "a language without end": record(language="m" * 1000),
    "no questionnaire": record(questionnaire=...),
    "a questionnaire that is a text": record(questionnaire="free"),
    "a questionnaire without a hash": record(questionnaire={"id": "a"}),
    "a questionnaire with another hash": record(questionnaire={"id": "a", "sha256": "AB" * 32}),
    "a questionnaire's id without end": record(
        questionnaire={"id": "a" * 100_000, "sha256": "ab" * 32}
    ),
    "answers that are a list": record(answers=[]),
    "consents that are an object": record(consents={}),
    "a consent that is a text": record(consents=["yes"]),
    "no account_bytes": record(account_bytes=...),
    "account_bytes negative": record(account_bytes=-1),
    "account_bytes true": record(account_bytes=True),
    "account_bytes a text": record(account_bytes="5"),
    "account_bytes too many": record(account_bytes=len(ACCOUNT) + 1),
    "account_bytes far too many": record(account_bytes=2**70),
    "account_bytes in the middle of a letter": record(account_bytes=1),
    "repaired with a number in it": record(repaired=[1]),
    "repaired that is a text": record(repaired="account"),
    "no attachments": record(attachments=...),
    "attachments none": record(attachments=None),
    "attachments not listed": record(attachments=[]),
    "one attachment not listed": record(attachments=[listed(1, "a", PHOTO)]),
    "one attachment too many listed": record(
        attachments=[listed(1, "a", PHOTO), listed(2, "b", NOTE), listed(3, "c", b"")]
    ),
    "attachments listed in another order": record(
        attachments=[listed(2, "b", NOTE), listed(1, "a", PHOTO)]
    ),
    "ten thousand and one attachments": record(attachments=[{}] * 10_001),
    "an attachment that is a text": record(attachments=["a", "b"]),
    "an attachment without a member": attachments(member=...),
    "an attachment elsewhere": attachments(member="../../etc/passwd"),
    "an attachment that is the account": attachments(member="account.txt"),
    "an attachment without a name": attachments(name=...),
    "an attachment's name a number": attachments(name=1),
    "an attachment's name without end": attachments(name="a" * 100_000),
    "an attachment without a type": attachments(type=...),
    "an attachment of another size": attachments(size=len(PHOTO) + 1),
    "an attachment of a size below 0": attachments(size=-1),
    "an attachment's size true": attachments(size=True),
    "an attachment without a hash": attachments(sha256=...),
    "an attachment's hash too short": attachments(sha256="ab"),
    "an attachment's hash not hex": attachments(sha256="zz" * 32),
    "an attachment's hash with a line end": attachments(sha256="ab" * 32 + "\n"),
    "manifest_version 0": record(manifest_version=0),
    "manifest_version true": record(manifest_version=True),
    "manifest_version beyond all numbers": record(manifest_version=2**63),
    "an epoch that is a path": record(epoch="../../2026"),
    "an epoch with a line end": record(epoch="2026\n"),
    "no epoch": record(epoch=""),
    "reply_to an identity": record(reply_to="AGE-SECRET-KEY-1QQ"),
    "reply_to an option": record(reply_to="--help"),
    "reply_to without end": record(reply_to="age1" + "q" * 100_000),
    "no reply_to": record(reply_to=...),
    "reply_key too short": record(reply_key="cd"),
    "no reply_key": record(reply_key=None),
    "a kind that is no text": record(kind=1),
    "a kind without end": record(kind="a" * 100_000),
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_account_json_that_breaks_the_format(document: bytes | dict[str, Any]) -> None:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    refused(assemble(good(data)))


def test_no_sentence_quotes_what_was_sent() -> None:
    for document in (record(epoch="SENT/"), attachments(member="SENT"), record(language="SENT!")):
        assert "SENT" not in refused(assemble(good(json.dumps(document).encode())))
    assert "SENT" not in refused(assemble(changed(0, name=b"SENT")))


def test_a_json_of_many_small_things_takes_bounded_time_and_memory() -> None:
    filler = b"[],[" + b"],[" * 1_000_000 + b"]"
    data = GOOD_JSON.replace(b'"answers": {}', b'"answers": {"a": [' + filler + b"]}")
    began = time.monotonic()
    tracemalloc.start()
    try:
        Envelope(io.BytesIO(assemble(good(data))))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60 * len(data)
    assert time.monotonic() - began < 20


# --- every zip program sees the same ---------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: WHOLE, lambda: end64(WHOLE)], ids=["zip", "zip64"])
def test_what_we_take_is_what_zipfile_sees(make: Callable[[], bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(make())) as archive:
        assert archive.testzip() is None
        assert archive.read("account.txt") == ACCOUNT
