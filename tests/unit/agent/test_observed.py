"""What an agent tells of what it found changed by somebody else: the values, before it repaired them; never a secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.resources.types import Change
from agent.tools import difference
from schema.protocol.reports import (
    MAX_OBSERVED,
    MAX_OBSERVED_CHARS,
    ObservedAttribute,
    Outcome,
)
from tests.strategies import machines
from tests.strategies.catalogs import crate, state
from tests.strategies.runs import Fleet, only


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def file(**attributes: Any) -> dict[str, Any]:
    return {"name": "a", "type": "file", "path": "/a", "content": "one\n", **attributes}


def test_what_was_found_is_told_with_what_was_desired(fleet: Fleet) -> None:
    desired = state(crate("web", [file()]))
    assert only(fleet.run(desired)).observed == []
    machines._plant(fleet.host, "/a", "two\n")
    for dry_run in (True, False):
        report = only(fleet.run(desired, dry_run=dry_run))
        assert report.corrective
        assert report.observed == [ObservedAttribute(name="content", found="two\n", desired="one\n")]
    assert only(fleet.run(desired)).observed == []


def test_an_intended_change_tells_nothing_of_what_was_there(fleet: Fleet) -> None:
    fleet.run(state(crate("web", [file()])))
    report = only(fleet.run(state(crate("web", [file(content="three\n")]), generation=2)))
    assert (report.changed, report.corrective, report.observed) == (True, False, [])


def test_what_could_not_be_repaired_is_told_all_the_same(fleet: Fleet) -> None:
    desired = state(crate("web", [file()]))
    fleet.run(desired)
    machines._plant(fleet.host, "/a", "two\n")
    fleet.host.fail_at = fleet.host.writes
    report = only(fleet.run(desired))
    assert (report.outcome, report.corrective) == (Outcome.FAILED, False)
    assert [each.found for each in report.observed] == ["two\n"]


def test_what_is_only_watched_is_told_each_time(fleet: Fleet) -> None:
    machines._plant(fleet.host, "/a", "two\n")
    desired = state(crate("web", [file(audit=True)]))
    for _ in range(2):
        report = only(fleet.run(desired))
        assert (report.outcome, report.corrective) == (Outcome.SKIPPED, False)
        assert [(each.name, each.found) for each in report.observed] == [("content", "two\n")]


@pytest.mark.parametrize("secret", ["a-long-secret", "pin"])
def test_of_a_resource_with_a_secret_nothing_found_is_told(fleet: Fleet, secret: str) -> None:
    desired = state(crate("web", [file(content="pw=secret:db/pw\n")]), secrets={"db/pw": secret})
    fleet.run(desired)
    machines._plant(fleet.host, "/a", "pw=somebody's\n")
    report = only(fleet.run(desired))
    assert report.observed == [ObservedAttribute(name="content", hidden=True)]
    assert "somebody" not in json.dumps([each.model_dump() for each in report.observed])


def test_a_secret_of_another_resource_is_not_told_either(fleet: Fleet) -> None:
    desired = state(
        crate("web", [file(), {"name": "b", "type": "file", "path": "/b", "content": "secret:db/pw"}]),
        secrets={"db/pw": "a-long-secret"},
    )
    fleet.run(desired)
    machines._plant(fleet.host, "/a", "copied: a-long-secret\n")
    report = fleet.run(desired).resources[0]
    assert report.observed == [ObservedAttribute(name="content", hidden=True)]


def test_what_is_long_or_no_text_is_named_alone() -> None:
    changes = [
        Change("content", b"x" * (MAX_OBSERVED_CHARS + 1), b"y"),
        Change("content", b"\xff\xfe", b"y"),
        Change("target", "\udcff", "y"),
        Change("mode", None, "0644"),
        Change("key", "k", "l", secret=True),
    ]
    found = difference.observed(changes)
    assert [each.cut for each in found] == [True, True, True, False, False]
    assert [(each.found, each.desired) for each in found[:3]] == [(None, None)] * 3
    assert found[3] == ObservedAttribute(name="mode", found=None, desired="0644")
    assert found[4] == ObservedAttribute(name="key", hidden=True)
    assert len(difference.observed(changes * 20)) == MAX_OBSERVED


def test_with_a_secret_in_the_resource_only_words_and_numbers_are_told() -> None:
    found = difference.observed([Change("mode", "0600", "0644"), Change("content", "x", "y")], tainted=True)
    assert found == [
        ObservedAttribute(name="mode", found="0600", desired="0644"),
        ObservedAttribute(name="content", hidden=True),
    ]
