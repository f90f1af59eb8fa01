"""Traces: the specification's example field by field, and what it leaves open."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler import graph
from reconciler.graph import Cache
from tests.factories.trees import tree
from tests.unit.reconciler.graph.conftest import Compile

HOST = "web01.prod.example.com"


def test_the_example_of_the_specification_field_by_field(compiled: Compile, specification: Mapping[str, str]) -> None:
    found = graph.trace(compiled(specification), HOST).model_dump(mode="json", exclude_none=True)
    sources = found.pop("var_sources")
    assert found == {
        "hostname": "web01.prod.example.com",
        "matched": True,
        "match_pattern": "web*.prod.example.com",
        "pattern_type": "glob",
        "environment": "production",
        "roles": ["webserver"],
        "role_expansion": [
            {
                "role": "webserver",
                "includes": ["base-security"],
                "configcrates": ["firewall", "sshd", "nginx", "logrotate"],
            }
        ],
        "inheritance": [
            {"dir": "", "file": "common.vgo", "configcrates": ["monitoring"], "vars": {"dns_server": "1.1.1.1"}},
            {
                "dir": "production",
                "file": "common.vgo",
                "configcrates": ["log-shipping"],
                "vars": {"dns_server": "10.0.0.1", "log_level": "warn"},
                "overrides": ["dns_server"],
            },
        ],
        "configcrates": ["monitoring", "log-shipping", "firewall", "sshd", "nginx", "logrotate"],
        "configcrate_sources": {
            "monitoring": "common.vgo",
            "log-shipping": "production/common.vgo",
            "firewall": "role:webserver",
            "sshd": "role:webserver",
            "nginx": "role:webserver",
            "logrotate": "role:webserver",
        },
        "resource_count": 14,
    }
    # The documents print the first two; each value's place is ours.
    assert sources == [
        {
            "key": "nginx_port",
            "value": 443,
            "source": "environments.vgo:production",
            "place": {"file": "environments.vgo", "line": 3, "column": 24},
        },
        {
            "key": "log_level",
            "value": "warn",
            "source": "match-block",
            "place": {"file": "production/web/web.vgo", "line": 5, "column": 23},
        },
        {
            "key": "dns_server",
            "value": "10.0.0.1",
            "source": "production/common.vgo",
            "place": {"file": "production/common.vgo", "line": 2, "column": 20},
        },
    ]


def test_a_host_that_nothing_matches_has_no_other_field(compiled: Compile, specification: Mapping[str, str]) -> None:
    found = graph.trace(compiled(specification), "db01.prod.example.com")
    assert found.model_dump(exclude_none=True) == {"hostname": "db01.prod.example.com", "matched": False}


def test_a_filter_keeps_what_brings_the_crate_and_all_vars(compiled: Compile, specification: Mapping[str, str]) -> None:
    whole = compiled(specification)
    by_role = graph.trace(whole, HOST, configcrate="sshd")
    assert by_role.configcrates == ["sshd"]
    assert by_role.inheritance == []
    assert [each.role for each in by_role.role_expansion or []] == ["webserver"]
    by_level = graph.trace(whole, HOST, configcrate="log-shipping")
    assert by_level.configcrates == ["log-shipping"]
    assert [each.dir for each in by_level.inheritance or []] == ["production"]
    assert by_level.role_expansion == []
    unknown = graph.trace(whole, HOST, configcrate="nothing")
    assert (unknown.configcrates, unknown.inheritance, unknown.role_expansion) == ([], [], [])
    assert by_role.var_sources == by_level.var_sources == unknown.var_sources == graph.trace(whole, HOST).var_sources


def test_the_kind_of_a_pattern_is_told(compiled: Compile) -> None:
    whole = compiled({"a.vgo": 'envoys:\n  - match: A.example.com\n  - match: "*.b"\n  - match: /c\\d/\n'})
    told = {host: graph.trace(whole, host) for host in ("a.example.com", "x.b", "c1")}
    assert {host: (each.match_pattern, each.pattern_type) for host, each in told.items()} == {
        "a.example.com": ("A.example.com", "exact"),
        "x.b": ("*.b", "glob"),
        "c1": ("/c\\d/", "regex"),
    }
    assert told["x.b"].environment is None


def test_a_map_that_several_levels_wrote_is_followed_by_its_keys(compiled: Compile) -> None:
    whole = compiled(
        {
            "common.vgo": "vars:\n  log: {level: warn, days: 7, to: {host: a, port: 1}}\n  one: {a: 1}\n  list: [1]\n",
            "lab/common.vgo": "vars:\n  log: {to: {port: 2}}\n  list+: [2]\n",
            "lab/a.vgo": "envoys:\n  - match: a.example.com\n    vars:\n      log: {level: info}\n",
        }
    )
    sources = graph.trace(whole, "a.example.com").var_sources or []
    assert [
        (each.key, each.value, each.source, each.place and (each.place.line, each.place.column)) for each in sources
    ] == [
        ("log", {"level": "info", "days": 7, "to": {"host": "a", "port": 2}}, "match-block", (4, 12)),
        ("log.level", "info", "match-block", (4, 20)),
        ("list", [1, 2], "lab/common.vgo", (3, 10)),
        ("log.to", {"host": "a", "port": 2}, "lab/common.vgo", (2, 13)),
        ("log.to.port", 2, "lab/common.vgo", (2, 20)),
        ("log.days", 7, "common.vgo", (2, 28)),
        ("log.to.host", "a", "common.vgo", (2, 42)),
        ("one", {"a": 1}, "common.vgo", (3, 8)),
    ]
    inheritance = graph.trace(whole, "a.example.com").inheritance or []
    assert [each.overrides for each in inheritance] == [None, ["log"]]


def test_defaults_of_crates_come_last_and_only_where_nothing_is_stronger(compiled: Compile) -> None:
    whole = compiled(
        {
            "configcrates/web.vgo": "name: web\nvars: {port: 80, user: www}\n",
            "configcrates/app.vgo": "name: app\nvars: {user: app}\n",
            "a.vgo": "envoys:\n  - match: a.example.com\n    configcrates: [web, app]\n    vars: {port: 443}\n",
        }
    )
    sources = graph.trace(whole, "a.example.com").var_sources or []
    assert [(each.key, each.value, each.source) for each in sources] == [
        ("port", 443, "match-block"),
        ("user", "app", "configcrate:app"),
        ("user", "www", "configcrate:web"),
    ]


def test_vars_of_an_included_role_are_the_listed_roles_and_keep_their_own_place(compiled: Compile) -> None:
    whole = compiled(
        {
            "roles.vgo": "roles:\n  base:\n    vars: {a: 1, b: 1}\n  web:\n    includes: base\n    vars: {b: 2}\n",
            "x.vgo": "envoys:\n  - match: a.example.com\n    roles: web\n",
        }
    )
    sources = graph.trace(whole, "a.example.com").var_sources or []
    assert [(each.key, each.value, each.source, each.place and each.place.line) for each in sources] == [
        ("b", 2, "role:web", 6),
        ("a", 1, "role:web", 3),
    ]


def test_places_follow_a_commit_that_moves_lines(specification: Mapping[str, str]) -> None:
    cache = Cache()
    graph.compile_tree(tree(specification, commit="a" * 40), cache)
    moved = {
        path: "# moved\n" + text if path.endswith(("roles.vgo", "web.vgo")) else text
        for path, text in specification.items()
    }
    after = graph.compile_tree(tree(moved, commit="b" * 40), cache).graph
    assert after is not None
    places = {each.key: each.place for each in graph.trace(after, HOST).var_sources or []}
    place = places["log_level"]
    assert place is not None
    assert (place.file, place.line, place.commit) == ("production/web/web.vgo", 6, "b" * 40)


def test_reach_names_the_profiles_of_a_crate(compiled: Compile) -> None:
    whole = compiled(
        {
            "configcrates/web.vgo": "name: web\n",
            "a.vgo": "envoys:\n  - match: a\n    configcrates: web\n  - match: b\n",
            "b/common.vgo": "configcrates: web\n",
            "b/b.vgo": "envoys:\n  - match: c\n  - match: d\n    exclude_configcrates: web\n",
        }
    )
    assert [profile.id for profile in graph.reach(whole, "web")] == ["a.vgo#a", "b/b.vgo#c"]
    assert graph.reach(whole, "nothing") == []


def test_a_trace_without_places_is_the_same_but_for_them(specification: Mapping[str, str], compiled: Compile) -> None:
    whole = compiled(specification)
    for host in ("web01.prod.example.com", "nobody.example.com"):
        traced = graph.trace(whole, host)
        assert graph.trace(whole, host, places=False).without_places() == traced.without_places()
