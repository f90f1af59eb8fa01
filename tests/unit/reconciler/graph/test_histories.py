"""Random histories of real commits: files come, go, move, change kind and come back as they were; branches are compiled
in turn. What was kept of before, in the graph or in the listing of a tree, never shows."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reconciler import graph, repository
from reconciler.graph import Cache
from reconciler.repository import write
from tests.effort import tries
from tests.factories.trees import MemoryTree
from tests.unit.reconciler.graph.test_incremental import LEAF, VARIANTS, meaning, told

AUTHOR = write.Author("Jane Doe", "jane@example.com")

# Beside what test_incremental varies: deeper directories, what binds one thing to another across files, and tests.
MORE: Mapping[str, list[str | None]] = {
    "production/eu/common.vgo": [
        "vars: {list+: [4], deep: {a: {b: [1], c: x}}}\nroles: [extra]\n",
        "vars: {deep: {a: {b+: [2]}}}\n",
        "exclude_roles: [extra]\nvars: {list: [0]}\n",
        "usercrates: [u]\n",
        None,
    ],
    "production/eu/environments.vgo": ["environments: {production: {vars: {deep: {a: {c: y}}}}}\n", None],
    "production/eu/db.vgo": [
        "envoys:\n  - match: db1.example.com\n    environment: production\n    configcrates: [e]\n    usercrates: [v]\n",
        "envoys:\n  - match: db*.example.com\n    configcrates: [e, c]\n    exclude_configcrates: [a]\n",
        "envoys:\n  - match: db1.example.com\n  - match: db1.example.com\n",
        "envoys:\n  - match: db1.example.com\n    roles: [extr]\n",
        "envoys:\n  - match: db1.example.com\n    configcrates: [n]\n  - match: db2.example.com\n    roles: [3]\n",
        "envoys:\n  - match: db1.example.com\n    configcrates: [n]\n  - match: db2.example.com\n",
        "envoys:\n  - match: db1.example.com\n    roles: [web, extra]\n    vars: {deep: {a: {b: [9]}}, port: 1}\n",
        None,
    ],
    "common.vgo": [
        "configcrates: [a]\nvars: {site: root, dirs: [{n: x}], list: [1], deep: {a: {b: [0], c: z}}}\n",
        "vars: {site: root, dirs: [{n: x}], list: [1], deep: {a: {b: [0]}}}\n",
        "configcrates: [a]\nvars: {site: 7, dirs: [], list: [], deep: flat}\nusercrates: [v]\n",
        None,
    ],
    "roles.vgo": [
        (
            "roles:\n  base: {configcrates: [c]}\n  web: {includes: [base], configcrates: [b], vars: {list+: [2], port: 8080}}\n"
            "  extra: {includes: [web], vars: {list+: [5]}}\n"
        ),
        "roles:\n  base: {configcrates: [c], vars: {list+: [7]}}\n  web: {configcrates: [b]}\n  extra: {includes: [base, web]}\n",
        "roles:\n  base: {includes: [extra]}\n  web: {includes: [base]}\n  extra: {includes: [web]}\n",
        "roles:\n  base: {configcrates: [c]}\n  web: {includes: [base], configcrates: [b]}\n  zebra: {}\n",
    ],
    "configcrates/e.vgo": [
        (
            "name: e\ndepends_on: [c]\ndefaults: {mode: '0600', owner: root}\nresources:\n"
            "  - {name: one, type: file, path: /etc/e, content: \"{{ vars.deep.a.c | default('none') }}\"}\n"
            "  - {name: run, type: exec, command: 'true', refreshonly: true, subscribes: one}\n"
            "  - {type: file, path: /etc/e.d, source: files/e, when: vars.list | length > 1, notify: run}\n"
        ),
        (
            "name: e\ndepends_on: [a, c]\nresources:\n  - {type: file, path: /etc/e, content: same, before: two}\n"
            "  - {name: two, type: directory, path: /etc/b}\n"
        ),
        "name: e\nresources:\n  - {type: file, path: /etc/a, content: mine}\n",
        "name: e\nresources:\n  - {type: file, path: /etc/e, source: files/ee}\n",
        "name: e\nresources:\n  - {type: file, path: /e, content: 'secret:db/e', subscribes: gone}\n",
        None,
    ],
    "configcrates/n.vgo": ["name: n\nresources:\n  - {type: file, path: /n, content: '{{ vars.nowhere }}'}\n", None],
    "production/web.vgo": [
        LEAF,
        LEAF.replace("envoys:\n", "envoys:\n  - match: new.example.com\n    roles: [base]\n"),
        LEAF.replace("[web]", "[extr]"),
    ],
    "files/e": ["binary \x00\x01\n", "other\n", None],
    "usercrates/u.vgo": [
        'name: u\ndepends_on: v\nresources:\n  - {type: directory, path: "{{ user.home }}/u"}\n',
        "name: u\nusers: alice\nresources:\n  - {type: directory, path: /srv/u}\n",
        None,
    ],
    "usercrates/v.vgo": [
        'name: v\nvars: {shell: sh}\nresources:\n  - {type: file, path: "{{ user.home }}/.v", source: templates/t.j2}\n',
        "name: v\ndepends_on: u\n",
        None,
    ],
    "tests/all.vgo": [
        (
            "tests:\n  - {name: t, hosts: [db1.example.com], expect: {configcrates: [e], roles: [extra], environment: production,\n"
            "      resources: {e/one: present, file:/gone: absent}}}\n"
            "  - {name: u, configcrate: e, expect: {vars: {port: 8080}}}\n  - {name: v, role: web, expect: {configcrates: [b]}}\n"
            "  - {name: w, environment: production, expect: {usercrates: {exclude: [u]}}}\n"
        ),
        "tests:\n  - {name: t, match: nobody.example.org, expect: {configcrates: [aa]}}\n",
        "tests:\n  - {name: t, role: gone, expect: {configcrates: [a]}}\n  - {name: t, role: web, expect: {configcrates: [a]}}\n",
        "tests:\n  - {name: t, hosts: [web1.example.com], expect: {resources: {e/two: absent, b/gone: present}}}\n",
        None,
    ],
    "waivers.vgo": [
        "waivers:\n  - {framework: nist, control: AC-1, reason: r, approved_by: j, expires: 2027-01-01, match: db1.example.com}\n",
        "waivers:\n  - {framework: nist, control: AC-2, reason: r, approved_by: j, expires: 2027-01-01, match: no.example.org}\n",
        None,
    ],
    "production/eu/tests.vgo": [None, "envoys: []\n"],
}
FILES: Mapping[str, list[str | None]] = {
    path: [*MORE.get(path, ()), *VARIANTS.get(path, ())] for path in sorted({*MORE, *VARIANTS})
}
PATHS = list(FILES)


@cache
def sound() -> list[tuple[str, int]]:
    """Variants that leave the files of the beginning without a mistake: most steps are such, or nothing would ever be
    in force to go stale."""
    found = []
    for path, variants in FILES.items():
        for index, text in enumerate(variants):
            files = start() if text is None else {**start(), path: text}
            if text is None:
                files.pop(path, None)
            if graph.compile_tree(MemoryTree(files)).graph is not None:
                found.append((path, index))
    return found


class Step(NamedTuple):
    """One change of a commit."""

    what: str
    path: str
    other: str
    number: int


steps = st.builds(
    Step,
    st.sampled_from(
        [*["sound"] * 8, "write", "write", "remove", "move", "copy", "swap", "comment", "comment", "break"]
    ),
    st.sampled_from(PATHS),
    st.sampled_from(PATHS),
    st.integers(0, 300),
)
commits = st.tuples(
    st.sampled_from(["commit", "commit", "commit", "commit", "back", "branch", "fork"]),
    st.lists(steps, min_size=1, max_size=3),
    st.integers(0, 5),
)


def start() -> dict[str, str]:
    return {path: variants[0] for path, variants in FILES.items() if variants[0] is not None}


def done(files: dict[str, str], step: Step) -> None:
    """Do one change to the files."""
    text = files.get(step.path)
    if step.what == "sound":
        path, index = sound()[step.number % len(sound())]
        done(files, Step("write", path, "", index))
    elif step.what == "write":
        variants = FILES[step.path]
        chosen = variants[step.number % len(variants)]
        files.pop(step.path, None)
        if chosen is not None:
            files[step.path] = chosen
    elif text is None or step.path == step.other:
        return
    elif step.what == "remove":
        del files[step.path]
    elif step.what == "move":
        files[step.other] = files.pop(step.path)
    elif step.what == "copy":
        files[step.other] = text
    elif step.what == "swap" and step.other in files:
        files[step.path], files[step.other] = files[step.other], text
    elif step.what == "comment":
        files[step.path] = f"# {step.number}\n{text}" if step.number % 2 else f"{text}# {step.number}\n"
    elif step.what == "break":
        at = len(text) * step.number // 301
        files[step.path] = (
            text[:at] + ("[", "\t", "x: x: x\n", "{{ vars.gone }}", "\u2028")[step.number % 5] + text[at:]
        )


def written(*variants: tuple[str, int]) -> tuple[list[tuple[str, list[Step], int]]]:
    """A history that writes these variants, a commit each."""
    return ([("commit", [Step("write", path, "", index)], 0) for path, index in variants],)


def listed(tree: Any) -> Any:
    return list(tree.entries().items()), dict(tree.subtrees()), dict(tree.refused()), tree.id


def test_each_change_alone_and_its_undoing_show_in_nothing() -> None:
    """Variants of files, there and back again, with one cache through them all: of all files in a soak, else of some."""
    cache = Cache()
    base = graph.compile_tree(MemoryTree(start()))
    assert_same(graph.compile_tree(MemoryTree(start()), cache), base)
    for path, variants in random.sample(sorted(FILES.items()), tries(len(FILES) // 3, len(FILES))):
        for text in (*variants, None, f"# moved down\n{variants[0]}"):
            files = {name: kept for name, kept in {**start(), path: text}.items() if kept is not None}
            assert_same(graph.compile_tree(MemoryTree(files), cache), graph.compile_tree(MemoryTree(files)))
            assert_same(graph.compile_tree(MemoryTree(start()), cache), base)


@settings(max_examples=tries(4, 2_000), suppress_health_check=list(HealthCheck))
@given(st.lists(commits, min_size=1, max_size=6))
@example(*written(("configcrates/e.vgo", 3), ("files/e", 2), ("files/e", 0)))  # what a source is like, too
@example(*written(("configcrates/sub/a.vgo", 1), ("configcrates/c.vgo", 1), ("configcrates/sub/a.vgo", 0)))
@example(*written(("templates/u.j2", 1), ("configcrates/b.vgo", 1), ("templates/u.j2", 0), ("templates/u.j2", 1)))
@example(*written(("production/eu/db.vgo", 4), ("production/eu/db.vgo", 5)))  # a mistake hid another
@example(*written(("production/web.vgo", 1), ("configcrates/a.vgo", 1), ("production/web.vgo", 0)))
@example(*written(("waivers.vgo", 0), ("compliance.vgo", 1), ("compliance.vgo", 0), ("waivers.vgo", 1)))
@example(*written(("production/web.vgo", 2), ("roles.vgo", 3), ("roles.vgo", 0)))  # what a name is like
@example(*written(("production/web.vgo", 2), ("roles.vgo", 8), ("roles.vgo", 0)))  # roles that are not whole
@example(
    [
        ("commit", [Step("move", "configcrates/a.vgo", "usercrates/u.vgo", 0)], 0),
        ("back", [Step("remove", "roles.vgo", "common.vgo", 0)], 0),
    ]
)
@example(
    [
        ("commit", [Step("swap", "common.vgo", "production/eu/common.vgo", 0)], 0),
        ("fork", [Step("write", "files/e", "files/e", 1)], 0),
    ]
)
@example([("commit", [Step("break", "roles.vgo", "x", 9)], 0), ("commit", [Step("write", "roles.vgo", "x", 0)], 0)])
def test_no_history_shows_in_what_a_commit_means(history: list[tuple[str, list[Step], int]]) -> None:
    with tempfile.TemporaryDirectory(prefix="vigo-history-") as folder:
        place = Path(folder) / "bare"
        lasting = write.init(place, bare=True)
        cache, files = Cache(), start()
        kept = [dict(files)]
        tip = commit(lasting, {}, files)
        graph.compile_tree(lasting.tree(tip), cache)
        for how, changes, number in history:
            before = dict(files)
            if how == "back":
                files = dict(kept[number % len(kept)])
            if how != "back" or len(kept) == 1:
                for step in changes:
                    done(files, step)
            kept.append(dict(files))
            tip = commit(lasting, before, files)
            tree = lasting.tree(tip)
            # A process that begins anew has nothing of before.
            fresh = repository.open(place).tree(tip)
            assert listed(tree) == listed(fresh)
            cold = graph.compile_tree(fresh)
            if how == "fork":
                aside = cache.fork()
                assert_same(graph.compile_tree(tree, aside), cold)
            elif how == "branch":
                # Somebody compiles another commit in between with the same cache.
                other = repository.open(place)
                graph.compile_tree(other.tree(commit_of(other, kept[number % len(kept)])), cache)
            assert_same(graph.compile_tree(tree, cache), cold)


def assert_same(quick: graph.Compilation, cold: graph.Compilation) -> None:
    assert told(quick) == told(cold)
    assert meaning(quick) == meaning(cold)


def commit(target: repository.Repository, before: Mapping[str, str], files: Mapping[str, str]) -> str:
    """A commit of exactly these files, on top of one of `before`."""
    changes: dict[str, bytes | None] = {path: None for path in before if path not in files}
    changes |= {path: text.encode() for path, text in files.items() if before.get(path) != text}
    return write.commit(target, "main", changes, AUTHOR, "change", time_s=1_700_000_000)


def commit_of(target: repository.Repository, files: Mapping[str, str]) -> str:
    """A commit of exactly these files, on a branch of its own."""
    have = target.tree(target.resolve("main")).entries()
    changes: dict[str, bytes | None] = {path: None for path in have if path not in files}
    changes |= {path: text.encode() for path, text in files.items()}
    head = target.resolve("main")
    if "refs/heads/side" in target.git.references:
        target.git.references.delete("refs/heads/side")
    target.git.references.create("refs/heads/side", head)
    return write.commit(target, "side", changes, AUTHOR, "aside", time_s=1_700_000_000)


def test_the_history_begins_with_a_graph() -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = write.init(Path(folder) / "bare", bare=True)
        found = graph.compile_tree(made.tree(commit(made, {}, start())))
        assert told(found) == []
        assert found.graph is not None
        assert len(found.graph.profiles) >= 4
