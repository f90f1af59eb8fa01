"""Something else on the host changes a resource back as often as it is repaired."""

from __future__ import annotations

import math
from typing import Any

import pytest

from agent.fights import FIRST_PAUSE_S, FREE_REPAIRS, MAX_FIGHTS, MAX_PAUSE_S, WINDOW_S, Fights
from agent.hosts import MemoryHost
from schema.protocol.reports import Outcome
from tests.strategies import machines, programs
from tests.strategies.catalogs import crate, state
from tests.strategies.runs import Fleet, by_id, outcomes


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Seeing:
    def __init__(self) -> None:
        self.attended: list[str] = []
        self.dismissed: list[str] = []

    def attend(self, path: str) -> None:
        self.attended.append(path)

    def seen(self, path: str) -> str:
        return "process 7 puppet" if path in self.attended else ""

    def dismiss(self, path: str) -> None:
        self.dismissed.append(path)


def fight(fights: Fights, times: int = FREE_REPAIRS) -> None:
    for _ in range(times):
        fights.repaired("a", "/a")


def test_the_first_repairs_are_no_fight() -> None:
    fights = Fights(Clock())
    fight(fights, FREE_REPAIRS - 1)
    assert fights.stands_back("a") == ""


def test_a_fight_names_the_opponent_and_when_the_next_repair_comes() -> None:
    witness = Seeing()
    fights = Fights(Clock(), witness)
    fight(fights)
    assert fights.stands_back("a") == (
        "fight: changed back by process 7 puppet after each of 5 repairs; the next comes in 60 s"
    )
    assert fights.stands_back("b") == ""
    assert set(witness.attended) == {"/a"}


def test_the_pause_doubles_up_to_a_limit() -> None:
    clock = Clock()
    fights = Fights(clock)
    fight(fights)
    pause = FIRST_PAUSE_S
    for _ in range(12):
        clock.now += pause - 1
        assert fights.stands_back("a")
        clock.now += 1
        assert fights.stands_back("a") == ""
        fights.repaired("a", "/a")
        pause = min(2 * pause, MAX_PAUSE_S)
    assert pause == MAX_PAUSE_S


def test_a_fight_that_has_calmed_down_begins_anew() -> None:
    clock = Clock()
    fights = Fights(clock)
    fight(fights)
    clock.now += WINDOW_S + 1
    fight(fights, FREE_REPAIRS - 1)
    assert fights.stands_back("a") == ""


def test_what_has_calmed_down_is_let_go() -> None:
    clock, witness = Clock(), Seeing()
    fights = Fights(clock, witness)
    fight(fights)
    clock.now += WINDOW_S + 1
    fights.repaired("b", "/b")
    assert witness.dismissed == ["/a"]


def test_no_more_fights_are_remembered_than_there_is_room_for() -> None:
    fights = Fights(Clock())
    for number in range(MAX_FIGHTS + 50):
        fights.repaired(f"r{number}", "")
    assert len(fights._bouts) <= MAX_FIGHTS


def test_a_run_stands_back_and_says_so_until_the_pause_is_over() -> None:
    desired = state(crate("web", [file_("a"), file_("b")]))
    fleet = Fleet()
    fleet.fights = Fights(lambda: fleet.clock.seconds, Seeing())
    fleet.run(desired)
    for _ in range(FREE_REPAIRS):
        fleet.host.write("/a", b"theirs", mode=0o644)
        assert by_id(fleet.run(desired), "web/a").corrective
    fleet.host.write("/a", b"theirs", mode=0o644)
    report = fleet.run(desired)
    assert outcomes(report) == {"web/a": "failed", "web/b": "unchanged"}
    assert by_id(report, "web/a").error.startswith("fight: changed back by process 7 puppet after each of 5 repairs")
    assert not by_id(report, "web/a").changed
    assert "theirs" in by_id(report, "web/a").diff
    assert machines.describe(fleet.host, "/a")["content"] == "theirs"
    fleet.clock.seconds += FIRST_PAUSE_S
    assert outcomes(fleet.run(desired))["web/a"] == "changed"
    assert machines.describe(fleet.host, "/a")["content"] == "a"


def test_what_is_desired_only_now_is_applied_whatever_was_fought_over_before() -> None:
    fleet = Fleet()
    fleet.fights = Fights(lambda: fleet.clock.seconds, Seeing())
    fleet.run(state(crate("web", [file_("a")])))
    for _ in range(FREE_REPAIRS):
        fleet.host.write("/a", b"theirs", mode=0o644)
        fleet.run(state(crate("web", [file_("a")])))
    fleet.host.write("/a", b"theirs", mode=0o644)
    newer = state(crate("web", [{**file_("a"), "content": "newer"}]))
    assert by_id(fleet.run(newer), "web/a").outcome is Outcome.CHANGED
    assert machines.describe(fleet.host, "/a")["content"] == "newer"
    fleet.host.write("/a", b"theirs", mode=0o644)
    assert by_id(fleet.run(newer), "web/a").error.startswith("fight: ")


def test_it_is_known_when_to_look_again_at_what_stood_back() -> None:
    clock = Clock()
    fights = Fights(clock)
    fight(fights)
    assert fights.due_s() == math.inf
    clock.now += 10
    assert fights.stands_back("a")
    assert fights.due_s() == FIRST_PAUSE_S - 10
    assert fights.due_s() == math.inf


class Overwritten(MemoryHost):
    """Somebody writes what they want right behind each write."""

    theirs: bytes | None = None

    def write(self, path: str, data: Any, **how: Any) -> None:
        super().write(path, data, **how)
        if self.theirs is not None:
            super().write(path, self.theirs, **how)


@pytest.mark.parametrize("once_right", [True, False])
def test_who_is_quicker_than_our_second_look_fights_as_well(once_right: bool) -> None:
    desired = state(crate("web", [file_("a")]))
    host = Overwritten(programs.ALL)
    host.nodes.update(machines.machine({}, programs.ALL).nodes)
    fleet = Fleet(host)
    fleet.fights = Fights(lambda: fleet.clock.seconds, Seeing())
    if once_right:
        fleet.run(desired)
    host.theirs = b"theirs"
    host.write("/a", b"", mode=0o644)
    errors = [by_id(fleet.run(desired), "web/a").error for _ in range(FREE_REPAIRS + 1)]
    assert errors[:-1] == ["was applied, but still differs in content"] * FREE_REPAIRS
    assert errors[-1].startswith("fight: changed back by process 7 puppet") == once_right


def test_a_resource_that_is_as_desired_again_is_no_failure_in_a_fight() -> None:
    desired = state(crate("web", [file_("a")]))
    fleet = Fleet()
    fleet.run(desired)
    for _ in range(FREE_REPAIRS):
        fleet.host.write("/a", b"theirs", mode=0o644)
        fleet.run(desired)
    assert by_id(fleet.run(desired), "web/a").outcome is Outcome.UNCHANGED


def file_(name: str) -> dict[str, Any]:
    return {"name": name, "type": "file", "path": f"/{name}", "content": name}
