"""Envoys: the managed hosts, with their traits and runs."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, NamedTuple

import strawberry

from api.graphql import runs as run_pages
from api.graphql.ahead import Asking
from api.graphql.context import Info, ahead, computed, guarded
from api.graphql.paging import After, BadPage, First, cursor, page_size, position
from api.graphql.runs import RunPage, RunPageType, RunType
from api.graphql.scalars import Json, Time
from api.graphql.shown import shown
from api.services import envoys, rosters, traits
from api.services.rosters import Order, Place
from reconciler import convergence as verdicts
from schema.access import Permission
from schema.envoys import Convergence, Drift, Envoy, Reachability
from schema.errors import Invalid
from schema.runs import Run

strawberry.enum(Convergence)


strawberry.enum(Reachability)
strawberry.enum(Drift)


@strawberry.enum(name="EnvoySort", description="In which order envoys are listed.")
class EnvoySort(Enum):
    HOSTNAME = "hostname"
    """By name."""
    LAST_SEEN = "last_seen"
    """By when they were heard, the latest first; those that were never heard come last."""
    ENROLLED = "enrolled"
    """By when they enrolled, the latest first."""


class OneEnvoy(Invalid):
    """An envoy is asked for by exactly one of id and hostname."""

    code = "graphql.one_envoy"


@shown(Envoy)
class EnvoyType:
    id: str
    hostname: str
    ip_address: str
    enrolled_at: Time
    last_seen: Time | None
    revoked: bool
    agent_version: str
    convergence: Convergence
    drift: Drift
    reachability: Reachability
    environment: str
    commit: str | None
    generation: int
    stalled: str
    last_run_at: Time | None

    @computed
    def connected(self: Envoy) -> bool:
        """Whether it is connected at this moment."""
        return self.status == "online"

    @guarded(Permission.FLEET_READ, graphql_type=list[str])
    def tags(self, info: Info) -> list[str]:
        """The words that people chose it by."""
        return list(envoys.tags(info.context.work, [self.hostname]).get(self.hostname, ()))

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

    found: rosters.Found
    order: Order

    @property
    def nodes(self) -> Sequence[Envoy]:
        """The envoys of the page."""
        return self.found.envoys

    @property
    def has_next_page(self) -> bool:
        """Whether there may be more."""
        return self.found.more

    @property
    def end_cursor(self) -> str | None:
        """Of the last envoy that was looked at; None where none was."""
        place = self.found.place
        if place is None:
            return None
        mark = "" if self.order is Order.HOSTNAME else f"{self.order.value}:"
        return cursor(f"{mark}{'' if place.key is None else place.key} {place.id}")


@strawberry.type(
    name="FleetSummary",
    description="How many hosts there are of each word; with those in maintenance, which are counted as nothing else,"
    " convergence, drift and reachability each sum to the total.",
)
class FleetSummaryType:
    counted_at: Time = strawberry.field(description="When they were counted.")
    total: int = strawberry.field(description="Hosts that are enrolled and not revoked.")
    converged: int = strawberry.field(description="Made what they should be by their last run.")
    degraded: int = strawberry.field(
        description="Some resource failed, or they have not yet taken what they should be."
    )
    failed: int = strawberry.field(description="Nothing went well in their last run, or it was refused.")
    no_data: int = strawberry.field(description="Have not run yet, or have been silent for a day.")
    drift_none: int = strawberry.field(description="All was as desired in their last run.")
    drift_changed: int = strawberry.field(description="Were brought to what a commit newly asked for.")
    drift_diverged: int = strawberry.field(
        description="Had been changed by somebody else, or could not be made as desired."
    )
    online: int = strawberry.field(description="Heard lately, as often as they usually are.")
    offline: int = strawberry.field(description="Silent for 2.5 times as long as they usually are.")
    maintenance: int = strawberry.field(description="Being worked at.")


@strawberry.type(name="EnvoyPage", description="Envoys, in the order that was asked for.")
class EnvoyPageType:
    nodes: list[EnvoyType] = strawberry.field(description="Of this page.")
    has_next_page: bool = strawberry.field(description="Whether there may be more behind.")
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
        environment: Annotated[str | None, strawberry.argument(description="Only those in it.")] = None,
        tag: Annotated[str | None, strawberry.argument(description="Only those that have it.")] = None,
        agent_version: Annotated[str | None, strawberry.argument(description="Only those with this agent.")] = None,
        seen_since: Annotated[Time | None, strawberry.argument(description="Heard since then.")] = None,
        seen_before: Annotated[Time | None, strawberry.argument(description="Not heard since then, or never.")] = None,
        convergence: Annotated[Convergence | None, strawberry.argument(description="Only those that are so.")] = None,
        drift: Annotated[Drift | None, strawberry.argument(description="Only those whose last run found this.")] = None,
        reachability: Annotated[Reachability | None, strawberry.argument(description="Only those.")] = None,
        include_revoked: Annotated[bool, strawberry.argument(description="Revoked envoys as well.")] = False,  # noqa: FBT002
        sort: Annotated[EnvoySort, strawberry.argument(description="In which order.")] = EnvoySort.HOSTNAME,
    ) -> EnvoyPage:
        """The fleet, by hostname or by time. A search that finds few among very many may answer a short page, and its
        `endCursor` leads on."""
        order, context = Order(sort.value), info.context
        wanted = rosters.Search(
            hostname=hostname,
            environment=environment,
            tag=tag,
            agent_version=agent_version,
            seen_since=seen_since,
            seen_until=seen_before,
            convergence=convergence,
            drift=drift,
            reachability=reachability,
            include_revoked=include_revoked,
        )
        found = rosters.search(
            context.work,
            wanted,
            online=context.online,
            graph=context.graph,
            order=order,
            after=_behind(after, order),
            limit=page_size(first),
        )
        return EnvoyPage(found, order)

    @ahead(Permission.FLEET_READ, graphql_type=FleetSummaryType)
    async def fleet_summary(self: Asking) -> FleetSummaryType:
        """How many hosts there are of each kind, as counted a moment ago."""
        tally = await rosters.summary(self.call.app)
        counts = tally.counts
        drifts = {f"drift_{word}": counts[word] for word in Drift}
        words = ("total", *Convergence, *verdicts.Reachability, "maintenance")
        plain = {str(word).replace(" ", "_"): counts[str(word)] for word in words}
        return FleetSummaryType(counted_at=tally.counted_at, **plain, **drifts)

    @guarded(Permission.FLEET_READ, graphql_type=EnvoyType)
    def envoy(
        self,
        info: Info,
        id: Annotated[str | None, strawberry.argument(description="Its id.")] = None,  # noqa: A002 - the API's word
        hostname: Annotated[str | None, strawberry.argument(description="Or its hostname.")] = None,
    ) -> Envoy:
        """One envoy, by id or hostname."""
        key = id or hostname
        if key is None or (id and hostname):
            raise OneEnvoy("give an envoy's id or its hostname")
        return envoys.get(info.context.work, key, online=info.context.online, graph=info.context.graph)


def _behind(after: str | None, order: Order) -> Place | None:
    mark = position(after)
    if mark is None:
        return None
    key, _, envoy_id = mark.rpartition(" ")
    if order is Order.HOSTNAME:
        return Place(key, envoy_id)
    name, _, time = key.partition(":")
    if name != order.value or not (time.isdigit() or not time):
        raise BadPage("`after` is a cursor of another order")
    return Place(int(time) if time else None, envoy_id)
