"""Every resource type is taken back by a rule, or says why it cannot be; and what a rule writes is config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler import graph, retractions
from schema.resources import NAMES
from schema.retractions import Confidence
from tests.factories.trees import tree

EXAMPLES = Path(__file__).parents[4] / "docs/resources/examples"


def crate(*resources: dict[str, Any], **more: Any) -> str:
    return yaml.safe_dump({"name": "example", **more, "resources": list(resources)})


def compiled(text: str) -> list[str]:
    found = graph.compile_tree(
        tree(
            {
                "configcrates/example-retract.vgo": text,
                "hosts.vgo": "envoys: [{match: web01, configcrates: [example-retract]}]\n",
            }
        )
    )
    return [f"{each.code}: {each.message}" for each in found.diagnostics if not each.code.startswith("secret")]


def test_every_type_has_a_rule_and_no_rule_is_left_of_one_that_is_gone() -> None:
    assert sorted(retractions.RULES) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_what_takes_an_example_back_compiles_without_a_word(name: str) -> None:
    resources = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
    found = retractions.retract("example", crate(*resources, vars={"motd": "Authorised use only."}))
    assert [each.type for each in found.warnings] == [each["type"] for each in resources]
    assert all(each.message and each.resource for each in found.warnings)
    if found.crate:
        assert compiled(found.crate) == []
        made = yaml.safe_load(found.crate)["resources"]
        assert made
    else:
        assert {each.confidence for each in found.warnings} <= {Confidence.NONE, Confidence.HIGH}
