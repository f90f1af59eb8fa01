"""Bisecting: the change that bad hosts have and others do not is named with its line, from the config alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import bisecting, graph
from reconciler.graph import Cache, Graph
from schema.bisects import Suspect
from schema.revisions import Revision, RevisionState
from tests.effort import tries
from tests.factories.trees import tree

FEW = settings(max_examples=tries(10))
"""Time is no part of what is held here."""

START = {
    "environments.vgo": "environments: {test: {vars: {level: 1}}, production: {}}\n",
    "roles.vgo": "roles: {extra: {configcrates: [extra]}}\n",
    "common.vgo": "configcrates: [base]\nvars: {port: 80}\n",
    "configcrates/base.vgo": (
        "name: base\nresources:\n  - {name: motd, type: file, path: /etc/motd, content: 'hi {{ vars.port }}'}\n"
    ),
    "configcrates/extra.vgo": "name: extra\nresources: [{type: package, package: extra}]\n",
    "configcrates/nginx.vgo": (
        "name: nginx\nvars: {workers: 4}\ndefaults: {owner: root}\nresources:\n"
        "  - {name: conf, type: file, path: /etc/nginx.conf, source: templates/nginx.conf, mode: '0644'}\n"
        "  - {name: w, type: file, path: /etc/w, content: '{{ vars.workers }}'}\n"
    ),
    "templates/nginx.conf": "one\ntwo\nthree\n",
    "web.vgo": "envoys:\n  - {match: 'web*', configcrates: [nginx], environment: production}\n  - {match: 'db*'}\n",
}
NAMES = ["db1", "db2", "web1", "web2"]
WEB, DB = {"web1", "web2"}, {"db1", "db2"}


def graphs_of(*changes: Mapping[str, tuple[str, str]]) -> list[Graph]:
    """The start, and a graph for each further commit; each replaces texts in files."""
    files, cache = dict(START), Cache()
    made = []
    for number, change in enumerate(({}, *changes)):
        for path, (old, new) in change.items():
            assert old in files.setdefault(path, ""), path
            files[path] = files[path].replace(old, new) if old else new
        found = graph.compile_tree(tree({path: said for path, said in files.items() if said}), cache)
        assert found.graph is not None, found.diagnostics
        made.append(replace(found.graph, commit=f"{number:040x}"))
    return made


def suspects(
    graphs: list[Graph],
    bad: Collection[str],
    reached: Mapping[str, int] | None = None,
    good: Collection[str] | None = None,
) -> list[Suspect]:
    steps = [
        bisecting.step(revision(number), graphs[number - 1], graphs[number], NAMES, set(bad))
        for number in range(1, len(graphs))
    ]
    return bisecting.suspects(steps, set(bad), set(NAMES) - set(bad) if good is None else set(good), reached or {})


def revision(number: int) -> Revision:
    return Revision(
        sequence=number,
        commit=f"{number:040x}",
        state=RevisionState.SUPERSEDED,
        author="Jane",
        summary=f"step {number}",
        seen_at=number,
        in_force_at=number,
    )


CRATE, LEAF, COMMON = "configcrates/nginx.vgo", "web.vgo", "common.vgo"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({CRATE: ("0644", "0600")}, "attribute nginx/conf.mode changed (configcrates/nginx.vgo:5)"),
        ({CRATE: ("owner: root", "owner: www")}, "attribute nginx/conf.owner changed (configcrates/nginx.vgo:5)"),
        ({CRATE: ("workers: 4", "workers: 8")}, "var workers changed (configcrates/nginx.vgo:2)"),
        (
            {CRATE: ("{name: w,", "{name: w, when: traits.cpu.cores,")},
            "attribute nginx/w.when added (configcrates/nginx.vgo:6)",
        ),
        ({CRATE: ("{name: w,", "{name: v,")}, "resource nginx/v added (configcrates/nginx.vgo:6)"),
        ({"templates/nginx.conf": ("three", "drei")}, "attribute nginx/conf.source changed (templates/nginx.conf:3)"),
        ({LEAF: ("[nginx]", "[nginx, extra]")}, "crate extra added (web.vgo:2)"),
        ({LEAF: ("configcrates: [nginx], ", "")}, "crate nginx removed (web.vgo:2)"),
        ({LEAF: ("[nginx],", "[nginx], vars: {port: 90},")}, "var port changed (web.vgo:2)"),
        ({LEAF: ("production", "test")}, "environment test changed (web.vgo:2)"),
        ({LEAF: ("[nginx],", "[nginx], roles: [extra],")}, "role extra added (web.vgo:2)"),
    ],
)
def test_what_a_commit_changed_is_named_with_its_line(change: Mapping[str, tuple[str, str]], told: str) -> None:
    [found, *more] = suspects(graphs_of(change), WEB)

    assert told in [str(each) for each in found.changes]
    assert (found.exact, found.score, found.bad, found.good, more) == (True, 1.0, 2, 0, [])
    assert (found.bad_without, found.good_with, found.revert_hosts) == ([], [], 2)


def test_the_commit_that_only_bad_hosts_have_is_before_one_that_all_have() -> None:
    everybody = {COMMON: ("port: 80", "port: 81")}
    web = {CRATE: ("0644", "0600")}

    found = suspects(graphs_of(everybody, web, {COMMON: ("port: 81", "port: 82")}), WEB)

    assert [(each.sequence, each.exact) for each in found] == [(2, True), (3, False), (1, False)]
    assert found[1].score == pytest.approx(2 / 3, abs=1e-3)
    assert (found[1].good_with, found[1].revert_crates) == (["db1", "db2"], ["base"])
    assert found[2].changed_again == [f"{3:040x}"]


def test_of_two_that_separate_alike_the_later_is_first() -> None:
    found = suspects(graphs_of({CRATE: ("0644", "0600")}, {"templates/nginx.conf": ("one", "eins")}), WEB)

    assert [each.sequence for each in found] == [2, 1]


def test_a_host_that_has_not_come_to_a_revision_does_not_have_its_changes() -> None:
    graphs = graphs_of({CRATE: ("0644", "0600")}, {"templates/nginx.conf": ("one", "eins")})

    [first, second] = suspects(graphs, {"web1"}, {"web2": 1})

    assert (first.sequence, first.exact) == (2, True)
    assert (second.sequence, second.good_with) == (1, ["web2"])


def test_a_bad_host_that_has_none_of_it_speaks_against_it() -> None:
    [found] = suspects(graphs_of({CRATE: ("0644", "0600")}), {"web1", "web2", "db1"})

    assert (found.exact, found.bad, found.bad_without) == (False, 2, ["db1"])
    assert found.score == pytest.approx(4 / 5)


def test_hosts_that_are_neither_are_not_judged() -> None:
    [found] = suspects(graphs_of({COMMON: ("port: 80", "port: 81")}), {"web1"}, good=DB - {"db2"})

    assert (found.bad, found.good, found.good_with, found.revert_hosts) == (1, 1, ["db1"], 4)


def test_a_var_that_changes_to_different_values_is_not_the_same_change() -> None:
    two = "envoys:\n  - {match: web1, vars: {port: 1}}\n  - {match: 'web*', vars: {port: 2}}\n  - {match: 'db*'}\n"
    found = suspects(graphs_of({LEAF: (START[LEAF], two)}), {"web1"})

    assert found[0].exact
    assert [(each.kind, each.base, each.other, each.resources) for each in found[0].changes] == [
        ("var", 80, 1, ["base/motd"])
    ]


def test_no_change_is_no_suspect() -> None:
    assert suspects(graphs_of({"web.vgo": ("envoys:", "# nothing\nenvoys:")}), WEB) == []
    assert suspects(graphs_of({CRATE: ("0644", "0600")}), DB) == []


def test_how_far_a_host_has_come_is_told_by_what_it_ran() -> None:
    [start, other] = graphs_of({CRATE: ("0644", "0600")})
    profile = {name: start.match(name) for name in NAMES}
    ran = {name: each.catalog_sha256 for name, each in profile.items() if each is not None}

    assert bisecting.has_come_to(other, ran) == DB
    assert bisecting.has_come_to(start, {**ran, "nobody": "x"}) == {*DB, *WEB}


CHANGES: list[dict[str, tuple[str, str]]] = [
    {CRATE: ("'0644'", "'0600'")},
    {CRATE: ("workers: 4", "workers: 8")},
    {COMMON: ("port: 80", "port: 81")},
    {LEAF: ("{match: 'db*'}", "{match: db1, vars: {port: 99}}\n  - {match: 'db*'}")},
    {"templates/nginx.conf": ("two", "zwei")},
]


@FEW
@given(
    st.permutations(CHANGES),
    st.sets(st.sampled_from(NAMES), min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(NAMES), st.integers(0, 5)),
)
def test_a_suspect_is_exact_when_and_only_when_the_hosts_that_have_it_are_the_bad_ones(
    order: list[dict[str, tuple[str, str]]], bad: set[str], reached: dict[str, int]
) -> None:
    found = suspects(graphs_of(*order), bad, reached)

    for each in found:
        assert each.exact is (not each.bad_without and not each.good_with)
        assert each.bad + len(each.bad_without) == len(bad)
        assert each.good == len(each.good_with)
        assert 0 < each.score <= 1
        assert (each.score == 1) is each.exact
        assert set(each.good_with).isdisjoint(bad)
        assert all(reached.get(name, 5) >= each.sequence for name in each.good_with)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
