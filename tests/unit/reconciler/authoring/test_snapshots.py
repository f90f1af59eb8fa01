"""Workspaces: what files mean while they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.authoring import Snapshot, Workspace
from reconciler.authoring.snapshots import snapshot_of
from tests.factories.trees import tree
from tests.factories.typed import SITE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, source in {"vigo.vgo": "language: 1\n", **SITE}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(source)
    return tmp_path


def codes(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [(each.file, each.code) for each in snapshot.diagnostics]


def test_what_is_typed_is_judged_and_the_disk_stays_as_it_is(root: Path) -> None:
    workspace = Workspace(root)
    assert codes(workspace.judge({})) == []
    typed = SITE["production/web.vgo"].replace("[web]", "[wep]")
    assert codes(workspace.judge({"production/web.vgo": typed})) == [("production/web.vgo", "role.unknown")]
    assert codes(workspace.judge({})) == []


def test_a_new_file_is_there_before_it_is_saved(root: Path) -> None:
    found = Workspace(root).judge({"configcrates/new.vgo": "name: other\n"})
    assert codes(found) == [("configcrates/new.vgo", "schema.name")]
    assert "new" in found.crates


def test_a_file_that_cannot_be_read_takes_nothing_from_the_others(root: Path) -> None:
    workspace = Workspace(root)
    workspace.judge({})
    broken = workspace.judge({"roles.vgo": SITE["roles.vgo"] + "  x: [\n", "common.vgo": "vars: {nix\n"})
    assert {file for file, _ in codes(broken)} == {"roles.vgo", "common.vgo"}
    assert broken.broken == {"roles.vgo", "common.vgo"}
    assert set(broken.roles.entries) == {"base", "web"}
    assert len(broken.profiles) == 2


def test_it_stays_what_it_was_when_it_could_last_be_read(root: Path) -> None:
    workspace = Workspace(root)
    more = SITE["roles.vgo"] + "  db: {}\n"
    workspace.judge({"roles.vgo": more})
    assert set(workspace.judge({"roles.vgo": more + "  x: [\n"}).roles.entries) == {"base", "web", "db"}
    assert set(workspace.judge({}).roles.entries) == {"base", "web"}


def test_other_mistakes_are_still_told(root: Path) -> None:
    (root / "other.vgo").write_text("envoys:\n  - {match: x.example.com, roles: [nope]}\n")
    found = Workspace(root).judge({"roles.vgo": "roles: ["})
    assert set(codes(found)) == {("other.vgo", "role.unknown"), ("roles.vgo", "yaml.syntax")}


def test_a_file_that_never_could_be_read_is_as_it_is(root: Path) -> None:
    found = Workspace(root).judge({"new.vgo": "envoys: ["})
    assert codes(found) == [("new.vgo", "yaml.syntax")]


def test_what_changes_on_disk_is_seen_after_a_refresh(root: Path) -> None:
    workspace = Workspace(root)
    workspace.judge({})
    (root / "configcrates" / "late.vgo").write_text("name: late\n")
    assert "late" not in workspace.judge({}).crates
    workspace.refresh()
    assert "late" in workspace.judge({}).crates


def test_what_changes_without_a_word_is_found_out(root: Path) -> None:
    workspace = Workspace(root)
    workspace.judge({})
    crate = root / "configcrates" / "motd.vgo"
    crate.write_text(SITE["configcrates/motd.vgo"].replace("What people", "All that people"))
    leaf = SITE["production/web.vgo"]
    found = workspace.judge({"production/web.vgo": leaf.replace("5432", "5433"), "configcrates/motd.vgo": "name: [\n"})
    assert found.broken == {"configcrates/motd.vgo"}


def test_without_a_graph_there_is_as_much_as_there_can_be() -> None:
    files = {**SITE, "x.vgo": "envoys: [{match: x, roles: [nope]}]\n"}
    found = snapshot_of(tree(files))
    assert found.graph is None
    assert len(found.profiles) == 3
    assert set(found.crates) == {"motd", "nginx"}


@pytest.mark.parametrize("source", ["", "\0", "﻿x: 1\n", "a: &a [*a]\n", "\ud800", "x: 1\r\ny: [\r\n", "- 1\n" * 3])
def test_no_text_stops_it(root: Path, source: str) -> None:
    found = Workspace(root).judge({"production/web.vgo": source})
    assert any(file == "production/web.vgo" for file, _ in codes(found))
