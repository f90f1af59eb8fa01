"""What agents find is what would have to be desired, type by type; what has no rule says so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.resources import TYPES
from agent.tools import difference
from reconciler.drifts import invert
from schema.protocol.reports import ObservedAttribute
from schema.resources import RESOURCES

HEADER = "# Kept by vigo: changes made here are undone.\n"


def observed(name: str, found: str | None, desired: str | None) -> ObservedAttribute:
    return ObservedAttribute(name=name, found=found, desired=desired)


@pytest.mark.parametrize(
    ("type_", "name", "found", "desired", "changes"),
    [
        ("file", "mode", "0600", "0644", {"mode": "0600"}),
        ("file", "owner", "ada", "root", {"owner": "ada"}),
        ("file", "content", "a\n", "b\n", {"content": "a\n"}),
        ("directory", "group", "ops", "root", {"group": "ops"}),
        ("file", "state", "absent", "file", {"state": "absent"}),
        ("sysctl", "value", "60", "10", {"value": "60"}),
        ("sysctl", "file", f"{HEADER}vm.swappiness =  60 \n", f"{HEADER}vm.swappiness = 10\n", {"value": "60"}),
        ("kernel_parameter", "parameter", "audit=0", "audit=1", {"value": "0"}),
        ("kernel_parameter", "parameter", None, "audit=1", {"state": "absent"}),
        ("service", "state", "inactive", "running", {"state": "stopped"}),
        ("service", "state", "active", "stopped", {"state": "running"}),
        ("service", "enabled", "disabled", "yes", {"enabled": False}),
        ("service", "masked", "yes", "no", {"masked": True}),
        ("user", "shell", "/bin/zsh", "/bin/bash", {"shell": "/bin/zsh"}),
        ("user", "locked", "yes", "no", {"locked": True}),
        ("package", "version", "1.2-3", "1.2-2", {"version": "1.2-3"}),
        ("package", "state", "not installed", "present", {"state": "absent"}),
        ("package", "state", "1.2-3", "absent", {"state": "present"}),
        ("symlink", "target", "/a", "/b", {"target": "/a"}),
        ("timezone", "timezone", "Europe/Paris", "Etc/UTC", {"timezone": "Europe/Paris"}),
        (
            "cron",
            "job",
            f"{HEADER}# why\n5 4 * * * root date +\\%s\n",
            f"{HEADER}# why\n0 4 * * * root date +\\%s\n",
            {"schedule": "5 4 * * *"},
        ),
        ("user", "groups", "a,b", "a", {"groups": ["a", "b"]}),
        ("group", "members", "", "ben", {"members": []}),
        ("mount", "options", "ro,nodev", "rw", {"options": ["ro", "nodev"]}),
        ("cron", "job", f"{HEADER}@daily ada x y\n", f"{HEADER}@daily root x\n", {"user": "ada", "command": "x y"}),
    ],
)
def test_what_was_found_is_what_would_be_desired(
    type_: str, name: str, found: str | None, desired: str | None, changes: dict[str, Any]
) -> None:
    inverse = invert(type_, [observed(name, found, desired)])
    assert (inverse.changes, inverse.why) == (changes, "")


@pytest.mark.parametrize(
    ("type_", "name", "found", "desired"),
    [
        ("service", "state", "unknown", "running"),
        ("package", "version of nginx", "2", "1"),
        ("group", "members", None, "ada"),
        ("cron", "job", None, "0 4 * * * root x\n"),
        ("cron", "job", "# other\n0 5 * * * root x\n", "0 4 * * * root x\n"),
        ("cron", "job", "0 5\n", "0 4 * * * root x\n"),
        ("sysctl", "file", "vm.swappiness = 1\nvm.other = 2\n", "vm.swappiness = 10\n"),
        ("sysctl", "value", None, "10"),
        ("kernel_parameter", "parameter", "audit=0 audit=2", "audit=1"),
        ("file", "state", "directory", "file"),
        ("kernel_parameter", "file", "a\n", "b\n"),
        ("firewall", "live", "not there", "there"),
    ],
)
def test_what_has_no_rule_is_not_guessed(type_: str, name: str, found: str | None, desired: str) -> None:
    inverse = invert(type_, [observed(name, found, desired)])
    assert inverse.changes == {}
    assert inverse.why


def test_one_thing_without_an_inverse_leaves_the_whole_without() -> None:
    found = [observed("mode", "0600", "0644"), ObservedAttribute(name="content", hidden=True)]
    assert invert("file", found)[:2] == ({}, "what was found may hold a secret, and is not told")


def test_of_what_is_not_there_nothing_else_is_said() -> None:
    found = [observed("state", "absent", "file"), observed("content", None, "x"), observed("mode", None, "0644")]
    assert invert("file", found).changes == {"state": "absent"}


def test_what_says_two_things_at_once_has_no_inverse() -> None:
    found = [observed("file", "vm.swappiness = 60\n", "vm.swappiness = 10\n"), observed("value", "70", "10")]
    assert invert("sysctl", found).why == "what was found says two things at once"


@given(st.sampled_from(sorted(RESOURCES)), st.text(max_size=12), st.none() | st.text(max_size=12), st.text(max_size=12))
def test_whatever_is_found_of_whatever_only_attributes_come_out(
    type_: str, name: str, found: str | None, desired: str
) -> None:
    inverse = invert(type_, [observed(name, found, desired)])
    assert bool(inverse.changes) != bool(inverse.why)
    assert inverse.changes.keys() <= RESOURCES[type_].model_fields.keys()


def test_agents_speak_of_types_that_are_known_here() -> None:
    assert set(TYPES) <= set(RESOURCES)
    assert difference.observed([]) == []
