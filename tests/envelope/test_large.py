"""Beyond 4 GiB: other people's programs open what we write."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from intake.envelope.writer import EnvelopeWriter

GIB = 1 << 30


class SparseSink:
    """The plaintext side of a seal, on disk; blocks of zeros become holes."""

    header_length = 2000

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._length = 0
        self.bytes_written = 0

    def write(self, data: bytes) -> int:
        if len(data) > 65536 and not any(data[:: len(data) // 64]) and data == bytes(len(data)):
            self._file.seek(len(data), 1)
        else:
            self._file.write(data)
        self._length += len(data)
        return len(data)

    def close(self) -> None:
        self._file.truncate(self._length)
        self._file.close()
        chunks = -(-self._length // 65536)
        self.bytes_written = self.header_length + 16 + self._length + 16 * chunks


def test_an_attachment_of_more_than_4_gib_opens_in_unzip_and_in_zipfile(tmp_path: Path) -> None:
    """The zip as ``age -d`` would give it, written by the real writer, checksums and all."""
    unzip = shutil.which("unzip")
    if unzip is None:
        pytest.skip("unzip is not installed")
    path = tmp_path / "envelope.zip"
    envelope = EnvelopeWriter(SparseSink(path))
    block = bytes(16 << 20)
    with envelope.attachment() as attachment:
        for _ in range((4 * GIB + (64 << 20)) // len(block)):
            attachment.write(block)
        attachment.write(b"the end")
    with envelope.attachment() as second:
        second.write(b"after 4 GiB")
    size = envelope.finish(account_text=b"x", identity=bytes(32768), account_json=b"{}")
    assert size == 4 * GIB + GIB // 2
    tested = subprocess.run([unzip, "-tqq", str(path)], capture_output=True, text=True, check=False)
    assert (tested.returncode, tested.stdout + tested.stderr) == (0, "")
    with zipfile.ZipFile(path) as opened:
        sizes = [info.file_size for info in opened.infolist()]
        assert sizes[:2] == [4 * GIB + (64 << 20) + 7, 11]
        assert opened.read("attachments/002") == b"after 4 GiB"
