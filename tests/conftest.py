"""What is `slow` runs in `just soak` alone."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    if "VIGO_SOAK" in os.environ:
        return
    for item in items:
        if item.get_closest_marker("slow") is not None:
            item.add_marker(pytest.mark.skip(reason="minutes long; `just soak` runs it"))
