"""Real processes, real git, one story per file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.site import Site


@pytest.fixture
def empty_site(tmp_path: Path) -> Iterator[Site]:
    """A repository, and no server yet."""
    made = Site(tmp_path)
    try:
        yield made
    finally:
        made.end()


@pytest.fixture
def site(empty_site: Site) -> Site:
    """A server that follows a repository with one crate for web hosts."""
    empty_site.in_force_at_start()
    return empty_site
