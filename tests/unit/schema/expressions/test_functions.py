"""Functions: what traits answer, what the host answers, and what nobody here can."""

from __future__ import annotations

import functools
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.expressions import ExpressionError, HostFunctions, Kind, NoHost, Renderer, compare_versions


class Host:
    """A host of which everything is known."""

    def __init__(self, now: datetime = datetime(2026, 11, 22, 14, 30)) -> None:  # noqa: DTZ001 - the host's local time
        self.time = now
        self.asked: list[str] = []

    def file_exists(self, path: str) -> bool:
        self.asked.append(path)
        return path == "/etc/motd"

    def dir_exists(self, path: str) -> bool:
        return path == "/etc"

    def process_running(self, name: str) -> bool:
        return name == "sshd"

    def command_succeeds(self, command: str) -> bool:
        if command == "broken":
            raise OSError(5, "Input/output error")
        return command == "true"

    def now(self) -> datetime:
        return self.time


SCOPE: dict[str, Any] = {
    "traits": {
        "os": {"family": "debian", "distro": "ubuntu", "version": "24.04"},
        "hardware": {"arch": "x86_64", "container": False},
        "packages": {"nginx": "1.24.0-2", "python3.11": "3.11.2-6"},
        "services": {},
    }
}


def test_the_protocol_is_met_by_both_hosts() -> None:
    hosts: list[HostFunctions] = [Host(), NoHost()]
    assert len(hosts) == 2


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("file_exists('/etc/motd')", True),
        ("file_exists('/etc')", False),
        ("dir_exists('/etc')", True),
        ("process_running('sshd')", True),
        ("command_succeeds('true')", True),
        ("command_succeeds('false')", False),
        ("os_family()", "debian"),
        ("os_family('redhat', 'debian')", True),
        ("os_family('redhat')", False),
        ("distro()", "ubuntu"),
        ("distro('debian')", False),
        ("arch()", "x86_64"),
        ("arch('aarch64', 'x86_64')", True),
        ("is_container()", False),
        ("has_trait('os.family')", True),
        ("has_trait('os')", True),
        ("has_trait('packages.nginx')", True),
        ("has_trait('packages.python3.11')", True),
        ("has_trait('packages.apache2')", False),
        ("has_trait('services.nginx.state')", False),
        ("has_trait('')", False),
        ("version_ge('1.10', '1.9')", True),
        ("version_ge(traits.packages.nginx, '1.24')", True),
        ("version_ge(traits.os.version, 25)", False),
        ("day_of_week()", "sunday"),
        ("day_of_week('sat', 'sun')", True),
        ("day_of_week('Monday')", False),
        ("hour_range(9, 17)", True),
        ("hour_range(15, 17)", False),
        ("hour_range(14, 15)", True),
        ("hour_range(22, 6)", False),
        ("hour_range(22, 15)", True),
        ("hour_range(0, 24)", True),
        ("hour_range(14, 14)", False),
        ("range(3)", [0, 1, 2]),
    ],
)
def test_a_function_answers(expression: str, value: Any) -> None:
    assert Renderer(Host()).evaluate(expression, SCOPE) == value


@pytest.mark.parametrize(
    "expression",
    ["file_exists('/')", "dir_exists('/')", "process_running('a')", "command_succeeds('a')", "hour_range(1, 2)"],
)
def test_away_from_the_host_its_answers_are_unknown(expression: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Renderer().evaluate(expression, SCOPE)
    assert caught.value.kind is Kind.UNKNOWN


@pytest.mark.parametrize("expression", ["os_family()", "distro('x')", "arch()", "is_container()", "has_trait('os')"])
def test_without_traits_what_they_answer_is_unknown(expression: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Renderer(Host()).evaluate(expression, {"vars": {}})
    assert caught.value.kind is Kind.UNKNOWN


def test_a_local_name_does_not_stand_in_for_traits() -> None:
    assert Renderer().render("{% set traits = {'os': {'family': 'x'}} %}{{ os_family() }}", SCOPE) == "debian"


def test_a_trait_that_is_not_there_is_undefined() -> None:
    with pytest.raises(ExpressionError, match=r"traits\.os\.family is undefined") as caught:
        Renderer().evaluate("os_family()", {"traits": {"os": {}}})
    assert caught.value.kind is Kind.UNDEFINED


def test_a_host_that_fails_fails_the_expression_alone() -> None:
    renderer = Renderer(Host())
    with pytest.raises(ExpressionError, match="the host refused: Input/output error") as caught:
        renderer.evaluate("command_succeeds('broken')", {})
    assert caught.value.kind is Kind.TYPE
    assert renderer.evaluate("command_succeeds('true')", {}) is True


def test_the_host_is_asked_only_when_the_answer_is_needed() -> None:
    host = Host()
    Renderer(host).evaluate("false and file_exists('/a') or true or file_exists('/b')", {})
    assert host.asked == []


@pytest.mark.parametrize(
    "expression",
    [
        "file_exists(1)",
        "hour_range(1, 25)",
        "hour_range('a', 2)",
        "day_of_week('x')",
        "day_of_week('mo')",
        "range(1, 2, 0)",
        "range(1.5)",
        "has_trait(1)",
        "file_exists('a' * 70000)",
    ],
)
def test_a_wrong_argument_is_an_error(expression: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Renderer(Host()).evaluate(expression, SCOPE)
    assert caught.value.kind in (Kind.TYPE, Kind.LIMIT)


# In rising order; those on one line are equal.
ORDER = (
    ("0~~",),
    ("0~",),
    ("0", "", "00"),
    ("0a",),
    ("0.1",),
    ("1.0~rc1",),
    ("1.0", "1.00", "1.0-0"),
    ("1.0-1~bpo1",),
    ("1.0-1",),
    ("1.0-1+b1",),
    ("1.0a",),
    ("1.0+dfsg",),
    ("1.0.1",),
    ("1.9",),
    ("1.10",),
    ("9.2p1-2+deb12u3",),
    ("10",),
    ("24.04", "24.4"),
    ("1:0.1",),
    ("2:0",),
)


def test_versions_are_in_the_order_that_debian_gives_them() -> None:
    ranked = [(rank, version) for rank, versions in enumerate(ORDER) for version in versions]
    for first_rank, first in ranked:
        for second_rank, second in ranked:
            compared = compare_versions(first, second)
            assert (compared > 0) - (compared < 0) == (first_rank > second_rank) - (first_rank < second_rank), (
                first,
                second,
            )


@given(st.lists(st.text("0123456789abz.~+-:", max_size=8), min_size=3, max_size=8))
def test_the_order_of_versions_is_an_order(versions: list[str]) -> None:
    ordered = sorted(versions, key=functools.cmp_to_key(compare_versions))
    for index, first in enumerate(ordered):
        for second in ordered[index:]:
            assert compare_versions(first, second) <= 0
            assert compare_versions(second, first) >= 0
