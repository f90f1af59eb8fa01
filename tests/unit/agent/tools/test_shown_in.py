"""Where tools say that a change shows, it is seen: with files that stand for those of an init system or a kernel."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.tools import alternatives, apt, mounts, openrc, pip, systemctl, sysv
from agent.watch import Watch, WatchedHost

UNITS = "run/systemd/units"
GROUP = "sys/fs/cgroup/unified/system.slice/x.service"
TEMPLATE = r"sys/fs/cgroup/unified/system.slice/system-a\x2db.slice/a-b@1.service"


def link(path: str) -> Callable[[Path], object]:
    return lambda root: (root / path).symlink_to("/lib/x")


def gone(path: str) -> Callable[[Path], object]:
    return lambda root: (root / path).unlink()


def text(path: str, content: str = "other, and longer") -> Callable[[Path], object]:
    return lambda root: (root / path).write_text(content)


def x(host: WatchedHost) -> list[str]:
    return list(systemctl.shown_in(host, "x.service"))


CASES: dict[str, tuple[Callable[[WatchedHost], list[str]], Callable[[Path], object]]] = {
    "a unit starts": (lambda host: list(systemctl.shown_in(host, "y.service")), link(f"{UNITS}/invocation:y.service")),
    "a unit stops": (x, gone(f"{UNITS}/invocation:x.service")),
    "a unit has lost its last process": (x, text(f"{GROUP}/cgroup.events", "populated 0\n")),
    "a unit's control group goes": (x, lambda root: (root / GROUP).rename(root / "gone")),
    "a unit of a template has lost its last process": (
        lambda host: list(systemctl.shown_in(host, "a-b@1.service")),
        text(f"{TEMPLATE}/cgroup.events", "populated 0\n"),
    ),
    "a unit is enabled": (x, link("etc/systemd/system/multi-user.target.wants/x.service")),
    "a unit is masked": (x, link("etc/systemd/system/x.service")),
    "a service of OpenRC stops": (lambda host: list(openrc.shown_in(host, "x")), gone("run/openrc/started/x")),
    "a service of OpenRC is enabled": (lambda host: list(openrc.shown_in(host, "x")), text("etc/runlevels/default/x")),
    "a service of sysvinit is enabled": (lambda host: list(sysv.shown_in(host, "x")), link("etc/rc2.d/S01x")),
    "an alternative is chosen": (lambda _: list(alternatives.shown_in("editor")), link("etc/alternatives/editor")),
    "a package of a virtual environment": (
        lambda host: list(pip.shown_in(host, "/opt/venv")),
        lambda root: (root / "opt/venv/lib/python3.11/site-packages/new-1.dist-info").mkdir(),
    ),
    "a package of Debian": (lambda _: list(apt.shown_in()), text("var/lib/dpkg/status")),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in (
        UNITS, GROUP, TEMPLATE, "etc/systemd/system/multi-user.target.wants", "run/openrc/started", "etc/runlevels/default",
        "etc/rc2.d", "etc/alternatives", "opt/venv/lib/python3.11/site-packages", "var/lib/dpkg",
    ):  # fmt: skip
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / UNITS / "invocation:x.service").symlink_to("0123")
    for path in (f"{GROUP}/cgroup.events", f"{TEMPLATE}/cgroup.events"):
        (tmp_path / path).write_text("populated 1\n")
    (tmp_path / "run/openrc/started/x").symlink_to("/etc/init.d/x")
    (tmp_path / "var/lib/dpkg/status").write_text("")
    return tmp_path


@pytest.mark.parametrize("what", CASES)
def test_it_is_seen_that(what: str, root: Path) -> None:
    places, act = CASES[what]
    host = WatchedHost(root)
    told: list[frozenset[str] | None] = []
    watch = Watch(host, told.append)
    try:
        shown = frozenset(places(host))
        watch.follow([], shown)
        act(root)
        until = time.monotonic() + 60
        while not told and time.monotonic() < until:
            time.sleep(0.005)
        assert told
        assert told[0]
        assert told[0] <= shown | {place.rstrip("/") for place in shown}
    finally:
        watch.close()
        host.close()


def test_a_mount_is_named_as_the_kernel_names_it() -> None:
    assert mounts.shown_in("/srv/the data") == "/proc/self/mountinfo\n/srv/the\\040data"
