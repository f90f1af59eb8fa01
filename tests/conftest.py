"""What is `slow` runs in `just soak` alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.effort import SOAK


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    if SOAK:
        return
    for item in items:
        if item.get_closest_marker("slow") is not None:
            item.add_marker(pytest.mark.skip(reason="minutes long; `just soak` runs it"))
