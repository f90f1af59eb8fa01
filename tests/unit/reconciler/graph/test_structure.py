"""Tree, search and dedup: exact answers about a small repository, and that each is bounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler import graph
from reconciler.graph import Graph, structure
from reconciler.repository.names import MAX_DEPTH
from tests.unit.reconciler.graph.conftest import Compile

FILES: Mapping[str, str] = {
    "common.vgo": "configcrates: [sshd, monitoring]\nroles: [base]\n",
    "roles.vgo": "roles:\n  base: {configcrates: [motd]}\n  proxy: {configcrates: [haproxy]}\n",
    "environments.vgo": "environments:\n  production: {configcrates: [audit], exclude_configcrates: [motd]}\n",
    "production/common.vgo": "configcrates: [log-shipping]\nexclude_configcrates: [monitoring]\n",
    "production/web/web.vgo": (
        "envoys:\n"
        '  - match: "web*.prod.example.com"\n'
        "    environment: production\n"
        "    configcrates: [nginx]\n"
        "    vars: {log_level: warn, nginx_port: 443}\n"
        "  - match: /db[0-9]+/\n"
        "    roles: [proxy]\n"
        "    exclude_configcrates: [sshd]\n"
        "    vars: {hosts+: [a]}\n"
    ),
    "lab.vgo": "envoys:\n  - match: LAB.example.com\n",
    **{
        f"configcrates/{name}.vgo": f"name: {name}\nresources:\n  - {{type: directory, path: /srv/{name}}}\n"
        for name in ("sshd", "monitoring", "motd", "haproxy", "audit", "log-shipping", "nginx")
    },
}


def node(directory: str, **fields: Any) -> dict[str, Any]:
    empty = {"file": "", "configcrates": [], "roles": [], "match": "", "total": [], "excluded": [], "children": []}
    return {"dir": directory, **empty, **fields}


WEB = node(
    "production/web", file="web.vgo", match="web*.prod.example.com", configcrates=["nginx"],
    total=["sshd", "log-shipping", "audit", "nginx"],
)  # fmt: skip
DB = node(
    "production/web", file="web.vgo", match="/db[0-9]+/", roles=["proxy"], excluded=["sshd"],
    total=["log-shipping", "motd", "haproxy"],
)  # fmt: skip
WEB_DIRECTORY = node("production/web", total=["sshd", "log-shipping", "motd"], children=[WEB, DB])


def test_the_tree_says_what_each_directory_and_block_adds_and_has(compiled: Compile) -> None:
    assert graph.tree(compiled(FILES)).model_dump(mode="json") == node(
        "", file="common.vgo", configcrates=["sshd", "monitoring"], roles=["base"],
        total=["sshd", "monitoring", "motd"],
        children=[
            node("", file="lab.vgo", match="LAB.example.com", total=["sshd", "monitoring", "motd"]),
            node(
                "production", file="common.vgo", configcrates=["log-shipping"], excluded=["monitoring"],
                total=["sshd", "log-shipping", "motd"], children=[WEB_DIRECTORY],
            ),
        ],
    )  # fmt: skip


def test_a_tree_may_start_at_a_directory(compiled: Compile) -> None:
    whole = compiled(FILES)
    assert graph.tree(whole, "production/web").model_dump(mode="json") == WEB_DIRECTORY
    for nowhere in ("configcrates", "production/web/x", "prod", ".."):
        with pytest.raises(KeyError):
            graph.tree(whole, nowhere)
    assert graph.tree(compiled({})).model_dump(mode="json") == node("")


def test_the_total_of_a_block_is_what_a_trace_of_its_host_has(compiled: Compile) -> None:
    whole = compiled(FILES)
    for host, expected in (("web1.prod.example.com", WEB), ("db7", DB)):
        assert sorted(graph.trace(whole, host).configcrates or []) == sorted(expected["total"])


def test_a_tree_that_is_too_large_counts_what_it_leaves_out(compiled: Compile, monkeypatch: pytest.MonkeyPatch) -> None:
    # production costs 5 + 1 crate + 3 in total + 1 excluded, production/web 5 + 3: nothing is left for a block.
    monkeypatch.setattr(structure, "MAX_TREE", 20)
    root = graph.tree(compiled(FILES))
    production = root.children[0]
    assert [child.dir for child in root.children] == ["production"]
    assert (root.left_out, production.left_out, production.children[0].left_out) == (1, None, 2)


def test_the_deepest_tree_can_be_written(compiled: Compile) -> None:
    deep = "/".join("d" * (MAX_DEPTH - 2))
    found = graph.tree(compiled({f"{deep}/a.vgo": "envoys:\n  - match: a\n"}))
    assert '"match":"a"' in found.model_dump_json()


def test_a_search_gives_the_documented_entry(compiled: Compile) -> None:
    found = graph.search(compiled(FILES), match="*WEB*")
    assert found.model_dump(mode="json") == {
        "entries": [
            {
                "match": "web*.prod.example.com",
                "dir": "production/web",
                "inheritance": [
                    {"dir": "", "file": "common.vgo", "configcrates": ["sshd", "monitoring"]},
                    {"dir": "production", "file": "common.vgo", "configcrates": ["log-shipping"]},
                ],
                "own_configcrates": ["nginx"],
                "total": ["sshd", "log-shipping", "audit", "nginx"],
                "vars": {"log_level": "warn", "nginx_port": 443},
            }
        ]
    }


@pytest.mark.parametrize(
    ("asked", "patterns"),
    [
        ({"match": "*"}, ["LAB.example.com", "web*.prod.example.com", "/db[0-9]+/"]),
        ({"match": "lab.EXAMPLE.com"}, ["LAB.example.com"]),
        ({"match": "example"}, []),
        ({"match": "[lw]*"}, ["LAB.example.com", "web*.prod.example.com"]),
        ({"match": "[[]"}, []),
        ({"configcrate": "motd"}, ["LAB.example.com", "/db[0-9]+/"]),
        ({"configcrate": "haproxy"}, ["/db[0-9]+/"]),
        ({"configcrate": "nothing"}, []),
        ({"var": "nginx_port"}, ["web*.prod.example.com"]),
        ({"var": "hosts"}, ["/db[0-9]+/"]),
        ({"configcrate": "log-shipping", "var": "hosts"}, ["/db[0-9]+/"]),
        ({"configcrate": "nginx", "var": "hosts"}, []),
    ],
)
def test_a_search_finds_what_meets_all_that_is_given(
    compiled: Compile, asked: Mapping[str, str], patterns: list[str]
) -> None:
    assert [entry.match for entry in graph.search(compiled(FILES), **asked).entries] == patterns


@pytest.mark.parametrize(("bound", "value"), [("MAX_ENTRIES", 2), ("MAX_VARS_BYTES", 3)])
def test_a_search_that_finds_too_much_counts_the_rest(
    compiled: Compile, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(structure, bound, value)
    found = graph.search(compiled(FILES), match="*")
    assert [entry.match for entry in found.entries] == ["LAB.example.com", "web*.prod.example.com"]
    assert found.left_out == 1


@pytest.fixture
def repeated(compiled: Compile) -> Graph:
    return compiled(
        {
            "a/common.vgo": "configcrates: [one]\n",
            "b/common.vgo": "configcrates: [one]\n",
            "c/common.vgo": "# the same\nvars: {}\nconfigcrates: one\n",
            "d/common.vgo": "configcrates: [two]\n",
            "e/common.vgo": "vars: {}\n",
            "f/common.vgo": "vars: {}\n",
            "configcrates/one.vgo": "name: one\nresources: [{type: directory, path: /srv/x, name: x}]\n",
            "configcrates/two.vgo": (
                "name: two\ndescription: other words\nresources:\n  - {name: x, path: /srv/x, type: directory}\n"
            ),
            "configcrates/three.vgo": "name: three\nresources: [{type: directory, path: /srv/y, name: x}]\n",
            "files/a.txt": "same",
            "files/b/c.txt": "same",
            "files/d.txt": "other",
            "files/empty": "",
            "templates/empty": "",
            "README.md": "same",
        }
    )


def test_dedup_groups_files_of_equal_bytes_or_meaning(repeated: Graph) -> None:
    assert graph.dedup(repeated).model_dump(mode="json") == {
        "groups": [
            {
                "kind": "inherited",
                "same": "meaning",
                "count": 3,
                "paths": ["a/common.vgo", "b/common.vgo", "c/common.vgo"],
            },
            {
                "kind": "configcrate",
                "same": "meaning",
                "count": 2,
                "paths": ["configcrates/one.vgo", "configcrates/two.vgo"],
            },
            {"kind": "content", "same": "bytes", "count": 2, "paths": ["files/a.txt", "files/b/c.txt"]},
        ]
    }


def test_dedup_is_bounded_and_counts_the_rest(repeated: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "MAX_GROUPS", 1)
    monkeypatch.setattr(structure, "MAX_PATHS", 2)
    found = graph.dedup(repeated)
    assert [(group.count, group.paths) for group in found.groups] == [(3, ["a/common.vgo", "b/common.vgo"])]
    assert found.left_out == 2


def test_waivers_of_one_meaning_are_found(compiled: Compile) -> None:
    waiver = (
        "waivers:\n  - {framework: soc2, control: CC6.1, reason: r, approved_by: a@example.com, expires: 2099-01-01}\n"
    )
    found = graph.dedup(compiled({"a/waivers.vgo": waiver, "b/waivers.vgo": f"# why\n{waiver}"}))
    assert [(group.kind, group.same) for group in found.groups] == [("waivers", "meaning")]
