"""A plan: which hosts a revision changes, and in which waves it reaches them.

The same revisions and hosts give the same plan, in whatever order the hosts are told. Each host that changes is in one
wave; what no wave of `rollout.vgo` takes is in the last.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, Literal, NamedTuple

from reconciler.collecting import without_collecting
from reconciler.documents import Kind
from reconciler.graph import Graph, Profile, patterns
from reconciler.rollout import canaries, invariants
from reconciler.rollout.canaries import Class
from reconciler.rollout.facts import HostFacts as HostFacts
from schema.documents.rollout import HealthCheck as WrittenCheck
from schema.documents.rollout import Rollout, Wave
from schema.rollouts import MAX_CLASSES, HealthCheck, PlannedWave, RolloutPlan, amount_of

ALL: Final = "all"
"""The one wave where no order is written down."""
REST: Final = "rest"
"""What the waves that are written down leave over."""
Fate = Literal["changes", "unchanged", "unmatched"]


class Moving(NamedTuple):
    """One host that changes."""

    facts: HostFacts
    base: Profile | None
    target: Profile


def plan(
    target: Graph, hosts: Sequence[HostFacts], bases: Mapping[str, Graph], *, classes: bool = False
) -> RolloutPlan:
    """How the target is to reach these hosts.

    Args:
        target: with `rollout.vgo` and `invariants.vgo`, if there are any.
        hosts: all that are enrolled, each once.
        bases: commit → graph, for what hosts are released to. A host whose base is not among them counts as one that
            changes, and as one that has nothing now.
        classes: whether to tell which hosts have the same changes where no canaries are chosen by it.
    """
    with without_collecting(cold=False):
        return _plan(target, hosts, bases, classes=classes)


def _plan(target: Graph, hosts: Sequence[HostFacts], bases: Mapping[str, Graph], *, classes: bool) -> RolloutPlan:
    moving, fates = _moving(target, hosts, bases)
    written = rollout_of(target)
    waves = written.waves if written is not None else []
    known: Sequence[Class] = ()
    if classes or any(wave.canaries for wave in waves):
        known = canaries.classes([(each.facts, each.base, each.target) for each in moving], target, bases)
    placed, chosen = _placed(waves, moving, known)
    planned = _planned(written, placed)
    violations, left_out = invariants.violations(target, hosts, bases, planned)
    released = Counter(each.facts.base for each in moving)
    base = min(released, key=lambda commit: (-released[commit], commit or "")) if released else None
    shown = sorted(known, key=lambda each: (-each.count, each.id))
    return RolloutPlan(
        commit=target.commit,
        base=base,
        plan_root=target.plan_root,
        waves=planned,
        unchanged=fates["unchanged"],
        unmatched=fates["unmatched"],
        on_failure=written.on_failure if written is not None else "stop",
        require_approval=written.require_approval if written is not None else False,
        approvals=written.approvals if written is not None else 1,
        violations=tuple(violations),
        violations_left_out=left_out,
        classes=tuple(each.told(chosen) for each in shown[:MAX_CLASSES]),
        classes_left_out=max(0, len(shown) - MAX_CLASSES),
    )


def rollout_of(graph: Graph) -> Rollout | None:
    """What `rollout.vgo` says; None where there is none."""
    for document in graph.documents.of(Kind.ROLLOUT):
        if isinstance(document.parsed.model, Rollout):
            return document.parsed.model
    return None


def order_of(hostname: str) -> bytes:
    """Where a host stands among others when a share of them is taken: the same at every commit."""
    return blake2b(hostname.encode(), digest_size=8).digest()


def _moving(
    target: Graph, hosts: Sequence[HostFacts], bases: Mapping[str, Graph]
) -> tuple[list[Moving], Counter[Fate]]:
    """The hosts that change, by name, and how many there are of each fate."""
    after = target.matcher.matches([host.hostname for host in hosts])
    by_base: defaultdict[str | None, list[int]] = defaultdict(list)
    for place, host in enumerate(hosts):
        by_base[host.base].append(place)
    moving: list[Moving] = []
    fates: Counter[Fate] = Counter()
    for commit, places in by_base.items():
        base = target if commit is not None and commit == target.commit else bases.get(commit or "")
        if base is target:
            fates["unchanged"] += len(places)
            continue
        before: Sequence[int | None] = [None] * len(places)
        if base is not None:
            same = base.matcher is target.matcher
            names = [hosts[place].hostname for place in places]
            before = [after[place] for place in places] if same else base.matcher.matches(names)
        known: dict[tuple[int | None, int | None], tuple[Fate, Profile | None, Profile | None]] = {}
        for place, was in zip(places, before, strict=True):
            key = (was, after[place])
            found = known.get(key)
            if found is None:
                one = base.order[was] if base is not None and was is not None else None
                two = target.order[key[1]] if key[1] is not None else None
                found = known[key] = (_fate(one, two), one, two)
            fate, one, two = found
            fates[fate] += 1
            if fate == "changes":
                assert two is not None
                moving.append(Moving(hosts[place], one, two))
    moving.sort(key=_name)
    return moving, fates


def _name(moving: Moving) -> str:
    return moving.facts.hostname


def _fate(base: Profile | None, target: Profile | None) -> Fate:
    if target is None:
        return "unmatched"
    return "unchanged" if base is not None and base.catalog_sha256 == target.catalog_sha256 else "changes"


def _placed(
    waves: Sequence[Wave], moving: Sequence[Moving], classes: Sequence[Class]
) -> tuple[list[tuple[Wave | None, list[str]]], frozenset[str]]:
    """The waves with the names of their hosts, and the canaries among all; None for the wave of what is left over."""
    if not waves:
        return [(None, _names(moving))], frozenset()
    if any(wave.percent is not None or wave.canaries for wave in waves):
        moving = sorted(moving, key=lambda each: order_of(each.facts.hostname))
    at = next((place for place, wave in enumerate(waves) if wave.canaries), None)
    if at is None:
        return [(wave, _names(hosts)) for wave, hosts in _allotted(waves, moving, frozenset())], frozenset()
    usual = [hosts for _, hosts in _allotted([wave for wave in waves if not wave.canaries], moving, frozenset())]
    in_order = [each for hosts in usual[at:] for each in hosts]
    fits = _fits(waves[at]) if waves[at].selects else None
    # Who may stay as it is, shows nothing: on hold, or offline.
    in_order.sort(key=lambda each: (each.facts.stays, fits is not None and not fits(each)))
    chosen = canaries.choose(classes, _names(in_order), {each.facts.hostname for hosts in usual[:at] for each in hosts})
    return [(wave, _names(hosts)) for wave, hosts in _allotted(waves, moving, chosen)], chosen


def _allotted(
    waves: Sequence[Wave], moving: Sequence[Moving], chosen: frozenset[str]
) -> list[tuple[Wave | None, Sequence[Moving]]]:
    """The hosts of each wave, and those that are left over, each in the order given."""
    left = moving
    taken: Sequence[Moving]
    found: list[tuple[Wave | None, Sequence[Moving]]] = []
    for wave in waves:
        if not wave.selects and not wave.canaries:
            goal = len(moving) if wave.percent is None else -(-len(moving) * wave.percent // 100)
            count = max(0, goal - (len(moving) - len(left)))
            taken, left = left[:count], left[count:]
        else:
            fits = _fits(wave) if not wave.canaries else lambda each: each.facts.hostname in chosen
            inside: list[Moving] = []
            rest: list[Moving] = []
            for each in left:
                (inside if fits(each) else rest).append(each)
            if wave.percent is not None:
                among = sum(1 for each in moving if fits(each))
                count = max(0, -(-among * wave.percent // 100) - (among - len(inside)))
                if count < len(inside):
                    inside = inside[:count]
                    names = set(_names(inside))
                    rest = [each for each in left if each.facts.hostname not in names]
            taken, left = inside, rest
        found.append((wave, taken))
    return [*found, (None, left)]


def _names(moving: Iterable[Moving]) -> list[str]:
    return [each.facts.hostname for each in moving]


def _fits(wave: Wave) -> Callable[[Moving], bool]:
    """Whether a host is one that a wave's selectors fit."""
    tests: list[Callable[[Moving], bool]] = []
    if wave.environment is not None:
        environments = frozenset(wave.environment)
        tests.append(lambda each: (each.target.environment or each.facts.environment) in environments)
    if wave.tag is not None:
        tags = frozenset(wave.tag)
        tests.append(lambda each: not tags.isdisjoint(each.facts.tags))
    if wave.match is not None:
        matches = patterns.parse(wave.match).matches
        tests.append(lambda each: matches(each.facts.hostname))
    if len(tests) == 1:
        return tests[0]
    return lambda each: all(test(each) for test in tests)


def _planned(written: Rollout | None, placed: Sequence[tuple[Wave | None, list[str]]]) -> tuple[PlannedWave, ...]:
    rollout = written if written is not None else Rollout()
    names = {wave.name for wave, _ in placed if wave is not None}
    left_over = ALL if not names else REST if REST not in names else f"the-{REST}"
    found: list[PlannedWave] = []
    for wave, hosts in placed:
        if not hosts:
            continue
        flight = _first(wave.max_in_flight if wave is not None else None, rollout.max_in_flight)
        health = _first(wave.health if wave is not None else None, rollout.health)
        found.append(
            PlannedWave(
                index=len(found),
                name=wave.name if wave is not None else left_over,
                hosts=tuple(sorted(hosts)),
                canary=wave is not None and wave.canaries,
                pause_s=wave.pause if wave is not None else 0,
                approvals=wave.approvals if wave is not None else 0,
                health=tuple(_check(each) for each in health or ()),
                max_in_flight=None if flight is None else max(1, amount_of(flight, len(hosts))),
                failure_budget=_first(wave.failure_budget if wave is not None else None, rollout.failure_budget),
                windows=tuple(_first(wave.windows if wave is not None else None, rollout.windows) or ()),
            )
        )
    return tuple(found)


def _first(own: Any, of_document: Any) -> Any:
    return of_document if own is None else own


def _check(written: WrittenCheck) -> HealthCheck:
    return HealthCheck(
        url=written.url,
        command=tuple(written.command) if written.command is not None else None,
        status=written.status,
        returns=tuple(sorted(set(written.returns))) if written.returns is not None else (0,),
        timeout_s=written.timeout,
        attempts=written.attempts,
        interval_s=written.interval,
    )
