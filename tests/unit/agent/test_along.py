"""Packages that follow each other are one transaction, and each is reported as its own."""

from __future__ import annotations

from typing import Any

import pytest

from agent.hosts import MemoryHost, Ran
from schema.protocol.reports import Report
from tests.strategies import machines, programs
from tests.strategies.catalogs import crate, state
from tests.strategies.runs import Fleet, by_id, outcomes


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet()
    for path in (programs.LISTS, programs.MIRROR):
        machines._plant(fleet.host, path, "".join(f"{name} 1\n{name} 2\n" for name in "abcde"))
    return fleet


def package(name: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "type": "package", "package": name, **attributes}


def file(name: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "type": "file", "path": f"/{name}", "content": name, **attributes}


def installs(fleet: Fleet) -> list[list[str]]:
    """The words of each transaction, in order."""
    return [run[run.index("--") + 1 :] for run in fleet.host.runs if "install" in run]


def names(report: Report) -> dict[str, str]:
    return {key.rpartition("/")[2]: value for key, value in outcomes(report).items()}


def test_packages_in_a_row_are_one_transaction(fleet: Fleet) -> None:
    desired = state(
        crate(
            "web",
            [
                package("a"),
                package("b", version="1"),
                {"type": "package", "name": "many", "package": "{{ item }}", "foreach": ["c", "d"]},
            ],
        ),
        crate("db", [package("e", state="latest"), file("f")]),
    )
    report = fleet.run(desired)
    assert installs(fleet) == [["a", "b=1", "c", "d", "e"]]
    assert set(outcomes(report).values()) == {"changed"}
    assert by_id(report, "web/b").diff == "state: not-installed → 1"
    assert by_id(report, "web/many[1]").diff == "state: not-installed → present"
    assert not any(one.corrective for one in report.resources)
    assert set(outcomes(fleet.run(desired)).values()) == {"unchanged"}


@pytest.mark.parametrize(
    ("between", "rows"),
    [
        ([file("f")], [["a"], ["b"]]),
        ([package("c", state="absent")], [["a"], ["b"]]),
        ([package("c", hold=True)], [["a"], ["c", "b"]]),
        ([package("c", when="file_exists('/x')")], [["a"], ["b"]]),
        ([package("c", audit=True)], [["a"], ["b"]]),
        ([package("{{ 'c' if file_exists('/x') else 'd' }}")], [["a"], ["d", "b"]]),
        ([package("c", requires="a")], [["a"], ["c", "b"]]),
    ],
)
def test_nothing_is_overtaken(fleet: Fleet, between: list[dict[str, Any]], rows: list[list[str]]) -> None:
    report = fleet.run(state(crate("web", [package("a"), *between, package("b")])))
    assert installs(fleet) == rows
    assert names(report)["b"] == "changed"


def test_a_crate_that_needs_another_waits_for_it(fleet: Fleet) -> None:
    fleet.run(state(crate("base", [package("a")]), crate("web", [package("b"), package("c")], requires=["base"])))
    assert installs(fleet) == [["a"], ["b", "c"]]


def test_where_all_cannot_be_had_each_is_tried_alone(fleet: Fleet) -> None:
    report = fleet.run(state(crate("web", [package("a"), package("ghost"), package("b")])))
    assert names(report) == {"a": "changed", "ghost": "failed", "b": "changed"}
    assert installs(fleet)[-1] == ["b"]
    assert by_id(report, "web/a").diff == "state: not-installed → present"


def test_two_that_own_one_thing_are_not_done_together(fleet: Fleet) -> None:
    report = fleet.run(
        state(crate("web", [package("a"), package("b"), {**package("b", version="1"), "name": "again"}]))
    )
    assert names(report) == {"a": "changed", "b": "changed", "again": "failed"}
    assert "b installed 2" in machines.describe(fleet.host, programs.STATUS)["content"]


def test_who_is_notified_is_written_down_before_the_transaction(fleet: Fleet) -> None:
    handler = {"name": "reload", "type": "exec", "command": "act reload", "refreshonly": True}
    desired = state(crate("web", [package("a"), package("b", notify="reload"), handler]))
    owed: list[bool] = []
    real = fleet.host.programs["apt-get"]

    def apt_get(host: MemoryHost, args: Any, stdin: bytes) -> Ran:
        owed.append("web/reload" in fleet.journal.owed)
        return real(host, args, stdin)

    fleet.host.programs["apt-get"] = apt_get
    fleet.run(desired)
    assert owed == [True]
    assert programs.scripts(fleet.host) == ["act reload"]


def test_a_dry_run_installs_nothing(fleet: Fleet) -> None:
    report = fleet.run(state(crate("web", [package("a"), package("b")])), dry_run=True)
    assert (set(outcomes(report).values()), installs(fleet)) == ({"changed"}, [])
