from __future__ import annotations

import hashlib
import io
import itertools
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from intake.age.header import parse_header
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.age.payload import CHUNK_SIZE, ENCRYPTED_CHUNK, NONCE_SIZE, sealed_length
from intake.age.sealing.seal import SealingWriter
from intake.envelope import members
from intake.envelope.identity import seal_identity
from intake.envelope.sizes import KIB, MIB, plaintext_capacity, size_classes
from intake.envelope.writer import EnvelopeWriter
from intake.errors import PayloadBroken, StoreUnavailable
from tests.support.randomness import seeded
from tests.support.submissions import ACCOUNT, seal

READERS = [HybridIdentity.generate() for _ in range(20)]
READER = READERS[0]
IDENTITY = seal_identity({}, [])


class Sink:
    """What an age file would be: it keeps the plaintext, and counts what sealing would add."""

    def __init__(self, header_length: int = 1813) -> None:
        self.header_length = header_length
        self.plaintext = bytearray()
        self.closed = False

    @property
    def bytes_written(self) -> int:
        return self.header_length + sealed_length(len(self.plaintext)) if self.closed else 0

    def write(self, data: bytes) -> int:
        self.plaintext += data
        return len(data)

    def close(self) -> None:
        self.closed = True


class CountingSink(Sink):
    """The same for large files: it keeps only their length."""

    def __init__(self) -> None:
        super().__init__()
        self.length = 0

    @property
    def bytes_written(self) -> int:
        return self.header_length + sealed_length(self.length)

    def write(self, data: bytes) -> int:
        self.length += len(data)
        return len(data)


def write(sink: Sink, *files: bytes, text: bytes = b"", account_json: bytes = b"{}") -> int:
    envelope = EnvelopeWriter(sink)
    for content in files:
        with envelope.attachment() as attachment:
            for at in range(0, len(content), 300_001):
                attachment.write(content[at : at + 300_001])
    return envelope.finish(account_text=text, identity=IDENTITY, account_json=account_json)


def smallest_class(plaintext: int, header_length: int) -> int:
    for size in size_classes():
        capacity = plaintext_capacity(size, header_length)
        if capacity is not None and capacity >= plaintext:
            return size
    raise AssertionError


def without_padding(file: bytes | bytearray) -> int:
    """Return how long the zip would be with no zeros in `padding`."""
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        return len(file) - archive.getinfo("padding").file_size


# --- what is in it ---------------------------------------------------------------------------


def test_members_stand_in_their_order_stored_and_dated_1980() -> None:
    sink = Sink()
    write(sink, b"one", b"", b"three", text=b"words", account_json=b'{"a": 1}')
    with zipfile.ZipFile(io.BytesIO(sink.plaintext)) as archive:
        infos = archive.infolist()
        contents = {info.filename: archive.read(info) for info in infos}
    assert [info.filename for info in infos] == [
        "attachments/001",
        "attachments/002",
        "attachments/003",
        "account.txt",
        "identity.age",
        "account.json",
        "padding",
    ]
    offsets = [info.header_offset for info in infos]
    assert offsets == sorted(offsets)
    assert offsets[0] == 0
    for info in infos:
        assert info.date_time == members.MEMBER_DATE == (1980, 1, 1, 0, 0, 0)
        assert info.compress_type == zipfile.ZIP_STORED
        assert info.compress_size == info.file_size
        assert (info.create_system, info.external_attr, info.comment) == (3, 0o600 << 16, b"")
    padding = contents.pop("padding")
    assert padding == bytes(len(padding))
    assert list(contents.values()) == [b"one", b"", b"three", b"words", IDENTITY, b'{"a": 1}']


def test_what_was_stored_is_told_once_an_attachment_is_written() -> None:
    content = seeded(1).randbytes(10 * MIB)
    envelope = EnvelopeWriter(Sink())
    with envelope.attachment() as first:
        first.write(b"")
    with envelope.attachment() as second:
        for at in range(0, len(content), MIB):
            second.write(content[at : at + MIB])
    assert first.stored().sha256 == hashlib.sha256(b"").hexdigest()
    stored = second.stored()
    assert (stored.member, stored.size) == ("attachments/002", len(content))
    assert stored.sha256 == hashlib.sha256(content).hexdigest()


def test_a_thousand_attachments() -> None:
    sink = Sink()
    write(sink, *[b"x"] * 1000)
    with zipfile.ZipFile(io.BytesIO(sink.plaintext)) as archive:
        assert archive.namelist()[999] == "attachments/1000"
        assert archive.testzip() is None


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not installed")
@pytest.mark.parametrize("files", [(), (b"one",), (b"", bytes(300_000), b"x" * CHUNK_SIZE)])
def test_unzip_reads_it_without_a_word_of_complaint(
    files: tuple[bytes, ...], tmp_path: Path
) -> None:
    sink = Sink()
    write(sink, *files, text=ACCOUNT.encode())
    path = tmp_path / "submission.zip"
    path.write_bytes(sink.plaintext)
    done = subprocess.run(["unzip", "-t", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "No errors detected" in done.stdout
    assert "warning" not in done.stdout
    text = subprocess.run(["unzip", "-p", path, "account.txt"], capture_output=True, check=True)
    assert text.stdout == ACCOUNT.encode()


# --- how large it is -------------------------------------------------------------------------


def test_text_accounts_are_one_size_for_any_number_of_recipients_and_words() -> None:
    sizes = set()
    for count in range(1, len(READERS) + 1):
        recipients = [reader.recipient() for reader in READERS[:count]]
        for account in ("", ACCOUNT, ACCOUNT * 500):
            sizes.add(len(seal(recipients, account)))
    assert sizes == {256 * KIB}


def test_sealed_files_of_random_sizes_are_exactly_a_class() -> None:
    randomness = seeded(7)
    sizes = [randomness.randrange(3 * MIB) for _ in range(30)]
    # The zip's other members, so that the plaintext itself crosses the borders of chunks.
    rest = without_padding(open_bytes(seal([READER.recipient()], "", [("a", b"")]), [READER]))
    sizes += [
        chunks * CHUNK_SIZE - rest + difference
        for chunks in (1, 2, 3, 4, 16)
        for difference in (-17, -16, -1, 0, 1, 16)
        if chunks * CHUNK_SIZE > rest
    ]
    for size in sizes:
        sealed = seal([READER.recipient()], "", [("a", bytes(size))])
        source = io.BytesIO(sealed)
        parse_header(source)
        plaintext = open_bytes(sealed, [READER])
        assert len(sealed) == smallest_class(without_padding(plaintext), source.tell())


def test_hundreds_of_sizes_under_every_kind_of_header() -> None:
    randomness = seeded(11)
    for _ in range(300):
        sink = Sink(randomness.randrange(200, 40_000))
        size = randomness.choice((randomness.randrange(5 * MIB), randomness.randrange(300 * KIB)))
        size_class = write(sink, bytes(size), text=bytes(randomness.randrange(1000)))
        assert sink.bytes_written == size_class
        assert size_class == smallest_class(without_padding(sink.plaintext), sink.header_length)


@pytest.mark.parametrize("size_class", [256 * KIB, MIB, 4 * MIB])
def test_the_last_byte_that_fits_a_class_and_the_first_that_does_not(size_class: int) -> None:
    capacity = plaintext_capacity(size_class, 1813)
    assert capacity is not None
    empty = Sink()
    write(empty, b"")
    most = capacity - without_padding(empty.plaintext)
    full, over = Sink(), Sink()
    assert write(full, bytes(most)) == size_class
    with zipfile.ZipFile(io.BytesIO(full.plaintext)) as archive:
        assert archive.getinfo("padding").file_size == 0
    assert write(over, bytes(most + 1)) == size_class * 4


def test_a_header_that_makes_a_class_unreachable_moves_everybody_to_the_next() -> None:
    unreachable = [
        length for length in range(ENCRYPTED_CHUNK) if plaintext_capacity(256 * KIB, length) is None
    ]
    assert len(unreachable) == 16
    for length in unreachable:
        for text in (b"", ACCOUNT.encode()):
            sink = Sink(length)
            assert write(sink, text=text) == sink.bytes_written == MIB


def test_a_gigabyte_has_its_class_too() -> None:
    sink = CountingSink()
    envelope = EnvelopeWriter(sink)
    block = bytes(16 * MIB)
    with envelope.attachment() as attachment:
        for _ in range(64):
            attachment.write(block)
    size_class = envelope.finish(account_text=b"", identity=IDENTITY, account_json=b"{}")
    assert sink.bytes_written == size_class == 1152 * MIB


# --- past two gibibytes (zipfile's own limit, brought down) ----------------------------------


@pytest.mark.parametrize("limit", [40_000, 100_000, 222_000, 500_000, MIB])
def test_sizes_and_offsets_in_64_bits_are_counted(
    limit: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", limit)
    randomness = seeded(limit)
    contents = [
        [randomness.randbytes(randomness.randrange(2 * limit)) for _ in range(number)]
        for number in (0, 1, 1, 2, 3, 5, 8)
    ]
    for number, files in enumerate(contents):
        sink = Sink(randomness.randrange(200, 40_000))
        assert write(sink, *files) == sink.bytes_written
        with zipfile.ZipFile(io.BytesIO(sink.plaintext)) as archive:
            found = [archive.read(members.attachment_member(n + 1)) for n in range(len(files))]
            assert found == files
            assert archive.testzip() is None
        (tmp_path / f"{number}.zip").write_bytes(sink.plaintext)
    if shutil.which("unzip") is not None:
        for path in tmp_path.iterdir():
            done = subprocess.run(["unzip", "-tq", path], capture_output=True, check=False)
            assert (done.returncode, done.stderr) == (0, b"")


def test_around_the_limit_the_padding_counts_what_it_makes_longer_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = Sink()
    write(plain, text=bytes(1000))
    with zipfile.ZipFile(io.BytesIO(plain.plaintext)) as archive:
        padding = archive.getinfo("padding")
        directory = archive.start_dir
    classes = set()
    for around in (padding.file_size, directory):
        for limit, text in itertools.product(range(around - 130, around + 30, 3), (1000, 1007)):
            monkeypatch.setattr(zipfile, "ZIP64_LIMIT", limit)
            sink = Sink()
            classes.add(write(sink, text=bytes(text)))
            with zipfile.ZipFile(io.BytesIO(sink.plaintext)) as archive:
                assert archive.testzip() is None
    # There are a few lengths that no padding reaches: one byte more would lengthen its records.
    assert classes <= {256 * KIB, MIB}
    assert 256 * KIB in classes


# --- what is never finished ------------------------------------------------------------------


class FillsUp:
    """A disk with so much room."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.kept = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if len(self.kept) + len(data) > self.room:
            raise StoreUnavailable("the disk is full")
        self.kept += data


def attachment_given_up(envelope: EnvelopeWriter) -> None:
    with envelope.attachment() as attachment:
        attachment.write(bytes(MIB))
        raise InterruptedError


def attachment_given_up_then_another(envelope: EnvelopeWriter) -> None:
    with envelope.attachment() as attachment:
        attachment.write(bytes(MIB))
    attachment_given_up(envelope)


def nothing(_envelope: EnvelopeWriter) -> None:
    raise InterruptedError


def one_attachment(envelope: EnvelopeWriter) -> None:
    with envelope.attachment() as attachment:
        attachment.write(bytes(MIB))
    raise InterruptedError


@pytest.mark.parametrize(
    "begin", [nothing, one_attachment, attachment_given_up, attachment_given_up_then_another]
)
def test_an_envelope_given_up_can_be_neither_finished_nor_opened(
    begin: Callable[[EnvelopeWriter], None],
) -> None:
    sealed = io.BytesIO()
    envelope = EnvelopeWriter(SealingWriter(sealed.write, [READER.recipient()]))
    with pytest.raises(InterruptedError):
        begin(envelope)
    envelope.abandon()
    length = len(sealed.getvalue())
    with pytest.raises(ValueError, match="given up"):
        envelope.finish(account_text=b"", identity=IDENTITY, account_json=b"{}")
    del envelope
    assert len(sealed.getvalue()) == length
    with pytest.raises(PayloadBroken):
        open_bytes(sealed.getvalue(), [READER])


def test_half_an_attachment_spoils_the_envelope_even_if_nobody_gives_it_up() -> None:
    sink = Sink()
    envelope = EnvelopeWriter(sink)
    with pytest.raises(InterruptedError):
        attachment_given_up(envelope)
    with pytest.raises(ValueError, match="given up"):
        envelope.finish(account_text=b"", identity=IDENTITY, account_json=b"{}")
    assert not sink.closed


@pytest.mark.parametrize("room", [10_000, 100_000, 300_000, 600_000, MIB + 100_000, 4 * MIB - 1])
def test_a_full_disk_is_what_the_caller_hears_of(room: int) -> None:
    """The first error comes through, not what `zipfile` meets while it closes its members."""
    disk = FillsUp(room)
    envelope = EnvelopeWriter(SealingWriter(disk.write, [READER.recipient()]))
    with pytest.raises(StoreUnavailable):  # noqa: PT012  # the disk fills at some point in it
        with envelope.attachment() as attachment:
            for _ in range(16):
                attachment.write(bytes(CHUNK_SIZE))
        envelope.finish(account_text=bytes(1000), identity=IDENTITY, account_json=b"{}")
    envelope.abandon()
    with pytest.raises(PayloadBroken):
        open_bytes(bytes(disk.kept), [READER])


def test_an_envelope_that_nobody_closed_writes_nothing_when_it_is_forgotten() -> None:
    sealed = io.BytesIO()
    envelope = EnvelopeWriter(SealingWriter(sealed.write, [READER.recipient()]))
    envelope.abandon()
    header = len(sealed.getvalue())
    del envelope
    assert len(sealed.getvalue()) == header
    source = io.BytesIO(sealed.getvalue())
    parse_header(source)
    assert header == source.tell() + NONCE_SIZE


def test_the_local_header_is_the_same_in_every_release_of_python() -> None:
    sink = Sink()
    writer = EnvelopeWriter(sink)
    with writer.attachment() as attachment:
        attachment.write(b"a photo")
    writer.finish(account_text=b"", identity=IDENTITY, account_json=b"{}")
    name = members.attachment_member(1).encode()
    # APPNOTE 4.3.7 and 4.5.3: where a zip64 field states the sizes, the header has the largest
    # values; and the field says nothing yet, because the descriptor does.
    crc, sizes, field = bytes(4), b"\xff" * 8, b"\1\0\x10\0" + bytes(16)
    lengths = len(name).to_bytes(2, "little") + len(field).to_bytes(2, "little")
    assert bytes(sink.plaintext[14:]).startswith(crc + sizes + lengths + name + field)
