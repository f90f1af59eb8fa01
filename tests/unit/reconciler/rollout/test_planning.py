"""Plans: every host that changes is in one wave, canaries show every class, and nothing depends on the order of hosts."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import graph
from reconciler.graph import Graph
from reconciler.rollout.planning import HostFacts, plan
from schema.documents.rollout import Rollout
from schema.rollouts import RolloutPlan
from tests.effort import tries
from tests.factories.trees import tree

FEW = settings(max_examples=tries(20))
"""Time is no part of what is held here."""

BASE, TARGET = "a" * 40, "b" * 40
SYSTEMS = ["debian 12", "rhel 9", ""]
ROLES = ["web", "db", "both", "plain", "new", "gone"]
FILES = {
    "environments.vgo": "environments: {test: {}, production: {}}\n",
    "configcrates/nginx.vgo": "name: nginx\nresources: [{type: package, package: nginx}]\n",
    "configcrates/pg.vgo": "name: pg\nresources: [{type: package, package: postgresql}]\n",
    "configcrates/idle.vgo": "name: idle\nresources: [{type: package, package: vim}]\n",
}
BLOCKS = {
    "web": "configcrates: [nginx]",
    "db": "configcrates: [pg]",
    "both": "configcrates: [nginx, pg]",
    "plain": "configcrates: [idle]",
}
AFTER = {
    "configcrates/nginx.vgo": "name: nginx\nresources: [{type: package, package: nginx-full}]\n",
    "configcrates/pg.vgo": "name: pg\nresources: [{type: package, package: postgresql-18}]\n",
}


def leaf(blocks: dict[str, str]) -> str:
    return "envoys:\n" + "".join(
        f"  - {{match: '{role}*.{place}', environment: {place}, {said}}}\n"
        for role, said in blocks.items()
        for place in ("test", "production")
    )


@lru_cache(maxsize=64)
def compiled(commit: str, **files: str) -> Graph:
    found = graph.compile_tree(
        tree({**FILES, **{name.replace("__", "/") + ".vgo": said for name, said in files.items()}})
    )
    assert found.graph is not None, found.diagnostics
    return replace(found.graph, commit=commit)


def base() -> Graph:
    return compiled(BASE, hosts=leaf({**BLOCKS, "gone": "configcrates: [pg]"}))


def target(rollout: str = "") -> Graph:
    more = {name.replace("/", "__").removesuffix(".vgo"): said for name, said in AFTER.items()}
    if rollout:
        more["rollout"] = rollout
    return compiled(TARGET, hosts=leaf({**BLOCKS, "new": "configcrates: [pg]"}), **more)


WAVES = {
    "none": "",
    "canaries": "waves: [{name: first, canaries: true}]\n",
    "percent": "waves: [{name: a, percent: 10}, {name: b, percent: 50%}, {name: c, percent: 100}]\n",
    "environments": "waves: [{name: t, environment: test}, {name: p, environment: [production]}]\n",
    "tags": "waves: [{name: early, tag: [early, lab]}, {name: web, match: 'web*'}]\n",
    "all of it": (
        "waves: [{name: lab, tag: lab}, {name: first, canaries: true}, {name: half, environment: test, percent: 50},"
        " {name: test, environment: test}, {name: tenth, percent: 10}, {name: most, percent: 70}, {name: end}]\n"
        "failure_budget: 3\n"
    ),
}

_names = st.builds("{}{}.{}".format, st.sampled_from(ROLES), st.integers(0, 9), st.sampled_from(["test", "production"]))
_hosts = st.lists(
    st.builds(
        HostFacts,
        hostname=_names,
        os=st.sampled_from(SYSTEMS),
        tags=st.sampled_from([(), ("early",), ("lab", "x")]),
        base=st.sampled_from([BASE, BASE, BASE, None, TARGET, "c" * 40]),
        environment=st.just(""),
        stays=st.booleans(),
        traits=st.just({}),
    ),
    max_size=60,
    unique_by=lambda host: host.hostname,
)


def planned(hosts: list[HostFacts], waves: str, *, classes: bool = False) -> RolloutPlan:
    return plan(target(WAVES[waves]), hosts, {BASE: base()}, classes=classes)


def changes(host: HostFacts) -> bool:
    """Whether a host changes, in the words of the repositories above."""
    role = next(each for each in ROLES if host.hostname.startswith(each))
    if role == "gone" or host.base == TARGET:
        return False
    return host.base != BASE or role != "plain"


@FEW
@given(_hosts, st.sampled_from(sorted(WAVES)))
def test_waves_are_disjoint_and_hold_every_host_that_changes(hosts: list[HostFacts], waves: str) -> None:
    found = planned(hosts, waves)

    names = list(found.hosts())
    assert sorted(names) == sorted(host.hostname for host in hosts if changes(host))
    assert found.count == len(names) == len(hosts) - found.unchanged - found.unmatched
    assert [wave.index for wave in found.waves] == list(range(len(found.waves)))
    for wave in found.waves:
        assert wave.hosts
        assert list(wave.hosts) == sorted(wave.hosts)


@FEW
@given(_hosts, st.sampled_from(sorted(WAVES)), st.randoms(use_true_random=False))
def test_a_plan_depends_on_no_order_and_no_chance(hosts: list[HostFacts], waves: str, chance: object) -> None:
    shuffled = list(hosts)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert planned(shuffled, waves) == planned(hosts, waves) == planned(list(hosts), waves)


@FEW
@given(_hosts, st.sampled_from(["canaries", "all of it"]))
def test_every_class_is_seen_on_every_system_by_the_fewest_canaries(hosts: list[HostFacts], waves: str) -> None:
    found = planned(hosts, waves, classes=True)

    canaries = next((wave for wave in found.waves if wave.canary), None)
    systems = {host.hostname: host.os for host in hosts}
    until = canaries.index if canaries is not None else next((w.index for w in found.waves if w.name == "lab"), -1)
    seen = {name for wave in found.waves[: until + 1] for name in wave.hosts}
    before = {name for wave in found.waves[:until] for name in wave.hosts} if canaries is not None else seen
    needed = 0
    for each in found.classes:
        assert sum(each.systems.values()) == each.count
        for system in each.systems:
            members = {name for name in each.hosts if systems[name] == system}
            assert members & seen
            needed += not members & before
    assert (len(canaries.hosts) if canaries is not None else 0) == needed
    assert sum(each.count for each in found.classes) == found.count


@FEW
@given(_hosts)
def test_percentages_never_fall_and_are_met_exactly(hosts: list[HostFacts]) -> None:
    found = planned(hosts, "percent")

    reached = 0
    by_name = {wave.name: len(wave.hosts) for wave in found.waves}
    for name, percent in (("a", 10), ("b", 50), ("c", 100)):
        reached += by_name.get(name, 0)
        assert reached == -(-found.count * percent // 100)


@FEW
@given(_hosts.filter(bool))
def test_a_host_more_or_less_moves_at_most_one_other(hosts: list[HostFacts]) -> None:
    *fewer, extra = hosts
    more, less = planned(hosts, "percent"), planned(fewer, "percent")

    def until(found: RolloutPlan, name: str) -> set[str]:
        names = ["a", "b", "c"][: ["a", "b", "c"].index(name) + 1]
        return {host for wave in found.waves if wave.name in names for host in wave.hosts} - {extra.hostname}

    for name in ("a", "b", "c"):
        assert len(until(more, name) ^ until(less, name)) <= 1


def facts(*names: str, **more: object) -> list[HostFacts]:
    return [HostFacts(name, base=BASE, **more) for name in names]  # type: ignore[arg-type]


def test_without_a_file_everybody_is_in_one_wave_under_a_budget_of_a_tenth() -> None:
    hosts = facts(*(f"web{number}.test" for number in range(25)), "plain1.test", "gone1.test")

    found = plan(target(), hosts, {BASE: base()})

    assert [wave.name for wave in found.waves] == ["all"]
    wave = found.waves[0]
    assert (wave.max_failures, wave.max_in_flight, wave.pause_s, wave.approvals) == (2, None, 0, 0)
    assert (len(wave.hosts), found.unchanged, found.unmatched) == (25, 1, 1)
    assert (found.base, found.commit, found.plan_root) == (BASE, TARGET, target().plan_root)
    assert (found.on_failure, found.require_approval, found.classes, found.violations) == ("stop", False, (), ())


def test_nothing_changes_for_anybody() -> None:
    found = plan(base(), facts("web1.test"), {BASE: base()})

    assert (found.waves, found.unchanged, found.base) == ((), 1, None)


def test_canaries_are_of_the_earliest_waves_and_where_a_selector_prefers_them() -> None:
    hosts = facts("web1.production", "web2.test", "db1.production", "db2.test")
    said = "waves: [{name: c, canaries: true%s}, {name: t, environment: test}]\n"

    early = plan(target(said % ""), hosts, {BASE: base()})
    late = plan(target(said % ", environment: production"), hosts, {BASE: base()})

    assert early.waves[0].hosts == ("db2.test", "web2.test")
    assert late.waves[0].hosts == ("db1.production", "web1.production")


def test_who_may_stay_as_it_is_is_no_canary_where_another_can_be() -> None:
    hosts = [HostFacts(f"web{number}.test", os="debian 12", base=BASE) for number in range(6)]
    said = target(WAVES["canaries"])
    [first] = plan(said, hosts, {BASE: base()}).waves[0].hosts
    held = [each._replace(stays=each.hostname == first) for each in hosts]
    [other] = plan(said, held, {BASE: base()}).waves[0].hosts
    assert other != first
    all_held = [each._replace(stays=True) for each in hosts]
    assert plan(said, all_held, {BASE: base()}).waves[0].hosts == (first,)


def test_canaries_that_a_wave_before_has_shown_already_are_not_needed() -> None:
    hosts = [*facts("web1.test"), *facts("web2.test", tags=("lab",)), *facts("db1.test", os="rhel 9")]

    found = planned(hosts, "all of it")

    assert [(wave.name, wave.hosts) for wave in found.waves[:2]] == [("lab", ("web2.test",)), ("first", ("db1.test",))]


def test_what_a_wave_does_not_say_is_the_documents() -> None:
    said = (
        "on_failure: revert\nrequire_approval: true\napprovals: 2\nfailure_budget: 20%\nmax_in_flight: 1%\n"
        "health: [{url: 'https://status.example.com/', timeout: 3s}]\nwindows: [{days: mon-fri}]\n"
        "waves: [{name: a, match: 'web*', pause: 1h, approvals: 1, failure_budget: 0, max_in_flight: 50%, health: [],"
        " windows: []}]\n"
    )
    hosts = facts(*(f"web{number}.test" for number in range(5)), *(f"db{number}.test" for number in range(10)))

    found = plan(target(said), hosts, {BASE: base()})

    first, rest = found.waves
    assert (first.name, first.pause_s, first.approvals, first.max_failures, first.max_in_flight) == ("a", 3600, 1, 0, 2)
    assert (first.health, first.windows) == ((), ())
    assert (rest.name, rest.pause_s, rest.approvals, rest.max_failures, rest.max_in_flight) == ("rest", 0, 0, 2, 1)
    assert [(check.url, check.timeout_s, check.attempts) for check in rest.health] == [
        ("https://status.example.com/", 3, 3)
    ]
    assert [window.days for window in rest.windows] == [["mon", "tue", "wed", "thu", "fri"]]
    assert (found.on_failure, found.require_approval, found.approvals) == ("revert", True, 2)


def test_a_base_that_nobody_has_is_a_change_from_nothing() -> None:
    found = plan(target(), [HostFacts("plain1.test", base="d" * 40), HostFacts("plain2.test")], {})

    assert found.waves[0].hosts == ("plain1.test", "plain2.test")


def test_a_plan_outlives_being_written_down() -> None:
    found = planned([HostFacts(f"web{number}.test", base=BASE) for number in range(9)], "all of it", classes=True)

    assert RolloutPlan.model_validate_json(found.model_dump_json()) == found


def test_a_number_that_each_host_has_of_its_own_makes_it_no_canary() -> None:
    blocks = [f"{{match: n{number}, configcrates: [idle], vars: {{id: {number}}}}}" for number in range(300)]
    before = compiled("e" * 40, hosts="envoys: [{match: 'n*', configcrates: [idle]}]\n")
    after = compiled("f" * 40, hosts=f"envoys: [{', '.join(blocks)}]\n", rollout=WAVES["canaries"])
    hosts = [HostFacts(f"n{number}", base="e" * 40) for number in range(300)]

    found = plan(after, hosts, {"e" * 40: before})

    assert [(wave.name, len(wave.hosts)) for wave in found.waves] == [("first", 1), ("rest", 299)]


def test_a_name_for_what_is_left_over_that_a_wave_has_already_is_not_taken_twice() -> None:
    said = "waves: [{name: rest, environment: test}]\n"

    found = plan(target(said), facts("web1.test", "web2.production"), {BASE: base()})

    assert [wave.name for wave in found.waves] == ["rest", "the-rest"]


@pytest.mark.parametrize(("budget", "hosts", "expected"), [("10%", 9, 0), ("10%", 10, 1), (4, 2, 4), ("0%", 100, 0)])
def test_a_budget_is_a_number_of_hosts_rounded_down(budget: object, hosts: int, expected: int) -> None:
    rollout = Rollout.model_validate({"failure_budget": budget})
    said = f"failure_budget: {rollout.failure_budget}\n"

    found = plan(target(said), facts(*(f"web{number}.test" for number in range(hosts))), {BASE: base()})

    assert found.waves[0].max_failures == expected
