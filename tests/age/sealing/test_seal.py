from __future__ import annotations

import io
import os
import random
import zipfile

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.age.payload import CHUNK_SIZE, sealed_length
from intake.age.sealing.seal import Bytes, SealingWriter, header_length, seal_bytes
from intake.errors import PayloadBroken

IDENTITY = HybridIdentity.generate()
RECIPIENTS = [IDENTITY.recipient()]
SIZES = [
    0,
    1,
    CHUNK_SIZE - 1,
    CHUNK_SIZE,
    CHUNK_SIZE + 1,
    2 * CHUNK_SIZE,
    2 * CHUNK_SIZE + 1,
    40 * CHUNK_SIZE,
]


@pytest.mark.parametrize("size", SIZES)
def test_round_trip_at_every_chunk_border(size: int) -> None:
    plaintext = os.urandom(size)
    assert open_bytes(seal_bytes(plaintext, RECIPIENTS), [IDENTITY]) == plaintext


@pytest.mark.parametrize("seed", range(10))
def test_the_way_it_is_cut_into_writes_does_not_matter(seed: int) -> None:
    cuts = random.Random(seed)  # noqa: S311  # a test's sizes
    sink = io.BytesIO()
    writer = SealingWriter(sink.write, RECIPIENTS)
    plaintext = b""
    for _ in range(30):
        size = cuts.choice([0, 1, 100, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 3 * CHUNK_SIZE])
        piece = cuts.randbytes(size)
        given: Bytes = cuts.choice([bytes, bytearray, memoryview])(piece)
        assert writer.write(given) == size
        plaintext += piece
        assert writer.tell() == len(plaintext)
        assert writer.bytes_written == sink.tell()
    writer.close()
    assert open_bytes(sink.getvalue(), [IDENTITY]) == plaintext
    assert writer.bytes_written == writer.header_length + sealed_length(len(plaintext))
    assert sink.tell() == writer.bytes_written


def test_the_header_is_there_at_once() -> None:
    sink = io.BytesIO()
    writer = SealingWriter(sink.write, RECIPIENTS)
    assert sink.getvalue().startswith(b"age-encryption.org/v1\n")
    assert writer.bytes_written == writer.header_length + 16 == sink.tell()
    assert header_length(RECIPIENTS) == writer.header_length


def test_a_large_write_is_one_call() -> None:
    calls: list[Bytes] = []
    writer = SealingWriter(calls.append, RECIPIENTS)
    writer.write(bytes(1 << 20))
    writer.write(bytes(1 << 20))
    assert len(calls) == 3


def test_what_was_handed_over_is_not_touched_again() -> None:
    calls: list[Bytes] = []
    writer = SealingWriter(calls.append, RECIPIENTS)
    data = bytearray(3 * CHUNK_SIZE)
    writer.write(data)
    data[:] = b"x" * len(data)  # the caller's buffer is his again
    writer.close()
    assert open_bytes(b"".join(calls), [IDENTITY]) == bytes(3 * CHUNK_SIZE)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_that_was_never_closed_does_not_open(size: int) -> None:
    sink = io.BytesIO()
    SealingWriter(sink.write, RECIPIENTS).write(bytes(size))
    with pytest.raises(PayloadBroken):
        open_bytes(sink.getvalue(), [IDENTITY])


def test_a_writer_whose_sink_failed_is_dead() -> None:
    class FullDisk:
        def __init__(self) -> None:
            self.data = bytearray()
            self.full = False

        def __call__(self, data: Bytes) -> None:
            if self.full:
                raise OSError("disk full")
            self.data += data

    disk = FullDisk()
    writer = SealingWriter(disk, RECIPIENTS)
    disk.full = True
    with pytest.raises(OSError, match="disk full"):
        writer.write(bytes(5 * CHUNK_SIZE))
    disk.full = False
    assert writer.closed
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"more")
    with pytest.raises(ValueError, match="closed"):
        writer.close()
    with pytest.raises(PayloadBroken):
        open_bytes(bytes(disk.data), [IDENTITY])


def test_closed_means_closed() -> None:
    sink = io.BytesIO()
    writer = SealingWriter(sink.write, RECIPIENTS)
    assert not writer.closed
    writer.close()
    size = sink.tell()
    writer.close()
    assert writer.closed
    assert sink.tell() == size
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"")


def test_a_zip_can_be_written_into_it() -> None:
    sink = io.BytesIO()
    writer = SealingWriter(sink.write, RECIPIENTS)
    with zipfile.ZipFile(writer, "w") as archive:
        archive.writestr("account.txt", "သက်သေ" * 100_000)
    writer.flush()
    writer.close()
    opened = zipfile.ZipFile(io.BytesIO(open_bytes(sink.getvalue(), [IDENTITY])))
    assert opened.read("account.txt").decode() == "သက်သေ" * 100_000


def test_two_sealings_share_nothing() -> None:
    one, other = (seal_bytes(bytes(100), RECIPIENTS) for _ in range(2))
    assert len(one) == len(other)
    assert one[-116:] != other[-116:]
