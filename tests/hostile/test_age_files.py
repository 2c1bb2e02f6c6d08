"""Threat 17: any age file at all. Each attack is a row; none gets past the sealed truth."""

from __future__ import annotations

import io
import time
from typing import BinaryIO, cast

import pytest

from intake.age.header import MAX_HEADER_SIZE, MAX_STANZAS, Stanza, serialise
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.identity import Identity
from intake.age.opening.open import open_age, open_bytes
from intake.age.opening.passphrase import PassphraseIdentity
from intake.age.opening.x25519 import X25519Identity
from intake.age.payload import CHUNK_SIZE, ENCRYPTED_CHUNK, chunk_nonce, payload_cipher
from intake.age.sealing.passphrase import PassphraseRecipient
from intake.age.sealing.seal import SealingWriter, seal_bytes
from intake.errors import AgeError, HeaderBroken, HeaderForged, NotForUs, PayloadBroken
from intake.secret import Secret

IDENTITY = HybridIdentity.generate()
IDENTITIES: list[Identity] = [IDENTITY, PassphraseIdentity(Secret(b"demo"))]


def sealed(plaintext: bytes) -> tuple[bytes, list[bytes]]:
    """Return what stands before the chunks, and the chunks."""
    file = bytearray()
    writer = SealingWriter(file.extend, [IDENTITY.recipient()])
    start = writer.bytes_written
    writer.write(plaintext)
    writer.close()
    rest = range(start, len(file), ENCRYPTED_CHUNK)
    return bytes(file[:start]), [bytes(file[at : at + ENCRYPTED_CHUNK]) for at in rest]


PLAINTEXT = b"".join(bytes([number]) * CHUNK_SIZE for number in range(5)) + b"end"
HEAD, C = sealed(PLAINTEXT)
OTHER_HEAD, X = sealed(PLAINTEXT)
FULL_HEAD, F = sealed(PLAINTEXT[: 3 * CHUNK_SIZE])
EMPTY_HEAD, E = sealed(b"")


class Pipe:
    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def seekable(self) -> bool:
        return False

    def read(self, size: int) -> bytes:
        return self._data.read(size)


PAYLOADS = {
    "no payload": HEAD,
    "truncated in the first chunk": HEAD + C[0][:1000],
    "truncated at a chunk's border": HEAD + b"".join(C[:3]),
    "truncated to the first chunk": HEAD + C[0],
    "truncated by a byte": (HEAD + b"".join(C))[:-1],
    "truncated to less than a tag": HEAD + b"".join(C[:5]) + C[5][:10],
    "truncated to exactly a tag": HEAD + b"".join(C[:5]) + C[5][-16:],
    "only the last chunk": HEAD + C[5],
    "first chunk dropped": HEAD + b"".join(C[1:]),
    "middle chunk dropped": HEAD + C[0] + b"".join(C[2:]),
    "two chunks swapped": HEAD + C[0] + C[2] + C[1] + b"".join(C[3:]),
    "a chunk doubled": HEAD + C[0] + b"".join(C),
    "the last chunk doubled": HEAD + b"".join(C) + C[5],
    "full last chunk doubled": FULL_HEAD + b"".join(F) + F[2],
    "a byte appended": HEAD + b"".join(C) + b"\x00",
    "a byte appended to a full last chunk": FULL_HEAD + b"".join(F) + b"\x00",
    "a megabyte appended": FULL_HEAD + b"".join(F) + bytes(1 << 20),
    "another file appended": HEAD + b"".join(C) + OTHER_HEAD + b"".join(X),
    "a chunk of another file": HEAD + b"".join(C[:2]) + X[2] + b"".join(C[3:]),
    "another file's payload": HEAD[:-16] + OTHER_HEAD[-16:] + b"".join(X),
    "another file's chunks": HEAD + b"".join(X),
    "another file's end": HEAD + b"".join(C[:5]) + X[5],
    "an empty file's chunk appended": FULL_HEAD + b"".join(F) + E[0],
    "an empty file, a byte appended": EMPTY_HEAD + E[0] + b"\x00",
    "a bit of the nonce": HEAD[:-1] + bytes([HEAD[-1] ^ 1]) + b"".join(C),
    "a bit of the first chunk": HEAD + bytes([C[0][0] ^ 1]) + C[0][1:] + b"".join(C[1:]),
    "a bit of a tag": HEAD + C[0][:-1] + bytes([C[0][-1] ^ 1]) + b"".join(C[1:]),
}


@pytest.mark.parametrize("name", PAYLOADS)
@pytest.mark.parametrize("size", [1000, CHUNK_SIZE, 1 << 20])
def test_no_tampered_payload_is_read_to_its_end(name: str, size: int) -> None:
    for source in (io.BytesIO(PAYLOADS[name]), cast("BinaryIO", Pipe(PAYLOADS[name]))):
        released = b""
        with pytest.raises(PayloadBroken):  # noqa: PT012  # reading goes on until it raises
            reader = open_age(source, [IDENTITY])
            while data := reader.read(size):
                released += data
        assert PLAINTEXT.startswith(released)
    with pytest.raises(PayloadBroken):
        open_bytes(PAYLOADS[name], [IDENTITY])


@pytest.mark.parametrize(
    "name", [name for name in PAYLOADS if name.startswith(("trunc", "no ", "only", "a byte"))]
)
def test_a_file_that_seeks_is_known_to_be_cut_before_a_byte_is_read(name: str) -> None:
    with pytest.raises(PayloadBroken):
        open_age(io.BytesIO(PAYLOADS[name]), [IDENTITY])


@pytest.mark.parametrize("pipe", [False, True])
def test_an_empty_last_chunk_after_others_is_refused(*, pipe: bool) -> None:
    file_key, nonce = Secret(bytes(16)), bytes(16)
    cipher = payload_cipher(file_key, nonce)
    header = serialise(IDENTITY.recipient().wrap(file_key), file_key)
    file = header + nonce
    file += cipher.encrypt(chunk_nonce(0, last=False), bytes(CHUNK_SIZE), None)
    file += cipher.encrypt(chunk_nonce(1, last=True), b"", None)
    source = cast("BinaryIO", Pipe(file)) if pipe else io.BytesIO(file)
    with pytest.raises(PayloadBroken):
        open_age(source, [IDENTITY]).read()


@pytest.mark.parametrize("cut", [1, 10, 21, 22, 30, 1000, len(HEAD) - 17])
def test_a_cut_header_is_a_broken_header(cut: int) -> None:
    for source in (io.BytesIO(HEAD[:cut]), cast("BinaryIO", Pipe(HEAD[:cut]))):
        with pytest.raises(HeaderBroken):
            open_age(source, [IDENTITY])


@pytest.mark.parametrize("cut", range(1, 17))
def test_a_cut_nonce_is_a_broken_header(cut: int) -> None:
    with pytest.raises(HeaderBroken):
        open_age(io.BytesIO(HEAD[:-cut]), [IDENTITY])


def test_every_flipped_bit_of_a_header_is_noticed() -> None:
    file = HEAD + C[5]
    for at in range(len(HEAD) - 16):
        changed = file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :]
        with pytest.raises((HeaderBroken, HeaderForged, NotForUs)):
            open_age(io.BytesIO(changed), [IDENTITY])


STANZA = bytes(IDENTITY.recipient().wrap(Secret(bytes(16)))[0])
GREASE = bytes(Stanza("grease", (), b""))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\n---", b"\n" + GREASE + b"---"),
        (b"/v1\n", b"/v1\n" + GREASE),
        (b"/v1\n", b"/v1\n" + bytes(Stanza("X25519", ("AA",), bytes(32)))),
        (b"\n---", b"\n" + STANZA + b"---"),
    ],
)
def test_an_added_stanza_is_a_forgery(old: bytes, new: bytes) -> None:
    with pytest.raises(HeaderForged):
        open_age(io.BytesIO(HEAD.replace(old, new, 1) + b"".join(C)), [IDENTITY])


END = b"--- " + b"A" * 43 + b"\n" + bytes(48)
VERSION = b"age-encryption.org/v1\n"


def scrypt(work_factor: bytes) -> bytes:
    return b"-> scrypt " + b"A" * 22 + b" " + work_factor + b"\n" + b"A" * 43 + b"\n"


HEADERS = {
    "thousands of stanzas": VERSION + GREASE * 5000 + END,
    "a million stanzas": VERSION + GREASE * 1_000_000 + END,
    "more of ours than we try": VERSION + STANZA * (MAX_STANZAS + 1) + END,
    "a body without an end": VERSION + b"-> a\n" + (b"A" * 64 + b"\n") * 100_000 + END,
    "a line without an end": VERSION + b"-> " + b"a" * (5 * MAX_HEADER_SIZE),
    "arguments without an end": VERSION + b"->" + b" a" * (3 * MAX_HEADER_SIZE),
    "a first line without an end": b"age-encryption.org/" + b"1" * (5 * MAX_HEADER_SIZE),
    "zeros": bytes(5 * MAX_HEADER_SIZE),
    "nothing": b"",
    "a zip": b"PK\x03\x04" + bytes(1000),
    "PGP armor": b"-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n",
    "armor without an end": b"-----BEGIN AGE ENCRYPTED FILE-----\n" + b"A" * 1_000_000,
    "armor of lines without an end": b"-----BEGIN AGE ENCRYPTED FILE-----\n"
    + (b"A" * 64 + b"\n") * 30_000,
    "blank lines without an end": b"\n" * 5_000_000,
    "a work factor that hangs": VERSION + scrypt(b"30") + END,
    "a work factor of a thousand digits": VERSION + scrypt(b"9" * 1000) + END,
    "many passphrases": VERSION + scrypt(b"20") * 50 + END,
    "a passphrase beside a key": VERSION + STANZA + scrypt(b"20") + END,
}


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("pipe", [False, True])
def test_a_hostile_header_is_refused_quickly(name: str, *, pipe: bool) -> None:
    file = HEADERS[name]
    source = cast("BinaryIO", Pipe(file)) if pipe else io.BytesIO(file)
    began = time.perf_counter()
    with pytest.raises(AgeError) as refused:
        open_age(source, IDENTITIES)
    assert time.perf_counter() - began < 3
    assert len(str(refused.value)) < 200


def test_the_most_stanzas_we_read_do_not_stall() -> None:
    stanzas = b"".join(
        bytes(X25519Identity.generate().recipient().wrap(Secret(bytes(16)))[0]) for _ in range(64)
    )
    file = VERSION + stanzas * (MAX_STANZAS // 64) + END
    began = time.perf_counter()
    with pytest.raises(NotForUs):
        open_age(io.BytesIO(file), [X25519Identity.generate(), IDENTITY])
    assert time.perf_counter() - began < 5


def test_the_bound_on_work_is_ours_to_set() -> None:
    file = seal_bytes(b"", [PassphraseRecipient(Secret(b"demo"), 11)])
    with pytest.raises(HeaderBroken):
        open_bytes(file, [PassphraseIdentity(Secret(b"demo"), max_work_factor=10)])
    assert open_bytes(file, [PassphraseIdentity(Secret(b"demo"), max_work_factor=11)]) == b""


@pytest.mark.parametrize("size", [0, 1, 15, 17, 32])
def test_a_wrapped_key_of_another_length_is_refused(size: int) -> None:
    file_key = Secret(bytes(size))
    for identity in (IDENTITY, X25519Identity.generate()):
        file = serialise(identity.recipient().wrap(file_key), file_key) + bytes(32)
        with pytest.raises(HeaderBroken):
            open_bytes(file, [identity])
