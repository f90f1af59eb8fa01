"""Resolution: which crates and vars a host gets, and in which order they win."""

from __future__ import annotations

from reconciler import graph
from reconciler.graph import Graph, Profile
from schema.merging import effective
from tests.factories.trees import tree
from tests.unit.reconciler.graph.conftest import Compile


def crates(*names: str) -> dict[str, str]:
    return {f"configcrates/{name}.vgo": f"name: {name}\n" for name in names}


def profile(whole: Graph, host: str = "a.example.com") -> Profile:
    found = whole.match(host)
    assert found is not None
    return found


def test_crates_come_in_the_order_of_their_sources_each_once_from_its_first(compiled: Compile) -> None:
    whole = compiled(
        {
            **crates("root", "site", "base", "web", "env", "own", "many"),
            "common.vgo": "configcrates: [root, many]\nroles: everywhere\n",
            "site/common.vgo": "configcrates: [site, root]\n",
            "roles.vgo": (
                "roles:\n  everywhere: {configcrates: many}\n  base: {configcrates: [base, site]}\n"
                "  web: {includes: base, configcrates: [web]}\n"
            ),
            "environments.vgo": "environments:\n  e: {configcrates: [env, web]}\n",
            "site/a.vgo": (
                "envoys:\n  - match: a.example.com\n    environment: e\n    roles: web\n    configcrates: [own, env, root]\n"
            ),
        }
    )
    found = profile(whole)
    assert found.configcrates == ["root", "many", "site", "base", "web", "env", "own"]
    assert dict(found.resolution.crates) == {
        "root": "common.vgo",
        "many": "common.vgo",
        "site": "site/common.vgo",
        "base": "role:web",
        "web": "role:web",
        "env": "environments.vgo:e",
        "own": "match-block",
    }
    assert found.roles == ("everywhere", "web")


def test_an_exclusion_beats_everything_from_wherever_it_stands(compiled: Compile) -> None:
    whole = compiled(
        {
            **crates("a", "b", "c", "d"),
            "common.vgo": "configcrates: [a, d]\nexclude_configcrates: [b]\n",
            "roles.vgo": "roles: {r: {configcrates: [b, c]}}\n",
            "environments.vgo": "environments: {e: {exclude_configcrates: c}}\n",
            "x.vgo": (
                "envoys:\n  - match: a.example.com\n    roles: r\n    environment: e\n"
                "    configcrates: [a, b, c]\n    exclude_configcrates: [a]\n"
            ),
        }
    )
    assert profile(whole).configcrates == ["d"]


def test_dependencies_refine_the_order_and_move_nothing_else(compiled: Compile) -> None:
    whole = compiled(
        {
            **crates("a", "b", "d"),
            "configcrates/c.vgo": "name: c\ndepends_on: [d, b]\n",
            "x.vgo": "envoys:\n  - match: a.example.com\n    configcrates: [a, c, b, d]\n",
        }
    )
    found = profile(whole)
    assert found.configcrates == ["a", "d", "b", "c"]
    assert {ref.name: ref.requires for ref in found.catalog.crates} == {"a": [], "d": [], "b": [], "c": ["d", "b"]}


def test_vars_win_from_crate_to_environment(compiled: Compile) -> None:
    names = ["crate", "root", "site", "include", "role", "last", "block", "env"]

    def upto(level: str) -> str:
        return "{" + ", ".join(f"v{at}: {level}" for at in range(names.index(level), len(names))) + "}"

    whole = compiled(
        {
            "configcrates/c.vgo": f"name: c\nvars: {upto('crate')}\n",
            "common.vgo": f"configcrates: c\nvars: {upto('root')}\n",
            "site/common.vgo": f"vars: {upto('site')}\n",
            "roles.vgo": (
                f"roles:\n  base: {{vars: {upto('include')}}}\n  web: {{includes: base, vars: {upto('role')}}}\n"
                f"  last: {{vars: {upto('last')}}}\n"
            ),
            "environments.vgo": f"environments:\n  e: {{vars: {upto('env')}}}\n",
            "site/x.vgo": (
                f"envoys:\n  - match: a.example.com\n    roles: [web, last]\n    environment: e\n    vars: {upto('block')}\n"
            ),
        }
    )
    # Each level writes its own key and all stronger ones: that a key keeps its level shows that nobody weaker wrote last.
    found = profile(whole)
    own = whole.crates["c"].crate.vars
    assert effective(own, found.catalog.vars) == {f"v{at}": name for at, name in enumerate(names)}


def test_maps_merge_and_all_else_replaces(compiled: Compile) -> None:
    whole = compiled(
        {
            "common.vgo": "vars: {m: {a: 1, b: {c: 1, d: 1}}, l: [1], s: x, t: {a: 1}, u: 1}\n",
            "x.vgo": (
                "envoys:\n  - match: a.example.com\n"
                "    vars: {m: {b: {c: 2}, e: 3}, l: [2], s: {a: 1}, t: text, u: null}\n"
            ),
        }
    )
    assert profile(whole).catalog.vars == {
        "m": {"a": 1, "b": {"c": 2, "d": 1}, "e": 3},
        "l": [2],
        "s": {"a": 1},
        "t": "text",
        "u": None,
    }


def test_lists_are_appended_to_through_all_levels(compiled: Compile) -> None:
    whole = compiled(
        {
            "common.vgo": "vars: {l: [1], m: {l: [1]}, n+: [1]}\n",
            "site/common.vgo": "vars: {l+: [2], m: {l+: [2]}}\n",
            "roles.vgo": "roles: {r: {vars: {l+: [3], n+: [2]}}}\n",
            "environments.vgo": "environments: {e: {vars: {l+: [5]}}}\n",
            "site/x.vgo": "envoys:\n  - match: a.example.com\n    roles: r\n    environment: e\n    vars: {l+: [4], k+: [1]}\n",
        }
    )
    assert profile(whole).catalog.vars == {"l": [1, 2, 3, 4, 5], "m": {"l": [1, 2]}, "n": [1, 2], "k": [1]}


def test_a_list_that_replaces_ends_what_was_appended_before(compiled: Compile) -> None:
    whole = compiled(
        {
            "common.vgo": "vars: {l+: [1]}\n",
            "site/common.vgo": "vars: {l: [2]}\n",
            "site/x.vgo": "envoys:\n  - match: a.example.com\n    vars: {l+: [3]}\n",
        }
    )
    assert profile(whole).catalog.vars == {"l": [2, 3]}


def test_an_append_to_a_crates_default_is_closed_on_the_host(compiled: Compile) -> None:
    whole = compiled(
        {
            "configcrates/c.vgo": (
                "name: c\nvars: {l: [1], m: {n: [1]}}\nresources:\n"
                "  - {type: directory, path: '/{{ item }}', foreach: vars.l}\n"
            ),
            "configcrates/d.vgo": "name: d\nresources:\n  - {type: directory, path: '/d{{ item }}', foreach: vars.l}\n",
            "x.vgo": "envoys:\n  - match: a.example.com\n    configcrates: [c, d]\n    vars: {l+: [2], m: {n+: [2]}, o+: [1]}\n",
        }
    )
    found = profile(whole)
    assert found.catalog.vars == {"l+": [2], "m": {"n+": [2]}, "o+": [1]}
    assert effective(whole.crates["c"].crate.vars, found.catalog.vars) == {"l": [1, 2], "m": {"n": [1, 2]}, "o": [1]}
    assert effective(whole.crates["d"].crate.vars, found.catalog.vars) == {"l": [2], "m": {"n": [2]}, "o": [1]}


def test_environments_are_put_together_from_the_root_down(compiled: Compile) -> None:
    whole = compiled(
        {
            **crates("a", "b"),
            "environments.vgo": "environments:\n  e: {vars: {x: 1, y: 1}, configcrates: a}\n",
            "site/environments.vgo": "environments:\n  e: {vars: {y: 2}, configcrates: [b, a]}\n  f: {}\n",
            "site/x.vgo": "envoys:\n  - match: a.example.com\n    environment: e\n",
            "y.vgo": "envoys:\n  - match: b.example.com\n    environment: e\n",
        }
    )
    inner, outer = profile(whole), profile(whole, "b.example.com")
    assert (inner.catalog.vars, inner.configcrates) == ({"x": 1, "y": 2}, ["a", "b"])
    assert inner.resolution.crates["b"] == "site/environments.vgo:e"
    assert (outer.catalog.vars, outer.configcrates) == ({"x": 1, "y": 1}, ["a"])


def test_a_role_that_is_listed_and_included_counts_once(compiled: Compile) -> None:
    whole = compiled(
        {
            "roles.vgo": "roles:\n  base: {vars: {l+: [1]}}\n  web: {includes: base, vars: {l+: [2]}}\n",
            "common.vgo": "roles: base\n",
            "x.vgo": "envoys:\n  - match: a.example.com\n    roles: [web, base]\n",
        }
    )
    assert profile(whole).catalog.vars == {"l": [1, 2]}
    assert profile(whole).roles == ("base", "web")


def test_a_leaf_inherits_from_its_own_directory_upward_and_from_no_other(compiled: Compile) -> None:
    whole = compiled(
        {
            "a/common.vgo": "vars: {x: a}\n",
            "a/b/common.vgo": "vars: {y: b}\n",
            "c/common.vgo": "vars: {x: c}\n",
            "a/b/c/x.vgo": "envoys:\n  - match: a.example.com\n",
            "x.vgo": "envoys:\n  - match: b.example.com\n",
        }
    )
    assert profile(whole).catalog.vars == {"x": "a", "y": "b"}
    assert profile(whole, "b.example.com").catalog.vars == {}


def test_a_host_gets_the_profile_of_its_name_alone(compiled: Compile) -> None:
    whole = compiled({"x.vgo": 'envoys:\n  - match: a.example.com\n  - match: "*.example.com"\n'})
    assert whole.assign(["A.example.com", "b.example.com", "other"]) == {
        "A.example.com": "x.vgo#a.example.com",
        "b.example.com": "x.vgo#*.example.com",
        "other": None,
    }


def test_two_blocks_with_one_pattern_are_two_profiles() -> None:
    found = graph.compile_tree(tree({"x.vgo": "envoys:\n  - match: a\n  - match: A\n  - match: a\n    vars: {x: 1}\n"}))
    assert found.graph is not None
    assert list(found.graph.profiles) == ["x.vgo#a", "x.vgo#A", "x.vgo#a#2"]
    assert [each.code for each in found.diagnostics] == ["match.shadowed", "match.shadowed"]
