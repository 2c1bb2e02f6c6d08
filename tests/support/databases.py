"""Databases to test with: a PostgreSQL of our own beside SQLite's files."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from intake.online.store.rows import Base
from intake.online.store.submissions import Store
from tests.support.servers import free_port

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@contextlib.contextmanager
def postgresql_server() -> Iterator[str]:
    """Run a PostgreSQL server on the loopback interface; give its URL."""
    folder = Path("/tmp") / f"intake-postgresql-{os.getpid()}"  # noqa: S108  # another user's
    folder.mkdir(mode=0o700)
    user = None
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        user = "postgres"
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    bin_folder, data, port = PROGRAMS[-1].parent, folder / "data", free_port()

    def run(*arguments: str) -> None:
        subprocess.run(
            [str(bin_folder / arguments[0]), *arguments[1:]],
            check=True,
            capture_output=True,
            user=user,
            cwd="/",
        )

    try:
        run("initdb", "-D", str(data), "-U", "intake", "--auth=trust", "-E", "UTF8")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        run("pg_ctl", "-D", str(data), "-l", str(folder / "log"), "-w", "-o", options, "start")
        yield f"postgresql+psycopg://intake@127.0.0.1:{port}/postgres"
        run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def empty_tables(store: Store) -> None:
    """Empty every table: one PostgreSQL serves many tests."""
    with store._engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())
