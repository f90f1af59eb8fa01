"""Envoys: the managed hosts, with their traits and runs."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, NamedTuple

import strawberry

from api.graphql import runs as run_pages
from api.graphql.context import Info, computed, guarded
from api.graphql.paging import After, First, cursor, page_size, position
from api.graphql.runs import RunPage, RunPageType, RunType
from api.graphql.scalars import Json, Time
from api.services import envoys, traits
from schema.access import Permission
from schema.envoys import Convergence, Envoy
from schema.errors import Invalid
from schema.runs import Run

strawberry.enum(Convergence, name="Convergence", description="Whether a host is what it should be.")


@strawberry.enum(name="Reachability", description="Whether a host is connected now.")
class Reachability(Enum):
    ONLINE = "online"
    OFFLINE = "offline"


class OneEnvoy(Invalid):
    """An envoy is asked for by exactly one of id and hostname."""

    code = "graphql.one_envoy"


@strawberry.type(name="Envoy", description="One managed host.")
class EnvoyType:
    id: str
    hostname: str
    ip_address: str
    enrolled_at: Time
    last_seen: Time | None
    revoked: bool
    agent_version: str
    convergence: Convergence
    environment: str
    commit: str | None
    generation: int
    stalled: str
    last_run_at: Time | None

    @computed
    def reachability(self: Envoy) -> Reachability:
        """Whether it is connected now."""
        return Reachability(self.status)

    @guarded(Permission.FLEET_READ, graphql_type=RunType | None)
    def last_run(self, info: Info) -> Run | None:
        """Its newest run."""
        found = run_pages.page(info, key=self.id, first=1, after=None).nodes
        return found[0] if found else None

    @guarded(Permission.FLEET_READ, graphql_type=RunPageType)
    def runs(self, info: Info, first: First = 50, after: After = None) -> RunPage:
        """Its runs, newest first."""
        return run_pages.page(info, key=self.id, first=first, after=after)

    @guarded(Permission.FLEET_READ, graphql_type=Json | None)
    def traits(self, info: Info) -> object:
        """What it last said it is; null before the first time."""
        try:
            return traits.get(info.context.work, self.id).traits
        except traits.NoTraits:
            return None


class EnvoyPage(NamedTuple):
    """A page, and where the next begins."""

    nodes: Sequence[Envoy]
    has_next_page: bool

    @property
    def end_cursor(self) -> str | None:
        """Of the last envoy here; None on an empty page."""
        return cursor(f"{self.nodes[-1].hostname} {self.nodes[-1].id}") if self.nodes else None


@strawberry.type(name="EnvoyPage", description="Envoys, by hostname.")
class EnvoyPageType:
    nodes: list[EnvoyType]
    has_next_page: bool
    end_cursor: str | None = strawberry.field(description="Give it as `after` for those behind.")


@strawberry.type
class EnvoyQueries:
    """Root fields of envoys."""

    @guarded(Permission.FLEET_READ, graphql_type=EnvoyPageType)
    def envoys(
        self,
        info: Info,
        first: First = 50,
        after: After = None,
        hostname: Annotated[str | None, strawberry.argument(description="A glob: `web*.prod.example.com`.")] = None,
        convergence: Annotated[Convergence | None, strawberry.argument(description="Only those that are so.")] = None,
        reachability: Annotated[Reachability | None, strawberry.argument(description="Only those.")] = None,
        include_revoked: Annotated[bool, strawberry.argument(description="Revoked envoys as well.")] = False,  # noqa: FBT002
    ) -> EnvoyPage:
        """The fleet, by hostname."""
        size = page_size(first)
        context = info.context
        found = envoys.search(
            context.work,
            online=context.online,
            graph=context.graph,
            pattern=hostname,
            convergence=convergence,
            status=reachability.value if reachability is not None else None,
            include_revoked=include_revoked,
            after=_behind(after),
            limit=size + 1,
        )
        return EnvoyPage(found[:size], len(found) > size)

    @guarded(Permission.FLEET_READ, graphql_type=EnvoyType)
    def envoy(self, info: Info, id: str | None = None, hostname: str | None = None) -> Envoy:  # noqa: A002 - the API's word
        """One envoy, by id or hostname."""
        key = id or hostname
        if key is None or (id and hostname):
            raise OneEnvoy("give an envoy's id or its hostname")
        return envoys.get(info.context.work, key, online=info.context.online, graph=info.context.graph)


def _behind(after: str | None) -> tuple[str, str] | None:
    mark = position(after)
    if mark is None:
        return None
    hostname, _, envoy_id = mark.partition(" ")
    return hostname, envoy_id
