"""What becomes of a resource that has left the catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.desired import Desired
from agent.journal import MAX_ORIGINAL_BYTES, Journal
from schema.protocol.reports import Outcome, Report
from tests.strategies import machines, programs
from tests.strategies.catalogs import crate, state
from tests.strategies.runs import Fleet, by_id, only, outcomes

EMPTY = state(crate("web", []), generation=2)


def file(name: str = "a", **attributes: Any) -> dict[str, Any]:
    return {"name": name, "type": "file", "path": f"/{name}", "content": "ours", "on_removal": "revert", **attributes}


def at(fleet: Fleet, path: str) -> Any:
    return machines.describe(fleet.host, path)


def after(paths: dict[str, Any], *desired: Desired) -> tuple[Fleet, Report]:
    fleet = Fleet(machines.machine(paths, programs.ALL))
    report = None
    for one in desired:
        report = fleet.run(one)
    assert report is not None
    return fleet, report


def test_keep_forgets_and_says_nothing() -> None:
    fleet, report = after({}, state(crate("web", [file(on_removal="keep")])), EMPTY)
    assert report.resources == []
    assert at(fleet, "/a")["content"] == "ours"
    assert (fleet.journal.entries, fleet.journal.origins) == ({}, {})


def test_report_says_so_for_as_long_as_it_is_there() -> None:
    fleet, report = after({}, state(crate("web", [file(on_removal="report")])), EMPTY)
    for again in (report, fleet.run(EMPTY), fleet.run(EMPTY, dry_run=True)):
        one = only(again)
        assert (one.id, one.type, one.outcome) == ("web/a", "file", Outcome.SKIPPED)
        assert one.reason == "has left the catalog; what it made is kept"
    assert at(fleet, "/a")["content"] == "ours"
    del fleet.host.nodes["/a"]
    assert fleet.run(EMPTY).resources == []
    assert fleet.journal.entries == {}


def test_report_of_what_has_no_path_is_said_once() -> None:
    group = {"name": "g", "type": "group", "group": "ops", "on_removal": "report"}
    fleet, report = after({}, state(crate("web", [group])), EMPTY)
    assert only(report).reason == "has left the catalog; what it made is kept"
    assert fleet.run(EMPTY).resources == []


def test_revert_removes_what_the_agent_made() -> None:
    made = state(
        crate(
            "web",
            [
                {"name": "d", "type": "directory", "path": "/d", "on_removal": "revert"},
                {"name": "e", "type": "directory", "path": "/d/e", "on_removal": "revert"},
                file("d/e/f"),
                {"name": "l", "type": "symlink", "path": "/l", "target": "/d", "on_removal": "revert"},
            ],
        )
    )
    fleet, report = after({}, made, EMPTY)
    assert outcomes(report) == dict.fromkeys(["web/d/e/f", "web/e", "web/d", "web/l"], "changed")
    assert {one.action for one in report.resources} == {"revert"}
    assert by_id(report, "web/l").diff == "state: symlink → absent"
    assert [at(fleet, path) for path in ("/d", "/d/e", "/d/e/f", "/l")] == [None] * 4
    assert (fleet.journal.entries, fleet.journal.origins) == ({}, {})
    assert fleet.run(EMPTY).resources == []


@pytest.mark.parametrize(
    ("resource", "before"),
    [
        (file(mode="0600", owner="web"), {"content": "theirs", "mode": "0640", "uid": 4}),
        (file(), {"link": "/elsewhere"}),
        ({"name": "a", "type": "symlink", "path": "/a", "target": "b", "on_removal": "revert"}, {"link": "/old"}),
        (
            {"name": "a", "type": "directory", "path": "/a", "mode": "0700", "owner": "web", "on_removal": "revert"},
            {"directory": True, "mode": "0755"},
        ),
        (file(state="absent", content=None), {"content": "theirs", "mode": "0644"}),
        ({"name": "a", "type": "directory", "path": "/a", "state": "absent", "on_removal": "revert"}, {"directory": True, "mode": "0711"}),
    ],
)  # fmt: skip
def test_revert_puts_back_what_was_there(resource: dict[str, Any], before: dict[str, Any], tmp_path: Path) -> None:
    attributes = {key: value for key, value in resource.items() if value is not None}
    fleet = Fleet(machines.machine({"/a": before}, programs.ALL), Journal(tmp_path))
    fleet.run(state(crate("web", [attributes])))
    assert at(fleet, "/a") != before
    fleet.journal.close()
    again = Fleet(fleet.host, Journal(tmp_path))
    report = again.run(EMPTY)
    assert (only(report).outcome, only(report).action) == (Outcome.CHANGED, "revert")
    assert at(again, "/a") == before
    again.journal.close()


def test_revert_restores_the_first_origin_whatever_came_after() -> None:
    second = state(crate("web", [file(content="ours, later")]), generation=2)
    fleet, _ = after({"/a": "theirs"}, state(crate("web", [file()])), second, EMPTY)
    assert at(fleet, "/a")["content"] == "theirs"


def test_what_was_right_from_the_beginning_is_the_origin_and_later_damage_is_not() -> None:
    fleet = Fleet(machines.machine({"/a": "ours"}))
    desired = state(crate("web", [file()]))
    fleet.run(desired)
    machines._plant(fleet.host, "/a", "damage")
    fleet.run(desired)
    fleet.run(EMPTY)
    assert at(fleet, "/a")["content"] == "ours"


def test_a_resource_that_changed_its_name_is_not_reverted() -> None:
    renamed = state(crate("web", [file("b", path="/a")]), generation=2)
    fleet, report = after({"/a": "theirs"}, state(crate("web", [file()])), renamed)
    assert outcomes(report) == {"web/b": "unchanged"}
    assert at(fleet, "/a")["content"] == "ours"
    fleet.run(EMPTY)
    assert at(fleet, "/a")["content"] == "theirs"


def test_a_resource_that_changed_its_path_leaves_the_old_one() -> None:
    moved = state(crate("web", [file(path="/b")]), generation=2)
    fleet, report = after({"/a": "theirs"}, state(crate("web", [file()])), moved)
    assert outcomes(report) == {"web/a": "changed", "web/a (/a)": "changed"}
    assert (at(fleet, "/a")["content"], at(fleet, "/b")["content"]) == ("theirs", "ours")
    assert fleet.run(moved).resources[-1].id == "web/a"


@pytest.mark.parametrize(
    "unsure",
    [
        [file("b", path="{{ traits.missing }}")],
        [file("x", path="/no/x"), file("b", path="/a", requires="x")],
        [file("b", foreach="traits.missing", path="/{{ item }}")],
    ],
)
def test_nothing_is_reverted_while_an_owner_may_be_unknown(unsure: list[dict[str, Any]]) -> None:
    fleet, report = after({"/a": "theirs"}, state(crate("web", [file()])), state(crate("web", unsure), generation=2))
    one = by_id(report, "web/a")
    assert (one.outcome, one.reason) == (
        Outcome.SKIPPED,
        "has left the catalog; it is reverted when it is known whether another resource owns its path",
    )
    assert at(fleet, "/a")["content"] == "ours"
    fleet.run(EMPTY)
    assert at(fleet, "/a")["content"] == "theirs"


def test_what_others_have_put_there_is_kept() -> None:
    made = state(crate("web", [{"name": "d", "type": "directory", "path": "/d", "on_removal": "revert"}, file()]))
    fleet = Fleet(machines.machine({}))
    fleet.run(made)
    machines._plant(fleet.host, "/d/theirs", "x")
    del fleet.host.nodes["/a"]
    machines._plant(fleet.host, "/a", {"directory": True})
    report = fleet.run(EMPTY)
    assert by_id(report, "web/d").reason == "has left the catalog; /d is not empty: it is kept"
    assert by_id(report, "web/a").reason == "has left the catalog; /a is a directory by now: it is kept"
    assert fleet.run(EMPTY).resources == []


def test_a_revert_that_fails_is_tried_again() -> None:
    fleet, _ = after({"/a": "theirs"}, state(crate("web", [file()])))
    fleet.host.fail_at = fleet.host.writes
    assert only(fleet.run(EMPTY)).outcome is Outcome.FAILED
    assert only(fleet.run(EMPTY)).outcome is Outcome.CHANGED
    assert at(fleet, "/a")["content"] == "theirs"


def test_a_dry_run_shows_a_revert_and_does_none() -> None:
    fleet, _ = after({"/a": "theirs"}, state(crate("web", [file()])))
    writes, entries = fleet.host.writes, dict(fleet.journal.entries)
    assert only(fleet.run(EMPTY, dry_run=True)).action == "revert"
    assert (fleet.host.writes, fleet.journal.entries) == (writes, entries)


def test_what_cannot_be_kept_is_not_touched() -> None:
    large = "x" * (MAX_ORIGINAL_BYTES + 1)
    fleet, report = after({"/a": large}, state(crate("web", [file()])))
    assert only(report).outcome is Outcome.FAILED
    assert only(report).error.startswith("on_removal: revert cannot be kept: ")
    assert at(fleet, "/a")["content"] == large


def test_what_was_not_kept_is_not_reverted() -> None:
    keep = state(crate("web", [file(on_removal="keep")]))
    revert = state(crate("web", [file()]), generation=2)
    fleet, report = after({"/a": "theirs"}, keep, revert, EMPTY)
    assert only(report).reason == "has left the catalog; what was at /a before is not known"
    assert at(fleet, "/a")["content"] == "ours"


def test_what_the_agent_made_is_removed_though_revert_came_later() -> None:
    keep = state(crate("web", [file(on_removal="keep")]))
    revert = state(crate("web", [file()]), generation=2)
    fleet, _ = after({}, keep, revert, EMPTY)
    assert at(fleet, "/a") is None


def test_a_type_that_cannot_be_reverted_is_reported() -> None:
    group = {"name": "g", "type": "group", "group": "ops", "on_removal": "revert"}
    _, report = after({}, state(crate("web", [group])), EMPTY)
    assert only(report).reason == "has left the catalog; what it made is kept; a group cannot be reverted"


def test_items_that_have_left_a_loop_are_reverted_and_a_loop_without_an_answer_keeps_all() -> None:
    loop = state(crate("web", [file("i", foreach="traits.items", path="/{{ item }}")]))
    fleet = Fleet(machines.machine({}))
    fleet.traits = {"items": ["x", "y", "z"]}
    fleet.run(loop)
    fleet.traits = {"items": ["x"]}
    assert outcomes(fleet.run(loop)) == {"web/i[0]": "unchanged", "web/i[1]": "changed", "web/i[2]": "changed"}
    assert (at(fleet, "/x")["content"], at(fleet, "/y")) == ("ours", None)
    fleet.traits = {}
    assert outcomes(fleet.run(loop)) == {"web/i": "failed"}
    assert at(fleet, "/x")["content"] == "ours"


def test_what_a_condition_keeps_out_has_not_left() -> None:
    desired = state(crate("web", [file(when="traits.on")]))
    fleet = Fleet(machines.machine({}))
    fleet.traits = {"on": True}
    fleet.run(desired)
    fleet.traits = {"on": False}
    assert outcomes(fleet.run(desired)) == {"web/a": "skipped"}
    assert at(fleet, "/a")["content"] == "ours"
    fleet.run(EMPTY)
    assert at(fleet, "/a") is None
