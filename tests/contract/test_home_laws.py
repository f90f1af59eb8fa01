"""Laws for types that work through paths, when they do so on behalf of a user in a real home full of traps."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.hosts import Account, Kind, RealHost
from agent.tools.validation import BACKUP_SUFFIX
from schema.protocol.reports import Outcome
from tests.contract.test_resource_laws import build, converge, enterable, plant, prepared, tree
from tests.effort import tries
from tests.strategies import scenes

TYPES = ("acl", "archive", "blockinfile", "directory", "file", "file_line", "hardlink", "ini", "json_file", "replace",
         "symlink", "toml_file", "yaml_file")  # fmt: skip
EVERY_TYPE = pytest.mark.parametrize("name", TYPES)
USER = 990 if os.geteuid() == 0 else os.geteuid()
HOME = Account("web", USER, 991 if os.geteuid() == 0 else os.getegid(), "/d")
"""Scenes stand below /d; of what stands there some is the user's, some root's, some of another."""
FEW = settings(max_examples=tries(10), suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow])


def drawn(data: st.DataObject, name: str) -> scenes.Scene:
    scene: scenes.Scene = data.draw(import_module(f"tests.strategies.{name}").scenes())
    return scene


def standing(root: Path) -> dict[str, Any]:
    return {path: what for path, what in tree(root, owners=True).items() if not path.startswith("/d/")}


@EVERY_TYPE
@FEW
@given(data=st.data())
def test_what_is_outside_the_home_never_changes_and_a_second_call_does_nothing(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scene = drawn(data, name)
    root = tmp_path_factory.mktemp("root")
    memory = build(scene, confined=True, privileged=os.geteuid() == 0)
    if os.geteuid() != 0:
        for path, node in memory.nodes.items():
            if node.kind is Kind.DIRECTORY:
                memory.nodes[path] = replace(node, mode=node.mode | 0o700)
        scene = scene if name != "directory" else scene._replace(spec=enterable(scene.spec))
    plant(root, memory)
    if os.geteuid() == 0:
        os.chown(root / "d", USER, 991)
    host = RealHost(root)
    mine = host.as_user(HOME)
    before = standing(root)
    inside = tree(root, owners=True)
    ready = prepared(name, scene.spec)
    shown = converge(name, mine, ready, dry_run=True)
    assert tree(root, owners=True) == inside
    first = converge(name, mine, ready)
    assert standing(root) == before or not str(scene.spec.get("path", "")).startswith("/d/")
    if first.outcome is not Outcome.FAILED:
        assert (shown.outcome, shown.diff) == (first.outcome, first.diff)
        after = tree(root, owners=True)
        again = converge(name, mine, ready)
        assert again.outcome is Outcome.UNCHANGED
        assert tree(root, owners=True) == after
        if os.geteuid() == 0:
            made = {path: what for path, what in after.items() if path not in inside and path.startswith("/d/")}
            asked = {scene.spec.get("owner"), scene.spec.get("group")} - {None}
            # A link has no owner here; what is kept of a file is its owner's.
            others = {path for path, what in made.items() if len(what) == 4 or path.endswith(BACKUP_SUFFIX)}
            assert asked or {what[4:] for path, what in made.items() if path not in others} <= {(USER, 991)}
    mine.sync_pending()
    host.close()
