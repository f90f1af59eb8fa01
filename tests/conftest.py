"""What is `slow` runs in `just soak` alone. How long a generated case takes says nothing where others are at work."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, settings

from tests.effort import SOAK

settings.register_profile("vigo", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vigo")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    if SOAK:
        return
    for item in items:
        if item.get_closest_marker("slow") is not None:
            item.add_marker(pytest.mark.skip(reason="minutes long; `just soak` runs it"))
