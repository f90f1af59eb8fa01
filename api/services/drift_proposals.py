"""Proposals: what was found on hosts, made desired by an edit of the config; beside what happens without one.

The judgement is `reconciler.drifts`; here are what agents told, the hosts there are, and the writer of configuration.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from api.services import changes, drifts, envoys, graphs
from api.services.changes import Change
from api.services.container import Services
from api.services.work import Actor, NotAllowed, Work
from api.storage import drifts as rows
from api.storage import envoys as envoy_rows
from api.storage import runs as run_rows
from api.storage import traits as trait_rows
from api.storage.drifts import Episode
from api.storage.envoys import Known
from api.storage.rows import MAX_PAGE
from reconciler.documents.edit import NotEditable
from reconciler.drifts import Drifted, Facts, Proposal, Proposed, Value, merged, parsed, propose, traits_read
from schema.access import Permission
from schema.drifts import (
    MAX_PROPOSED_RESOURCES,
    DriftGroup,
    DriftProposal,
    DriftProposals,
    DriftWritten,
    How,
    ProposeDrift,
)
from schema.errors import Conflict, NotFound
from schema.ids import sha256
from schema.protocol.reports import ObservedAttribute
from schema.time import DAY, to_rfc3339

if TYPE_CHECKING:
    from reconciler.graph import Graph
    from reconciler.repository import Tree

Compile = Callable[[Mapping[str, bytes]], "Graph | None"]
Read = Callable[[str], bytes]

DAYS: Final = 30
"""How long ago something may have been found to be proposed."""
MAX_ALIKE: Final = 10_000
MAX_NAMED: Final = 50
"""Hosts of a blast radius that are named."""
MAX_TRYING_S: Final = 20.0
"""After which no other group is begun."""


class NothingDrifted(NotFound):
    """Nothing that could be proposed was found on these hosts lately."""

    code = "drifts.nothing_found"


class NothingToWrite(Conflict):
    """No group has a proposal of this rank."""

    code = "drifts.nothing_to_write"


class AtOdds(Conflict):
    """What would be written for one resource and for another does not fit together."""

    code = "drifts.at_odds"


class ConfigMoved(Conflict):
    """The config was changed where the proposal is to be written; ask for it anew."""

    code = "drifts.config_moved"


FAULTS: Final = (
    envoys.EnvoyNotFound,
    NothingDrifted,
    NothingToWrite,
    AtOdds,
    ConfigMoved,
    graphs.NothingInForce,
    graphs.NoArchive,
    graphs.ArchiveBusy,
    *changes.FAULTS,
)


class _Tried(NamedTuple):
    group: Drifted
    episodes: Sequence[Episode]
    proposed: Proposed


class _Outcome(NamedTuple):
    tried: Sequence[_Tried]
    left_out: int
    files: Mapping[str, bytes]
    """What is to be written."""
    before: Mapping[str, bytes | None]
    """The same files as they were; None of those that are new."""
    chosen: Sequence[Proposal]


async def make(
    services: Services, actor: Actor, asked: ProposeDrift, *, key: str = "", request_id: str = ""
) -> DriftProposals:
    """What can be made desired of what was found on some hosts; written on a branch of its own where that is asked for.

    Raises:
        Those of `FAULTS`.
    """
    if asked.write and not actor.may(Permission.CONFIG_PUBLISH):
        raise NotAllowed(
            f"this needs the permission {Permission.CONFIG_PUBLISH}", permission=Permission.CONFIG_PUBLISH.value
        )
    graph = graphs.current(services)
    if services.archive is None or graph.commit is None:
        raise graphs.NoArchive("this server follows no config repository")
    groups, names = await services.read(actor, lambda work: _groups(work, asked, graph), request_id=request_id)
    if not groups:
        raise NothingDrifted("nothing was found otherwise on these hosts lately; see /api/v1/drifts")
    outcome = await services.archive.trial(
        graph.commit, lambda graph, compile_, read: _tried(groups, names, asked, graph, compile_, read)
    )
    answer = DriftProposals(groups=[_told(each) for each in outcome.tried], left_out=outcome.left_out)
    if asked.write:
        if not outcome.files:
            raise NothingToWrite(f"there is no proposal of rank {asked.rank} to be written")
        change = _change(outcome)
        written = await changes.write(services, actor, change, request_id=request_id, propose=True, key=key)
        answer.written = DriftWritten(status=written.status.value, commit=written.commit, branch=written.branch)
    return answer


def _groups(work: Work, asked: ProposeDrift, graph: Graph) -> tuple[list[tuple[Drifted, list[Episode]]], list[str]]:
    """What was found on these hosts, by resource and by what was found; and the names of all hosts."""
    hosts = [envoys.known(work, name) for name in dict.fromkeys(asked.hosts)]
    found: dict[tuple[str, str, str], list[Episode]] = {}
    for each in drifts.episodes(work, hosts, days=DAYS):
        if asked.resource in (None, each.resource):
            found.setdefault((each.resource, each.type, _values(each)), []).append(each)
    named = {envoy.hostname for envoy in hosts}
    alike = _alike(work, found, named)
    traits = _traits(work, graph, sorted(named.union(*alike.values())), {resource for resource, _, _ in found})
    users = _users(work, [envoy for envoy in hosts if any(_is_of_user(each[0]) for each in found)])
    groups = []
    for key, of_group in sorted(found.items()):
        resource, type_, values = key
        observed = tuple(ObservedAttribute(**each) for each in of_group[0].document["observed"])
        names = tuple(sorted({each.hostname for each in of_group}))
        facts = Facts({host: traits[host] for host in (*names, *alike[key]) if host in traits}, _with(resource, users))
        same = _for_others(resource, values, found)
        groups.append((Drifted(resource, type_, names, observed, alike[key], facts, same), of_group))
    return groups, envoy_rows.hostnames(work.session, work.project_id)


def _alike(
    work: Work, found: Mapping[tuple[str, str, str], Sequence[Episode]], named: set[str]
) -> dict[tuple[str, str, str], frozenset[str]]:
    """Other hosts on which the same was found. Of usercrates none: for whom else they are there is not known."""
    since = work.now - DAYS * DAY
    others: dict[str, list[Episode]] = {}
    for resource in sorted({resource for resource, _, _ in found if not _is_of_user(resource)})[
        :MAX_PROPOSED_RESOURCES
    ]:
        digest = sha256(resource.encode())
        others[resource] = rows.alike(work.session, work.project_id, digest, since=since, limit=MAX_ALIKE)
    return {
        key: frozenset(each.hostname for each in others.get(key[0], ()) if _values(each) == key[2]) - named
        for key in found
    }


def _is_of_user(resource: str) -> bool:
    name = parsed(resource)
    return name is not None and bool(name.user)


def _traits(work: Work, graph: Graph, hosts: Sequence[str], resources: set[str]) -> dict[str, dict[str, Any]]:
    """Of these hosts the traits that decide what these resources come to."""
    read = [traits_read(graph, each) for each in sorted(resources)]
    if not any(names is None or names for names in read):
        return {}
    some = None if None in read else frozenset().union(*(names for names in read if names is not None))
    return {
        hostname: traits if some is None else {name: traits[name] for name in some & traits.keys()}
        for hostname, traits in trait_rows.of(work.session, work.project_id, hosts)
    }


def _users(work: Work, hosts: Sequence[Known]) -> dict[str, list[str]]:
    """By hostname what is applied for users, as the last run there says."""
    found: dict[str, list[str]] = {}
    top = run_rows.newest(work.session) if hosts else 0
    ids = [envoy.id for envoy in hosts]
    for start in range(0, len(ids), MAX_PAGE):
        for _, run, resources in run_rows.last_of(
            work.session, work.project_id, ids[start : start + MAX_PAGE], top=top
        ):
            found[run.hostname] = [each.id for each in resources if _is_of_user(each.id)]
    return found


def _with(resource: str, applied: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """By hostname the users who have a resource of a usercrate there."""
    mine = parsed(resource)
    if mine is None or not mine.user:
        return {}
    names = {host: [parsed(each) for each in ids] for host, ids in applied.items()}
    return {
        host: frozenset(each.user for each in of_host if each is not None and each.resource == mine.resource)
        for host, of_host in names.items()
    }


def _for_others(
    resource: str, values: str, found: Mapping[tuple[str, str, str], Sequence[Episode]]
) -> frozenset[tuple[str, str]]:
    """(Host, other user) for whom the same was found."""
    mine = parsed(resource)
    if mine is None or not mine.user:
        return frozenset()
    return frozenset(
        (episode.hostname, name.user)
        for (other, _, others), of_group in found.items()
        if others == values and (name := parsed(other)) is not None and name.resource == mine.resource
        for episode in of_group
        if name.user != mine.user and name.mark == mine.mark
    )


def _values(episode: Episode) -> str:
    """What was found, whatever was desired."""
    return repr([(each["name"], each.get("found"), each.get("hidden")) for each in episode.document["observed"]])


def _tried(
    groups: Sequence[tuple[Drifted, Sequence[Episode]]],
    names: Sequence[str],
    asked: ProposeDrift,
    graph: Graph,
    compile_: Compile,
    read: Read,
) -> _Outcome:
    tried: list[_Tried] = []
    until = time.monotonic() + MAX_TRYING_S
    for group, episodes in groups[:MAX_PROPOSED_RESOURCES]:
        if tried and time.monotonic() > until:
            break
        tried.append(_Tried(group, episodes, propose(graph, group, names, compile_, read)))
    chosen = [
        (each.group, each.proposed, each.proposed.proposals[asked.rank - 1])
        for each in tried
        if len(each.proposed.proposals) >= asked.rank
    ]
    files: Mapping[str, bytes] = {}
    if asked.write:
        try:
            files = merged(graph, chosen, compile_, read)
        except NotEditable as error:
            raise AtOdds(f"{error.message}; name one resource at a time") from error
    known = graph.documents.tree.entries()
    before = {path: read(path) if path in known else None for path in files}
    return _Outcome(tried, len(groups) - len(tried), files, before, [proposal for _, _, proposal in chosen])


def _change(outcome: _Outcome) -> Change:
    hosts = sorted({host for each in outcome.chosen for host in each.covers})
    more = f" and {len(hosts) - 1} more" if len(hosts) > 1 else ""

    def edit(tree: Tree) -> Mapping[str, bytes | None]:
        entries = tree.entries()
        for path, before in outcome.before.items():
            now = tree.read(entries[path].oid) if path in entries else None
            if now not in (before, outcome.files[path]):
                raise ConfigMoved(f"{path} was changed since the proposal was made; ask for it anew")
        return dict(outcome.files)

    lines = [
        f"- {each.summary} ({', '.join(each.covers[:5])}{' ...' if len(each.covers) > 5 else ''})"
        for each in outcome.chosen
    ]
    return Change(
        summary=f"Make desired what was found on {hosts[0]}{more}",
        edit=edit,
        reason="Found by agents as changed by hand:\n" + "\n".join(lines),
        kind="drift",
    )


def _told(tried: _Tried) -> DriftGroup:
    group, proposed = tried.group, tried.proposed
    return DriftGroup(
        resource=group.resource,
        type=group.type,
        hosts=list(group.hosts),
        observed=list(group.observed),
        differs=drifts.differs(tried.episodes[0]),
        changes={name: _written(value) for name, value in proposed.changes.items()},
        revert=_revert(tried.episodes),
        proposals=[_proposal(rank, each) for rank, each in enumerate(proposed.proposals, 1)],
        why_none=proposed.why,
    )


def _written(value: Value) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else value


def _proposal(rank: int, one: Proposal) -> DriftProposal:
    return DriftProposal(
        rank=rank,
        level=one.level,
        summary=one.summary,
        edits=one.edits,
        files=sorted(one.files),
        diff=one.diff,
        covers=list(one.covers),
        others=len(one.others),
        also=list(one.also),
        blast=list(one.moved[:MAX_NAMED]),
        blast_total=len(one.moved),
        exact=one.exact,
        cost=one.cost,
    )


def _revert(episodes: Sequence[Episode]) -> str:
    """What has been done about it, or is not."""
    left = [each for each in episodes if each.how == How.LEFT]
    if not left:
        last = to_rfc3339(max(each.last_at for each in episodes))
        times = sum(each.times for each in episodes)
        often = "once" if times == 1 else f"{times} times, the last"
        return f"nothing to do: the agents have changed it back, {often} at {last}"
    failed: Any = next((each.document["error"] for each in left if each.document["error"]), "")
    if failed:
        return f"the agents cannot change it back: {failed}"
    return "nobody changes it back: it is only watched (audit: true); without that the next run does"
