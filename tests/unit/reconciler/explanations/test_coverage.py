"""Coverage: what is said to matter to nobody can be taken away, and nobody notices."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import explanations, repository
from reconciler import graph as graphs
from reconciler.graph import Graph
from schema.explanations import Basis, Coverage, Covered, Finding, SubjectOfCoverage
from schema.merging import effective, settle
from tests.effort import tries
from tests.factories.trees import tree
from tests.strategies.configs import HOSTS, configs
from tests.unit.reconciler.explanations.conftest import FILES, compiled

EXAMPLE = Path(__file__).resolve().parents[4] / "examples" / "repo"


def told(found: Coverage) -> set[tuple[str, str, str, str]]:
    return {(each.finding.value, each.about.value, each.name, f"{each.at.file}:{each.at.line}") for each in found.found}


def test_the_company_has_lines_that_matter_to_nobody(company: Graph) -> None:
    found = explanations.coverage(company, ["web01.example.com", "web02.example.com", "web03.example.com", "other"])
    assert (found.basis, found.hosts, found.unmatched) == (Basis.HOSTS, 4, 1)
    assert {
        ("no-host", "block", "*.lab.example.com", "lab/hosts.vgo:2"),
        ("no-host", "level", "lab/common.vgo", "lab/common.vgo:1"),
        ("unused", "environment", "lab", "environments.vgo:3"),
        ("unused", "crate", "unlisted", "configcrates/unlisted.vgo:1"),
        ("unused", "crate", "tools", "configcrates/tools.vgo:1"),
        ("unread", "var", "tier", "environments.vgo:2"),
        ("unread", "var", "allow", "common.vgo:5"),
        ("overridden", "var", "dns", "common.vgo:3"),
        ("overridden", "listing", "telnet", "roles.vgo:2"),
        ("one-host", "block", "web01.example.com", "prod/web.vgo:2"),
    } <= told(found)
    dns = next(each for each in found.found if each.name == "dns" and each.finding is Finding.OVERRIDDEN)
    assert (dns.by, dns.source) == ("prod/common.vgo", "common.vgo")
    vhosts = [each for each in found.found if each.name == "vhosts"]
    assert [(each.finding, each.source) for each in vhosts] == []


def test_without_hosts_each_block_stands_for_one(company: Graph) -> None:
    found = explanations.coverage(company)
    assert (found.basis, found.hosts, found.unmatched) == (Basis.BLOCKS, 3, 0)
    kinds = {(finding, name) for finding, _, name, _ in told(found)}
    assert ("one-host", "web01.example.com") in kinds
    assert ("no-host", "*.lab.example.com") not in kinds


def test_a_block_that_is_shadowed_says_by_which() -> None:
    files = {"leaf.vgo": 'envoys:\n  - match: "*"\n  - match: "web*"\n'}
    found = explanations.coverage(compiled(files))
    assert [(each.finding, each.name, each.by) for each in found.found] == [(Finding.NO_HOST, "web*", "*")]


def test_files_and_templates_that_no_crate_names_are_unused() -> None:
    files = {**FILES, "files/old.conf": "x\n", "templates/old.j2": "{{ vars.dns }}\n"}
    found = explanations.coverage(compiled(files))
    assert {("unused", "file", "files/old.conf", "files/old.conf:1"), ("unused", "template", "templates/old.j2", "templates/old.j2:1")} <= told(found)  # fmt: skip
    assert ("unused", "template", "templates/motd.j2", "templates/motd.j2:1") not in told(found)


def test_a_var_that_is_read_as_part_of_a_whole_is_read() -> None:
    files = {
        "common.vgo": "vars: {app: {a: 1, b: 2}, other: {a: 1, b: 2}, list: [{x: 1}]}\n",
        "leaf.vgo": "envoys:\n  - {match: h, configcrates: [c]}\n",
        "configcrates/c.vgo": (
            "name: c\nresources:\n"
            "  - {type: file, path: /a, content: '{{ vars.app | to_json }} {{ vars.other.a }}'}\n"
            "  - {type: directory, path: '/{{ item.x }}', foreach: vars.list}\n"
        ),
    }
    found = explanations.coverage(compiled(files))
    assert [each.name for each in found.found if each.finding is Finding.UNREAD] == ["other.b"]


def test_tasks_and_workflows_stand_alone() -> None:
    files = {**FILES, "tasks/t.vgo": 'name: t\ncommand: "true"\ntarget: "*"\npermission: push.execute\n'}
    found = explanations.coverage(compiled(files))
    assert not [each for each in found.found if each.at.file.startswith("tasks/")]


def test_many_findings_are_cut_and_counted_and_those_of_one_host_go_first() -> None:
    blocks = "".join(f"  - match: h{number}\n" for number in range(1_200))
    files = {"leaf.vgo": f"envoys:\n{blocks}", "configcrates/c.vgo": "name: c\n"}
    found = explanations.coverage(compiled(files))
    assert (found.counts, len(found.found), found.left_out) == ({"one-host": 1_200, "unused": 1}, 1_000, 201)
    assert ("unused", "crate", "c", "configcrates/c.vgo:1") in told(found)


def test_the_example_repository_is_used_but_for_a_few_lines() -> None:
    readme = (EXAMPLE / "README.md").read_text()
    hosts = re.findall(
        r"[a-z]+\d\d\.(?:prod|staging|lab)\.example\.com", readme.split("## Hosts")[1].split("## Try")[0]
    )
    whole = graphs.compile_tree(repository.directory(EXAMPLE)).graph
    assert whole is not None
    found = explanations.coverage(whole, hosts)
    assert not {Finding.NO_HOST, Finding.UNUSED, Finding.UNREAD} & {each.finding for each in found.found}


# Laws.


def state(whole: Graph, host: str) -> object:
    """All that a host is to have, and nothing of where it comes from."""
    profile = whole.match(host)
    if profile is None:
        return None
    vars_ = profile.resolution.vars
    crates = [(linked.name, effective(linked.crate.vars, vars_)) for linked in profile.crates.linked]
    return profile.environment, profile.roles, settle(vars_), crates


@settings(max_examples=tries(8, 1_000))
@given(configs(), st.sets(st.sampled_from(HOSTS), min_size=1), st.data())
def test_what_matters_to_nobody_can_be_taken_away(files: dict[str, str], hosts: set[str], data: st.DataObject) -> None:
    whole = compiled(files)
    found = explanations.coverage(whole, hosts)
    assert found.hosts == len(hosts)
    some = [each for each in found.found if each.finding is not Finding.UNREAD]
    if not some:
        return
    chosen = data.draw(st.sampled_from(some))
    after = graphs.compile_tree(tree(without(files, chosen)))
    if after.graph is None:
        # Lists of excluded crates name those that are unused, too.
        assert chosen.about in (SubjectOfCoverage.CRATE, SubjectOfCoverage.ROLE, SubjectOfCoverage.ENVIRONMENT)
        return
    changed = {host for host in hosts if state(whole, host) != state(after.graph, host)}
    assert changed <= ({chosen.host} if chosen.finding is Finding.ONE_HOST else set())


def without(files: dict[str, str], finding: Covered) -> dict[str, str]:
    """The config without the line or file of a finding."""
    if finding.about in (SubjectOfCoverage.CRATE, SubjectOfCoverage.LEVEL):
        return {path: text for path, text in files.items() if path != finding.at.file}
    lines = files[finding.at.file].split("\n")
    assert lines[finding.at.line - 1] == finding.at.source
    document = yaml.compose(files[finding.at.file])
    holder, key = placed(document, finding.at.line - 1, finding.at.column - 1, on_key=_keyed(finding))
    plain: Any = yaml.safe_load(files[finding.at.file])
    inner = plain
    for part in holder:
        inner = inner[part]
    if finding.about is SubjectOfCoverage.BLOCK:
        plain["envoys"].pop(holder[1])
    elif isinstance(inner, list):
        inner.pop(key)
    else:
        inner.pop(key)
    if not plain.get("envoys", True):
        return {path: text for path, text in files.items() if path != finding.at.file}
    return {**files, finding.at.file: yaml.safe_dump(plain, sort_keys=False)}


def _keyed(finding: Covered) -> bool:
    return finding.about in (SubjectOfCoverage.VAR, SubjectOfCoverage.ROLE, SubjectOfCoverage.ENVIRONMENT)


def placed(node: yaml.Node, line: int, column: int, *, on_key: bool, way: tuple[Any, ...] = ()) -> tuple[Any, Any]:
    """The way to what holds the value (or key) that stands at a place, and its key there."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            mark = key.start_mark if on_key else value.start_mark
            if (mark.line, mark.column) == (line, column) and (on_key or isinstance(value, yaml.ScalarNode)):
                return way, key.value
            if isinstance(value, yaml.CollectionNode):
                found = placed(value, line, column, on_key=on_key, way=(*way, key.value))
                if found is not None:
                    return found
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            mark = value.start_mark
            if not on_key and (mark.line, mark.column) == (line, column) and isinstance(value, yaml.ScalarNode):
                return way, index
            if isinstance(value, yaml.CollectionNode):
                found = placed(value, line, column, on_key=on_key, way=(*way, index))
                if found is not None:
                    return found
    return None  # type: ignore[return-value]
