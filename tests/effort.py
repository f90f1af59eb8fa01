"""How much a test tries: few in a run of all tests, which has its minutes, and many in `just soak`."""

from __future__ import annotations

import os
from typing import Final

SOAK: Final = "VIGO_SOAK" in os.environ


def tries(short: int, soak: int | None = None) -> int:
    """As many as this run has the time for.

    Args:
        soak: in `just soak`; fifty times as many when nothing is said.
    """
    if not SOAK:
        return short
    return 50 * short if soak is None else soak
