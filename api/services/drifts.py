"""Drifts: what was found on hosts otherwise than it should be, who has it still, and how the fleet was day by day.

Nothing of this is on the way of a report: what runs found is read behind them, in their order, from where it was left.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from api.services import envoys
from api.services.work import Work
from api.storage import drifts as rows
from api.storage import runs as run_rows
from api.storage import verdicts as verdict_rows
from api.storage.drifts import Episode, Found, Snapshot
from api.storage.envoys import Known
from api.storage.rows import MAX_PAGE
from reconciler.drifts.excerpts import excerpt, of_diff
from schema.drifts import (
    DEFAULT_DAYS,
    DEFAULT_HOSTS,
    MAX_DAYS,
    MAX_HOSTS,
    ChangedHost,
    DriftDay,
    DriftDayDetail,
    DriftedHost,
    DriftedResource,
    DriftHistory,
    Drifts,
    How,
)
from schema.errors import Invalid, NotFound
from schema.ids import new_id, sha256
from schema.protocol.reports import ObservedAttribute, Outcome, ResourceReport, RunStatus
from schema.runs import Run
from schema.time import DAY, from_rfc3339, to_rfc3339

PASS: Final = 500
"""Runs that are read in one pass."""
MAX_OF_RUN: Final = 200
"""Drifts of one run that are kept."""
MAX_CHANGED: Final = 10_000
"""Hosts of one day that are kept with what changed."""
CALM_AFTER: Final = 7 * DAY
"""What was repaired and not seen again for so long is over."""


class NoSuchDay(NotFound):
    """Nothing is kept of that day."""

    code = "drifts.no_such_day"


class BadDay(Invalid):
    """Not a day."""

    code = "drifts.bad_day"


class Pass(NamedTuple):
    """What one pass over the runs found, to be written."""

    start: int
    """Behind which run it began."""
    cursor: int
    more: bool
    """Whether there are runs behind it that have not been read."""
    steps: Sequence[tuple[Run, Sequence[Found], Mapping[str, frozenset[str]]]]
    """In order: a run, what it found, and by the word that ends them the ids of the drifts that are over with it."""
    due: bool
    """Whether there is anything to write: where nothing was found, the cursor may wait."""


def gather(work: Work, *, limit: int = PASS) -> Pass:
    """Read the runs behind the cursor: what they found, and what of that which was known is over."""
    cursor = rows.cursor(work.session, work.project_id)
    top = run_rows.newest(work.session)
    read = run_rows.notable(work.session, work.project_id, after=cursor, top=top, limit=limit)
    more = len(read) == limit
    reached = read[-1][0] if more else max(cursor, top)
    # What begins in this pass may be over in it as well, by a run that says nothing else.
    begun = {run.envoy_id for _, run, resources in read if any(_how(each, run) is How.LEFT for each in resources)}
    seen = {sequence for sequence, _, _ in read}
    last = run_rows.last_of(work.session, work.project_id, sorted(begun), top=reached) if begun else []
    read = sorted([*read, *(each for each in last if each[0] not in seen)], key=lambda each: each[0])
    known: defaultdict[str, list[Episode]] = defaultdict(list)
    ids = sorted({run.envoy_id for _, run, _ in read})
    for start in range(0, len(ids), MAX_PAGE):
        for each in rows.of(work.session, work.project_id, ids[start : start + MAX_PAGE]):
            known[each.envoy_id].append(each)
    steps = []
    for _, run, resources in read:
        found = [_found(each, how) for each in resources if (how := _how(each, run)) is not None][:MAX_OF_RUN]
        ended = _ended(run, resources, known[run.envoy_id])
        if found or ended:
            steps.append((run, found, ended))
        over = frozenset().union(*ended.values()) if ended else frozenset()
        still = [each for each in known[run.envoy_id] if each.id not in over]
        same = {(each.resource, each.how) for each in still}
        begins = [_begun(run, each) for each in found if (each.resource, each.how) not in same]
        known[run.envoy_id] = still + begins
    return Pass(
        cursor, reached, more, steps, due=bool(steps) or reached - cursor >= limit or (more and reached > cursor)
    )


def keep(work: Work, gathered: Pass) -> int:
    """Write down what a pass found; how many drifts there was no room for.

    One that is written twice, or beside that of another server, changes nothing: the next begins where the first ended.
    """
    left_out = 0
    if rows.cursor(work.session, work.project_id) != gathered.start:
        return left_out
    for run, found, ended in gathered.steps:
        for word, ids in ended.items():
            rows.close(work.session, run.envoy_id, ids, word=word, now=work.now)
        if found:
            left_out += rows.note(
                work.session,
                work.project_id,
                run.envoy_id,
                found,
                run_id=run.id,
                commit=run.commit,
                at=run.received_at,
            )
    rows.set_cursor(work.session, work.project_id, gathered.cursor)
    if gathered.steps:
        work.publish("drift.changed", hosts=len({run.envoy_id for run, _, _ in gathered.steps}))
    return left_out


def current(
    work: Work,
    *,
    days: int = DEFAULT_DAYS,
    key: str | None = None,
    how: How | None = None,
    after: str | None = None,
    limit: int = DEFAULT_HOSTS,
) -> Drifts:
    """Hosts that have something otherwise, or had it in these days and it was changed back; by hostname.

    Args:
        key: only this host, by id or hostname: with what is over, too.

    Raises:
        envoys.EnvoyNotFound
    """
    limit = max(1, min(limit, MAX_HOSTS))
    since = work.now - max(1, min(days, MAX_DAYS)) * DAY
    if key is not None:
        envoy = envoys.known(work, key)
        found = [
            each
            for each in rows.of(work.session, work.project_id, [envoy.id], closed=True)
            if _shown(each, since, how) and each.last_at >= since
        ]
        return Drifts(hosts=[_host(envoy.id, envoy.hostname, found)] if found else [])
    hosts: dict[str, list[Episode]] = {}
    mark = (after, "~") if after else ("", "")
    while True:
        page = rows.opened(work.session, work.project_id, since=0, after=mark)
        for each in page:
            if _shown(each, since, how):
                hosts.setdefault(each.hostname, []).append(each)
        if len(page) < MAX_PAGE or len(hosts) > limit:
            break
        mark = (page[-1].hostname, page[-1].id)
    names = sorted(hosts)
    chosen = [_host(hosts[name][0].envoy_id, name, hosts[name]) for name in names[:limit]]
    return Drifts(hosts=chosen, next_after=names[limit - 1] if len(names) > limit else None)


def episodes(work: Work, hosts: Sequence[Known], *, days: int = DEFAULT_DAYS) -> list[Episode]:
    """What these hosts have otherwise, or had and it was changed back in these days; the newest first."""
    since = work.now - days * DAY
    ids = [envoy.id for envoy in hosts]
    found = [
        each
        for start in range(0, len(ids), MAX_PAGE)
        for each in rows.of(work.session, work.project_id, ids[start : start + MAX_PAGE])
    ]
    return [each for each in found if _shown(each, since, None)]


def differs(episode: Episode) -> list[str]:
    """What was found, in a line for each attribute."""
    lines = episode.document.get("lines", {})
    observed = [ObservedAttribute(**each) for each in episode.document["observed"]]
    return [excerpt(each, lines.get(each.name)) for each in observed]


def history(work: Work, *, days: int = 30, before: str | None = None) -> DriftHistory:
    """Days, the newest first; older than `before` if so asked.

    Raises:
        BadDay
    """
    _check_day(before)
    found = rows.snapshots(work.session, work.project_id, limit=max(1, min(days, MAX_DAYS)), before_day=before)
    return DriftHistory(days=[DriftDay(**_day(each)) for each in found])


def of_day(work: Work, day: str) -> DriftDayDetail:
    """One day with the hosts whose words were others at its end.

    Raises:
        NoSuchDay: nothing is kept of it, or it is none.
    """
    found = rows.snapshot(work.session, work.project_id, day)
    if found is None:
        raise NoSuchDay("nothing is kept of that day")
    return DriftDayDetail(**_day(found), hosts=found.document["hosts"], left_out=found.document["left_out"])


def day_of(micros: int) -> str:
    """The day of a time, UTC."""
    return to_rfc3339(micros - micros % DAY)[:10]


def snapshot(work: Work, counts: Mapping[str, int] | None, day: str) -> None:
    """Keep a day as it is now, in place of what was kept of it; a day that was kept when it was over stays.

    Args:
        counts: hosts of each word now; None where they are not those of that day, which is over: those that were kept
            last stay.
    """
    start = from_rfc3339(f"{day}T00:00:00Z")
    final = work.now >= start + DAY
    before = rows.snapshot(work.session, work.project_id, day)
    if before is not None and before.final:
        return
    if counts is None:
        counts = before.document["counts"] if before is not None else {}
    hosts, left_out = _changed(work, start, start + DAY)
    document = {
        "counts": dict(counts),
        "found": {str(each): 0 for each in How}
        | dict(rows.episodes(work.session, work.project_id, start=start, end=start + DAY)),
        "changed": len(hosts) + left_out,
        "hosts": [each.model_dump(exclude_none=True) for each in hosts],
        "left_out": left_out,
    }
    rows.put_snapshot(work.session, work.project_id, Snapshot(day, work.now, final, document))


def unfinished(work: Work, *, before: str) -> list[str]:
    """The days before one that were kept while they were not over, the newest first."""
    found = rows.snapshots(work.session, work.project_id, limit=7, before_day=before)
    return [each.day for each in found if not each.final]


def tidy(work: Work, *, keep_days: int) -> None:
    """Let go of what is older than it is kept, and end what nobody has seen again."""
    now = work.now
    rows.calm(work.session, work.project_id, seen_before=now - CALM_AFTER, now=now)
    oldest = now - keep_days * DAY
    rows.forget(work.session, work.project_id, before=oldest, before_day=day_of(oldest))
    verdict_rows.forget(work.session, work.project_id, before=oldest)


def _how(resource: ResourceReport, run: Run) -> How | None:
    if run.status is RunStatus.REFUSED:
        return None
    if resource.outcome is Outcome.CHANGED:
        return How.CORRECTIVE if resource.corrective else None
    left = resource.outcome is Outcome.FAILED or (resource.outcome is Outcome.SKIPPED and resource.observed)
    return How.LEFT if left else None


def _found(resource: ResourceReport, how: How) -> Found:
    document = {
        "file": resource.file,
        "line": resource.line,
        "error": resource.error,
        "observed": [each.model_dump(exclude_defaults=True) for each in resource.observed],
    }
    long = {each.name: of_diff(resource.diff, each.name) for each in resource.observed if each.cut}
    if any(long.values()):
        document["lines"] = {name: lines for name, lines in long.items() if lines is not None}
    name, told = _clean(resource.id), _clean(json.dumps(document))
    return Found(new_id(), name, sha256(name.encode()), _clean(resource.type), how.value, told)


def _begun(run: Run, found: Found) -> Episode:
    at = run.received_at
    return Episode(
        found.id, run.envoy_id, run.hostname, found.resource, found.type, found.how, at, at, 1, run.id, run.commit,
        None, "", {},
    )  # fmt: skip


def _ended(run: Run, resources: Sequence[ResourceReport], known: Sequence[Episode]) -> Mapping[str, frozenset[str]]:
    """By the word that ends them, the ids of the drifts that are over with a run."""
    if not known or not resources or run.status is RunStatus.REFUSED:
        return {}
    said = {_clean(each.id): each for each in resources}
    whole = not run.error  # a report that did not fit its frame names only some
    ended: defaultdict[str, set[str]] = defaultdict(set)
    for each in known:
        now = said.get(each.resource)
        if now is None:
            if whole:
                ended["gone"].add(each.id)
        elif each.how == How.LEFT and now.outcome in (Outcome.UNCHANGED, Outcome.CHANGED):
            ended["repaired"].add(each.id)
        elif each.how == How.CORRECTIVE and now.outcome is Outcome.CHANGED and not now.corrective:
            ended["desired"].add(each.id)
    return {word: frozenset(ids) for word, ids in ended.items()}


def _shown(each: Episode, since: int, how: How | None) -> bool:
    recent = each.last_at >= since or each.how == How.LEFT
    return recent and (how is None or each.how == how.value)


def _host(envoy_id: str, hostname: str, found: Sequence[Episode]) -> DriftedHost:
    ordered = sorted(found, key=lambda each: (-each.last_at, each.resource))
    return DriftedHost(
        envoy_id=envoy_id,
        hostname=hostname,
        since=min(each.since for each in found),
        last_at=max(each.last_at for each in found),
        resources=[
            DriftedResource(
                id=each.id,
                resource=each.resource,
                type=each.type,
                how=How(each.how),
                since=each.since,
                last_at=each.last_at,
                times=each.times,
                run_id=each.run_id,
                commit=each.commit,
                file=each.document["file"],
                line=each.document["line"],
                error=each.document["error"],
                observed=each.document["observed"],
                differs=differs(each),
                ended_at=each.closed_at,
                ended=each.closed_by,
            )
            for each in ordered
        ],
    )


def _changed(work: Work, start: int, end: int) -> tuple[list[ChangedHost], int]:
    words: dict[str, dict[str, list[str]]] = {}
    for each in verdict_rows.between(work.session, work.project_id, start=start, end=end):
        of_host = words.setdefault(each.envoy_id, {})
        of_host.setdefault(each.kind, [each.before, each.after])[1] = each.after
    ids = sorted(envoy_id for envoy_id, of in words.items() if any(one != other for one, other in of.values()))
    names = verdict_rows.hostnames(work.session, work.project_id, ids[:MAX_CHANGED])
    hosts = [
        ChangedHost(
            envoy_id=envoy_id,
            hostname=names[envoy_id],
            **{kind: pair for kind, pair in words[envoy_id].items() if pair[0] != pair[1]},
        )
        for envoy_id in ids[:MAX_CHANGED]
        if envoy_id in names
    ]
    return sorted(hosts, key=lambda each: each.hostname), max(0, len(ids) - MAX_CHANGED)


def _day(each: Snapshot) -> dict[str, object]:
    document = each.document
    return {
        "day": each.day,
        "taken_at": each.taken_at,
        "final": each.final,
        "counts": document["counts"],
        "found": document["found"],
        "changed": document["changed"],
    }


def _check_day(day: str | None) -> None:
    if day is None:
        return
    try:
        written = day_of(from_rfc3339(f"{day}T00:00:00Z"))
    except ValueError as error:
        raise BadDay("a day is written 2026-03-13") from error
    if written != day:
        raise BadDay("a day is written 2026-03-13")


def _clean(text: str) -> str:
    # PostgreSQL's text has no NUL, and JSON writes it as an escape that it reads as one.
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").replace("\\u0000", "\N{REPLACEMENT CHARACTER}")
