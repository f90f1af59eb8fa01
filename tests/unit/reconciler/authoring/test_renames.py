"""Renaming: everywhere, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.authoring import Text, renames
from reconciler.authoring.renames import NotRenamable, Rename
from reconciler.authoring.snapshots import snapshot_of
from reconciler.documents.compose import resolve
from reconciler.graph import compile_tree
from tests.effort import tries
from tests.factories.trees import tree
from tests.factories.typed import SITE, Typed, on, typed

CRATE = "configcrates/web/nginx.vgo"
LEAF = "production/web.vgo"


def applied(files: Mapping[str, str], change: Rename) -> dict[str, str]:
    made = {path: Text(source).edited(change.edits.get(path, ())) for path, source in files.items()}
    for old, new in change.moves:
        made[new] = made.pop(old)
    return made


def renamed(at: Typed, name: str, files: Mapping[str, str] = SITE) -> dict[str, str]:
    return applied(files, renames.rename(*at, name))


def test_a_crate_is_renamed_with_its_file_and_every_mention() -> None:
    made = renamed(on("roles.vgo", "nginx"), "caddy")
    assert "configcrates/web/caddy.vgo" in made
    assert CRATE not in made
    assert made["configcrates/web/caddy.vgo"] == SITE[CRATE].replace("name: nginx", "name: caddy", 1)
    assert made["roles.vgo"] == SITE["roles.vgo"].replace("[nginx]", "[caddy]")
    assert made[LEAF] == SITE[LEAF].replace("nginx]", "caddy]")
    same = set(SITE) - {CRATE, "roles.vgo", LEAF}
    assert {path: made[path] for path in same} == {path: SITE[path] for path in same}


def test_a_role_is_renamed_in_expressions_too() -> None:
    crate = "name: x\nwhen: \"'web' in host.roles and 'web' != host.hostname\"\n"
    files = {
        **SITE,
        "configcrates/x.vgo": crate,
        "templates/nginx.conf.j2": "{% if 'web' not in host.roles %}'web' in host.roles{% endif %}{{ vars.nginx_port }}",
    }
    made = renamed(on("roles.vgo", "web", files=files), "front", files)
    assert made["configcrates/x.vgo"] == "name: x\nwhen: \"'front' in host.roles and 'web' != host.hostname\"\n"
    assert made["templates/nginx.conf.j2"].startswith("{% if 'front' not in host.roles %}")
    assert "  front:\n" in made["roles.vgo"]


def test_an_environment_is_renamed_wherever_it_is_asked_for() -> None:
    crate = "name: x\nwhen: host.environment == 'production' or host.environment in ['lab', 'production']\n"
    files = {**SITE, "configcrates/x.vgo": crate, "production/environments.vgo": "environments: {production: {}}\n"}
    made = renamed(on(LEAF, "environment: production", at=15, files=files), "live", files)
    assert made["configcrates/x.vgo"] == crate.replace("production", "live")
    assert made["production/environments.vgo"] == "environments: {live: {}}\n"
    assert "environment: live" in made[LEAF]


def test_a_task_takes_its_file_along_when_that_is_called_like_it() -> None:
    made = renamed(on("workflows/deploy.vgo", "restart"), "bounce")
    assert made["tasks/bounce.vgo"].startswith("name: bounce\n")
    assert "task: bounce" in made["workflows/deploy.vgo"]


def test_tests_are_renamed_too() -> None:
    tests = (
        "tests:\n  - {name: t, role: web, expect: {configcrates: {exclude: nginx}, resources: {nginx/conf: absent}}}\n"
    )
    files = {**SITE, "tests/t.vgo": tests}
    made = renamed(on("roles.vgo", "nginx", files=files), "caddy", files)
    assert made["tests/t.vgo"] == tests.replace("nginx", "caddy")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("'nginx'", "'caddy'"),
        ('"nginx"', '"caddy"'),
        ('"n\\u0067inx"', '"caddy"'),
        ("!!str nginx # the nginx", "!!str caddy # the nginx"),
        (">-\n      nginx\n", ">-\n      caddy\n"),
        ("&n nginx", "&n caddy"),
    ],
)
def test_quotes_tags_comments_and_blocks_stay(written: str, expected: str) -> None:
    files = {**SITE, "x.vgo": f"envoys:\n  - match: b\n    configcrates: {written}\n"}
    made = renamed(on("roles.vgo", "nginx", files=files), "caddy", files)
    assert made["x.vgo"] == f"envoys:\n  - match: b\n    configcrates: {expected}\n"


def test_a_name_that_yaml_reads_as_no_text_is_quoted() -> None:
    made = renamed(on("roles.vgo", "nginx"), "2048")
    assert '"2048"' in made["roles.vgo"]
    assert compile_tree(tree(made)).graph is not None


def test_lines_that_end_as_windows_ends_them_stay_so() -> None:
    files = {path: source.replace("\n", "\r\n") for path, source in SITE.items()}
    made = renamed(on("roles.vgo", "nginx", files=files), "caddy", files)
    assert made["roles.vgo"] == SITE["roles.vgo"].replace("[nginx]", "[caddy]").replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "a name has letters"),
        ("a b", "a name has letters"),
        ("-x", "a name has letters"),
        ("ü", "a name has letters"),
        ("x" * 129, "a name has letters"),
        ("../x", "a name has letters"),
        ("nginx", "it is called nginx already"),
        ("motd", "there is a configcrate motd already"),
        ("MOTD", "there is a configcrate motd already"),
        ("common", "would not be a configcrate"),
        ("roles", "would not be a configcrate"),
    ],
)
def test_a_name_that_may_not_be_is_refused(name: str, why: str) -> None:
    with pytest.raises(NotRenamable, match=re.escape(why)):
        renames.rename(*on("roles.vgo", "nginx"), name)


def test_where_a_mention_could_be_missed_nothing_is_renamed() -> None:
    files = {**SITE, "broken.vgo": "envoys: [\n"}
    with pytest.raises(NotRenamable, match=r"broken\.vgo cannot be read"):
        renames.rename(*on("roles.vgo", "nginx", files=files), "caddy")


def test_what_has_no_name_is_not_renamed() -> None:
    assert renames.renamable(*on(CRATE, "type")) is None
    assert renames.renamable(*on(CRATE, "vars.nginx_port", at=8)) is None
    with pytest.raises(NotRenamable, match="here is none"):
        renames.rename(*on(CRATE, "type"), "x")


def test_the_span_of_a_name_is_without_its_quotes() -> None:
    at = typed("x.vgo", "envoys: [{match: a, configcrates: ['ng¦inx']}]\n")
    found = renames.renamable(*at)
    assert found is not None
    assert (at.text.within(found[0]), found[1]) == ("nginx", "nginx")


# laws

NAMES = st.from_regex(r"[a-z][a-z0-9._@+-]{0,20}", fullmatch=True).filter(
    lambda name: isinstance(resolve(name), str) and name not in ("common", "environments", "waivers", "compliance", "roles", "vigo")
)  # fmt: skip
CHOSEN = ("nginx", "motd", "base", "web")


@st.composite
def sites(draw: st.DrawFn) -> tuple[dict[str, str], str]:
    """A site written in one of many ways, and one name in it."""
    files = dict(SITE)
    old = draw(st.sampled_from(CHOSEN))
    quote = draw(st.sampled_from(["", "'", '"']))
    files["x.vgo"] = (
        f"# {old}\nenvoys:\n  - match: {old}.example.com   # {old}\n"
        f"    {'roles: [' if old in ('base', 'web') else 'configcrates: [motd, ' if old == 'nginx' else 'configcrates: ['}"
        f"{quote}{old}{quote}]\n"
        f"    vars: {{note: {old}}}\n"
    )
    if draw(st.booleans()):
        files = {path: source.replace("\n", "\r\n") for path, source in files.items()}
    return files, old


def meaning(files: Mapping[str, str]) -> dict[str, Any]:
    graph = compile_tree(tree(files)).graph
    assert graph is not None
    crates = {name: json.loads(linked.crate.body) for name, linked in graph.crates.items()}
    profiles = {
        each.id: (
            [crates[name]["resources"] for name in each.configcrates],
            dict(each.resolution.crates),
            list(each.roles),
            each.resolution.vars,
            each.secrets,
        )
        for each in graph.order
    }
    return {"crates": crates, "profiles": profiles}


def with_name(value: Any, old: str, new: str) -> Any:
    """The same graph, where `old` is called `new`: names of crates and roles, ids of resources and where they stand."""
    if isinstance(value, dict):
        return {
            (new if key == old else key): (item if key in ("vars", "spec") else with_name(item, old, new))
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [with_name(item, old, new) for item in value]
    if isinstance(value, str):
        parts = {old: new, f"role:{old}": f"role:{new}", f"configcrates/web/{old}.vgo": f"configcrates/web/{new}.vgo"}
        parts[f"configcrates/{old}.vgo"] = f"configcrates/{new}.vgo"
        if value.startswith(f"{old}/"):
            return new + value[len(old) :]
        return parts.get(value, value)
    return value


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value, sort_keys=True))


@settings(max_examples=tries(15))
@given(sites(), NAMES)
def test_a_renamed_tree_means_the_same_up_to_the_name(site: tuple[dict[str, str], str], new: str) -> None:
    files, old = site
    kind = "role" if old in ("base", "web") else "crate"
    taken = {"crate": {"nginx", "motd"}, "role": {"base", "web"}}[kind]
    if new in taken:
        return
    made = applied(files, renames.rename(*on("x.vgo", old, nth=3, files=files), new))
    before, after = plain(meaning(files)), plain(meaning(made))
    vars_before = {name: each[3] for name, each in before["profiles"].items()}
    assert {name: each[3] for name, each in after["profiles"].items()} == vars_before
    for each in (before, after):
        for row in each["profiles"].values():
            row[3] = None
    assert after == plain(with_name(before, old, new))


@settings(max_examples=tries(15))
@given(sites(), NAMES)
def test_renamed_and_renamed_back_every_byte_is_as_it_was(site: tuple[dict[str, str], str], new: str) -> None:
    files, old = site
    if new in CHOSEN:
        return
    there = applied(files, renames.rename(*on("x.vgo", old, nth=3, files=files), new))
    offset = files["x.vgo"].index(old, files["x.vgo"].index("s: [")) + 1
    source = there["x.vgo"]
    back = renames.rename(*typed("x.vgo", f"{source[:offset]}¦{source[offset:]}", there), old)
    assert applied(there, back) == files


EXAMPLE = Path(__file__).parents[4] / "examples" / "repo"


def test_crates_and_roles_of_the_example_are_renamed_and_back() -> None:
    files = {path.relative_to(EXAMPLE).as_posix(): path.read_text() for path in EXAMPLE.rglob("*") if path.is_file()}
    snapshot = snapshot_of(tree(files))
    assert snapshot.graph is not None
    places = [(each.crate.document.path, "name: ", name) for name, each in snapshot.crates.items()]
    places += [("roles.vgo", "\n  ", name) for name in snapshot.roles.entries]
    for path, before, name in places[::3]:
        made = renamed(on(path, f"{before}{name}", at=len(before) + 1, files=files), "zz-other", files)
        assert compile_tree(tree(made)).graph is not None, name
        there = path.replace(f"/{name}.vgo", "/zz-other.vgo")
        back = renamed(on(there, f"{before}zz-other", at=len(before) + 1, files=made), name, made)
        assert back == files
