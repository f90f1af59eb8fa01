"""A server's writes without its sockets: acknowledged one by one, and looked for again on whatever disk is left.

`python -m tests.factories.writes DIRECTORY SEED COUNT [PRAGMA]` opens the data directory as a server does, writes, and
tells each acknowledgement through `power.say`. `PRAGMA` is SQLite's `synchronous`, for the control that must lose data.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import threading
from pathlib import Path

from sqlalchemy import text
from sqlmodel import Session

from api.services import audit, revisions, secrets
from api.services.container import Services
from api.services.passwords import Passwords
from api.services.pki import Pki
from api.services.secrets import Vault
from api.services.work import Actor, Work
from api.settings import Settings
from api.storage.database import Database
from schema.errors import Fault
from schema.ids import DEFAULT_PROJECT
from tests.factories import power

WRITERS = 4
FATAL = 70
"""How a process ends whose disk does not keep what is written to it."""
NOW = 1_795_348_800_000_000
ACTOR = Actor.system("test")


def opened(directory: Path) -> Services:
    """The services over a data directory."""
    return Services(
        Settings(data_dir=directory),
        Database.open(directory / "vigo.db", readers=1, on_fatal=lambda _: os._exit(FATAL)),
        passwords=Passwords(memory_kib=8, passes=1),
    )


def write(directory: Path, seed: int, count: int, synchronous: str = "") -> None:
    """Open, write `count` times from each of a few threads, and end as a process that is killed does."""
    authority = Pki.open(directory / "pki", now=NOW)
    power.say(f"authority {authority.signing_key.public_key().public_bytes_raw().hex()}")
    vault = Vault.open(directory / "pki")
    services = opened(directory)
    if synchronous:
        raw = services.db._writing.raw_connection()
        raw.cursor().execute(f"PRAGMA synchronous={synchronous}")
        raw.close()
    threads = [
        threading.Thread(target=_write, args=(services, vault, writer, random.Random(seed * 100 + writer), count))
        for writer in range(WRITERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    services.passwords.close()


def _write(services: Services, vault: Vault, writer: int, chance: random.Random, count: int) -> None:
    for number in range(count):
        with contextlib.suppress(Fault):  # refused: nobody was told that it is there
            if chance.random() < 0.5:
                commit = f"{writer:020x}{number:020x}"
                services.write_now(
                    ACTOR,
                    lambda work, commit=commit: revisions.record_in_force(
                        work, commit=commit, plan_root="0" * 64, compiled_ms=1.0
                    ),
                )
                power.say(f"commit {commit}")
            else:
                name, value = f"w{writer}/s{number}", f"value {writer} {number}" * chance.randrange(1, 400)
                services.write_now(ACTOR, lambda work, n=name, v=value: secrets.put(work, vault, n, v))
                power.say(f"secret {name}")


def complaint(directory: Path, said: list[str]) -> str:
    """What is wrong with a data directory after a power cut; empty when nothing is."""
    try:
        return _complaint(directory, said)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _complaint(directory: Path, said: list[str]) -> str:
    authority = Pki.open(directory / "pki", now=NOW)
    key = authority.signing_key.public_key().public_bytes_raw().hex()
    vault = Vault.open(directory / "pki")
    services = opened(directory)
    try:

        def check(session: Session) -> str:
            integrity = session.connection().execute(text("PRAGMA integrity_check")).scalar()
            if integrity != "ok":
                return f"integrity: {integrity}"
            if session.connection().execute(text("PRAGMA foreign_key_check")).first() is not None:
                return "a foreign key leads nowhere"
            work = Work(ACTOR, session, services.clock)
            commits = {revision.commit for revision in revisions.page(work, limit=1_000)}
            names = set(secrets.versions(work))
            values = secrets.values(work, vault, sorted(names)) if names else {}
            for told in said:
                kind, _, what = told.partition(" ")
                if kind == "authority" and what != key:
                    return "the authority is another one"
                if kind == "commit" and what not in commits:
                    return f"commit {what} was acknowledged and is gone"
                if kind == "secret" and what not in values:
                    return f"secret {what} was acknowledged and is gone"
            return ""

        wrong = services.db.read_now(check)
        verified = audit.verify(lambda query: services.read_now(ACTOR, query), DEFAULT_PROJECT)
        return wrong or ("" if verified.valid else f"audit: {verified.error}")
    finally:
        services.db.close_now()
        services.passwords.close()


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:5])
