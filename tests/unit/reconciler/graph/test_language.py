"""Promises of the language that have no better place: each as somebody who writes `.vgo` files reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from reconciler import graph
from reconciler.documents.kinds import RESERVED_DIRECTORIES, RESERVED_FILES
from reconciler.graph import Graph
from tests.factories.trees import tree

Compile = Callable[[Mapping[str, str]], Graph]


def crate(compiled: Compile, resources: str, vars_: str = "{}") -> list[dict[str, Any]]:
    """The resources of a crate, as hosts get them."""
    found = compiled(
        {
            "configcrates/a.vgo": f"name: a\nresources:\n{resources}",
            "hosts.vgo": f"envoys:\n  - match: a.example.com\n    configcrates: a\n    vars: {vars_}\n",
        }
    )
    (linked,) = found.crates.values()
    resources_: list[dict[str, Any]] = json.loads(linked.crate.body)["resources"]
    return resources_


def codes(files: Mapping[str, str | bytes]) -> list[str]:
    return [each.code for each in graph.compile_tree(tree(files)).diagnostics]


def test_before_and_subscribes_are_depends_on_and_notify_of_the_other(compiled: Compile) -> None:
    there = crate(
        compiled,
        "  - {name: x, type: directory, path: /a, before: y, notify: r}\n"
        "  - {name: y, type: directory, path: /b}\n"
        "  - {name: r, type: service, service: n, state: reloaded}\n",
    )
    back = crate(
        compiled,
        "  - {name: x, type: directory, path: /a}\n"
        "  - {name: y, type: directory, path: /b, depends_on: [x]}\n"
        "  - {name: r, type: service, service: n, state: reloaded, subscribes: [x]}\n",
    )

    assert there == back
    assert (there[1]["requires"], there[0]["notify"], there[2]["on_notify_only"]) == (["a/x"], ["a/r"], True)


def test_a_notifier_runs_before_what_it_notifies_so_a_ring_of_both_is_a_cycle() -> None:
    ring = (
        "  - {name: x, type: directory, path: /a, depends_on: r, notify: r}\n"
        "  - {name: r, type: service, service: n, state: reloaded}\n"
    )
    assert codes({"configcrates/a.vgo": f"name: a\nresources:\n{ring}"}) == ["resource.cycle"]


def test_a_list_deep_in_a_map_is_appended_to_through_every_level(compiled: Compile) -> None:
    found = compiled(
        {
            "common.vgo": "vars: {m: {l: [1], k: a}}\n",
            "x/common.vgo": "vars: {m: {l+: [2]}}\n",
            "roles.vgo": "roles: {r: {vars: {m: {l+: [3]}}}}\n",
            "environments.vgo": "environments: {e: {vars: {m: {l+: [5]}}}}\n",
            "x/h.vgo": "envoys: [{match: a.example.com, roles: r, environment: e, vars: {m: {l+: [4], n: b}}}]\n",
        }
    )
    profile = found.match("a.example.com")
    assert profile is not None
    assert profile.catalog.vars == {"m": {"k": "a", "l": [1, 2, 3, 4, 5], "n": "b"}}


def test_what_is_excluded_cannot_be_depended_on() -> None:
    files = {
        "configcrates/a.vgo": "name: a\ndepends_on: b\n",
        "configcrates/b.vgo": "name: b\n",
        "h.vgo": "envoys: [{match: a.example.com, configcrates: [a, b], exclude_configcrates: b}]\n",
    }
    assert codes(files) == ["crate.missing-dependency"]


def test_an_environment_counts_for_its_directory_and_below() -> None:
    leaf = "envoys: [{match: %s.example.com, environment: q}]\n"
    files = {"x/environments.vgo": "environments: {q: {}}\n", "x/y/h.vgo": leaf % "a", "h.vgo": leaf % "b"}
    assert codes(files) == ["environment.unknown"]


def test_names_for_later_are_errors_at_the_root_and_in_any_directory() -> None:
    named = {f"{where}{name}.vgo": "a: 1\n" for name in RESERVED_FILES for where in ("", "lab/", "lab/x/")}
    placed = {f"{name}/x.vgo": "a: 1\n" for name in RESERVED_DIRECTORIES}
    assert codes({**named, **placed}) == ["file.reserved"] * (3 * 9 + 4)
    assert codes({f"configcrates/{name}.vgo": f"name: {name}\n" for name in RESERVED_FILES}) == []


def test_a_file_may_have_a_mebibyte_and_no_byte_more() -> None:
    exact = b"vars: {}\n#" + b"x" * (1_048_576 - 10)
    assert len(exact) == 1_048_576
    assert codes({"common.vgo": exact}) == []
    assert codes({"common.vgo": exact + b"x"}) == ["file.too-large"]


def test_every_function_and_filter_that_is_promised_is_there(compiled: Compile) -> None:
    asked = (
        "file_exists('/x') or dir_exists('/x') or process_running('x') or command_succeeds('true')"
        " or os_family('debian') or distro('debian') or arch('x86_64') or version_ge(traits.os.version, '12')"
        " or is_container() or has_trait('os.codename') or hour_range(1, 5) or day_of_week('mon')"
    )
    filters = ("to_json", "to_yaml", "b64encode", "sha256", "ipaddr", "quote", "default('')", "join(',')", "upper")
    content = "".join(f"{{{{ 'a' | {name} }}}}" for name in filters)
    roots = "{{ vars.a }} {{ traits.os.family }} {{ host.hostname }} {{ host.environment }} {{ host.roles | join }}"
    found = crate(
        compiled,
        f'  - type: file\n    path: /a\n    when: "{asked}"\n    content: "{content}{roots}"\n',
        "{a: 1}",
    )
    assert found[0]["when"] == asked


@pytest.mark.parametrize("key", ["depends_on", "before", "notify", "subscribes"])
def test_a_list_of_one_may_be_a_bare_string(compiled: Compile, key: str) -> None:
    pair = (
        "  - {{name: x, type: directory, path: /a, {key}: {value}}}\n"
        "  - {{name: y, type: exec, command: 'true', unless: 'true'}}\n"
    )
    assert crate(compiled, pair.format(key=key, value="y")) == crate(compiled, pair.format(key=key, value="[y]"))


def test_any_string_attribute_may_be_a_template_and_keeps_for_the_host_what_it_is(compiled: Compile) -> None:
    (file,) = crate(
        compiled,
        "  - type: file\n    path: '/etc/{{ vars.a }}'\n    owner: '{{ vars.a }}'\n    mode: '{{ vars.mode }}'\n"
        "    backup: '{{ vars.b }}'\n    content: secret:a/b\n",
        "{a: x, mode: '0600', b: true}",
    )
    assert file["spec"]["backup"] == "{{ vars.b }}"


def test_whether_a_test_is_sound_never_depends_on_what_was_compiled_before() -> None:
    cache = graph.Cache()
    base = {
        "configcrates/web.vgo": "name: web\nresources: [{name: x, type: directory, path: /x}]\n",
        "hosts.vgo": "envoys: [{match: a.example.com, configcrates: web}]\n",
        "tests/a.vgo": "tests: [{name: a, hosts: a.example.com, expect: {configcrates: web, resources: {web/x: present}}}]\n",
    }
    changes: list[dict[str, str]] = [
        {},
        {"configcrates/web.vgo": "name: web\nresources: [{name: y, type: directory, path: /x}]\n"},
        {"hosts.vgo": "envoys: [{match: b.example.com, configcrates: web}]\n"},
        {"configcrates/web.vgo": "", "configcrates/app.vgo": "name: app\n", "hosts.vgo": "envoys: []\n"},
        {},
    ]
    for change in changes:
        files = tree({path: text for path, text in {**base, **change}.items() if text})
        warm, cold = graph.compile_tree(files, cache), graph.compile_tree(files)
        assert [str(each) for each in warm.diagnostics] == [str(each) for each in cold.diagnostics]
