"""Crate sets that are put together from parts are those that are made of their crates one by one."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler import graph
from reconciler.graph import crate_sets
from reconciler.graph.crate_sets import CrateSet
from tests.effort import tries
from tests.factories.trees import tree

NAMES = [f"c{number}" for number in range(8)]
CRATES = st.lists(st.sampled_from(NAMES), unique=True, max_size=3)
EXTRA = (
    "depends_on: [c1]\nresources: []",
    "resources: [{type: directory, path: /srv/shared}]",
    "resources: [{type: file, path: /srv/{name}, content: '{{ vars.x }} {{ vars.own.y }}'}]\nvars: {own: {y: 1}}",
    "resources: [{type: file, path: /srv/{name}, source: files/é}]",
    "resources: [{type: file, path: /srv/{name}, source: files/b, content: 'secret:{name}'}]",
    "resources: [{type: file, path: /srv/{name}, source: templates/t.j2}]",
)


@settings(max_examples=tries(16, 2_000))
@given(st.lists(st.sampled_from(EXTRA), min_size=8, max_size=8), CRATES, CRATES, CRATES, CRATES, CRATES, CRATES)
def test_parts_make_what_their_crates_make(
    bodies: list[str],
    above: list[str],
    role: list[str],
    other: list[str],
    usual: list[str],
    own: list[str],
    out: list[str],
) -> None:
    files = {
        "vigo.vgo": "language: 1\n",
        "common.vgo": f"configcrates: [{', '.join(above)}]\nvars: {{x: 1}}\n",
        "roles.vgo": f"roles:\n  a: {{configcrates: [{', '.join(role)}]}}\n  b: {{configcrates: [{', '.join(other)}]}}\n",
        "environments.vgo": f"environments: {{e: {{configcrates: [{', '.join(usual)}]}}}}\n",
        "leaf.vgo": (
            "envoys:\n  - {match: one, roles: [a, b], environment: e}\n  - {match: two, roles: [a]}\n"
            f"  - {{match: three, roles: [b], configcrates: [{', '.join(own)}]}}\n"
            f"  - {{match: four, roles: [b, a], exclude_configcrates: [{', '.join(out)}]}}\n"
        ),
        "files/é": "1",
        "files/b": "2",
        "templates/t.j2": "{{ vars.x }}",
        **{
            f"configcrates/{name}.vgo": f"name: {name}\n" + body.replace("{name}", name)
            for name, body in zip(NAMES, bodies, strict=True)
        },
    }
    cache = graph.Cache()
    graph.compile_tree(tree(files), cache)
    assert cache.blocks is not None
    for profile in cache.blocks.order:
        for_itself = crate_sets.make(profile.crates.linked)
        for each in fields(CrateSet):
            assert getattr(profile.crates, each.name) == getattr(for_itself, each.name), each.name
