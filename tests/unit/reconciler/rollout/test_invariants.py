"""Invariants: held against the end and every mix on the way there; whoever breaks one gets a counterexample."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import graph
from reconciler.graph import Graph
from reconciler.rollout import invariants
from reconciler.rollout.planning import HostFacts, plan
from schema.rollouts import Violation
from tests.effort import tries
from tests.factories.trees import tree

BASE, TARGET = "a" * 40, "b" * 40
FILES = {
    "environments.vgo": "environments: {test: {}, production: {}}\n",
    "roles.vgo": "roles: {resolver: {configcrates: [unbound]}, core: {includes: [resolver]}}\n",
    "configcrates/unbound.vgo": "name: unbound\nresources: [{type: package, package: unbound}]\n",
    "configcrates/other.vgo": "name: other\nresources: [{type: package, package: vim}]\n",
}
TWO = (
    "invariants: [{name: resolvers, for_each: vars.dc, where: {role: resolver}, at_least: 2,"
    " message: every datacentre keeps two resolvers}]\n"
)

FEW = settings(max_examples=tries(20))
"""Time is no part of what is held here."""


def compiled(commit: str | None, hosts: str, **more: str) -> Graph:
    files = {**FILES, "hosts.vgo": hosts, **{f"{name}.vgo": said for name, said in more.items()}}
    found = graph.compile_tree(tree(files))
    assert found.graph is not None, found.diagnostics
    return replace(found.graph, commit=commit)


def hosts_of(blocks: dict[str, str]) -> str:
    return "envoys:\n" + "".join(f"  - {{match: {name}, {said}}}\n" for name, said in blocks.items())


def found(
    before: dict[str, str],
    after: dict[str, str],
    said: str,
    rollout: str = "",
    stays: tuple[str, ...] = (),
    **more: dict[str, object],
) -> list[Violation]:
    files = {"invariants": said, **({"rollout": rollout} if rollout else {})}
    hosts = [
        HostFacts(name, base=BASE, stays=name in stays, traits=more.get(name, {}), tags=("lab",) if "x" in name else ())
        for name in {**before, **after}
    ]
    made = plan(compiled(TARGET, hosts_of(after), **files), hosts, {BASE: compiled(BASE, hosts_of(before))})
    return list(made.violations)


FRA = {
    "r1": "roles: [resolver], vars: {dc: fra}",
    "r2": "roles: [core], vars: {dc: fra}",
    "w1": "configcrates: [other], vars: {dc: fra}",
}


def test_what_holds_before_and_after_and_on_the_way_is_not_told() -> None:
    assert found(FRA, {**FRA, "w1": "vars: {dc: fra}"}, TWO) == []


def test_the_end_is_told_with_the_hosts_that_make_it_so() -> None:
    [one] = found(FRA, {**FRA, "r2": "vars: {dc: fra}"}, TWO)

    assert (one.invariant, one.wave, one.group, one.bound) == ("resolvers", None, "vars.dc = fra", "at least 2")
    assert (one.count, one.of, one.new, one.old) == (1, 3, ("r2",), ())
    assert (one.file, one.line) == ("invariants.vgo", 1)
    assert str(one) == (
        "resolvers: 1 of vars.dc = fra when all is done, not at least 2: every datacentre keeps two resolvers"
    )


MOVED = {**FRA, "r1": "vars: {dc: fra}", "w1": "roles: [resolver], vars: {dc: fra}"}
"""The end is as good as the beginning, but on the way one may be missing."""


def test_a_mix_on_the_way_is_told_with_its_wave() -> None:
    [one] = found(FRA, MOVED, TWO)

    assert (one.wave, one.wave_index, one.count, one.of) == ("all", 0, 1, 3)
    assert (one.new, one.old) == (("r1",), ("w1",))


def test_the_right_order_mends_it_and_the_wrong_one_says_when() -> None:
    right = "waves: [{name: first, match: w1}, {name: then}]\n"
    wrong = "waves: [{name: first, match: r1}, {name: then}]\n"

    assert found(FRA, MOVED, TWO, right) == []
    [one] = found(FRA, MOVED, TWO, wrong)
    assert (one.wave, one.wave_index, one.new, one.old) == ("first", 0, ("r1",), ("w1",))


def test_a_host_that_may_stay_as_it_is_makes_the_right_order_wrong() -> None:
    right = "waves: [{name: first, match: w1}, {name: then}]\n"

    [one] = found(FRA, MOVED, TWO, right, stays=("w1",))

    assert (one.wave, one.new, one.old) == ("then", ("r1",), ("w1",))


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("{}", 3),
        ("{match: 'r*'}", 2),
        ("{role: resolver}", 2),
        ("{role: core}", 1),
        ("{configcrate: unbound}", 2),
        ("{environment: test}", 0),
        ("{environment: [test, production]}", 1),
        ("{tag: lab}", 1),
        ("{when: \"vars.dc == 'fra'\"}", 2),
        ("{when: \"'unbound' in host.configcrates and host.hostname != 'r1'\"}", 1),
        ("{when: \"'core' in host.roles\"}", 1),
        ("{when: \"'lab' in host.tags\"}", 1),
        ("{when: host.environment}", 1),
        ("{when: traits.cpu.cores > 4}", 1),
        ("{when: vars.nobody.has.this}", 0),
        ("{role: resolver, match: 'r1'}", 1),
    ],
)
def test_a_host_counts_when_all_selectors_fit(where: str, count: int) -> None:
    hosts = {
        "r1": "roles: [resolver], vars: {dc: fra}",
        "r2": "roles: [core], vars: {dc: ams}",
        "x3": "vars: {dc: fra}, environment: production",
    }
    said = f"invariants: [{{name: a, where: {where}, exactly: 77}}]\n"

    told = found(hosts, hosts, said, r2={"cpu": {"cores": 8}})

    assert {(one.count, one.of, one.group, one.bound) for one in told} == {(count, 3, "", "exactly 77")}


@pytest.mark.parametrize(
    ("for_each", "groups"),
    [
        ("environment", {"environment = test": 1}),
        ("tag", {"tag = lab": 1}),
        ("vars.dc", {"vars.dc = ams": 1, "vars.dc = 7": 1, "vars.dc = true": 1}),
        ("traits.os.family", {"traits.os.family = debian": 2}),
    ],
)
def test_groups_are_hosts_with_one_value(for_each: str, groups: dict[str, int]) -> None:
    hosts = {
        "a": "environment: test, vars: {dc: ams}",
        "b": "vars: {dc: 7}",
        "x": "vars: {dc: true}",
        "d": "vars: {dc: [ams]}",
    }
    family: dict[str, object] = {"os": {"family": "debian"}}
    said = f"invariants: [{{name: a, for_each: {for_each}, at_least: 5}}]\n"

    told = found(hosts, hosts, said, a=family, d=family)

    assert {one.group: one.count for one in told} == groups


def test_a_share_is_of_the_group() -> None:
    hosts = {"a": "roles: [core]", "b": "roles: [core]", "c": "vars: {}"}
    said = "invariants: [{name: a, where: {role: core}, at_least: 67%%}, {name: b, where: {role: core}, at_most: %s}]\n"

    assert [(one.invariant, one.count, one.of) for one in found(hosts, hosts, said % "66%")] == [
        ("a", 2, 3),
        ("b", 2, 3),
    ]
    assert [one.invariant for one in found(hosts, hosts, said % "67%")] == ["a"]


def test_more_than_a_plan_tells_is_counted() -> None:
    hosts = {f"h{number}": f"vars: {{dc: d{number}}}" for number in range(120)}
    said = "invariants: [{name: a, for_each: vars.dc, at_least: 2}]\n"
    graphs = compiled(TARGET, hosts_of(hosts), invariants=said)

    made = plan(graphs, [HostFacts(name) for name in hosts], {})

    assert (len(made.violations), made.violations_left_out) == (100, 20)


def test_what_takes_too_much_work_to_judge_counts_as_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    work = "invariants: [{name: easy, at_most: 9}, {name: hard, at_most: 9, where: {when: WHEN}}, {name: last, at_most: 9}]"
    said = work.replace("WHEN", "\"host.hostname == 'x' or range(90000) | sum > 1\"")
    monkeypatch.setattr(invariants, "MAX_WORK", 100_000)
    [one] = found(FRA, FRA, said)  # of ten thousand hosts it would take half an hour
    assert (one.invariant, one.count, one.of, one.message) == ("hard", 3, 3, invariants.OVERWORKED)
    assert "not judged" in str(one)
    assert names_told(hosts_of(FRA), said) == [
        f"invariants.vgo:1:47: error[invariant.violated]: {invariants.OVERWORKED}"
    ]
    monkeypatch.setattr(invariants, "MAX_WORK", 100_000_000)
    assert found(FRA, FRA, said) == []


def test_traits_that_are_read_are_known_beforehand() -> None:
    said = (
        "invariants: [{name: a, for_each: traits.os.family, at_least: 1},"
        " {name: b, where: {when: traits.cpu.cores > 4 and vars.x}, at_most: 1}, {name: c, at_least: 1}]\n"
    )

    assert invariants.traits_asked(compiled(None, hosts_of(FRA), invariants=said)) == [
        ("cpu", "cores"),
        ("os", "family"),
    ]
    assert invariants.traits_asked(compiled(None, hosts_of(FRA))) == []


# without a server


def names_told(hosts: str, said: str, hostnames: list[str] | None = None) -> list[str]:
    return [str(each) for each in invariants.of_names(compiled(None, hosts, invariants=said), hostnames)]


def test_a_repository_whose_hosts_are_all_named_is_judged_whole() -> None:
    told = names_told(hosts_of({**FRA, "r2": "vars: {dc: fra}"}), TWO)

    assert told == [
        (
            "invariants.vgo:1:21: error[invariant.violated]: 1 host of vars.dc = fra counts, not at least 2"
            " (hint: every datacentre keeps two resolvers)"
        )
    ]


def test_where_other_hosts_may_be_only_what_they_cannot_mend_is_told() -> None:
    hosts = hosts_of({**FRA, "'*.example.com'": "roles: [resolver], vars: {dc: fra}"})
    most = "invariants: [{name: a, at_most: 1, where: {role: resolver}}, {name: b, at_least: 9}, {name: c, at_least: 99%}]\n"

    assert [line.partition(" ")[0] for line in names_told(hosts, most)] == ["invariants.vgo:1:21:"]
    assert names_told(hosts, TWO, ["r1", "x.example.com"]) == []
    assert len(names_told(hosts, TWO, ["r1"])) == 1


def test_what_depends_on_what_only_a_server_knows_is_left_to_it() -> None:
    said = "invariants: [{name: a, for_each: traits.os.family, at_least: 9}, {name: b, where: {tag: x}, at_least: 9}]\n"

    assert names_told(hosts_of(FRA), said) == []


# laws

_block = st.builds(
    lambda resolver, place: ", ".join(
        filter(None, ["roles: [resolver]" if resolver else "", f"vars: {{dc: {place}}}" if place else "vars: {}"])
    ),
    st.booleans(),
    st.sampled_from(["fra", "ams", ""]),
)
NAMES = [f"h{number}" for number in range(5)]
_fleet = st.fixed_dictionaries(dict.fromkeys(NAMES, _block))


def counted(states: dict[str, str]) -> dict[str, int]:
    """Resolvers of each datacentre that has a host."""
    places: dict[str, int] = {}
    for said in states.values():
        for place in ("fra", "ams"):
            if f"dc: {place}" in said:
                places[place] = places.get(place, 0) + ("resolver" in said)
    return places


@FEW
@given(_fleet, _fleet, st.integers(0, 5), st.sets(st.sampled_from(NAMES), max_size=2))
def test_violations_are_those_that_trying_all_mixes_finds(
    before: dict[str, str], after: dict[str, str], cut: int, stays: set[str]
) -> None:
    first = NAMES[:cut]
    rollout = "waves: [{name: first, match: '/" + "|".join(first or ["nobody"]) + "/'}, {name: then}]\n"
    told = {
        (one.group.rpartition(" ")[2], one.wave or "end")
        for one in found(before, after, TWO, rollout, stays=tuple(stays))
    }

    expected = set()
    changing = [name for name in NAMES if before[name] != after[name]]
    waves = [("first", [n for n in changing if n in first]), ("then", [n for n in changing if n not in first])]
    for place in ("fra", "ams"):
        if counted(after).get(place, 2) < 2:
            expected.add((place, "end"))
            continue
        if place not in counted(before) or place not in counted(after):
            continue
        done: list[str] = []
        for wave, running in waves:
            free = [*running, *(name for name in done if name in stays)]
            fixed = {n: after[n] if n in done and n not in stays else before[n] for n in NAMES}
            mixes = (
                {**fixed, **dict(zip(free, mix, strict=True))}
                for mix in product(*((before[n], after[n]) for n in free))
            )
            if any(counted(mix).get(place, 0) < min(2, counted(before)[place]) for mix in mixes):
                expected.add((place, wave))
                break
            done += running
    assert told == expected
