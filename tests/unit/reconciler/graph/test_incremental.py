"""A cache makes compiling quick and never different: over random histories, with mistakes in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import graph
from reconciler.graph import Cache, Compilation
from tests.bench.generate import files_of
from tests.effort import tries
from tests.factories.trees import MemoryTree, tree

A = """name: a
vars: {port: 80, opts: {x: 1}}
resources:
  - {type: package, package: a}
  - name: conf
    type: file
    path: /etc/a
    content: "{{ vars.port }} {{ vars.site }} {{ vars.opts.x }}"
"""
B = "name: b\ndepends_on: [a]\nresources:\n  - {type: file, path: /etc/b, source: templates/t.j2}\n"
C = 'name: c\nresources:\n  - {type: directory, path: "/srv/{{ item.n }}", foreach: vars.dirs}\n'
COMMON = "configcrates: [a]\nvars: {site: root, dirs: [{n: x}], list: [1]}\n"
ROLES = "roles:\n  base: {configcrates: [c]}\n  web: {includes: [base], configcrates: [b], vars: {list+: [2], port: 8080}}\n"
LEAF = """envoys:
  - match: web1.example.com
    roles: [web]
    environment: production
  - match: "web*.example.com"
    configcrates: [b]
    vars: {site: leaf}
  - match: "*.example.com"
"""

VARIANTS: Mapping[str, Sequence[str | None]] = {
    "vigo.vgo": ["language: 1\n", "language: 2\n", None],
    "common.vgo": [
        COMMON,
        COMMON.replace("root", "other"),
        "# first\n" + COMMON,
        "configcrates: [a, gone]\n",
        "vars: [\n",
        None,
    ],
    "production/common.vgo": [
        None,
        "vars: {list+: [3], port: 90}\n",
        "vars: {dirs: none}\n",
        "exclude_configcrates: [b]\n",
    ],
    "environments.vgo": [
        "environments: {production: {vars: {site: env}, configcrates: [c]}}\n",
        "environments: {production: {exclude_configcrates: a}}\n",
        "environments: {lab: {}}\n",
        None,
    ],
    "production/environments.vgo": [None, "environments: {production: {vars: {list+: [9], site+: [1]}}}\n"],
    "roles.vgo": [
        ROLES,
        ROLES.replace("8080", "8081"),
        "\n\n" + ROLES,
        ROLES.replace("configcrates: [c]", "includes: web"),
        ROLES + "  bad: 3\n",
        None,
    ],
    "configcrates/a.vgo": [
        A,
        A.replace("port: 80", "port: 81"),
        A.replace("vars.site", "vars.absent"),
        A.replace("opts: {x: 1}", "opts: 1"),
        A.replace("name: a", "name: z"),
        "# moved down\n" + A,
        "name: [\n",
        None,
    ],
    "configcrates/sub/a.vgo": [None, "name: a\n"],
    "configcrates/b.vgo": [
        B,
        B.replace("templates/t.j2", "templates/u.j2"),
        B.replace("[a]", "[c]"),
        B.replace("/etc/b", "/etc/a"),
        B.replace("[a]", "[nowhere]"),
    ],
    "configcrates/c.vgo": [C, C.replace("item.n", "item.m"), C + "depends_on: [b]\n", None],
    "configcrates/d.yml": [None, "x: 1\n"],
    "templates/t.j2": [
        "{{ vars.port | default(1) }}\n",
        "{{ vars.site }} {{ secret }}\n",
        "{% for d in vars.dirs %}{{ d.n }}{% endfor %}",
        None,
    ],
    "templates/u.j2": [None, "secret:db/{{ host.hostname }} secret:web/key\n"],
    "production/web.vgo": [
        LEAF,
        LEAF.replace("site: leaf", "site: changed"),
        "# moved\n" + LEAF,
        LEAF.replace("[web]", "[web, none]"),
        LEAF + "  - match: web9.example.com\n    environment: lab\n",
        LEAF.replace('match: "*.example.com"', "match: WEB1.example.com"),
        LEAF.replace("roles: [web]", "role: web"),
        None,
    ],
    "lab/x.vgo": [
        None,
        'envoys:\n  - match: "*"\n    vars: {dirs: [], list: 3}\n    usercrates: [u]\n',
        'envoys:\n  - match: "*"\n    vars: {dirs: [], list: 3}\n    usercrates: [v, u]\n',
        "envoys:\n  - match: /web(/\n",
    ],
    "usercrates/u.vgo": [
        None,
        'name: u\nresources:\n  - {type: file, path: "{{ user.home }}/{{ vars.site }}", source: templates/u.j2}\n',
        "name: u\ndepends_on: v\nresources:\n  - {type: directory, path: /x}\n",
    ],
    "usercrates/v.vgo": [None, "name: v\nvars: {site: v}\n"],
    "compliance.vgo": ["nist: [AC-1]\n", None],
    "waivers.vgo": [
        None,
        "waivers:\n  - {framework: nist, control: AC-1, reason: r, approved_by: j, expires: 2027-01-01}\n",
    ],
    "tasks/t.vgo": ["name: t\ncommand: echo\n", "name: s\ncommand: echo {{ params.x }}\n", None],
    "tasks/u.vgo": [None, "name: t\ncommand: echo\n"],
    "workflows/w.vgo": ["name: w\nsteps: [{name: a, task: t}]\n", "name: w\nsteps: [{name: a, task: s}]\n"],
    "tests/x.vgo": [None, "x: 1\n"],
}
HOSTS = ["web1.example.com", "WEB1.example.com", "web2.example.com", "db1.example.com", "other.test"]

edits = st.sampled_from([(path, index) for path, variants in VARIANTS.items() for index in range(len(variants))])
histories = st.lists(st.lists(edits, min_size=1, max_size=4), min_size=1, max_size=6)


def told(found: Compilation) -> list[str]:
    return [str(each) for each in found.diagnostics]


def meaning(found: Compilation) -> dict[str, Any] | None:
    """All that can be asked of a graph."""
    whole = found.graph
    if whole is None:
        return None
    return {
        "tree": whole.tree_id,
        "plan": whole.plan_root,
        "profiles": [
            (each.id, each.catalog_body, each.catalog_sha256, each.secrets) for each in whole.profiles.values()
        ],
        "assigned": whole.assign(HOSTS),
        "traces": [graph.trace(whole, host).model_dump() for host in HOSTS],
        "reach": {name: [each.id for each in graph.reach(whole, name)] for name in whole.crates},
        "objects": {
            ref.sha256: whole.object(ref.sha256)
            for each in whole.profiles.values()
            for ref in (*each.catalog.crates, *each.catalog.usercrates, *each.catalog.content.values())
        },
    }


@settings(max_examples=tries(8, 1_000))
@given(histories)
def test_what_was_compiled_before_changes_nothing(history: list[list[tuple[str, int]]]) -> None:
    cache = Cache()
    files = {path: variants[0] for path, variants in VARIANTS.items()}
    first = graph.compile_tree(at(files), cache)
    assert told(first) == []
    for changes in history:
        for path, index in changes:
            files[path] = VARIANTS[path][index]
        quick, cold = graph.compile_tree(at(files), cache), graph.compile_tree(at(files))
        assert told(quick) == told(cold)
        assert meaning(quick) == meaning(cold)


@settings(max_examples=tries(7))
@given(st.lists(edits, max_size=6), st.lists(edits, max_size=6), st.randoms(use_true_random=False))
def test_a_cache_may_go_from_branch_to_branch(
    one: list[tuple[str, int]], other: list[tuple[str, int]], chance: Any
) -> None:
    branches = []
    for changes in (one, other):
        files = {path: variants[0] for path, variants in VARIANTS.items()}
        files.update({path: VARIANTS[path][index] for path, index in changes})
        branches.append(at(files))
    expected = [(told(each), meaning(each)) for each in map(graph.compile_tree, branches)]
    cache = Cache()
    for _ in range(4):
        branch = chance.randrange(2)
        found = graph.compile_tree(branches[branch], cache)
        assert (told(found), meaning(found)) == expected[branch]


def at(files: Mapping[str, str | None]) -> MemoryTree:
    return MemoryTree({path: text for path, text in files.items() if text is not None}, commit="c" * 40)


def test_a_commit_of_one_leaf_reads_that_leaf_and_remakes_its_profiles_alone() -> None:
    files = dict(files_of(files=300, hosts=600).files)
    cache = Cache()
    before = graph.compile_tree(tree(files), cache).graph
    leaf = next(path for path in files if "/leaf" in path)
    files[leaf] = files[leaf].replace(b"level: info", b"level: debug")
    changed = tree(files)
    after = graph.compile_tree(changed, cache).graph
    assert before is not None
    assert after is not None
    assert len(changed.reads) == 1
    fresh = {id_ for id_, profile in after.profiles.items() if profile is not before.profiles[id_]}
    assert fresh == {id_ for id_ in after.profiles if id_.startswith(leaf)}
    assert after.plan_root != before.plan_root
    assert after.matcher is before.matcher


def test_a_comment_in_a_crate_changes_what_hosts_get_only_where_lines_moved() -> None:
    files = {"configcrates/a.vgo": A, "common.vgo": COMMON, "web.vgo": "envoys:\n  - match: a.example.com\n"}
    cache = Cache()
    before = graph.compile_tree(tree(files), cache).graph
    behind = graph.compile_tree(tree({**files, "configcrates/a.vgo": A + "# the end\n"}), cache).graph
    above = graph.compile_tree(tree({**files, "configcrates/a.vgo": "# the beginning\n" + A}), cache).graph
    assert before is not None
    assert behind is not None
    assert above is not None
    assert before.plan_root == behind.plan_root
    assert before.plan_root != above.plan_root


def test_edits_of_shared_files_give_the_plan_of_a_cold_compile() -> None:
    made = files_of(files=250, hosts=500)
    cache = Cache()
    files = dict(made.files)
    graph.compile_tree(tree(files), cache)
    for path, before, after in [
        ("configcrates/area1/crate1.vgo", b"keepalive: 65", b"keepalive: 66"),
        (
            "configcrates/area2/crate2.vgo",
            b"dns = {{ vars.dns_server }}",
            b"dns = {{ vars.dns_server }} {{ vars.site }}",
        ),
        ("configcrates/area3/crate3.vgo", b"state: running", b"state: stopped"),
        ("configcrates/area4/crate4.vgo", b"name: crate4\n", b"name: crate4\ndepends_on: []\n"),
        ("templates/t2.conf.j2", b"admin = ", b"user = "),
        ("roles.vgo", b"role3_level: 3", b"role3_level: 33"),
        ("common.vgo", b"vlan: 0", b"vlan: 1"),
        ("environments.vgo", b"replicas: 3", b"replicas: 4"),
    ]:
        assert before in files[path]
        files[path] = files[path].replace(before, after)
        quick, cold = graph.compile_tree(tree(files), cache), graph.compile_tree(tree(files))
        assert quick.graph is not None
        assert cold.graph is not None
        assert quick.diagnostics == cold.diagnostics == []
        assert quick.graph.plan_root == cold.graph.plan_root
        assert quick.graph.assign(made.hostnames) == cold.graph.assign(made.hostnames)
