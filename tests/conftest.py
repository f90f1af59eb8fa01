"""What is `slow` runs in `just soak` alone. How long a generated case takes says nothing where others are at work.

Twelve thousand tests and what they import stay until the end: no collection of garbage needs to look at them.
"""

from __future__ import annotations

import gc
from collections.abc import Generator, Sequence

import pytest
from hypothesis import HealthCheck, settings

from tests.effort import SOAK

settings.register_profile("vigo", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vigo")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    if SOAK:
        return
    for item in items:
        if item.get_closest_marker("slow") is not None:
            item.add_marker(pytest.mark.skip(reason="minutes long; `just soak` runs it"))
