"""The measure can fail: it sees memory and time that are spent, and says when a child died."""

from __future__ import annotations

from tests.cases.measure import MIB, cost, costs


def test_memory_and_time_are_seen_in_each_child_alone() -> None:
    large, small = costs("tests.cases.acts:loaded_json", ["8000000", "10"])
    assert large.outcome == 8_000_001
    assert large.grown_bytes > 60 * MIB
    assert large.cpu_s > 0.02
    assert small.outcome == 11
    assert small.grown_bytes < 8 * MIB


def test_a_child_that_may_have_no_more_says_so() -> None:
    assert cost("tests.cases.acts:loaded_json", "40000000", memory_bytes=480 * MIB).outcome == "MemoryError: "
