"""What is `slow` runs in `just soak` alone. How long a generated case takes says nothing where others are at work.

Twelve thousand tests and what they import stay until the end: no collection of garbage needs to look at them.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from tests.effort import SOAK, tries

settings.register_profile(
    "vigo", max_examples=tries(40, 1_000), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("vigo")


LONGEST: Final = (
    "test_agent_updates",
    "test_crash_loop",
    "test_killed_at_every_write",
    "test_partitions",
    "test_clocks",
)
"""Files with a story of a quarter of a minute and more."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Stories wait for processes for half of their time: with `--dist worksteal` one worker begins with all of them while
    # the others keep the processors busy, and the longest are not the last that everybody waits for.
    items.sort(key=_begins)
    if SOAK:
        return
    for item in items:
        if item.get_closest_marker("slow") is not None:
            item.add_marker(pytest.mark.skip(reason="minutes long; `just soak` runs it"))


def _begins(item: pytest.Item) -> int:
    if item.path.stem in LONGEST:
        return 0
    return 1 if item.path.parent.name == "e2e" else 2
