"""What a test states is all that expressions get to know: the rest is unknown, however they ask."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.expectations.stated import StatedAnswers, StatedTraits
from schema.documents.tests import Answers
from schema.expressions import ExpressionError, Kind, Renderer

STATED = {
    "os": {"family": "debian", "codename": None},
    "packages": {"nginx": "1.2", "vim": None},
    "users": {"ada": {"uid": 1000}},
    "network": {"interfaces": {"eth0": {"up": True}}},
}
ANSWERS = Answers(
    file_exists={"/etc/a": True},
    process_running={"sshd": False},
    command_succeeds={"true": True},
    now="2026-11-21T03:00:00Z",
)


def value(expression: str) -> Any:
    return Renderer(StatedAnswers(ANSWERS)).evaluate(expression, {"traits": StatedTraits(STATED), "vars": {}})


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("traits.os.family", "debian"),
        ("os_family('debian', 'suse')", True),
        ("traits.os.codename | default('none')", "none"),
        ("has_trait('os.codename')", False),
        ("has_trait('os.family')", True),
        ("traits.packages.nginx", "1.2"),
        ("traits.packages['telnet'] | default('no')", "no"),
        ("'telnet' in traits.packages", False),
        ("has_trait('packages.telnet')", False),
        ("has_trait('packages.vim')", False),
        ("traits.packages | length", 1),
        ("traits.users.ada.uid", 1000),
        ("'bob' in traits.users", False),
        ("traits.network.interfaces.eth0.up", True),
        ("'uid' in traits.users.ada", True),
        ("traits.os.family == 'debian' or traits.hardware.container", True),
        ("file_exists('/etc/a')", True),
        ("process_running('sshd')", False),
        ("command_succeeds('true')", True),
        ("hour_range(2, 4) and day_of_week('sat')", True),
    ],
)
def test_what_is_stated_is_known(expression: str, expected: object) -> None:
    assert value(expression) == expected


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("traits.os.version", "traits.os.version"),
        ("traits.os.version | default('13')", "traits.os.version"),
        ("traits.os['version']", "traits.os.version"),
        ("traits.os.get('version', 1)", "traits.os.version"),
        ("'version' in traits.os", "traits.os.version"),
        ("has_trait('os.version')", "traits.os.version"),
        ("traits.os.version is defined", "traits.os.version"),
        ("traits.hardware.container", "traits.hardware.container"),
        ("is_container()", "traits.hardware.container"),
        ("arch('x86_64')", "traits.hardware.arch"),
        ("traits.services.nginx.state", "traits.services"),
        ("traits.services | length", "traits.services"),
        ("has_trait('services.nginx')", "traits.services"),
        ("traits.users.ada.home", "traits.users.ada.home"),
        ("traits.os | length", "traits.os"),
        ("traits.os.keys()", "traits.os"),
        ("traits.os.items()", "traits.os"),
        ("traits.os.values()", "traits.os"),
        ("traits.os | to_json", "traits.os"),
        ("traits.os | list", "traits.os"),
        ("traits.os == {}", "traits.os"),
        ("traits.os | dictsort", "traits.os"),
        ("traits", "traits"),
        ("traits.os ~ ''", "traits.os"),
        ("'x' if traits.os else 'y'", "traits.os"),
        ("file_exists('/etc/b')", "file_exists('/etc/b')"),
        ("dir_exists('/etc')", "dir_exists('/etc')"),
    ],
)
def test_what_is_not_stated_is_unknown_however_it_is_asked_for(expression: str, named: str) -> None:
    with pytest.raises(ExpressionError, match="give it") as raised:
        value(expression)
    assert raised.value.kind is Kind.UNKNOWN
    assert named in raised.value.message


def test_the_time_is_unknown_unless_it_is_stated() -> None:
    with pytest.raises(ExpressionError, match="give it as answers"):
        Renderer(StatedAnswers(Answers())).evaluate("hour_range(2, 4)", {})


def test_what_no_host_has_is_absent_not_unknown() -> None:
    assert value("traits.nothing | default('absent')") == "absent"
