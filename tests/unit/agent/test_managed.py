"""A directory that is purged keeps all that any resource of the host manages, whatever becomes of it in this run."""

from __future__ import annotations

from typing import Any

import pytest

from agent.hosts import MemoryHost
from tests.strategies import machines, programs
from tests.strategies.catalogs import crate, state, usercrate
from tests.strategies.runs import Fleet, by_id, outcomes

FOUND = {
    "/etc/conf.d/old": "old",
    "/etc/conf.d/sub/x": "x",
    "/etc/conf.d/sub/y": "y",
    "/etc/conf.d/link": {"link": "old"},
}
PURGE = {"name": "dir", "type": "directory", "path": "/etc/conf.d", "purge": True}


def file(path: str, **attributes: Any) -> dict[str, Any]:
    return {"name": path.rpartition("/")[2], "type": "file", "path": path, "content": "ours", **attributes}


def fleet(paths: dict[str, Any] | None = None) -> Fleet:
    return Fleet(machines.machine({**FOUND, **(paths or {})}, programs.ALL))


def left(host: MemoryHost) -> list[str]:
    return sorted(path for path in host.nodes if path.startswith("/etc/conf.d/"))


def test_what_later_resources_manage_stays_also_in_the_first_run() -> None:
    one = fleet({"/etc/conf.d/kept": "old content"})
    desired = state(crate("a", [PURGE]), crate("b", [file("/etc/conf.d/kept"), file("/etc/conf.d/sub/y")]))
    report = one.run(desired)
    assert set(outcomes(report).values()) == {"changed"}
    assert left(one.host) == ["/etc/conf.d/kept", "/etc/conf.d/sub", "/etc/conf.d/sub/y"]
    assert set(outcomes(one.run(desired)).values()) == {"unchanged"}


def test_a_dry_run_says_what_would_go() -> None:
    one = fleet()
    report = one.run(state(crate("a", [PURGE, file("/etc/conf.d/sub/x")])), dry_run=True)
    assert by_id(report, "a/dir").diff.splitlines() == [
        "below: /etc/conf.d/link → (none)",
        "below: /etc/conf.d/old → (none)",
        "below: /etc/conf.d/sub/y → (none)",
    ]
    assert one.host.writes == 0


def test_while_a_resource_cannot_be_rendered_nothing_is_removed() -> None:
    one = fleet()
    desired = state(crate("a", [PURGE, file("/etc/conf.d/{{ traits.no.such }}", name="broken")]))
    report = one.run(desired)
    assert outcomes(report) == {"a/dir": "failed", "a/broken": "failed"}
    assert "what else is managed here is not known: a/broken" in by_id(report, "a/dir").error
    assert len(left(one.host)) == 5


def test_what_is_excluded_is_still_managed() -> None:
    one = fleet()
    desired = state(crate("a", [PURGE, file("/etc/conf.d/old", when="false")]))
    assert outcomes(one.run(desired)) == {"a/dir": "changed", "a/old": "skipped"}
    assert left(one.host) == ["/etc/conf.d/old"]


def test_what_is_excluded_and_cannot_be_rendered_keeps_what_it_made() -> None:
    one = fleet()
    made = file("/etc/conf.d/{{ traits.os.family }}", name="made", when="traits.os.family is defined")
    desired = state(crate("a", [made]))
    one.run(desired)
    assert "/etc/conf.d/debian" in left(one.host)
    one.traits.pop("os")
    after = state(crate("a", [made, PURGE]), generation=2)
    assert outcomes(one.run(after)) == {"a/made": "skipped", "a/dir": "changed"}
    assert left(one.host) == ["/etc/conf.d/debian"]


def test_what_another_directory_manages_is_its_own_affair() -> None:
    one = fleet()
    inner = {"name": "sub", "type": "directory", "path": "/etc/conf.d/sub"}
    assert outcomes(one.run(state(crate("a", [PURGE, inner]))))["a/dir"] == "changed"
    assert left(one.host) == ["/etc/conf.d/sub", "/etc/conf.d/sub/x", "/etc/conf.d/sub/y"]


def test_another_way_to_the_same_file_is_seen_through() -> None:
    one = fleet({"/conf": {"link": "/etc/conf.d"}})
    desired = state(crate("a", [PURGE, file("/conf/old"), file("/conf/sub/y")]))
    one.run(desired)
    assert left(one.host) == ["/etc/conf.d/old", "/etc/conf.d/sub", "/etc/conf.d/sub/x", "/etc/conf.d/sub/y"]


@pytest.mark.parametrize("confined", [True, False])
def test_what_usercrates_manage_stays(confined: bool) -> None:
    accounts = {
        "/etc/passwd": "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/bash\n",
        "/home/ada": {"directory": True, "uid": 1000, "gid": 1000},
        "/home/ada/rc": {"content": "ours", "uid": 1000, "gid": 1000},
        "/home/ada/other": {"content": "", "uid": 1000, "gid": 1000},
    }
    one = Fleet(machines.machine(accounts, programs.ALL, confined=confined))
    purge = {"name": "home", "type": "directory", "path": "/home/ada", "purge": True}
    desired = state(crate("a", [purge]), usercrate("shell", [file("{{ user.home }}/rc", name="rc")]))
    report = one.run(desired)
    assert by_id(report, "a/home").outcome.value == "changed"
    assert sorted(path for path in one.host.nodes if path.startswith("/home/ada/")) == ["/home/ada/rc"]


def test_modes_that_go_down_leave_what_others_manage() -> None:
    one = fleet()
    tree = {"name": "dir", "type": "directory", "path": "/etc/conf.d", "recurse": True, "file_mode": "0600"}
    desired = state(crate("a", [tree, file("/etc/conf.d/old", mode="0644")]))
    one.run(desired)
    assert machines.describe(one.host, "/etc/conf.d/old")["mode"] == "0644"
    assert machines.describe(one.host, "/etc/conf.d/sub/x")["mode"] == "0600"
    assert set(outcomes(one.run(desired)).values()) == {"unchanged"}
