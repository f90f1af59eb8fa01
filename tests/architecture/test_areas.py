"""The map of areas is the tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from schema.areas import AREAS

ROOT = Path(__file__).parents[2]
NAMES = {area.name for area in AREAS}
FACES = ("api/rest", "api/graphql", "api/cli")

# Stems that are no area: the layer's own parts.
OWN = {
    "api/rest": set(),
    "api/graphql": {"schema", "context", "limits", "paging", "permissions"},
    "api/cli": {"main", "output", "client", "demo", "init", "serve", "validate", "trace", "doctor", "config", "local"},
}


def stems(folder: str) -> set[str]:
    return {
        path.stem for path in (ROOT / folder).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    } - {
        "__init__",
        "__pycache__",
    }


@pytest.mark.parametrize("folder", ["api/rest"])
def test_every_rest_file_is_an_area(folder: str) -> None:
    assert stems(folder) - OWN[folder] <= NAMES


def test_every_area_has_a_service() -> None:
    assert stems("api/services") >= NAMES


def test_every_area_has_a_face() -> None:
    shown = set().union(*(stems(folder) for folder in FACES))
    assert shown >= NAMES


@pytest.mark.parametrize("area", sorted(NAMES))
def test_every_area_has_a_page_that_opens_with_its_summary(area: str) -> None:
    page = (ROOT / "docs" / "areas" / f"{area}.md").read_text()
    summary = next(info.summary for info in AREAS if info.name == area)
    assert page.startswith(f"# {area}\n\n{summary}\n")


def test_no_page_is_about_an_area_that_is_not_there() -> None:
    assert {path.stem for path in (ROOT / "docs" / "areas").glob("*.md")} == NAMES
