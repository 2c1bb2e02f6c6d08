from __future__ import annotations

import io
import os
import random
from typing import BinaryIO, cast

import pytest

from intake.age.armor import armor
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.identity import Identity
from intake.age.opening.open import open_age, open_bytes
from intake.age.opening.passphrase import PassphraseIdentity
from intake.age.opening.x25519 import X25519Identity
from intake.age.payload import CHUNK_SIZE, ENCRYPTED_CHUNK, sealed_length
from intake.age.sealing.passphrase import PassphraseRecipient
from intake.age.sealing.seal import seal_bytes
from intake.errors import NotForUs, PayloadBroken, WrongPassphrase
from intake.secret import Secret

IDENTITY = HybridIdentity.generate()
PLAINTEXT = random.Random(7).randbytes(20 * CHUNK_SIZE + 1234)  # noqa: S311  # a test's bytes
FILE = seal_bytes(PLAINTEXT, [IDENTITY.recipient()])
SIZES = [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 2 * CHUNK_SIZE, 33 * CHUNK_SIZE]


class Pipe:
    """A source that can only be read."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def seekable(self) -> bool:
        return False

    def read(self, size: int) -> bytes:
        return self._data.read(min(size, 5000))


def pipe(data: bytes) -> BinaryIO:
    return cast("BinaryIO", Pipe(data))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", [1000, CHUNK_SIZE, 1 << 20, -1])
def test_every_way_gives_the_same(size: int, piece: int) -> None:
    plaintext = os.urandom(size)
    file = seal_bytes(plaintext, [IDENTITY.recipient()])
    for source in (io.BytesIO(file), pipe(file), io.BytesIO(armor(file)), pipe(armor(file))):
        reader = open_age(source, [IDENTITY])
        assert b"".join(iter(lambda read=reader.read: read(piece), b"")) == plaintext  # type: ignore[misc]


@pytest.mark.parametrize("seed", range(5))
def test_reads_anywhere(seed: int) -> None:
    places = random.Random(seed)  # noqa: S311  # a test's places
    reader, plain = open_age(io.BytesIO(FILE), [IDENTITY]), io.BytesIO(PLAINTEXT)
    assert reader.seekable()
    assert reader.readable()
    for _ in range(100):
        at = places.randrange(len(PLAINTEXT) + 1000)
        whence = places.choice([os.SEEK_SET, os.SEEK_END])
        offset = at if whence == os.SEEK_SET else -min(at, len(PLAINTEXT))
        assert reader.seek(offset, whence) == plain.seek(offset, whence)
        size = places.choice([0, 1, 10, CHUNK_SIZE, 3 * CHUNK_SIZE, 18 * CHUNK_SIZE, -1])
        assert reader.read(size) == plain.read(size)
        assert reader.tell() == plain.tell()
    buffer, expected = bytearray(100_000), bytearray(100_000)
    reader.seek(12_345)
    plain.seek(12_345)
    assert reader.readinto(buffer) == plain.readinto(expected)  # type: ignore[attr-defined]
    assert buffer == expected
    with pytest.raises(ValueError, match="place"):
        reader.seek(-1)
    with pytest.raises(ValueError, match="place"):
        reader.seek(0, 9)


def test_it_need_not_begin_where_the_source_does() -> None:
    source = io.BytesIO(b"x" * 777 + FILE)
    source.seek(777)
    assert open_age(source, [IDENTITY]).read() == PLAINTEXT


def test_the_source_stays_open() -> None:
    source = io.BytesIO(FILE)
    for _ in range(2):
        source.seek(0)
        with open_age(source, [IDENTITY]) as reader:
            reader.read(1)
    assert not source.closed


def test_sequential_reading_does_not_seek() -> None:
    reader = open_age(pipe(FILE), [IDENTITY])
    assert reader.readable()
    assert not reader.seekable()


CHUNKS = len(FILE) - sealed_length(len(PLAINTEXT)) + 16


def with_flipped_bit(at: int) -> bytes:
    return FILE[:at] + bytes([FILE[at] ^ 1]) + FILE[at + 1 :]


@pytest.mark.parametrize("index", [1, 5, 16, 19])
def test_nothing_of_a_broken_chunk_is_released(index: int) -> None:
    file = with_flipped_bit(CHUNKS + index * ENCRYPTED_CHUNK + 99)
    for source in (io.BytesIO(file), pipe(file)):
        reader = open_age(source, [IDENTITY])
        assert reader.read(index * CHUNK_SIZE) == PLAINTEXT[: index * CHUNK_SIZE]
        for _ in range(2):
            with pytest.raises(PayloadBroken):
                reader.read(1)


def test_no_part_of_a_read_that_meets_a_broken_chunk_is_released() -> None:
    file = with_flipped_bit(CHUNKS + 3 * ENCRYPTED_CHUNK)
    for source in (io.BytesIO(file), pipe(file)):
        with pytest.raises(PayloadBroken):
            open_age(source, [IDENTITY]).read(10 * CHUNK_SIZE)


def test_what_is_whole_can_be_read_around_a_broken_chunk() -> None:
    file = with_flipped_bit(CHUNKS + 3 * ENCRYPTED_CHUNK)
    reader = open_age(io.BytesIO(file), [IDENTITY])
    reader.seek(4 * CHUNK_SIZE)
    assert reader.read() == PLAINTEXT[4 * CHUNK_SIZE :]
    reader.seek(3 * CHUNK_SIZE)
    with pytest.raises(PayloadBroken):
        reader.read(1)
    reader.seek(0)
    assert reader.read(3 * CHUNK_SIZE) == PLAINTEXT[: 3 * CHUNK_SIZE]


def test_a_source_that_shrinks_meanwhile_is_noticed() -> None:
    source = io.BytesIO(FILE)
    reader = open_age(source, [IDENTITY])
    source.truncate(CHUNKS + 2 * ENCRYPTED_CHUNK + 100)
    assert reader.read(CHUNK_SIZE) == PLAINTEXT[:CHUNK_SIZE]
    with pytest.raises(PayloadBroken):
        reader.read()


def test_identities_are_tried_in_turn() -> None:
    strangers: list[Identity] = [X25519Identity.generate(), HybridIdentity.generate()]
    passphrase = PassphraseIdentity(Secret(b"x"))
    assert open_bytes(FILE, [*strangers, passphrase, IDENTITY]) == PLAINTEXT
    with pytest.raises(NotForUs) as refused:
        open_bytes(FILE, [*strangers, passphrase])
    assert type(refused.value) is NotForUs
    with pytest.raises(NotForUs):
        open_bytes(FILE, [])


def test_a_second_passphrase_is_tried() -> None:
    right, wrong = Secret(b"right"), Secret(b"wrong")
    file = seal_bytes(b"words", [PassphraseRecipient(right, 1)])
    identities = [PassphraseIdentity(wrong), PassphraseIdentity(right)]
    assert open_bytes(file, identities) == b"words"
    with pytest.raises(WrongPassphrase):
        open_bytes(file, [PassphraseIdentity(wrong), IDENTITY])
