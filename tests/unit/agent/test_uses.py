"""What an expression looks at is found in its tree; what is missed would be stale on a host."""

from __future__ import annotations

from typing import Any

import pytest

from agent import uses
from agent.uses import Uses
from schema.expressions.functions import FUNCTIONS


def used(vars: str = "", traits: str = "", functions: str = "") -> Uses:  # noqa: A002
    return Uses(*(frozenset(names.split()) for names in (vars, traits, functions)))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 1", used()),
        ("vars.a.b", used("a")),
        ("vars['a'].b", used("a")),
        ("vars[host.hostname]", used("*")),
        ("vars", used("*")),
        ("vars.items()", used("*")),
        ("traits.os.family == 'debian' and not traits.net.up", used("", "os net")),
        ("vars.a if traits.b else vars.c", used("a c", "b")),
        ("[vars.a, {'x': vars.b}]", used("a b")),
        ("vars.a | default(vars.b) | join(vars.c)", used("a b c")),
        ("vars.a[1:vars.b]", used("a b")),
        ("vars.a is divisibleby(vars.b)", used("a b")),
        ("os_family('debian')", used("", "os")),
        ("distro() ~ arch() ~ is_container()", used("", "os hardware")),
        ("has_trait('packages.nginx')", used("", "packages")),
        ("has_trait(vars.path)", used("path", "*")),
        ("file_exists('/x') or hour_range(1, vars.h)", used("h", "", "file_exists hour_range")),
        ("version_ge(traits.os.version, '12')", used("", "os")),
        ("range(3)", used()),
        ("item.vars.a", used()),
        ("'vars.a'", used()),
        ("not an expression (", used()),
    ],
)
def test_an_expression(expression: str, expected: Uses) -> None:
    assert uses.of_expression(expression) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain vars.a", used()),
        ("{{ vars.a }}", used("a")),
        ("{% for x in vars.a if x.b == traits.c %}{{ x.d }}{% else %}{{ vars.e }}{% endfor %}", used("a e", "c")),
        ("{% set v = vars %}{{ v.a }}", used("*")),
        (
            "{% if dir_exists(vars.a) %}x{% elif vars.b %}y{% else %}{{ day_of_week() }}{% endif %}",
            used("a b", "", "dir_exists day_of_week"),
        ),
        ({"a": ["{{ vars.a }}", {"b": "{{ traits.b }}"}], "c": 1}, used("a", "b")),
        ("{# {{ vars.a }} #}{% raw %}{{ vars.b }}{% endraw %}", used()),
        ("{{ broken", used()),
    ],
)
def test_a_value(value: Any, expected: Uses) -> None:
    assert uses.of_value(value) == expected


def test_every_function_is_known_for_what_it_asks() -> None:
    asks_the_host = {"command_succeeds", "day_of_week", "dir_exists", "file_exists", "hour_range", "process_running"}
    for name in FUNCTIONS:
        found = uses.of_expression(f"{name}()")
        assert found.volatile == (name in asks_the_host)
        assert found.clocked == (name in ("day_of_week", "hour_range"))


def test_uses_add_up() -> None:
    assert used("a", "b", "c") | used("d", "b") == used("a d", "b", "c")
