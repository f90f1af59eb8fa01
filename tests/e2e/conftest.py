"""Real processes, real git, one story per file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.site import Site


@pytest.fixture
def empty_site(tmp_path: Path) -> Iterator[Site]:
    """A repository, and no server yet."""
    made = Site(tmp_path, forked=True)
    try:
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def lasting_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site for all stories of a file."""
    made = Site(tmp_path_factory.mktemp("site"), forked=True)
    try:
        made.in_force_at_start()
        yield made
    finally:
        made.end()


@pytest.fixture
def shared_site(lasting_site: Site) -> Site:
    """The file's site with the base in force; each story has hosts of its own."""
    lasting_site.back_to_base()
    return lasting_site


@pytest.fixture
def site(empty_site: Site) -> Site:
    """A server that follows a repository with one crate for web hosts."""
    empty_site.in_force_at_start()
    return empty_site
