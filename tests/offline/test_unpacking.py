"""Envelopes of our own writer come back byte for byte, whatever their size and their names."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import io
import json
import os
import random
import stat
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_age
from intake.age.sealing.seal import SealingWriter
from intake.envelope import members
from intake.envelope.account import AccountRecord, Attachment
from intake.envelope.identity import seal_identity
from intake.envelope.writer import EnvelopeWriter
from intake.errors import EnvelopeBroken, FolderRefused, PayloadBroken
from intake.offline import unpacking
from intake.offline.unpacking import Envelope

READER = HybridIdentity.generate()
IDENTITY = seal_identity({}, [])

ACCOUNT = "ကျွန်တော် မြင်ခဲ့ရတာတွေကို ပြောပြချင်ပါတယ်။\nသူတို့ ရွာကို မီးရှို့ခဲ့တယ်။"
BURMESE = "ဓာတ်ပုံ ၁ (ရွာမီးလောင်).jpg"
SHAN = "ၵႂၢမ်းတႆး.pdf"

Files = Sequence[tuple[str, bytes]]


def seal(
    files: Files = (),
    account: str = ACCOUNT,
    rest: str = "",
    kind: type[AccountRecord] = AccountRecord,
    **changes: Any,
) -> bytes:
    """Seal a submission as the server does."""
    sealed = io.BytesIO()
    writer = SealingWriter(sealed.write, [READER.recipient()])
    envelope = EnvelopeWriter(writer)
    listed = []
    for name, content in files:
        with envelope.attachment() as attachment:
            for start in range(0, len(content), 100_000):
                attachment.write(content[start : start + 100_000])
        stored = attachment.stored()
        listed.append(Attachment(stored.member, name, "image/jpeg", stored.size, stored.sha256))
    record = kind(
        language="my",
        account_bytes=len(account.encode()),
        repaired=(),
        attachments=tuple(listed),
        manifest_version=3,
        epoch="2026-W31",
        reply_to=str(READER.recipient()),
        reply_key="5a" * 32,
    )
    envelope.finish(
        account_text=(account + rest).encode(),
        identity=IDENTITY,
        account_json=dataclasses.replace(record, **changes).to_bytes(),
    )
    return sealed.getvalue()


def opened(sealed: bytes) -> Envelope:
    return Envelope(open_age(io.BytesIO(sealed), [READER]))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311  # a test's content, the same each run


# --- what comes back -------------------------------------------------------------------------


def test_an_account_alone() -> None:
    envelope = opened(seal())
    assert envelope.account_text() == ACCOUNT
    assert envelope.identity() == IDENTITY
    assert envelope.record.attachments == ()


def test_the_record_is_the_one_that_was_sealed() -> None:
    answers: dict[str, object] = {"place": "မင်းကင်း", "year": 2024}
    consents = ({"id": "publish", "text": "…", "given": True},)
    envelope = opened(seal(answers=answers, consents=consents, repaired=("account",)))
    record = envelope.record
    assert (record.language, record.manifest_version, record.epoch) == ("my", 3, "2026-W31")
    assert (record.answers, record.consents, record.repaired) == (answers, consents, ("account",))
    assert record.questionnaire.id == "free-account"
    assert record.reply_to == str(READER.recipient())
    assert record.raw["answers"] == answers
    assert record.raw["format"] == record.format == members.ACCOUNT_FORMAT


def test_answers_after_the_account_are_no_part_of_its_text(tmp_path: Path) -> None:
    envelope = opened(seal(rest="\n\nနေရာ: မင်းကင်း\n"))
    assert envelope.account_text() == ACCOUNT
    envelope.extract(tmp_path / "out")
    written = (tmp_path / "out" / "account.txt").read_text(encoding="utf-8")
    assert written == ACCOUNT + "\n\nနေရာ: မင်းကင်း\n"


SIZES = [0, 1, 65_535, 65_536, 65_537, 1_048_575, 1_048_576, 1_048_577, 5_000_003]


def test_attachments_of_many_sizes(tmp_path: Path) -> None:
    files = [(f"{size}.bin.jpg", noise(size)) for size in SIZES]
    envelope = opened(seal(files))
    for attachment, (_, content) in zip(envelope.record.attachments, files, strict=True):
        with envelope.open_attachment(attachment) as reader:
            assert reader.read() == content
    written = envelope.extract(tmp_path / "out")
    assert [path.read_bytes() for path in written[2:]] == [content for _, content in files]


def test_random_envelopes(tmp_path: Path) -> None:
    choice = random.Random(7)  # noqa: S311  # the same each run
    for turn in range(20):
        files = [
            (f"ဖိုင် {n}.jpg", choice.randbytes(choice.randrange(300_000)))
            for n in range(choice.randrange(6))
        ]
        account = "".join(choice.choices("ကခဂဃ \n", k=choice.randrange(5000)))
        folder = tmp_path / str(turn)
        opened(seal(files, account)).extract(folder)
        expected = dict(files)
        found = contents(folder)
        assert found.pop("account.txt") == account.encode()
        found.pop("account.json")
        assert found == expected


def test_names_of_any_script_are_file_names(tmp_path: Path) -> None:
    written = opened(seal([(BURMESE, b"1"), (SHAN, b"2")])).extract(tmp_path / "out")
    assert [path.name for path in written] == ["account.txt", "account.json", BURMESE, SHAN]


def test_two_attachments_of_one_name_are_two_files(tmp_path: Path) -> None:
    opened(seal([(BURMESE, b"1"), (BURMESE, b"2")])).extract(tmp_path / "out")
    assert sorted(contents(tmp_path / "out").values())[:2] == [b"1", b"2"]


def test_account_json_is_written_as_it_stood(tmp_path: Path) -> None:
    envelope = opened(seal([(BURMESE, b"1")]))
    envelope.extract(tmp_path / "out")
    written = json.loads((tmp_path / "out" / "account.json").read_bytes())
    assert written == envelope.record.raw
    assert written["attachments"][0]["name"] == BURMESE


def test_an_attachment_is_read_in_pieces() -> None:
    content = noise(3_000_000)
    envelope = opened(seal([("a.jpg", content)]))
    reader = envelope.open_attachment(envelope.record.attachments[0])
    buffer = bytearray(1000)
    assert reader.read(7) == content[:7]
    assert reader.readinto(buffer) == 1000  # type: ignore[attr-defined]  # typing.BinaryIO lacks it
    assert bytes(buffer) == content[7:1007]
    assert reader.read() == content[1007:]
    assert reader.read(1) == b""


def test_two_attachments_are_read_side_by_side() -> None:
    first, second = noise(500_000), noise(600_000)
    envelope = opened(seal([("a", first), ("b", second)]))
    one, two = map(envelope.open_attachment, envelope.record.attachments)
    pieces = [(one.read(100_000), two.read(100_000)) for _ in range(6)]
    assert b"".join(piece for piece, _ in pieces) == first
    assert b"".join(piece for _, piece in pieces) == second


@pytest.mark.parametrize("limit", [100, 40_000, 300_000])
def test_zip64_where_it_begins(limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes, offsets and the end record in 64 bits, without the gigabytes."""
    files = [("a.jpg", noise(50_000)), ("b.jpg", b""), ("c.jpg", noise(400_000))]
    with monkeypatch.context() as patch:
        patch.setattr(zipfile, "ZIP64_LIMIT", limit)
        # The last members are not written with force_zip64: only a real 2 GiB would need it.
        real = zipfile.ZipFile.open

        def force(self: Any, name: Any, mode: Any = "r", **_: Any) -> Any:
            return real(self, name, mode, force_zip64=mode == "w")

        patch.setattr(zipfile.ZipFile, "open", force)
        patch.setattr("intake.envelope.writer._member_length", _always_wide)
        sealed = seal(files)
    opened(sealed).extract(tmp_path / "out")
    found = contents(tmp_path / "out")
    assert all(found[name] == content for name, content in files)


def _always_wide(name: str, size: int) -> int:
    return 30 + len(name) + 20 + size + 24


class Sparse(io.RawIOBase):
    """A plaintext of which only the ends are held: zeros lie between."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[tuple[int, bytes]] = []
        self.length = 0
        self.at = 0
        self.header_length = 0

    @property
    def bytes_written(self) -> int:
        return self.length

    def seekable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        if len(data) < 1024 * 1024:
            self.pieces.append((self.length, bytes(data)))
        self.length += len(data)
        return len(data)

    def close(self) -> None:
        """Stay open."""

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self.at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.at, os.SEEK_END: self.length}[whence]
        return self.at

    def read(self, size: int | None = -1, /) -> bytes:
        end = self.length if size is None or size < 0 else min(self.length, self.at + size)
        data = bytearray(end - self.at)
        for start, piece in self.pieces:
            if start < end and start + len(piece) > self.at:
                low, high = max(start, self.at), min(start + len(piece), end)
                data[low - self.at : high - self.at] = piece[low - start : high - start]
        self.at = end
        return bytes(data)


@pytest.mark.parametrize("gibibytes", [3, 5])
def test_members_beyond_four_gibibytes(gibibytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real writer's real zip64 records; the gigabytes themselves are zeros nobody sums."""
    monkeypatch.setattr(zipfile, "crc32", lambda data, crc=0: crc if len(data) > 99_999 else 7)
    sink = Sparse()
    envelope = EnvelopeWriter(sink)
    sizes = (gibibytes * 1024**3, 5)
    for size in sizes:
        with envelope.attachment() as attachment:
            # Through the zip alone: nothing is hashed.
            for start in range(0, size, 64 * 1024**2):
                attachment._handle.write(bytes(min(64 * 1024**2, size - start)))
    listed = [
        Attachment(members.attachment_member(n), "a.mp4", "video/mp4", size, "00" * 32)
        for n, size in enumerate(sizes, 1)
    ]
    monkeypatch.setattr("intake.envelope.writer.plaintext_capacity", lambda size, _: size)
    record = AccountRecord("my", 0, (), tuple(listed), 1, "e", "age1pq1q", "00" * 32)
    envelope.finish(account_text=b"", identity=IDENTITY, account_json=record.to_bytes())
    assert sink.length > gibibytes * 1024**3
    read = Envelope(sink)  # type: ignore[arg-type]  # as much of a BinaryIO as is needed
    assert [attachment.size for attachment in read.record.attachments] == list(sizes)
    assert read.open_attachment(read.record.attachments[1]).read() == bytes(5)


# --- the folder ------------------------------------------------------------------------------


def test_files_are_nobody_elses_and_cannot_be_run(tmp_path: Path) -> None:
    opened(seal([("run.sh", b"#!/bin/sh\n"), (BURMESE, b"")])).extract(tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    for path in (tmp_path / "out").iterdir():
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600
        assert stat.S_ISREG(path.lstat().st_mode)
    assert (tmp_path / "out" / "run.sh.untrusted").exists()


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    opened(seal()).extract(tmp_path / "out")
    assert sorted(contents(tmp_path / "out")) == ["account.json", "account.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def a_full_folder(path: Path) -> Path:
    path.mkdir()
    (path / "mine.txt").write_text("mine")
    return path


def a_file(path: Path) -> Path:
    path.write_text("mine")
    return path


def a_link_to_an_empty_folder(path: Path) -> Path:
    (path.parent / "elsewhere").mkdir()
    path.symlink_to(path.parent / "elsewhere")
    return path


def a_dangling_link(path: Path) -> Path:
    path.symlink_to(path.parent / "nowhere")
    return path


def a_folder_in_no_folder(path: Path) -> Path:
    return path / "deeper"


def a_name_too_long(path: Path) -> Path:
    return path.with_name("က" * 100)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (a_full_folder, "in use"),
        (a_file, "in use"),
        (a_link_to_an_empty_folder, "link"),
        (a_dangling_link, "link"),
        (a_folder_in_no_folder, "make it"),
        (a_name_too_long, "cannot be used"),
    ],
)
def test_a_folder_that_cannot_be_filled_is_refused(
    make: Callable[[Path], Path], reason: str, tmp_path: Path
) -> None:
    folder = make(tmp_path / "out")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FolderRefused, match=reason):
        opened(seal([(BURMESE, b"1")])).extract(folder)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_folder_one_stands_in_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FolderRefused):
        opened(seal()).extract(Path())
    assert list(tmp_path.iterdir()) == []


def test_a_relative_folder_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert opened(seal()).extract(Path("out"))[0] == tmp_path / "out" / "account.txt"


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []

    def fsync(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(FolderRefused, match="No space left"):
        opened(seal([("a", b"1"), ("b", b"2")])).extract(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(_count: int) -> None:
        assert [path.name[:13] for path in tmp_path.iterdir()] == [".out.partial-"]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        opened(seal()).extract(tmp_path / "out", interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_filled_meanwhile_is_kept(tmp_path: Path) -> None:
    def fill(_count: int) -> None:
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / "mine.txt").write_text("mine")

    with pytest.raises(FolderRefused):
        opened(seal()).extract(tmp_path / "out", fill)
    assert contents(tmp_path / "out") == {"mine.txt": b"mine"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_progress_adds_up(tmp_path: Path) -> None:
    counts: list[int] = []
    content = noise(2_500_000)
    written = opened(seal([("a", content)])).extract(tmp_path / "out", counts.append)
    assert sum(counts) == sum(path.stat().st_size for path in written)
    assert max(counts) <= unpacking.BLOCK


# --- what is not what it says ----------------------------------------------------------------


def lie(**changes: Any) -> bytes:
    """Seal two attachments whose second is listed with ``changes``."""
    listed = [
        Attachment(members.attachment_member(n), f"{n}.jpg", "image/jpeg", 1, digest)
        for n, digest in (
            (1, hashlib.sha256(b"1").hexdigest()),
            (2, hashlib.sha256(b"2").hexdigest()),
        )
    ]
    listed[1] = dataclasses.replace(listed[1], **changes)
    return seal([("1.jpg", b"1"), ("2.jpg", b"2")], attachments=tuple(listed))


def test_a_wrong_hash_leaves_nothing(tmp_path: Path) -> None:
    envelope = opened(lie(sha256="00" * 32))
    with pytest.raises(EnvelopeBroken):
        envelope.extract(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 0},
        {"size": 2},
        {"member": "attachments/001"},
        {"member": "attachments/003"},
        {"member": "account.txt"},
        {"member": "../2.jpg"},
    ],
    ids=str,
)
def test_an_attachment_listed_wrongly_is_refused_at_once(changes: dict[str, Any]) -> None:
    with pytest.raises(EnvelopeBroken):
        opened(lie(**changes))


def test_damage_met_while_reading_keeps_its_name_and_leaves_nothing(tmp_path: Path) -> None:
    sealed = bytearray(seal([("a.jpg", noise(3_000_000))]))
    sealed[2_000_000] ^= 1
    envelope = opened(bytes(sealed))
    with pytest.raises(PayloadBroken):
        envelope.extract(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


# --- strange accounts ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "account",
    [
        "",
        "က" * 100_000,
        "\x1b]0;title\x07\x1b[2J",
        "\u202eabc",
        "<script>alert(1)</script>",
        "\x00",
        seal().decode("latin-1"),
        "-----BEGIN AGE ENCRYPTED FILE-----\n",
        "PK\3\4PK\5\6" + "\x00" * 18,
    ],
    ids=["empty", "no space", "escapes", "bidi", "html", "NUL", "age file", "armor", "zip"],
)
def test_any_account_comes_back(account: str, tmp_path: Path) -> None:
    envelope = opened(seal(account=account))
    assert envelope.account_text() == account
    envelope.extract(tmp_path / "out")
    assert (tmp_path / "out" / "account.txt").read_bytes() == account.encode()


@pytest.mark.parametrize(
    "name",
    ["inner.age", "inner.zip"],
)
def test_an_attachment_that_is_one_of_ours_stays_shut(name: str, tmp_path: Path) -> None:
    inner = seal([(BURMESE, b"1")])
    opened(seal([(name, inner)])).extract(tmp_path / "out")
    assert (tmp_path / "out" / name).read_bytes() == inner


def test_unknown_fields_are_kept() -> None:
    class Newer(AccountRecord):
        def to_bytes(self) -> bytes:
            return json.dumps(json.loads(super().to_bytes()) | {"seal_of": ["tomorrow"]}).encode()

    record = opened(seal(kind=Newer)).record
    assert record.raw["seal_of"] == ["tomorrow"]
