"""A run that is told which paths were touched looks at nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from agent.hosts import MemoryHost
from schema.protocol.reports import Trigger
from tests.strategies import machines, programs
from tests.strategies.catalogs import crate, state
from tests.strategies.runs import Fleet, by_id, outcomes


class Looked(MemoryHost):
    """Notes which paths are looked at."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.looked: set[str] = set()

    def fingerprint(self, path: str, size: int | None) -> Any:
        self.looked.add(path)
        return super().fingerprint(path, size)


@pytest.fixture
def fleet() -> Fleet:
    host = Looked(programs.ALL)
    host.nodes.update(machines.machine({}, programs.ALL).nodes)
    return Fleet(host)


def file(name: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "type": "file", "path": f"/{name}", "content": name, **attributes}


def handler(name: str) -> dict[str, Any]:
    return {"name": name, "type": "exec", "command": f"act {name}", "refreshonly": True}


def test_only_what_was_touched_is_checked_and_the_report_is_whole(fleet: Fleet) -> None:
    desired = state(crate("web", [file("a"), file("b", notify=["reload"]), handler("reload")]))
    fleet.run(desired)
    fleet.host.write("/b", b"theirs", mode=0o644)
    fleet.host.write("/a", b"nobody saw this", mode=0o644)
    fleet.host.looked.clear()
    report = fleet.run(desired, trigger=Trigger.DRIFT, touched=["/b"])
    assert outcomes(report) == {"web/a": "unchanged", "web/b": "changed", "web/reload": "changed"}
    assert by_id(report, "web/b").corrective
    assert fleet.host.looked == {"/b"}
    assert programs.scripts(fleet.host)[-1] == "act reload"
    assert outcomes(fleet.run(desired))["web/a"] == "changed"  # the full check sees the rest


def test_what_did_not_end_well_is_looked_at_again(fleet: Fleet) -> None:
    desired = state(crate("web", [file("d/a"), file("b")]))
    assert outcomes(fleet.run(desired)) == {"web/d/a": "failed", "web/b": "changed"}
    fleet.host.mkdir("/d", mode=0o755)
    assert outcomes(fleet.run(desired, touched=[])) == {"web/d/a": "changed", "web/b": "unchanged"}


def test_a_dry_run_leaves_nothing_to_rely_on(fleet: Fleet) -> None:
    desired = state(crate("web", [file("a")]))
    fleet.run(desired, dry_run=True)
    assert outcomes(fleet.run(desired, touched=[])) == {"web/a": "changed"}


def test_a_condition_is_asked_all_the_same(fleet: Fleet) -> None:
    desired = state(crate("web", [file("a", when="file_exists('/flag')")]))
    fleet.host.write("/flag", b"", mode=0o644)
    fleet.run(desired)
    fleet.host.remove("/flag")
    report = fleet.run(desired, touched=[])
    assert outcomes(report) == {"web/a": "skipped"}
    assert outcomes(fleet.run(desired, touched=[])) == {"web/a": "skipped"}


def test_new_traits_render_what_looks_at_them(fleet: Fleet) -> None:
    desired = state(crate("web", [file("a", content="{{ traits.os.family }}")]))
    fleet.run(desired)
    fleet.traits["os"] = {"family": "redhat"}
    assert outcomes(fleet.run(desired, touched=[])) == {"web/a": "changed"}


def test_all_of_a_foreach_is_drift_of_one_step(fleet: Fleet) -> None:
    items = {"name": "f", "type": "file", "path": "/{{ item }}", "content": "x", "foreach": ["a", "b"]}
    desired = state(crate("web", [items, file("c")]))
    fleet.run(desired)
    fleet.host.looked.clear()
    fleet.host.write("/b", b"theirs", mode=0o644)
    assert outcomes(fleet.run(desired, touched=["/b"])) == {
        "web/f[0]": "unchanged",
        "web/f[1]": "changed",
        "web/c": "unchanged",
    }
    assert fleet.host.looked == {"/a", "/b"}


def user(name: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "type": "user", "user": name, "create_home": False, **attributes}


def test_what_was_touched_at_a_place_is_checked_and_what_requires_it_if_it_is_put_right(fleet: Fleet) -> None:
    resources = [user("one"), user("two"), file("a", requires=["one"]), file("b"), file("c", requires=["b"])]
    desired = state(crate("web", resources))
    fleet.run(desired)
    before = fleet.host.read("/etc/passwd")
    fleet.host.looked.clear()
    assert set(outcomes(fleet.run(desired, touched=["/etc/passwd"])).values()) == {"unchanged"}
    assert fleet.host.looked == set()
    lines = [line for line in before.splitlines(keepends=True) if not line.startswith(b"one:")]
    fleet.host.write("/etc/passwd", b"".join(lines), mode=0o644)
    report = fleet.run(desired, trigger=Trigger.DRIFT, touched=["/etc/passwd"])
    assert [name for name, each in outcomes(report).items() if each == "changed"] == ["web/one"]
    assert by_id(report, "web/one").corrective
    assert fleet.host.looked == {"/a"}


def test_the_watch_is_told_where_what_we_do_shows_and_when_it_is_done(fleet: Fleet) -> None:
    said: list[str] = []

    def ours(places: frozenset[str]) -> Any:
        said.extend(sorted(places))
        return lambda: said.append("done")

    desired = state(crate("web", [user("one"), file("a")]))
    fleet.run(desired, ours=ours)
    assert said == ["/etc/group", "/etc/gshadow", "/etc/passwd", "/etc/shadow", "done"]
    said.clear()
    fleet.run(desired, ours=ours)
    assert said == []
