"""No byte of a witness's is ever written in the clear. Threats 3, 10, 11.

The kernel is asked, not the program: every system call of every thread that writes, of a whole
submission with a marker in its text, in how to reach its witness, in a file and in its name.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from intake.age.opening.hybrid import HybridIdentity
from tests.support.deployments import Scene, make_scene
from tests.support.servers import Browser, Server, free_port, house_of_today, serving

#: Each marker in a form of its own, so that a finding says where it came from. The file's stands
#: at many offsets, across the parser's and the sealer's blocks.
TEXT, NAME, FILE = "text-marker-8c1f", "name-marker-2e7a", "file-marker-5b90"
REACH = "reach-marker-d364"
MARKERS = (TEXT.encode(), NAME.encode(), FILE.encode(), REACH.encode())
FILES = [(f"ဓာတ်ပုံ {NAME}.jpg", (FILE.encode() + b"\0" * 999) * 700)]

WRITES = (
    "write,pwrite64,writev,pwritev,pwritev2,sendfile,splice,copy_file_range,vmsplice,"
    "process_vm_writev"
)
READS = "read,recvfrom,recvmsg"
NAMES = (
    "openat,open,creat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mknod,mknodat,"
    "memfd_create,execve"
)

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@contextmanager
def house_with_a_custodian(folder: Path, **options: object) -> Iterator[tuple[Scene, Server]]:
    """Serve a deployment of today whose form asks how its witness can be reached."""
    port = free_port()
    scene = make_scene(
        folder / "deployment",
        port=port,
        today=dt.datetime.now(dt.UTC).date(),
        custodian=HybridIdentity.generate(),
    )
    with serving(scene.config, port, **options) as server:  # type: ignore[arg-type]
        yield scene, server


def open_form(browser: Browser) -> None:
    browser.open_form()
    browser.hidden["reach"] = REACH  # sent with the rest of the form


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, list[str]]:
    """A traced server that took one submission, and what the kernel saw of it.

    ``-D`` makes the server, and not its tracer, the process that the test ends.
    """
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    folder = tmp_path_factory.mktemp("traced")
    output = folder / "trace"
    traced = f"trace={WRITES},{READS},{NAMES},mmap"
    prefix = ("strace", "-D", "-f", "-y", "-s", "2000000", "-o", str(output), "-e", traced)
    with house_with_a_custodian(folder, prefix=prefix) as (scene, server):
        browser = Browser(server)
        open_form(browser)
        assert browser.send(TEXT, FILES).status == 303
        assert browser.receipt()
        assert browser.send(TEXT, FILES).status == 303
    ended = re.compile(rf"^{server.process.pid} +\+\+\+ (exited|killed)", re.MULTILINE)
    deadline = time.monotonic() + 60
    while not ended.search(output.read_text("latin-1")):  # the tracer writes on for a moment
        assert time.monotonic() < deadline, "the tracer did not see the server end"
        time.sleep(0.1)
    return scene, output.read_text("latin-1").splitlines()


def calls(trace: list[str], names: str) -> list[str]:
    pattern = re.compile(r"\d+ +(<\.\.\. )?(" + names.replace(",", "|") + r")\b")
    return [line for line in trace if pattern.match(line)]


def holding(lines: list[str]) -> list[str]:
    return [line for line in lines if any(marker.decode() in line for marker in MARKERS)]


@needs_strace
def test_the_trace_sees_what_it_has_to_see(trace: tuple[Scene, list[str]]) -> None:
    """Were the tracer blind, the next tests would prove nothing."""
    scene, lines = trace
    received = "\n".join(calls(lines, READS))
    assert all(marker.decode() in received for marker in MARKERS)
    (sealed,) = scene.sealed()
    # A call that another thread interrupts is shown in two lines, its length in the first.
    length = re.compile(r", (\d+)(?:\)\s+= \d+| <unfinished \.\.\.>)$")
    written = [
        int(match[1])
        for line in calls(lines, "write")
        if "blobs/" in line and (match := length.search(line))
    ]
    assert sum(written) >= sealed.stat().st_size


@needs_strace
def test_no_marker_is_written_to_any_file(trace: tuple[Scene, list[str]]) -> None:
    _, lines = trace
    assert holding(calls(lines, WRITES)) == []


@needs_strace
def test_no_file_is_named_after_anything_sent_and_none_is_made_elsewhere(
    trace: tuple[Scene, list[str]],
) -> None:
    scene, lines = trace
    assert holding(calls(lines, NAMES)) == []
    made = [
        match[1]
        for line in calls(lines, "openat,open,creat")
        if "O_CREAT" in line and (match := re.search(r'"([^"]+)"', line))
    ]
    ours = str(scene.folder)
    elsewhere = [path for path in made if not path.startswith(ours)]
    # gunicorn keeps a worker's heartbeat in an empty file that it unlinks at once; Python's
    # tempfile tries a folder by writing one word into it.
    written = [line for line in calls(lines, WRITES) if any(f"<{p}" in line for p in elsewhere)]
    assert [line for line in written if '"blat", 4' not in line] == []


@needs_strace
def test_no_file_is_written_through_a_shared_mapping(trace: tuple[Scene, list[str]]) -> None:
    _, lines = trace
    shared = [
        line
        for line in calls(lines, "mmap")
        if "MAP_SHARED" in line and "PROT_WRITE" in line and "MAP_ANON" not in line
    ]
    assert shared == []


def found_on_disk(folder: Path) -> list[str]:
    """Return the files below ``folder`` that hold a marker."""
    found = []
    for path in folder.rglob("*"):
        # A draft may go while we look: the server that runs has found the line cut.
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and any(marker in path.read_bytes() for marker in MARKERS):
                found.append(str(path))
    return found


def state_is_clean(scene: Scene, server: Server, temporary: Path) -> None:
    assert found_on_disk(scene.folder) == []
    assert found_on_disk(temporary) == []
    # Its own address it may tell, once, before anybody has come.
    log = server.log.read_text().replace(f"Serving on 127.0.0.1:{server.port};", "", 1)
    assert "127.0.0.1" not in log
    assert "/submit" not in log


def send_part(browser: Browser, server: Server, share: float) -> None:
    body = browser.form_body(TEXT, FILES)
    with server.connect() as connection:
        connection.sendall(browser.form_head(len(body)).encode() + body[: int(len(body) * share)])
        time.sleep(0.3)
        if share < 1:
            return
        browser.read(connection)


@pytest.mark.parametrize("ending", ["success", "cut", "killed", "refused"])
def test_nothing_is_left_on_disk_or_in_a_log(tmp_path: Path, ending: str) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {"TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"}
    with house_with_a_custodian(tmp_path, environment=environment) as (scene, server):
        browser = Browser(server)
        open_form(browser)
        if ending == "refused":
            browser.hidden["code_mac"] = "0" * 64
        if ending == "killed":
            body = browser.form_body(TEXT, FILES)
            with server.connect() as connection:
                connection.sendall(browser.form_head(len(body)).encode() + body[:-5000])
                time.sleep(0.3)
                server.kill()
        else:
            send_part(browser, server, 0.7 if ending == "cut" else 1)
            if ending == "success":
                assert browser.receipt()
        state_is_clean(scene, server, temporary)
    state_is_clean(scene, server, temporary)


def test_a_killed_servers_drafts_are_swept_when_it_starts_again(tmp_path: Path) -> None:
    with house_of_today(tmp_path) as (scene, server):
        browser = Browser(server)
        browser.open_form()
        body = browser.form_body(TEXT, FILES)
        with server.connect() as connection:
            connection.sendall(browser.form_head(len(body)).encode() + body[:-5000])
            deadline = time.monotonic() + 10
            folder = scene.folder / "state" / "blobs"
            while not list(folder.iterdir()) and time.monotonic() < deadline:
                time.sleep(0.02)
            server.kill()
    drafts = list(folder.iterdir())
    assert [path.suffix for path in drafts] == [".draft"]
    # A process that was killed lets go of its draft when the kernel has taken it away.
    store, swept, deadline = scene.deployment().store, 0, time.monotonic() + 30
    while not swept and time.monotonic() < deadline:
        swept = store.sweep()
    assert swept == 1
    assert list(folder.iterdir()) == []


def test_times_of_files_are_constant(tmp_path: Path) -> None:
    with house_of_today(tmp_path) as (scene, server):
        assert Browser(server).send(TEXT).status == 303
        server.process.send_signal(signal.SIGTERM)
    (sealed,) = scene.sealed()
    assert (sealed.stat().st_mtime, sealed.stat().st_atime) == (315_532_800, 315_532_800)


def test_no_worker_ever_dumps_its_memory(served: tuple[Scene, Server]) -> None:
    _, server = served
    for pid in server.workers():
        limits = Path(f"/proc/{pid}/limits").read_text()
        (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
        assert line.split()[4:6] == ["0", "0"]
