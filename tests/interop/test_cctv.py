"""Every vector that C2SP publishes for age, each with exactly the outcome that it names."""

from __future__ import annotations

import hashlib
import io
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import pytest

from intake.age.armor import ArmorReader, armor, dearmor
from intake.age.header import parse_header, serialise
from intake.age.opening.identity import parse_identity, unwrap_file_key
from intake.age.opening.open import open_age
from intake.age.opening.passphrase import PassphraseIdentity
from intake.age.payload import CHUNK_SIZE
from intake.errors import (
    AgeError,
    ArmorBroken,
    HeaderBroken,
    HeaderForged,
    NotForUs,
    PayloadBroken,
    WrongPassphrase,
)
from intake.secret import Secret

if TYPE_CHECKING:
    from intake.age.opening.identity import Identity

PUBLISHED = 143
"""How many vectors cctv-age 0.2.0 holds."""

OUTCOMES: dict[str, type[AgeError] | None] = {
    "success": None,
    "no match": NotForUs,
    "HMAC failure": HeaderForged,
    "header failure": HeaderBroken,
    "armor failure": ArmorBroken,
    "payload failure": PayloadBroken,
}
KEYS = {
    "expect",
    "payload",
    "identity",
    "passphrase",
    "armored",
    "compressed",
    "file key",
    "comment",
}


@dataclass
class Vector:
    expect: str
    payload: str | None
    identities: list[Identity]
    armored: bool
    file_key: bytes
    file: bytes

    @property
    def outcome(self) -> type[AgeError] | None:
        if self.expect == "no match" and b"\n-> scrypt " in self.file:
            return WrongPassphrase
        return OUTCOMES[self.expect]


def parse(published: bytes) -> Vector:
    head, _, file = published.partition(b"\n\n")
    fields = [line.split(": ", 1) for line in head.decode().split("\n")]
    assert {key for key, _ in fields} <= KEYS
    values = dict(fields)
    assert values.get("compressed", "zlib") == "zlib"
    identities = [parse_identity(value) for key, value in fields if key == "identity"]
    identities += [
        PassphraseIdentity(Secret(value.encode())) for key, value in fields if key == "passphrase"
    ]
    return Vector(
        expect=values["expect"],
        payload=values.get("payload"),
        identities=identities,
        armored=values.get("armored") == "yes",
        file_key=bytes.fromhex(values.get("file key", "")),
        file=zlib.decompress(file) if "compressed" in values else file,
    )


class Pipe:
    """A source that can only be read, a few bytes at a time."""

    def __init__(self, data: bytes, most: int) -> None:
        self._data = io.BytesIO(data)
        self._most = most

    def seekable(self) -> bool:
        return False

    def read(self, size: int) -> bytes:
        return self._data.read(min(size, self._most))


def drain(source: BinaryIO, identities: list[Identity], size: int) -> tuple[bytes, AgeError | None]:
    """Read to the end, or to the error: what was released by then, and the error."""
    released = bytearray()
    try:
        reader = open_age(source, identities)
        while data := reader.read(size):
            released += data
    except AgeError as error:
        return bytes(released), error
    return bytes(released), None


def kind(error: AgeError | None) -> type[AgeError] | None:
    return None if error is None else type(error)


def test_no_vector_is_lost(vector_files: dict[str, bytes]) -> None:
    index = Path(__file__).parent / "node_modules" / "cctv-age" / "index.js"
    in_source = re.findall(r"^// \.\./testdata/(.+)$", index.read_text(), re.MULTILINE)
    assert sorted(in_source) == sorted(vector_files)
    assert len(vector_files) == PUBLISHED
    assert {parse(file).expect for file in vector_files.values()} == set(OUTCOMES)


def test_read_from_front_to_back(vector_file: bytes) -> None:
    vector = parse(vector_file)
    source = cast("BinaryIO", Pipe(vector.file, 1 << 20))
    released, error = drain(source, vector.identities, CHUNK_SIZE)
    assert kind(error) is vector.outcome
    if vector.payload is not None:
        assert hashlib.sha256(released).hexdigest() == vector.payload
    else:
        assert released == b""


def test_read_from_a_slow_pipe_in_odd_pieces(vector_file: bytes) -> None:
    vector = parse(vector_file)
    source = cast("BinaryIO", Pipe(vector.file, 997))
    released, error = drain(source, vector.identities, 1009)
    assert kind(error) is vector.outcome
    if vector.payload is not None and error is None:
        assert hashlib.sha256(released).hexdigest() == vector.payload


def test_read_from_a_file_that_seeks(vector_file: bytes) -> None:
    vector = parse(vector_file)
    released, error = drain(io.BytesIO(vector.file), vector.identities, CHUNK_SIZE)
    assert kind(error) is vector.outcome
    if vector.expect == "payload failure":
        # The end is looked at first, so less may be released than from front to back, not more.
        source = cast("BinaryIO", Pipe(vector.file, 1 << 20))
        in_order, _ = drain(source, vector.identities, CHUNK_SIZE)
        assert hashlib.sha256(in_order).hexdigest() == vector.payload
        assert in_order.startswith(released)
    elif vector.payload is not None:
        assert hashlib.sha256(released).hexdigest() == vector.payload


def test_headers_are_written_again_byte_for_byte(vector_file: bytes) -> None:
    vector = parse(vector_file)
    if vector.expect in ("header failure", "armor failure"):
        return
    file = dearmor(vector.file) if vector.armored else vector.file
    source = io.BytesIO(file)
    header = parse_header(source)
    again = serialise(header.stanzas, Secret(vector.file_key))
    if vector.expect == "HMAC failure":
        assert again[:-44] == file[: source.tell() - 44]
    else:
        assert again == file[: source.tell()]


def test_the_file_key_is_the_one_that_was_wrapped(vector_file: bytes) -> None:
    vector = parse(vector_file)
    if vector.expect not in ("success", "payload failure"):
        return
    file = dearmor(vector.file) if vector.armored else vector.file
    header = parse_header(io.BytesIO(file))
    assert unwrap_file_key(header, vector.identities).reveal() == vector.file_key


def test_armor_is_written_again_up_to_line_ends(vector_file: bytes) -> None:
    vector = parse(vector_file)
    if not vector.armored:
        return
    if vector.expect == "armor failure":
        with pytest.raises(ArmorBroken):
            ArmorReader(io.BytesIO(vector.file)).readall()
        return
    normal = vector.file.strip().replace(b"\r\n", b"\n") + b"\n"
    assert armor(dearmor(vector.file)) == normal
