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


def one(resource: dict[str, Any]) -> tuple[Confidence, dict[str, Any] | None]:
    found = retractions.retract("example", crate(resource))
    made = yaml.safe_load(found.crate)["resources"][0] if found.crate else None
    return found.warnings[0].confidence, made


def test_what_came_last_goes_first_for_the_hosts_and_items_that_had_it() -> None:
    text = crate(
        {"name": "install", "type": "package", "package": "nginx"},
        {"type": "file", "foreach": "vars.sites", "path": "/etc/nginx/{{ item }}.conf", "content": "x"},
        {"type": "exec", "command": "nginx -t", "unless": "test -e /run/nginx.pid"},
        {"type": "service", "service": "nginx", "state": "running", "enabled": True, "when": "not is_container()"},
        vars={"sites": ["a", "b"]},
        when="traits.os.family == 'debian'",
    )
    found = retractions.retract("example", text)
    assert yaml.safe_load(found.crate) == {
        "name": "example-retract",
        "description": "Takes back what example did. Remove it once all its hosts have run it.",
        "vars": {"sites": ["a", "b"]},
        "when": "traits.os.family == 'debian'",
        "resources": [
            {"type": "service", "service": "nginx", "state": "stopped", "enabled": False, "when": "not is_container()"},
            {"type": "file", "path": "/etc/nginx/{{ item }}.conf", "state": "absent", "foreach": "vars.sites"},
            {"name": "install", "type": "package", "package": "nginx", "state": "absent"},
        ],
    }
    assert compiled(found.crate) == []
    assert [each.confidence for each in found.warnings] == ["high", "medium", "none", "medium"]


@pytest.mark.parametrize(
    "resource",
    [
        {"type": "file", "path": "/etc/passwd", "content": "root"},
        {"type": "file", "path": "/etc/x", "mode": "0600"},
        {"type": "file", "path": "/var/lib/vigo-agent/x", "content": "x"},
        {"type": "directory", "path": "/etc/apt", "mode": "0755"},
        {"type": "directory", "path": "/srv"},
        {"type": "user", "user": "root", "shell": "/bin/sh"},
        {"type": "user", "user": "jane", "state": "absent"},
        {"type": "group", "group": "sudo", "members": ["jane"]},
        {"type": "package", "package": "vigo-agent"},
        {"type": "package", "package": "telnetd", "state": "purged"},
        {"type": "service", "service": "cups", "state": "stopped"},
        {"type": "mount", "path": "/mnt/x", "state": "unmounted"},
        {"type": "package", "package": "x", "state": "{{ vars.state }}"},
    ],
    ids=lambda resource: f"{resource['type']} {list(resource.values())[1]}",
)
def test_what_a_host_needs_or_nobody_knows_is_left_alone(resource: dict[str, Any]) -> None:
    assert one(resource) == (Confidence.NONE, None)


def test_keys_of_a_document_are_removed_one_by_one() -> None:
    merge = {"a": {"b/c": 1, "d": {"e": 2}}, "f": []}
    confidence, made = one({"type": "json_file", "path": "/etc/x.json", "merge": merge, "set": {"g.h": 1}})
    assert confidence is Confidence.MEDIUM
    assert made is not None
    assert made["remove"] == ["g.h", "/a/b~1c", "/a/d/e", "/f"]


def test_what_only_reports_has_nothing_to_take_back() -> None:
    assert one({"type": "file", "path": "/etc/x", "content": "x", "audit": True}) == (Confidence.HIGH, None)
