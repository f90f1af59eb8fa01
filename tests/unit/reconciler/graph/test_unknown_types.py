"""A type that resembles none: the ones there are."""

from __future__ import annotations

from reconciler import graph
from reconciler.documents.complaints import listed
from schema.resources import RESOURCES
from tests.factories.trees import tree


def test_a_type_that_resembles_none_gets_the_known_ones() -> None:
    crate = "name: web\nresources:\n  - type: quux\n"
    (found,) = graph.compile_tree(tree({"configcrates/web.vgo": crate})).diagnostics
    assert found.message == "there is no resource type quux"
    assert found.hint == f"known types: {listed(RESOURCES)}"
