"""A whole server without sockets: database, services and HTTP application, with a clock that tests move.

server = Server(tmp_path)
server.get("/api/v1/users", role=Role.ADMIN).json()
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from api.http.application import Application
from api.http.areas import Area
from api.rest import areas
from api.services import tokens, users
from api.services.container import Services
from api.services.passwords import Passwords
from api.services.work import Actor
from api.settings import Settings
from api.storage.database import Database
from schema.access import Role
from schema.time import HOUR
from schema.tokens import TokenCreate
from schema.users import User, UserCreate

T = TypeVar("T")

PEER = "203.0.113.7"
PASSWORD = "correct horse 9"
NOON = 1_795_348_800_000_000
"""2026-11-22T12:00:00Z"""


class FakeClock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.micros = NOON

    def now(self) -> int:
        return self.micros

    def monotonic(self) -> float:
        return self.micros / 1_000_000

    def advance(self, seconds: float) -> None:
        self.micros += round(seconds * 1_000_000)


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "vigo.db"
        Database.open(path).close_now()
        return path.read_bytes()


def fresh(path: Path) -> Database:
    """A new database, migrated once for all tests of the process."""
    return _copied(_migrated(), path)


def _copied(data: bytes, path: Path) -> Database:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return Database.open(path, readers=2)


@cache
def _peopled() -> tuple[bytes, dict[Role, User], dict[Role, str]]:
    """A database with an account for every role, these, and a token of each: made once for all tests of the process."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "vigo.db"
        server = Server(Path(folder), database=fresh(path))
        server.close()
        return path.read_bytes(), server.users, server.tokens


class Server:
    """One server over a folder, with an account for every role."""

    def __init__(
        self,
        folder: Path,
        *,
        database: Database | None = None,
        extra: tuple[Area, ...] = (),
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.peer = PEER
        given = Settings(data_dir=folder, public_rate=1_000, public_burst=10_000, **(settings or {}))
        self.services = Services(
            given,
            database or _copied(_peopled()[0], folder / "vigo.db"),
            clock=self.clock,
            passwords=Passwords(memory_kib=8, passes=1),
        )
        self.application = Application(self.services, [*areas(), *extra])
        self.system = Actor.system("test")
        self.users: dict[Role, User] = {}
        self.tokens: dict[Role, str] = {}
        if database is None:
            _, users_there, tokens_there = _peopled()
            self.users |= users_there
            self.tokens |= tokens_there
        else:
            self._people()

    def _people(self) -> None:
        hashed = self.services.passwords.hash_now(PASSWORD)
        for role in Role:
            new = UserCreate(username=role.value, password=SecretStr(PASSWORD), role=role)
            user = self.services.write_now(self.system, lambda work, new=new: users.create(work, new, hashed))
            self.users[role] = user
            self.tokens[role] = self.token_of(user)

    def token_of(self, user: User, *, life: int = 24 * HOUR) -> str:
        """A fresh token of this account."""
        actor = Actor("user", user.id, user.username, "basic", user.role)
        new = TokenCreate(name="test", expires_in=life)
        return self.services.write_now(actor, lambda work: tokens.create(work, new)).token

    def request(
        self,
        method: str,
        path: str,
        *,
        role: Role | None = None,
        token: str | None = None,
        peer: str | None = None,
        headers: dict[str, str] | None = None,
        **content: Any,
    ) -> httpx.Response:
        """Ask once, as somebody in this role, or with this token, or as nobody."""
        shown = token or (self.tokens[role] if role is not None else None)
        given = {"authorization": f"Bearer {shown}"} if shown else {}

        async def ask() -> httpx.Response:
            async with self.client(peer or self.peer) as client:
                return await client.request(method, path, headers=given | (headers or {}), **content)

        return asyncio.run(ask())

    def client(self, peer: str = PEER) -> httpx.AsyncClient:
        """A client for tests that ask many things at once."""
        transport = httpx.ASGITransport(self.application, client=(peer, 40_000), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="https://localhost")

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run something async."""

        async def main() -> T:
            return await work()

        return asyncio.run(main())

    def audit(self) -> list[dict[str, Any]]:
        """All of the audit log, oldest first."""
        events = self.get("/api/v1/audit?limit=200", role=Role.ADMIN).json()["events"]
        return list(reversed(events))

    def close(self) -> None:
        self.services.passwords.close()
        self.services.db.close_now()
