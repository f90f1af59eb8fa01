"""A database, the GraphQL endpoint over it, and people of every role who ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from api.graphql import endpoint
from api.http.application import Application
from api.services import tokens, users
from api.services.container import Services
from api.services.passwords import Passwords
from api.services.work import LOCAL_ADMIN
from api.settings import Settings
from api.storage.database import Database
from schema.access import Role
from schema.tokens import TokenCreate
from schema.users import UserCreate


class Answer(NamedTuple):
    status: int
    body: Any


Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder: Path = tmp_path_factory.mktemp("graphql")
    database = Database.open(folder / "vigo.db", readers=2)
    yield Services(Settings(data_dir=folder), database, passwords=Passwords(memory_kib=8, passes=1))
    database.close_now()


@pytest.fixture(scope="module")
def credentials(services: Services) -> dict[Role, str]:
    """Role → a token of somebody in it."""
    found = {}
    for role in Role:
        new = UserCreate(username=f"the-{role}", password="correct horse battery", role=role)  # type: ignore[arg-type]
        services.write_now(LOCAL_ADMIN, lambda work, new=new: users.create(work, new, "-"))
        made = services.write_now(
            LOCAL_ADMIN, lambda work, role=role: tokens.create(work, TokenCreate(name="test", user=f"the-{role}"))
        )
        found[role] = made.token
    return found


@pytest.fixture
def ask(services: Services, credentials: dict[Role, str]) -> Iterator[Ask]:
    """Ask a query, as an operator unless another role (or None: nobody) is named."""
    application = Application(services, [endpoint.area])
    transport = httpx.ASGITransport(application, client=("127.0.0.1", 5))

    async def post(body: Any, role: Role | None) -> Answer:
        headers = {"authorization": f"Bearer {credentials[role]}"} if role else {}
        async with httpx.AsyncClient(transport=transport, base_url="https://127.0.0.1") as client:
            response = await client.post("/graphql", json=body, headers=headers)
        return Answer(response.status_code, response.json())

    with asyncio.Runner() as runner:

        def asking(query: Any, role: Role | None = Role.OPERATOR, **rest: Any) -> Answer:
            body = {"query": query, **rest} if isinstance(query, str) else query
            return runner.run(post(body, role))

        yield asking
