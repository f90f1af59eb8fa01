"""Config repositories, small and valid: levels, roles that include roles, environments, blocks, appends, exclusions."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import strategies as st

CRATES = [f"crate{number}" for number in range(6)]
ROLES = [f"role{number}" for number in range(4)]
ENVIRONMENTS = ["lab", "live"]
HOSTS = ["h1.example.com", "h2.example.com", "x1.example.com", "h1.example.org"]
PATTERNS = ["h1.example.com", "h*.example.com", "*.example.com", "/h[0-9]\\.example\\..*/", "*"]
DIRECTORIES = ["", "a/", "a/b/", "c/"]


def _names(pool: list[str], most: int = 3) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(pool), unique=True, max_size=most)


_VARS = st.fixed_dictionaries(
    {},
    optional={
        "port": st.integers(0, 3),
        "site": st.sampled_from(["one", "two"]),
        "opts": st.dictionaries(st.sampled_from(["x", "y"]), st.integers(0, 3), min_size=1),
        "deep": st.fixed_dictionaries(
            {"in": st.dictionaries(st.sampled_from(["u", "v"]), st.integers(0, 2), min_size=1)}
        ),
        "hosts": st.lists(st.integers(0, 3), max_size=2),
        "more+": st.lists(st.integers(0, 3), max_size=2),
    },
)


def _holder(*, excludes: bool = True) -> dict[str, st.SearchStrategy[Any]]:
    found: dict[str, st.SearchStrategy[Any]] = {"configcrates": _names(CRATES), "vars": _VARS}
    if excludes:
        found["exclude_configcrates"] = _names(CRATES, 1)
    return found


@st.composite
def configs(draw: st.DrawFn) -> dict[str, str]:
    """Path → text; `vigo.vgo` is not among them. Hosts of `HOSTS` may match or not."""
    documents: dict[str, Any] = {}
    for name in CRATES:
        documents[f"configcrates/{name}.vgo"] = {
            "name": name,
            "vars": draw(_VARS.map(_without_appends)),
            "resources": [{"name": "dir", "type": "directory", "path": f"/srv/{name}"}],
        }
    documents["roles.vgo"] = {
        "roles": {
            name: {
                "includes": draw(_names(ROLES[:number], 2)) if number else [],
                **_drawn(draw, _holder(excludes=False)),
            }
            for number, name in enumerate(ROLES)
        }
    }
    documents["environments.vgo"] = {
        "environments": {name: _drawn(draw, _holder()) for name in ENVIRONMENTS},
    }
    for directory in DIRECTORIES:
        if draw(st.booleans()):
            level = {**_drawn(draw, _holder()), "roles": draw(_names(ROLES, 1))}
            documents[f"{directory}common.vgo"] = level
    for directory in draw(st.lists(st.sampled_from(DIRECTORIES), unique=True, min_size=1, max_size=3)):
        blocks = []
        for pattern in draw(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3)):
            block = {"match": pattern, "roles": draw(_names(ROLES, 2)), **_drawn(draw, _holder())}
            environment = draw(st.sampled_from([None, *ENVIRONMENTS]))
            if environment is not None:
                block["environment"] = environment
            blocks.append(block)
        documents[f"{directory}leaf.vgo"] = {"envoys": blocks}
    flow = draw(st.sampled_from([None, False]))
    return {path: yaml.safe_dump(each, default_flow_style=flow, sort_keys=False) for path, each in documents.items()}


def _drawn(draw: st.DrawFn, parts: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    return {key: draw(each) for key, each in parts.items()}


def _without_appends(vars_: dict[str, Any]) -> dict[str, Any]:
    return {key.removesuffix("+"): value for key, value in vars_.items()}
