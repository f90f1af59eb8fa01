"""A server process killed at any moment: what was acknowledged is there, and the chain is whole.

This is the death of a process; the page cache lives on, so it says nothing about power.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from pysqlite3 import dbapi2 as sqlite

from api.services import audit
from api.services.container import Services
from api.services.work import Actor
from api.settings import Settings
from api.storage import audit as rows
from api.storage.database import Database
from schema.ids import DEFAULT_PROJECT
from tests.effort import tries

LIVES = tries(2, 100)

WRITER = """
import asyncio, os, sys
from pathlib import Path
from api.services.container import Services
from api.services.work import Actor
from api.settings import Settings
from api.storage.database import Database

folder, acknowledged = Path(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
services = Services(Settings(data_dir=folder), Database.open(folder / "vigo.db"))

async def client(name):
    for number in range(100_000):
        label = f"{name}-{number}"
        await services.write(Actor.system("test"), lambda work: work.audit("note.write", "note", label, payload={"n": number}))
        os.write(acknowledged, f"{label}\\n".encode())

async def main():
    print("ready", flush=True)
    await asyncio.gather(*(client(f"c{n}") for n in range(8)))

asyncio.run(main())
"""


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@pytest.mark.parametrize("seed", range(LIVES))
def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path, seed: int) -> None:
    acknowledged = tmp_path / "acknowledged"
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(acknowledged)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": "."},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        enough = size(acknowledged) + 100
        while size(acknowledged) < enough and process.poll() is None:
            time.sleep(0.005)
        time.sleep(random.Random(seed).uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        process.stdout.close()
    told = acknowledged.read_text().split()
    services = Services(Settings(data_dir=tmp_path), Database.open(tmp_path / "vigo.db"))
    system = Actor.system("test")
    answer = audit.verify(lambda query: services.read_now(system, query), DEFAULT_PROJECT)
    assert answer.valid, answer.error
    stored: list[str] = []
    while page := services.db.read_now(
        partial(rows.stretch, project_id=DEFAULT_PROJECT, start=len(stored), limit=5_000)
    ):
        stored += [entry.object_id for entry in page]
    assert len(told) > 10
    assert set(told) <= set(stored)
    assert len(stored) - len(told) <= 16, "at most what was in flight, eight in each life"
    services.db.close_now()
    with sqlite.connect(tmp_path / "vigo.db") as left:
        assert left.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert left.execute("PRAGMA foreign_key_check").fetchall() == []
