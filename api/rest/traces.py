"""Traces over REST."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area, Call
from api.services import traces
from schema.access import Permission
from schema.config import ConfigTrace
from schema.traces import InverseTrace, Preview

area = Area("traces")

Name = Annotated[str | None, Field(min_length=1, max_length=traces.MAX_NAME)]


@area(
    "GET",
    "/api/v1/config/trace",
    Permission.FLEET_READ,
    raises=[traces.NothingInForce, traces.WrongSubject, traces.CrateNotFound],
)
async def trace_config(
    call: Call, *, hostname: Name = None, configcrate: Name = None, usercrate: Name = None, include_tree: bool = False
) -> ConfigTrace | InverseTrace:
    """Where the config of a host comes from, value by value; or where a crate is applied.

    Forward with `hostname` (and `configcrate`, to see its branch only), inverse with `configcrate` or `usercrate`
    alone. `include_tree` adds to an inverse trace the match blocks that no enrolled host is under.
    """
    graph = call.app.graph
    return await call.read(
        lambda work: traces.config(
            work,
            graph,
            hostname=hostname,
            configcrate=configcrate,
            usercrate=usercrate,
            include_tree=include_tree,
        )
    )


@area("GET", "/api/v1/preview", Permission.FLEET_READ, raises=[traces.NothingInForce, traces.CrateNotFound])
async def preview_change(
    call: Call, configcrate: Annotated[str, Field(min_length=1, max_length=traces.MAX_NAME)]
) -> Preview:
    """Which enrolled hosts a change of a configcrate would reach."""
    graph = call.app.graph
    return await call.read(lambda work: traces.preview(work, graph, configcrate))
