"""`vigo doctor`: whether this machine can run the server, and whether the one here is well."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from api.cli import output
from api.cli.access import DEFAULT_DATA_DIR, READY_FILE, discover
from api.cli.client import Client
from api.cli.exits import Exit, Problem

Status = Literal["pass", "warn", "fail", "skip"]

SQLITE_SAFE: Final = (3, 51, 3)
"""3.7.0 to 3.51.2 can corrupt a WAL database (fixed in 3.51.3; backports 3.50.7 and 3.44.6; 3.52.0 was withdrawn)."""
SQLITE_BACKPORTS: Final = {(3, 50): 7, (3, 44): 6}
LIBGIT2_SAFE: Final = (1, 9, 7)
LITTLE_SPACE: Final = 1024**3
EXPIRES_SOON: Final = timedelta(days=14)
NETWORK_FILE_SYSTEMS: Final = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs"}
NEWEST_PAST: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""A clock before this is wrong: the program was not written yet."""


@dataclass(frozen=True)
class Check:
    """What one look found. `scope` is the API's word: `server` is Vigo itself."""

    name: str
    status: Status
    message: str = ""
    hint: str = ""
    scope: Literal["server"] = "server"


def doctor(
    *,
    data_dir: Annotated[
        Path, typer.Option(metavar="DIR", envvar="VIGO_DATA_DIR", help="The server's data directory.")
    ] = DEFAULT_DATA_DIR,
    port: Annotated[int, typer.Option(envvar="VIGO_PORT", help="Where REST, GraphQL and web are to listen.")] = 8443,
    gateway_port: Annotated[int, typer.Option(envvar="VIGO_GATEWAY_PORT", help="Where agents are to connect.")] = 1530,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check this machine and the server on it.

    Each check ends pass, warn, fail or skip. Ends 1 when one fails.
    """
    checks = [
        found
        for look in (
            _python,
            _sqlite,
            _libgit2,
            _pango,
            lambda: _data_dir(data_dir),
            lambda: _certificates(data_dir),
            _clock,
            lambda: _port("port", port, data_dir),
            lambda: _port("gateway_port", gateway_port, data_dir),
            lambda: _server(data_dir),
        )
        for found in _guarded(look)
    ]
    statuses = {check.status for check in checks}
    overall = "unhealthy" if "fail" in statuses else "degraded" if "warn" in statuses else "healthy"
    if json_:
        output.emit_json({"status": overall, "checks": [asdict(check) for check in checks]})
    else:
        output.table(("check", "status", "message"), [(item.name, item.status, item.message) for item in checks])
        for item in checks:
            if item.hint and item.status in {"warn", "fail"}:
                output.line(output.visible(f"{item.name}: {item.hint}"))
        output.line(f"\n{overall}", tone={"healthy": "pass", "degraded": "warn"}.get(overall, "fail"))
    if "fail" in statuses:
        raise typer.Exit(Exit.ERROR)


def sqlite_is_safe(version: tuple[int, int, int]) -> bool:
    """Whether this SQLite has the fix of the WAL corruption."""
    backport = SQLITE_BACKPORTS.get(version[:2])
    return (version >= SQLITE_SAFE or (backport is not None and version[2] >= backport)) and version != (3, 52, 0)


def _guarded(look: Callable[[], Iterator[Check]]) -> list[Check]:
    try:
        return list(look())
    except (OSError, ImportError, ValueError, Problem) as error:
        name = getattr(look, "__name__", "check").removeprefix("_")
        return [Check(name, "fail", f"{type(error).__name__}: {error}")]


def _python() -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    # The tarfile fixes of June 2025; Vigo never unpacks archives with tarfile, other programs of this Python may.
    fixed = {(3, 11): 13, (3, 12): 11, (3, 13): 4}.get(sys.version_info[:2], 0)
    if sys.version_info[:3] < (*sys.version_info[:2], fixed):
        yield Check(
            "python", "pass", f"{version} (without the fixes of {sys.version_info[0]}.{sys.version_info[1]}.{fixed})"
        )
    else:
        yield Check("python", "pass", version)


def _sqlite() -> Iterator[Check]:
    try:
        from pysqlite3.dbapi2 import sqlite_version

        source = "pysqlite3"
    except ImportError:
        from sqlite3 import sqlite_version

        source = "Python's own"
    parts = [int(part) for part in sqlite_version.split(".")]
    if sqlite_is_safe((parts[0], parts[1], parts[2])):
        yield Check("sqlite", "pass", f"{sqlite_version} ({source})")
    else:
        yield Check(
            "sqlite",
            "warn",
            f"{sqlite_version} ({source}) can corrupt a database in WAL mode",
            "install vigo[server] with its pysqlite3 wheel, or SQLite 3.51.3 or newer",
        )


def _libgit2() -> Iterator[Check]:
    import pygit2

    version = tuple(map(int, pygit2.LIBGIT2_VERSION.split(".")[:3]))
    safe = version >= LIBGIT2_SAFE
    yield Check(
        "libgit2", "pass" if safe else "warn", pygit2.LIBGIT2_VERSION, "" if safe else "update pygit2 to 1.21 or newer"
    )


def _pango() -> Iterator[Check]:
    from api.cli import pdf

    try:
        pdf.writer()
        yield Check("pango", "pass", "PDF reports can be written")
    except Problem as problem:
        yield Check("pango", "warn", problem.message, problem.hint)


def _data_dir(path: Path) -> Iterator[Check]:
    if not path.exists():
        yield Check("data_dir", "skip", f"{path} is not there; `vigo serve` makes it")
        return
    found = path.stat()
    mode = stat.S_IMODE(found.st_mode)
    free = shutil.disk_usage(path).free
    kind = _file_system(path)
    if mode & 0o077:
        yield Check("data_dir", "fail", f"{path} has mode {mode:04o}: others can reach its keys", f"chmod 700 {path}")
    elif found.st_uid != os.geteuid() and os.geteuid() != 0:
        yield Check("data_dir", "skip", f"{path} belongs to another user; run this as the server's")
    elif kind in NETWORK_FILE_SYSTEMS:
        yield Check("data_dir", "fail", f"{path} is on {kind}", "SQLite needs a local file system; or use PostgreSQL")
    elif free < LITTLE_SPACE:
        yield Check("data_dir", "warn", f"{path}: {free // 1024**2} MiB free", "make room; writes stop when it is full")
    else:
        yield Check("data_dir", "pass", f"{path}, {free // 1024**3} GiB free")


def _file_system(path: Path) -> str:
    best, kind = "", ""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines():
            _, mount, name, *_ = line.split(" ")
            if path.resolve().is_relative_to(mount) and len(mount) >= len(best):
                best, kind = mount, name
    return kind


def _certificates(data_dir: Path) -> Iterator[Check]:
    directory = data_dir / "pki"
    if not os.access(directory, os.R_OK | os.X_OK):
        yield Check("certificates", "skip", "no authority here yet" if not directory.exists() else "not yours to read")
        return
    from cryptography import x509

    for path in sorted(directory.glob("*.pem")):
        expires = x509.load_pem_x509_certificates(path.read_bytes())[0].not_valid_after_utc
        left = expires - datetime.now(UTC)
        name = f"certificate:{path.stem}"
        if left < timedelta():
            yield Check(name, "fail", f"expired {expires:%Y-%m-%d}", "restart the server: it renews its own")
        elif left < EXPIRES_SOON:
            yield Check(name, "warn", f"expires {expires:%Y-%m-%d}", "the server renews its own at each start")
        else:
            yield Check(name, "pass", f"expires {expires:%Y-%m-%d}")


def _clock() -> Iterator[Check]:
    now = datetime.fromtimestamp(time.time(), UTC)
    if now < NEWEST_PAST:
        yield Check("clock", "fail", f"it says {now:%Y-%m-%d %H:%M} UTC", "set it: certificates depend on it")
    elif Path("/run/systemd/timesync/synchronized").exists():
        yield Check("clock", "pass", f"{now:%Y-%m-%d %H:%M} UTC, synchronised")
    else:
        yield Check("clock", "pass", f"{now:%Y-%m-%d %H:%M} UTC; whether something keeps it is not known")


def _port(name: str, port: int, data_dir: Path) -> Iterator[Check]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EACCES:
                yield Check(name, "fail", f"{port} may not be bound by this user", "choose one above 1023")
            elif (data_dir / READY_FILE).exists():
                yield Check(name, "pass", f"{port} is in use; a server runs here")
            else:
                yield Check(
                    name, "warn", f"{port} is in use by another program", f"choose another with VIGO_{name.upper()}"
                )
        else:
            yield Check(name, "pass", f"{port} is free")


def _server(data_dir: Path) -> Iterator[Check]:
    if not (data_dir / READY_FILE).exists():
        yield Check("server", "skip", "no server runs with this data directory")
        return
    client = Client(lambda: discover(data_dir=data_dir))
    try:
        client.get("/healthz")
    except Problem as problem:
        yield Check("server", "fail", problem.message, problem.hint)
        return
    yield Check("server", "pass", client.access.server)
    status = client.get("/api/v1/config/status")
    if status["healthy"]:
        yield Check("config", "pass", f"version {status['version']}, commit {str(status.get('commit'))[:12]}")
    else:
        yield Check("config", "fail", status["last_error"] or "no configuration in force", "vigo config status")
