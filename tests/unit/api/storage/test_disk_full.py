"""A disk that is really full: a small file system of memory, filled to the last byte, and emptied again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from api.storage.database import Database
from api.storage.engines import DatabaseFull
from schema.access import Role
from tests.server import Server

SIZE = 4 * 1024 * 1024


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
        timeout=10,
    )
    if done.returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True, timeout=10)


def fill(folder: Path) -> Path:
    """Leave no byte free."""
    filler = folder / "filler"
    with suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)
    with suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(b"\0")
    return filler


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small file system")
def test_on_a_full_disk_reads_go_on_writes_are_refused_and_it_heals(small: Path) -> None:
    fatal: list[BaseException] = []
    database = Database.open(small / "data" / "vigo.db", on_fatal=fatal.append)
    server = Server(small / "data", database=database)
    new = {"username": "carol", "password": "a long enough one", "role": "viewer"}
    users = server.get("/api/v1/users", role=Role.ADMIN).json()
    filler = fill(small)
    refused = [server.post("/api/v1/users", role=Role.ADMIN, json=new | {"username": f"u{n}"}) for n in range(40)]
    full = [answer for answer in refused if answer.status_code == 507]
    assert full
    assert {answer.json()["fault"] for answer in full} == {"database.full"}
    made = [answer.json() for answer in refused if answer.status_code == 201]
    listed = server.get("/api/v1/users", role=Role.ADMIN).json()["users"]
    assert {user["id"] for user in listed} == {user["id"] for user in users["users"] + made}
    with pytest.raises(DatabaseFull):
        database.write_now(lambda session: session.execute(text("CREATE TABLE big AS SELECT zeroblob(1000000)")))
    filler.unlink()
    assert server.post("/api/v1/users", role=Role.ADMIN, json=new).status_code == 201
    assert server.get("/api/v1/audit/verify", role=Role.ADMIN).json()["valid"]
    assert database.read_now(lambda s: s.execute(text("PRAGMA integrity_check")).scalar_one()) == "ok"
    assert fatal == []
    server.close()
