"""Every resource type has a page that tells the truth: its example is config that compiles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler import graph
from schema.resources import RESOURCES
from tests.factories.trees import tree

PAGES = Path(__file__).parents[2] / "docs" / "resources"


def sources(value: Any) -> Iterator[str]:
    """Every `source:` that the resources name."""
    for resource in value:
        if isinstance(source := resource.get("source"), str) and source.startswith(("files/", "templates/")):
            yield source


@pytest.mark.parametrize("name", RESOURCES)
def test_the_example_of_a_type_compiles_without_a_word(name: str) -> None:
    text = (PAGES / "examples" / f"{name}.yaml").read_text()
    resources = yaml.safe_load(text)
    assert name in {resource["type"] for resource in resources}
    crate = {"name": "example", "vars": {"motd": "Authorised use only."}, "resources": resources}
    found = graph.compile_tree(
        tree(
            {
                "configcrates/example.vgo": yaml.safe_dump(crate),
                "hosts.vgo": "envoys: [{match: web01, configcrates: [example]}]\n",
                **dict.fromkeys(sources(resources), "content\n"),
            }
        )
    )
    assert [f"{each.code}: {each.message}" for each in found.diagnostics if not each.code.startswith("secret")] == []


def test_no_page_is_left_of_a_type_that_is_gone() -> None:
    pages = {path.stem for path in (*PAGES.glob("*.md"), *PAGES.glob("examples/*"), *PAGES.glob("notes/*"))}
    assert pages - {"index"} <= set(RESOURCES)
