"""Write an envelope in one pass: attachments while they arrive, then the rest, then padding.

The zip itself is the standard library's. What is ours is the order of the members, and the
padding that brings the *sealed* file to one of the few sizes of :mod:`intake.envelope.sizes`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Protocol, cast

from intake.envelope import members
from intake.envelope.digest import BackgroundSha256
from intake.envelope.sizes import plaintext_capacity, size_classes

# Lengths of the zip format's records (APPNOTE 6.3.10, 4.3.7 to 4.3.16, 4.5.3).
_LOCAL_HEADER = 30
_DESCRIPTOR = 16
_DESCRIPTOR_ZIP64 = 24
_LOCAL_EXTRA_ZIP64 = 20
_CENTRAL_HEADER = 46
_CENTRAL_EXTRA = 4
_FIELD_ZIP64 = 8
_END = 22
_END_ZIP64 = 56 + 20

# Where a local header states the two sizes, and what stands there when a zip64 field does instead.
_SIZES_AT = 18
_SIZES_IN_ZIP64 = b"\xff" * 8

_ZEROS = bytes(1024 * 1024)


class SealedSink(Protocol):
    """What an envelope is written to: the plaintext side of an age file being sealed."""

    header_length: int

    @property
    def bytes_written(self) -> int:
        """How many sealed bytes have left so far."""

    def write(self, data: bytes) -> int:
        """Take plaintext."""

    def close(self) -> None:
        """Seal the last chunk."""


@dataclass(frozen=True)
class StoredAttachment:
    """What was stored of one attachment: its member's name, size in bytes and SHA-256 (hex)."""

    member: str
    size: int
    sha256: str


class AttachmentWriter:
    """Takes the bytes of one attachment."""

    def __init__(self, member: str, handle: IO[bytes]) -> None:
        """Write to ``handle``, the open zip member named ``member``."""
        self._member = member
        self._handle = handle
        self._digest = BackgroundSha256()
        self._sha256 = ""
        self._size = 0

    def write(self, data: bytes) -> None:
        """Store and hash ``data``."""
        self._digest.update(data)
        self._handle.write(data)
        self._size += len(data)

    def finish(self) -> None:
        """Wait for the hash of what was written."""
        self._sha256 = self._digest.hexdigest()

    def abandon(self) -> None:
        """End the hashing of what nobody will ask for."""
        self._digest.close()

    def stored(self) -> StoredAttachment:
        """Return what was stored, once it is finished."""
        return StoredAttachment(self._member, self._size, self._sha256)


class EnvelopeWriter:
    """Writes one envelope into a :class:`SealedSink`, each member once, in the format's order."""

    def __init__(self, sink: SealedSink) -> None:
        """Begin an empty envelope."""
        self._sink = sink
        self._position = _Position(sink)
        self._zip = zipfile.ZipFile(cast("IO[bytes]", self._position), "w", zipfile.ZIP_STORED)
        self._attachments = 0

    @contextmanager
    def attachment(self) -> Iterator[AttachmentWriter]:
        """Open the next attachment; its size need not be known before."""
        self._attachments += 1
        member = members.attachment_member(self._attachments)
        with self._zip.open(_info(member), "w", force_zip64=True) as handle:
            writer = AttachmentWriter(member, handle)
            try:
                yield writer
                writer.finish()
            except BaseException:
                # Half an attachment cannot be taken out again: this envelope is lost.
                self._position.abandoned = True
                writer.abandon()
                raise

    def abandon(self) -> None:
        """Give up: nothing more reaches the sink, and what it holds stays without an end."""
        self._position.abandoned = True
        self._zip.close()

    def finish(self, *, account_text: bytes, identity: bytes, account_json: bytes) -> int:
        """Write the remaining members and the padding, and seal the last chunk.

        Returns:
            The size of the sealed file: one of :func:`intake.envelope.sizes.size_classes`.

        Raises:
            ValueError: it was abandoned, or something of it could not be written.
        """
        if self._position.abandoned:
            raise ValueError("an envelope that was given up cannot be finished")
        for name, content in (
            (members.ACCOUNT_TEXT, account_text),
            (members.IDENTITY, identity),
            (members.ACCOUNT_JSON, account_json),
        ):
            with self._zip.open(_info(name), "w") as handle:
                handle.write(content)
        size_class, padding = self._fit()
        with self._zip.open(_info(members.PADDING), "w", force_zip64=_wide(padding)) as handle:
            for start in range(0, padding, len(_ZEROS)):
                handle.write(_ZEROS[: padding - start])
        self._zip.close()
        self._sink.close()
        if self._sink.bytes_written != size_class:
            raise AssertionError("an envelope missed its size class")
        return size_class

    def _fit(self) -> tuple[int, int]:
        """Return the smallest size class that holds this envelope, and the padding it needs."""
        for size_class in size_classes():
            capacity = plaintext_capacity(size_class, self._sink.header_length)
            if capacity is None:
                continue
            padding = capacity - self._length_with_padding(0)
            # Past 2 GiB the padding itself lengthens the records that describe it.
            padding -= self._length_with_padding(padding) - padding - self._length_with_padding(0)
            if padding >= 0 and self._length_with_padding(padding) == capacity:
                return size_class, padding
        raise AssertionError("unreachable: the size classes have no end")

    def _length_with_padding(self, padding: int) -> int:
        """Return the whole zip's length in bytes once ``padding`` zeros and the end are written."""
        offset = self._position.tell()
        directory = offset + _member_length(members.PADDING, padding)
        length = directory + _central_length(members.PADDING, padding, offset)
        for info in self._zip.filelist:
            length += _central_length(info.filename, info.file_size, info.header_offset)
        return length + _END + (_END_ZIP64 if _wide(directory) else 0)


class _Position:
    """The sink as ``zipfile`` wants it: it counts, and it cannot seek."""

    def __init__(self, sink: SealedSink) -> None:
        self._sink = sink
        self._written = 0
        self.abandoned = False

    def write(self, data: bytes) -> int:
        if not self.abandoned:
            try:
                self._sink.write(data)
            except BaseException:
                # zipfile writes on while it closes its members: that must not hide this error.
                self.abandoned = True
                raise
        self._written += len(data)
        return len(data)

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        """Do nothing: chunks leave when they are full."""


class _StreamedMember(zipfile.ZipInfo):
    """A member whose local header is the same in every release of Python.

    Python before 3.11.4 wrote sizes of zero beside a zip64 field where the format wants the largest
    value (APPNOTE 4.5.3); and an envelope must not tell which release sealed it.
    """

    def FileHeader(self, zip64: bool | None = None) -> bytes:  # noqa: N802, FBT001 (zipfile's)
        """Return the local header, whose sizes stand in the descriptor behind the bytes."""
        header = super().FileHeader(zip64)
        if not zip64:
            return header
        return header[:_SIZES_AT] + _SIZES_IN_ZIP64 + header[_SIZES_AT + len(_SIZES_IN_ZIP64) :]


def _info(name: str) -> zipfile.ZipInfo:
    info = _StreamedMember(name, members.MEMBER_DATE)
    info.create_system = 3  # Unix, wherever this runs
    info.external_attr = 0o600 << 16
    return info


def _wide(value: int) -> bool:
    """Return whether ``zipfile`` describes ``value`` in 64 bits."""
    return value > zipfile.ZIP64_LIMIT


def _member_length(name: str, size: int) -> int:
    if _wide(size):
        return _LOCAL_HEADER + len(name) + _LOCAL_EXTRA_ZIP64 + size + _DESCRIPTOR_ZIP64
    return _LOCAL_HEADER + len(name) + size + _DESCRIPTOR


def _central_length(name: str, size: int, offset: int) -> int:
    fields = 2 * _wide(size) + _wide(offset)
    return _CENTRAL_HEADER + len(name) + (_CENTRAL_EXTRA + fields * _FIELD_ZIP64 if fields else 0)
