"""Envoys: the managed hosts. Found by id or hostname, listed, revoked; whether each is what it should be.

What a host should be says the graph in force, what it is says its last run: the word for it is derived whenever asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from api.services import enrolment, stalls
from api.services.extents import Extent, Kind
from api.services.work import Work
from api.storage import assignments as assignment_rows
from api.storage import enrolment as enrolment_rows
from api.storage import envoys as rows
from api.storage import tags as tag_rows
from api.storage.assignments import Brief
from api.storage.enrolment import Credential
from api.storage.enrolment import Fingerprint as Fingerprint
from api.storage.envoys import Known, Order, Place, Wanted
from reconciler import convergence as verdicts
from reconciler.convergence import Observed
from schema.envoys import DEFAULT_PAGE, MAX_PAGE, Convergence, Envoy, EnvoyCompliance, EnvoyPage
from schema.errors import NotFound

if TYPE_CHECKING:
    from api.services.container import Services
    from reconciler.graph import Graph

MAX_PUBKEYS: Final = 200_000

Online = Callable[[str], bool]
"""Whether an envoy of this id is connected now."""


class EnvoyNotFound(NotFound):
    """There is no such envoy."""

    code = "envoys.not_found"


def online(services: Services) -> Online:
    """Who is connected to this process."""
    return services.gateway.online if services.gateway is not None else nobody


def nobody(envoy_id: str) -> bool:  # noqa: ARG001 - a null connection table
    """Nobody is connected: for a process without a gateway."""
    return False


def known(work: Work, key: str) -> Known:
    """The envoy of this id or hostname; of a hostname the live one, else the one revoked last.

    Raises:
        EnvoyNotFound
    """
    name = key.lower()
    found = rows.find(work.session, work.project_id, name) or rows.find_by_hostname(work.session, work.project_id, name)
    if found is None:
        raise EnvoyNotFound("there is no such envoy")
    return found


def get(work: Work, key: str, *, online: Online, graph: Graph | None) -> Envoy:
    """One envoy, with what it is to be and how its last run ended.

    Raises:
        EnvoyNotFound
    """
    return models(work, [known(work, key)], online, graph)[0]


def page(
    work: Work,
    *,
    online: Online,
    graph: Graph | None,
    include_revoked: bool = False,
    limit: int = DEFAULT_PAGE,
    offset: int = 0,
    extent: Extent | None = None,
) -> EnvoyPage:
    """One page of the fleet, by hostname. `limit` is brought into 1 to 5,000, `offset` to 0 or more.

    Args:
        extent: `extents.now` from before the reading began.
    """
    limit, offset = max(1, min(limit, MAX_PAGE)), max(0, offset)
    session, kind = work.session, Kind(work.project_id, include_revoked)
    extent = extent or Extent()
    before = extent.before(kind, offset)
    if before is None:
        found = rows.page(session, work.project_id, include_revoked=include_revoked, offset=offset, limit=limit)
    else:
        wanted = Wanted(include_revoked=include_revoked)
        found = rows.behind(session, work.project_id, wanted, Order.HOSTNAME, after=before, limit=limit)
    total = extent.total(kind)
    if total is None:
        total = rows.total(session, work.project_id, include_revoked=include_revoked)
    extent.learn(kind, total, offset + len(found), Place(found[-1].hostname, found[-1].id) if found else None)
    return EnvoyPage(
        envoys=models(work, found, online, graph),
        total=total,
        offset=offset,
        limit=limit,
        has_more=offset + len(found) < total,
        next_offset=offset + len(found),
    )


def compliance(work: Work, key: str, *, online: Online, graph: Graph | None) -> EnvoyCompliance:
    """Whether one host is what it should be; `compliant` is the documents' word for `converged`.

    Raises:
        EnvoyNotFound
    """
    envoy = models(work, [known(work, key)], online, graph)[0]
    return EnvoyCompliance(
        envoy_id=envoy.id,
        hostname=envoy.hostname,
        status="compliant" if envoy.convergence is Convergence.CONVERGED else envoy.convergence.value,
        last_run_at=envoy.last_run_at,
    )


def tags(work: Work, hostnames: Sequence[str] | None = None) -> Mapping[str, tuple[str, ...]]:
    """Hostname → its tags, of those of these hosts, or of all live ones, that have any: see `api.services.tags`."""
    return tag_rows.of(work.session, work.project_id, hostnames)


def revoke(work: Work, key: str) -> None:
    """Revoke an envoy's certificate: it is disconnected and never served again. Called again, it changes nothing.

    Raises:
        EnvoyNotFound
    """
    envoy = known(work, key)
    if envoy.revoked_at is None:
        enrolment.retire(work, envoy.id, why="revoked")


def pubkeys(work: Work) -> dict[str, str]:
    """Hostname → hex of the Ed25519 key, of all envoys that are not revoked."""
    found: dict[str, str] = {}
    after = ""
    while len(found) < MAX_PUBKEYS and (batch := rows.receipt_keys(work.session, work.project_id, after=after)):
        found |= dict(batch)
        after = batch[-1][0]
    return found


def saw(work: Work, sightings: Collection[tuple[str, int, str, str]]) -> None:
    """Remember (id, time, address, agent version) of envoys that were heard."""
    rows.saw(work.session, work.project_id, sightings)


def set_refusal(work: Work, envoy_id: str, why: str) -> None:
    """Remember why an envoy did not accept its assignment; its next run that ends otherwise clears it."""
    rows.set_refusal(work.session, work.project_id, envoy_id, why.replace("\0", "\N{REPLACEMENT CHARACTER}")[:4_000])


def fingerprint(work: Work) -> Fingerprint:
    """What tells whether the live certificates have changed."""
    return enrolment_rows.fingerprint(work.session)


def credentials(work: Work) -> tuple[Fingerprint, list[Credential]]:
    """All certificates that count now, and their fingerprint at that moment."""
    return enrolment_rows.fingerprint(work.session), list(enrolment_rows.live(work.session, now=work.now))


def judged(
    work: Work, *, online: Online, graph: Graph | None, ids: Sequence[str] | None = None
) -> Iterator[tuple[str, str, verdicts.Verdict]]:
    """(Id, hostname, verdict) of each live envoy, or of those of these ids that are."""
    last = rows.last_runs(work.session, work.project_id, ids)
    desired = _desired(graph, [hostname for _, hostname, _, _, _ in last])
    now = work.now
    for envoy_id, hostname, seen, run, cadence in last:
        observed = Observed(run, desired.get(hostname), seen, online(envoy_id), cadence)
        yield envoy_id, hostname, verdicts.judge(observed, now)


def verdict(work: Work, envoy: Known, *, online: Online, graph: Graph | None) -> verdicts.Verdict:
    """The verdict on one envoy."""
    return verdicts.judge(observed(work, [envoy], online, graph)[0], work.now)


def observed(
    work: Work,
    found: Sequence[Known],
    online: Online,
    graph: Graph | None,
    briefs: Mapping[str, Brief] | None = None,
) -> list[Observed]:
    """What is known of each of these envoys, to judge it by."""
    if briefs is None:
        briefs = assignment_rows.briefs(work.session, work.project_id, [envoy.id for envoy in found])
    desired = _desired(graph, [envoy.hostname for envoy in found])
    told = []
    for envoy in found:
        brief = briefs.get(envoy.id)
        catalog = desired.get(envoy.hostname) or (brief.catalog_sha256 if brief else None)
        told.append(Observed(envoy.run, catalog, envoy.last_seen_at, online(envoy.id), envoy.cadence))
    return told


def models(work: Work, found: list[Known], online: Online, graph: Graph | None) -> list[Envoy]:
    """These envoys as the API tells of them."""
    briefs = assignment_rows.briefs(work.session, work.project_id, [envoy.id for envoy in found])
    stalled = stalls.of(work, graph, [envoy for envoy in found if envoy.revoked_at is None], briefs)
    models = []
    for envoy, known_of in zip(found, observed(work, found, online, graph, briefs), strict=True):
        brief = briefs.get(envoy.id)
        verdict = verdicts.judge(known_of, work.now)
        models.append(_model(envoy, brief, verdict, stalled.get(envoy.hostname, ""), online=known_of.connected))
    return models


def _model(envoy: Known, brief: Brief | None, verdict: verdicts.Verdict, stalled: str, *, online: bool) -> Envoy:
    return Envoy(
        id=envoy.id,
        hostname=envoy.hostname,
        ip_address=envoy.ip_address,
        enrolled_at=envoy.enrolled_at,
        last_seen=envoy.last_seen_at,
        revoked=envoy.revoked_at is not None,
        agent_version=envoy.agent_version,
        status="online" if online else "offline",
        convergence=verdict.convergence,
        drift=verdict.drift,
        reachability=verdict.reachability,
        environment=brief.environment if brief else "",
        commit=brief.commit_id if brief else None,
        generation=brief.generation if brief else 0,
        stalled=stalled or envoy.refusal,
        last_run_at=envoy.run.started_at if envoy.run is not None else None,
    )


def _desired(graph: Graph | None, hostnames: list[str]) -> Mapping[str, str]:
    """Hostname → digest of the catalog that the revision in force means for it."""
    if graph is None:
        return {}
    assigned = graph.assign(hostnames)
    return {
        hostname: graph.profiles[profile].catalog_sha256
        for hostname, profile in assigned.items()
        if profile is not None
    }
