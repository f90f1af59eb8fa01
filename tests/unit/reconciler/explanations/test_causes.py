"""Causes: the fewest lines and traits that explain every difference of two hosts, and that they do."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import explanations
from reconciler.explanations import Host
from reconciler.explanations.comparison import Comparison
from reconciler.explanations.covering import cover
from reconciler.graph import Graph
from schema.explanations import Cause, CauseKind, Causes, DifferenceKind
from tests.effort import tries
from tests.strategies.configs import HOSTS, configs
from tests.unit.reconciler.explanations.conftest import FILES, compiled

WEB, OTHER, LAB = "web01.example.com", "web02.example.com", "box.lab.example.com"


def told(found: Causes) -> dict[tuple[str, str, int], list[str]]:
    """Kind and place of each cause → what it explains."""
    return {
        (cause.kind.value, cause.at.file if cause.at else cause.text, cause.at.line if cause.at else 0): [
            each.name for each in cause.explains
        ]
        for cause in found.causes
    }


def test_two_blocks_differ_by_a_role_and_a_line(company: Graph) -> None:
    found = explanations.causes(Host(company, WEB), Host(company, OTHER))
    assert told(found) == {
        ("role", "prod/web.vgo", 8): ["database", "postgres"],
        ("line", "prod/web.vgo", 5): ["vhosts", "nginx/vhosts"],
    }
    assert (found.differences, found.smallest, found.alike) == (4, True, False)
    role = next(cause for cause in found.causes if cause.kind is CauseKind.ROLE)
    assert (role.of, role.text) == ("other", "web02.example.com is given role database")


def test_a_level_explains_all_that_it_hands_on(company: Graph) -> None:
    found = explanations.causes(Host(company, OTHER), Host(company, LAB))
    assert told(found)["level", "lab/common.vgo", 1] == ["dns", "only_lab", "motd/motd"]
    assert ("environment", "lab/hosts.vgo", 3) in told(found)


def test_one_host_is_like_itself(company: Graph) -> None:
    found = explanations.causes(Host(company, WEB), Host(company, WEB.upper() + "."))
    assert (found.alike, found.causes, found.differences) == (True, [], 0)


def test_a_host_that_nothing_matches_has_nothing(company: Graph) -> None:
    found = explanations.causes(Host(company, WEB), Host(company, "nobody"))
    assert [cause.kind for cause in found.causes] == [CauseKind.BLOCK]
    assert found.other.match_pattern is None
    assert len(found.causes[0].explains) == found.differences
    assert explanations.causes(Host(company, "nobody"), Host(company, "nothing")).alike


CONDITIONED = {
    "leaf.vgo": 'envoys:\n  - {match: "*", configcrates: [a]}\n',
    "configcrates/a.vgo": (
        "name: a\n"
        "resources:\n"
        "  - {name: deb, type: directory, path: /deb, when: traits.os.family == 'debian'}\n"
        "  - {name: big, type: directory, path: /big, when: traits.hardware.memory_mb > 100}\n"
        "  - name: text\n"
        "    type: file\n"
        "    path: /text\n"
        "    content: \"{{ traits.os.family }}{{ '!' if traits.hardware.memory_mb > 100 else '' }}\"\n"
        "  - {name: own, type: directory, path: '/srv/{{ host.hostname }}'}\n"
    ),
}


def traits(family: str, memory: int) -> dict[str, Any]:
    return {"os": {"family": family}, "hardware": {"memory_mb": memory}}


def test_only_the_traits_that_matter_are_causes() -> None:
    graph = compiled(CONDITIONED)
    found = explanations.causes(Host(graph, "one", traits("debian", 200)), Host(graph, "two", traits("redhat", 300)))
    assert told(found) == {
        ("trait", "their traits.os.family differ", 0): ["a/deb", "a/text"],
        ("host", "their names differ", 0): ["a/own"],
    }
    trait = found.causes[0]
    assert (trait.one, trait.other) == ("debian", "redhat")
    by_name = {each.name: each for cause in found.causes for each in cause.explains}
    assert (by_name["a/deb"].one, by_name["a/deb"].other) == (1, 0)
    assert by_name["a/text"].keys == ["content"]
    assert found.undecided is None


def test_what_is_not_known_of_a_host_is_told_apart() -> None:
    graph = compiled(CONDITIONED)
    found = explanations.causes(Host(graph, "one", traits("debian", 200)), Host(graph, "two"))
    assert found.undecided == ["traits.os.family", "traits.hardware.memory_mb"]
    assert [cause.kind for cause in found.causes] == [CauseKind.HOST]


def test_two_revisions_of_one_host_differ_by_what_was_changed() -> None:
    before = compiled(FILES)
    changed = {
        "prod/common.vgo": "vars: {dns: 10.0.0.2}\n",
        "templates/motd.j2": "Hello\n",
        "configcrates/sshd.vgo": FILES["configcrates/sshd.vgo"].replace("running", "stopped"),
    }
    found = explanations.causes(Host(before, WEB), Host(compiled({**FILES, **changed}), WEB))
    assert told(found) == {
        ("line", "prod/common.vgo", 1): ["dns"],
        ("file", "templates/motd.j2", 1): ["motd/motd"],
        ("line", "configcrates/sshd.vgo", 3): ["sshd/ssh"],
    }
    line = next(cause for cause in found.causes if cause.at and cause.at.file == "prod/common.vgo")
    assert line.other_at is not None
    assert line.at is not None
    assert (line.of, line.at.source, line.other_at.source) == (
        "both",
        "vars: {dns: 10.0.0.1}",
        "vars: {dns: 10.0.0.2}",
    )
    assert next(each for each in line.explains if each.name == "dns").other == "10.0.0.2"


def test_an_exclusion_is_what_makes_them_differ() -> None:
    files = {
        "common.vgo": "configcrates: [a]\n",
        "leaf.vgo": "envoys:\n  - match: one\n  - {match: two, exclude_configcrates: [a]}\n",
        "configcrates/a.vgo": "name: a\n",
    }
    graph = compiled(files)
    found = explanations.causes(Host(graph, "one"), Host(graph, "two"))
    assert [(each.kind, each.of, each.at and each.at.line) for each in found.causes] == [(CauseKind.LINE, "other", 3)]
    assert [(each.kind, each.name) for each in found.causes[0].explains] == [(DifferenceKind.CRATE, "a")]


# Laws.


@settings(max_examples=tries(20, 2_500))
@given(st.lists(st.frozensets(st.integers(0, 7), min_size=1, max_size=4), max_size=8))
def test_a_cover_meets_all_and_no_smaller_one_does(requirements: list[frozenset[int]]) -> None:
    rank = {candidate: candidate % 3 for candidate in range(8)}
    chosen, smallest = cover(requirements, rank)
    assert smallest
    assert all(each & set(chosen) for each in requirements)
    fewer = [set(some) for size in range(len(chosen)) for some in combinations(range(8), size)]
    assert not any(all(each & some for each in requirements) for some in fewer)


@settings(max_examples=tries(10))
@given(st.lists(st.frozensets(st.integers(0, 60), min_size=2, max_size=5), min_size=25, max_size=50))
def test_where_there_is_too_much_to_try_nothing_is_superfluous(requirements: list[frozenset[int]]) -> None:
    chosen, _ = cover(requirements, dict.fromkeys(range(61), 0))
    assert all(each & set(chosen) for each in requirements)
    for candidate in chosen:
        assert not all(each & (set(chosen) - {candidate}) for each in requirements)


@settings(max_examples=tries(10))
@given(configs(), st.sampled_from(HOSTS), st.sampled_from(HOSTS))
def test_every_difference_is_explained_and_no_cause_is_superfluous(files: dict[str, str], one: str, other: str) -> None:
    graph = compiled(files)
    found = explanations.causes(Host(graph, one), Host(graph, other))
    compared = Comparison(Host(graph, one).has, Host(graph, other).has)
    explained = [{(each.kind, each.name) for each in cause.explains} for cause in found.causes]
    assert {(each.difference.kind, each.difference.name) for each in compared.found} == set().union(*explained)
    assert found.differences == len(compared.found)
    requirements = [set(each) for difference in compared.found for each in difference.requirements]
    candidates = set().union(*requirements) if requirements else set()
    assert all(difference.requirements for difference in compared.found)
    assert found.smallest
    if len(candidates) <= 12:
        fewer = [set(some) for size in range(len(found.causes)) for some in combinations(candidates, size)]
        assert not any(all(each & some for each in requirements) for some in fewer)


@settings(max_examples=tries(10))
@given(configs(), st.sampled_from(HOSTS), st.sampled_from(HOSTS))
def test_without_its_causes_there_is_no_difference(files: dict[str, str], one: str, other: str) -> None:
    """What a cause hid may be another difference: taken away in turn, all of them end."""
    for _ in range(40):
        graph = compiled(files)
        if graph.match(one) is None or graph.match(other) is None:
            return
        found = explanations.causes(Host(graph, one), Host(graph, other))
        if found.alike:
            return
        without = taken_away(graph, files, found.causes, one, other)
        assert without != files
        files = without
    pytest.fail("the causes that are named do not make the difference")


def taken_away(graph: Graph, files: dict[str, str], causes: list[Cause], one: str, other: str) -> dict[str, str]:
    """The config without what these causes name."""
    documents: dict[str, Any] = {path: yaml.safe_load(text) for path, text in files.items()}
    gone: list[tuple[Any, Any]] = []
    compared = Comparison(Host(graph, one).has, Host(graph, other).has)
    candidates = {each for found in compared.found for requirement in found.requirements for each in requirement}
    named = {(cause.kind, cause.at.file, cause.at.line, cause.at.column) for cause in causes if cause.at}
    for candidate in candidates:
        at = Host(graph, one).line(candidate)
        if at is None or (candidate.kind, at.file, at.line, at.column) not in named:
            continue
        document = documents[candidate.file]
        if candidate.kind is CauseKind.LEVEL:
            documents[candidate.file] = {}
            continue
        holder = document
        for part in candidate.way[:-1]:
            holder = holder[part]
        if candidate.kind is CauseKind.BLOCK:
            for key in ("vars", "configcrates", "exclude_configcrates"):
                holder.pop(key, None)
        else:
            gone.append((holder, candidate.way[-1]))
    for holder, key in sorted(gone, key=lambda each: str(each[1]), reverse=True):
        if isinstance(holder, list):
            holder[key] = None
        else:
            holder.pop(key, None)
    for holder, _ in gone:
        if isinstance(holder, list):
            holder[:] = [each for each in holder if each is not None]
    return {path: yaml.safe_dump(each, sort_keys=False) for path, each in documents.items()}
