"""Explanations over REST."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.http.areas import Area, Call
from api.services import explanations, graphs
from api.services.graphs import MAX_AS_OF, AsOf
from schema.access import Permission
from schema.explanations import Causes, Coverage, Explanation

area = Area("explanations")

Name = Annotated[str, Field(min_length=1, max_length=explanations.MAX_NAME)]
Subject = Annotated[str, Field(min_length=1, max_length=explanations.MAX_SUBJECT)]
OtherAsOf = Annotated[str | None, Field(alias="otherAsOf", min_length=1, max_length=MAX_AS_OF)]


@area("GET", "/api/v1/config/why", Permission.FLEET_READ, raises=[*graphs.FAULTS, explanations.NoSubject])
async def explain_why(
    call: Call, *, hostname: Name, subject: Subject, blame: bool = True, as_of: AsOf = None
) -> Explanation:
    """Why a host has something, or the first clause that keeps it out.

    `subject` is a resource (`nginx/reload`, `package:nginx`, `/etc/motd`), a var by its dotted key (`ssh.port`, or
    `ssh.port=22` for why it has not that value), a crate, role, environment or usercrate; `crate:`, `var:`, `role:` and
    so on say which. Conditions are judged by the traits that the host last told. `blame=false` leaves out the commits.

    Args:
        hostname: whose it is.
        subject: what it is about: `nginx/reload`, `/etc/motd`, `ssh.port=22`.
        blame: whether to tell who last changed each line.
    """
    graph = await call.graph(as_of)
    host = await call.read(lambda work: explanations.about(work, graph, hostname))
    answer = await call.app.desks.questions.run(lambda: explanations.why(graph, host, subject))
    if blame:
        await explanations.dated([answer], call.app.archive)
    return answer


@area("GET", "/api/v1/config/diff", Permission.FLEET_READ, raises=graphs.FAULTS)
async def explain_difference(
    call: Call,
    *,
    hostname: Name,
    other: Name,
    blame: bool = True,
    as_of: AsOf = None,
    other_as_of: OtherAsOf = None,
) -> Causes:
    """Why two hosts differ: the smallest set of config lines and traits that explains every difference.

    The two may be one host as of two revisions: `asOf` is the first one's, `otherAsOf` the other's (by default the
    same). `blame=false` leaves out the commits.

    Args:
        hostname: the one.
        other: the other.
        blame: whether to tell who last changed each line.
        other_as_of: the revision or time for the other host; that of `asOf` when not given.
    """
    one = await call.graph(as_of)
    second = one if other_as_of is None else await call.graph(other_as_of)
    host = await call.read(lambda work: explanations.about(work, one, hostname))
    other_host = await call.read(lambda work: explanations.about(work, second, other))
    answer = await call.app.desks.questions.run(lambda: explanations.causes(one, host, second, other_host))
    if blame:
        await explanations.dated([answer], call.app.archive)
    return answer


@area("GET", "/api/v1/config/coverage", Permission.FLEET_READ, raises=graphs.FAULTS)
async def config_coverage(call: Call, *, as_of: AsOf = None) -> Coverage:
    """Lines of the config that matter to no enrolled host or to one alone, and what nothing uses.

    Unused crates, roles, environments, usercrates, templates and files; vars that no crate reads or that are overridden
    everywhere. `left_out` says how many findings are not listed; `counts` counts them all.
    """
    graph = await call.graph(as_of)
    hostnames = await call.read(explanations.enrolled)
    return await call.app.desks.surveys.run(lambda: explanations.coverage(graph, hostnames))
