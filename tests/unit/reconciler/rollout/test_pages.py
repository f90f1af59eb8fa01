"""The pages on waves and invariants: what they show is what a repository may hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler import graph
from reconciler.rollout.planning import HostFacts, plan
from tests.factories.trees import tree

PAGES = Path(__file__).parents[4] / "docs" / "howto"
FILES = {
    "environments.vgo": "environments: {test: {}, production: {}}\n",
    "roles.vgo": "roles: {postgres: {}, haproxy: {}}\n",
    "configcrates/unbound.vgo": "name: unbound\nresources: [{type: package, package: unbound}]\n",
    "hosts.vgo": "envoys: [{match: '*', environment: test, configcrates: [unbound], roles: [haproxy], vars: {datacentre: fra}}]\n",
}


@pytest.mark.parametrize(("page", "file"), [("roll-out-in-waves", "rollout.vgo"), ("invariants", "invariants.vgo")])
def test_what_a_page_shows_is_sound_and_makes_a_plan(page: str, file: str) -> None:
    for shown in re.findall(r"```yaml\n(.+?)```", (PAGES / f"{page}.md").read_text(), re.DOTALL):
        compiled = graph.compile_tree(tree({**FILES, file: shown}))

        assert compiled.diagnostics == []
        assert compiled.graph is not None
        made = plan(compiled.graph, [HostFacts(f"h{number}", os="debian 13") for number in range(9)], {})
        assert made.count == 9
        assert made.violations == ()


@pytest.mark.parametrize("page", ["roll-out-in-waves", "invariants"])
def test_every_key_stands_on_its_page(page: str) -> None:
    from schema.documents.invariants import Invariant, Selector
    from schema.documents.rollout import HealthCheck, Rollout, Wave, Window

    models = [Rollout, Wave, Window, HealthCheck] if page == "roll-out-in-waves" else [Invariant, Selector]
    text = (PAGES / f"{page}.md").read_text()

    for model in models:
        for key in model.model_fields.keys() - {"description"}:
            assert re.search(rf"\b{key}\b", text), f"{page}.md does not say what {key} is"
