"""Traces over REST."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area, Call
from api.services import graphs, traces
from api.services.graphs import AsOf
from schema.access import Permission
from schema.config import ConfigEntries, ConfigTrace, DuplicateConfigs, TreeNode
from schema.traces import InverseTrace

area = Area("traces")

Name = Annotated[str | None, Field(min_length=1, max_length=traces.MAX_NAME)]


@area(
    "GET",
    "/api/v1/config/trace",
    Permission.FLEET_READ,
    raises=[*graphs.FAULTS, traces.WrongSubject, traces.CrateNotFound],
)
async def trace_config(
    call: Call,
    *,
    hostname: Name = None,
    configcrate: Name = None,
    usercrate: Name = None,
    include_tree: bool = False,
    places: bool = False,
    as_of: AsOf = None,
) -> ConfigTrace | InverseTrace:
    """Where the config of a host comes from, value by value; or where a crate is applied.

    Forward with `hostname` (and `configcrate`, to see its branch only), inverse with `configcrate` or `usercrate`
    alone. `include_tree` adds to an inverse trace the match blocks that no enrolled host is under; `places`
    adds to a forward trace the file, line and column where each value is written; `asOf` (a commit, branch, tag,
    sequence or RFC 3339 time) answers from that revision.

    Args:
        hostname: whose config.
        configcrate: this one's branch; without a host, where it is applied.
        usercrate: where this one is applied.
        include_tree: match blocks that no enrolled host is under, as well.
        places: where each value stands: file, line, column.
    """
    graph = await call.graph(as_of)
    return await call.read(
        lambda work: traces.config(
            work,
            graph,
            hostname=hostname,
            configcrate=configcrate,
            usercrate=usercrate,
            include_tree=include_tree,
            places=places,
        )
    )


@area("GET", "/api/v1/config/tree", Permission.FLEET_READ, raises=[*graphs.FAULTS, traces.DirectoryNotFound])
async def config_tree(
    call: Call, *, under: Annotated[str | None, Field(max_length=traces.MAX_PATH)] = None, as_of: AsOf = None
) -> TreeNode:
    """How the config is built: what each directory hands on, and the match blocks in it.

    `under` starts at a directory instead of the root. Where an answer would be too large, nodes say in `left_out` how
    many of their children are not shown.

    Args:
        under: a directory to start at; the root when not given.
    """
    graph = await call.graph(as_of)
    return await call.app.desks.questions.run(lambda: traces.tree(graph, under=under))


@area("GET", "/api/v1/config/search", Permission.FLEET_READ, raises=[*graphs.FAULTS, traces.NoCriterion])
async def search_config(
    call: Call,
    *,
    match: Annotated[str | None, Field(min_length=1, max_length=traces.MAX_PATTERN)] = None,
    configcrate: Name = None,
    var: Name = None,
    as_of: AsOf = None,
) -> ConfigEntries:
    """Match blocks by a glob over their patterns, by a configcrate that they use, or by a var that they define.

    At least one is needed; of several, all must fit. A configcrate may be inherited; a var is the block's own.

    Args:
        match: a glob over the patterns of match blocks.
        configcrate: one that they use.
        var: one that they define, by its dotted key.
    """
    graph = await call.graph(as_of)
    return await call.app.desks.questions.run(
        lambda: traces.search(graph, match=match, configcrate=configcrate, var=var)
    )


@area("GET", "/api/v1/config/dedup", Permission.FLEET_READ, raises=[*graphs.FAULTS])
async def duplicate_configs(call: Call, *, as_of: AsOf = None) -> DuplicateConfigs:
    """Files of the config whose contents are those of other paths, byte by byte or in meaning."""
    graph = await call.graph(as_of)
    return await call.app.desks.questions.run(lambda: traces.dedup(graph))
