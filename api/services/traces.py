"""Traces: where each value on a host comes from, where a crate is applied.

All of it is derived from one graph, in force or as of some revision; which hosts are enrolled comes from the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from api.services.work import Work
from api.storage import envoys as envoy_rows
from api.storage.envoys import Known
from api.storage.rows import MAX_PAGE
from reconciler import graph as graphs
from reconciler.documents.complaints import nearest
from schema.config import ConfigEntries, ConfigTrace, DuplicateConfigs, TreeNode
from schema.errors import Invalid, NotFound
from schema.traces import InverseTrace, TracedEnvoy

if TYPE_CHECKING:
    from reconciler.graph import Graph, Profile

MAX_NAME: Final = 253
MAX_PATTERN: Final = 1_000
MAX_PATH: Final = 4_096


class WrongSubject(Invalid):
    """Not exactly one of a host, a configcrate and a usercrate."""

    code = "traces.wrong_subject"


class CrateNotFound(NotFound):
    """The commit has no crate of this name."""

    code = "traces.crate_not_found"


class NoCriterion(Invalid):
    """Neither a match, nor a configcrate, nor a var to search by."""

    code = "traces.no_criterion"


class DirectoryNotFound(NotFound):
    """The commit has no such directory that hands on or matches anything."""

    code = "traces.directory_not_found"


class Reached(NamedTuple):
    """An enrolled host and its profile."""

    envoy: Known
    profile: Profile


def config(
    work: Work,
    graph: Graph,
    *,
    hostname: str | None,
    configcrate: str | None,
    usercrate: str | None,
    include_tree: bool,
    places: bool,
) -> ConfigTrace | InverseTrace:
    """Forward, of one host; or inverse, of one crate.

    Raises:
        WrongSubject, CrateNotFound
    """
    if usercrate and (hostname or configcrate):
        raise WrongSubject("a usercrate is traced alone, with neither hostname nor configcrate")
    if hostname and include_tree:
        raise WrongSubject("include_tree goes with a configcrate or usercrate alone, without a hostname")
    if hostname:
        found = forward(graph, hostname, configcrate=configcrate or None, places=places)
        return found if places else found.without_places()
    if configcrate:
        return inverse(work, graph, "configcrate", configcrate, include_tree=include_tree)
    if usercrate:
        return inverse(work, graph, "usercrate", usercrate, include_tree=include_tree)
    raise WrongSubject("name a hostname, a configcrate or a usercrate")


def forward(graph: Graph, hostname: str, *, configcrate: str | None = None, places: bool = True) -> ConfigTrace:
    """How one host's config came to be, whether or not it is enrolled."""
    return graphs.trace(graph, hostname, configcrate=configcrate, places=places)


def inverse(
    work: Work,
    graph: Graph,
    subject: Literal["configcrate", "usercrate"],
    name: str,
    *,
    include_tree: bool = False,
) -> InverseTrace:
    """Where a crate is applied: the enrolled hosts that have it, each with what brings it.

    Args:
        include_tree: also the match blocks that have it and no enrolled host.

    Raises:
        CrateNotFound
    """
    carried = carriers(graph, subject, name)
    found = list(reached(work, graph, carried.__contains__))
    answer = InverseTrace(
        subject=subject,
        value=name,
        include_tree=include_tree,
        envoys=[
            TracedEnvoy(
                envoy_id=envoy.id,
                hostname=envoy.hostname,
                match=profile.match_pattern,
                environment=profile.environment,
                carrier=carried[profile.id],
            )
            for envoy, profile in found
        ],
    )
    if include_tree:
        inhabited = {profile.id for _, profile in found}
        answer.tree_refs = graphs.tree_refs(graph, carried, inhabited=inhabited)
    return answer


def tree(graph: Graph, *, under: str | None = None) -> TreeNode:
    """What each directory hands on, and the match blocks in it, from a directory (the root) down.

    Raises:
        DirectoryNotFound
    """
    directory = (under or "").strip("/")
    try:
        return graphs.tree(graph, directory)
    except KeyError as error:
        raise DirectoryNotFound(f"there is no directory {directory} with match blocks or a common.vgo") from error


def search(graph: Graph, *, match: str | None, configcrate: str | None, var: str | None) -> ConfigEntries:
    """The match blocks that meet all of what is given.

    Raises:
        NoCriterion
    """
    if not (match or configcrate or var):
        raise NoCriterion("name a match, a configcrate or a var")
    return graphs.search(graph, match=match or None, configcrate=configcrate or None, var=var or None)


def dedup(graph: Graph) -> DuplicateConfigs:
    """The files of the config that say the same as others."""
    return graphs.dedup(graph)


def carriers(graph: Graph, subject: Literal["configcrate", "usercrate"], name: str) -> dict[str, str]:
    """Id of each profile that has a crate (`subject`: configcrate or usercrate) → what brings it.

    Raises:
        CrateNotFound: the tree has no such crate at all.
    """
    found = graphs.carriers(graph, subject, name)
    if found is None:
        hint = nearest(name, graph.crates if subject == "configcrate" else graph.usercrates)
        raise CrateNotFound(f"there is no {subject} {name}", **({"hint": hint} if hint else {}))
    return found


def reached(work: Work, graph: Graph, has: Callable[[str], bool]) -> Iterator[Reached]:
    """Enrolled hosts whose profile has something, by name."""
    found: list[Reached] = []
    after = ""
    while page := envoy_rows.live(work.session, work.project_id, after=after, limit=MAX_PAGE):
        after = page[-1].id
        for envoy in page:
            profile = graph.match(envoy.hostname)
            if profile is not None and has(profile.id):
                found.append(Reached(envoy, profile))
    yield from sorted(found, key=lambda one: (one.envoy.hostname, one.envoy.id))
