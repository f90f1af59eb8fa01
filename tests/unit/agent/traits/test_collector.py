"""The collector: in parallel, in time, within a budget; one that fails costs no other, and what was cut off is said."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from agent.hosts import MemoryHost, RealHost
from agent.traits import COLLECTORS, MAX_ITEMS, Collector, Traits
from agent.traits.budget import Cost, Pauses
from agent.traits.sources import Partly


def test_volatile_traits_do_not_change_the_stable_digest() -> None:
    values = {
        "loadavg": {"one": 0.1},
        "mountpoints": {"/": {"device": "a", "available_mb": 5}},
        "uptime": {"seconds": 1},
    }
    later = {
        "loadavg": {"one": 9.9},
        "mountpoints": {"/": {"device": "a", "available_mb": 4}},
        "uptime": {"seconds": 2},
    }
    other = {
        "loadavg": {"one": 0.1},
        "mountpoints": {"/": {"device": "b", "available_mb": 5}},
        "uptime": {"seconds": 1},
    }
    first = Traits(values, {})
    assert first.stable_sha256 == Traits(later, {}).stable_sha256
    assert first.sha256 != Traits(later, {}).sha256
    assert first.stable_sha256 != Traits(other, {}).stable_sha256
    assert values["mountpoints"]["/"]["available_mb"] == 5


def test_two_collections_of_this_machine_have_one_stable_digest() -> None:
    names = COLLECTORS.keys() - {"ports", "package_updates", "mountpoints", "filesystem"}  # of others who run here
    collector = Collector(RealHost("/"))
    assert collector.collect(names).stable_sha256 == collector.collect(names).stable_sha256


def _fails(_: Any) -> dict[str, Any]:
    raise PermissionError(13, "Permission denied", "/etc/shadow")


def test_one_that_fails_is_reported_and_costs_no_other() -> None:
    collector = Collector(MemoryHost(), collectors={"bad": _fails, "empty": lambda _: {}, "good": lambda _: {"a": 1}})
    traits = collector.collect()
    assert traits.values == {"empty": {}, "good": {"a": 1}}
    assert list(traits.errors) == ["bad"]
    assert "Permission denied" in traits.errors["bad"]


def test_one_that_hangs_is_given_up_and_left_alone_for_a_while() -> None:
    release, begun, now = threading.Event(), [], [0.0]

    def hangs(_: Any) -> dict[str, Any]:
        begun.append(1)
        release.wait(60)
        return {"late": True}

    collector = Collector(
        MemoryHost(), collectors={"slow": hangs, "good": lambda _: {"a": 1}}, timeout_s=1.0, clock=lambda: now[0]
    )
    said = "its collector did not end within 1 s: begun again in 10 min"
    assert collector.collect().errors == {"slow": said}
    assert collector.collect().errors == {"slow": said}
    now[0] = 601.0
    assert collector.collect().errors == {"slow": "its collector hangs"}
    assert len(begun) == 1
    release.set()
    for thread in threading.enumerate():
        if thread.name == "trait slow":
            thread.join(60)
    assert collector.collect().values["slow"] == {"late": True}


def test_forty_that_wait_for_each_other_are_all_begun() -> None:
    all_of_them = threading.Barrier(40)

    def waits(_: Any) -> dict[str, Any]:
        all_of_them.wait(60)
        return {"a": 1}

    collectors = {f"slow{n}": waits for n in range(40)}
    traits = Collector(MemoryHost(), collectors=collectors, timeout_s=90.0).collect()
    assert traits.errors == {}
    assert len(traits.values) == 40


def test_a_system_without_threads_costs_traits_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuses)
    traits = Collector(MemoryHost(), collectors={"a": lambda _: {}, "b": lambda _: {}}).collect()
    assert traits.errors == {"a": "can't start new thread", "b": "can't start new thread"}


def test_one_that_costs_too_much_keeps_its_last_value_and_is_left_alone_for_a_while() -> None:
    now, calls = [0.0], []

    def burns(_: Any) -> dict[str, Any]:
        calls.append(1)
        until = time.thread_time() + (0.55 if len(calls) == 1 else 0.0)
        while time.thread_time() < until:
            pass
        return {"n": len(calls)}

    collector = Collector(MemoryHost(), collectors={"ports": burns}, clock=lambda: now[0])
    for at in (0.0, 599.0):
        now[0] = at
        traits = collector.collect()
        assert traits.values == collector.recent(["ports"]).values == {"ports": {"n": 1}}
        assert "of processor time, more than 0.5 s: read again in 10 min" in traits.errors["ports"]
    now[0] = 601.0
    traits = collector.collect()
    assert (traits.values, traits.errors) == ({"ports": {"n": 2}}, {})


def test_it_is_left_alone_longer_each_time_until_it_is_cheap_again() -> None:
    pauses, now, said = Pauses(), 0.0, []
    for _ in range(10):
        said.append(pauses.judge("sysctl", Cost(wall_s=7.0), now).rpartition(" in ")[2])
        assert pauses.holds("sysctl", now + 599)
        now += 100_000
    assert said == ["10 min", "20 min", "40 min", "80 min", "3 h", "5 h", "11 h", "21 h", "24 h", "24 h"]
    assert pauses.judge("sysctl", Cost(wall_s=5.9, processor_s=1.4), now) == ""
    assert pauses.judge("sysctl", Cost(processor_s=1.6), now).endswith("10 min")
    assert not pauses.holds("os", now)


def test_what_nobody_foresaw_costs_one_trait(caplog: pytest.LogCaptureFixture) -> None:
    def breaks(_: Any) -> dict[str, Any]:
        raise TypeError("oh")

    odd = {"bad": breaks, "odd": lambda _: {"a": {1, 2}}, "good": lambda _: {"a": 1}}
    traits = Collector(MemoryHost(), collectors=odd).collect()
    assert traits.values == {"good": {"a": 1}}
    assert traits.errors == {"bad": "internal: TypeError: oh", "odd": "a trait holds a set"}
    assert "nobody foresaw" in caplog.text


def test_what_could_be_told_in_part_is_told_with_why_not_all() -> None:
    def partly(_: Any) -> dict[str, Any]:
        raise Partly({"a": 1}, "the rest is root's")

    traits = Collector(MemoryHost(), collectors={"half": partly}).collect()
    assert (traits.values, traits.errors) == ({"half": {"a": 1}}, {"half": "the rest is root's"})


def test_what_the_agent_knows_of_itself_is_put_over_what_is_read() -> None:
    collector = Collector(MemoryHost(), collectors={"me": lambda _: {"a": 1, "b": 1}}, own={"me": lambda: {"b": 2}})
    assert collector.collect().values == {"me": {"a": 1, "b": 2}}


def test_a_trait_is_collected_as_often_as_its_class_asks() -> None:
    calls: list[str] = []
    now = [0.0]

    def noted(name: str) -> Any:
        def collect(_: Any) -> dict[str, Any]:
            calls.append(name)
            return {}

        return collect

    names = ("loadavg", "packages", "hardware")  # volatile, periodic, stable
    collector = Collector(MemoryHost(), collectors={name: noted(name) for name in names}, clock=lambda: now[0])
    seen = []
    for at in (0.0, 599.0, 601.0, 3601.0):
        now[0] = at
        collector.collect()
        seen.append(sorted(calls))
        calls.clear()
    assert seen == [["hardware", "loadavg", "packages"], ["loadavg"], ["loadavg", "packages"], sorted(names)]
    collector.collect(["loadavg", "none such"])
    collector.forget()
    collector.collect()
    assert sorted(calls) == ["hardware", "loadavg", "loadavg", "packages"]


def test_no_module_is_loaded_but_those_that_are_asked_for() -> None:
    said = (
        "import sys; from agent.traits import Collector; from agent.hosts import RealHost;"
        "print(sorted(Collector(RealHost('/')).recent(['os', 'kernel']).values));"
        "print(sorted(name for name in sys.modules if name.startswith('agent.traits.')))"
    )
    ran = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True, timeout=60)
    asked, loaded = ran.stdout.splitlines()
    assert asked == "['kernel', 'os']"
    assert loaded == str([f"agent.traits.{name}" for name in ("bounds", "budget", "kernel", "os", "sources")])


def test_too_much_is_cut_and_said_so() -> None:
    many = {f"p{n:05d}": "1" for n in range(MAX_ITEMS + 7)}
    traits = Collector(
        MemoryHost(), collectors={"packages": lambda _: many, "long": lambda _: {"a": "x" * 9999}}
    ).collect()
    assert len(traits.values["packages"]) == MAX_ITEMS
    assert len(traits.values["long"]["a"]) == 2048
    assert set(traits.errors) == {"packages", "long"}


def test_all_together_are_bounded() -> None:
    huge = {f"k{n}": "x" * 2000 for n in range(1500)}
    traits = Collector(MemoryHost(), collectors={"huge": lambda _: huge, "good": lambda _: {"a": 1}}).collect()
    assert traits.values == {"good": {"a": 1}}
    assert "larger" in traits.errors["huge"]


def test_recent_traits_are_read_again_only_when_they_may_have_changed() -> None:
    calls: list[str] = []
    now = [0.0]

    def noted(name: str) -> Any:
        def collect(_: Any) -> dict[str, Any]:
            calls.append(name)
            return {"n": len(calls)}

        return collect

    collectors = {"packages": noted("packages"), "loadavg": noted("loadavg")}
    collector = Collector(MemoryHost(), collectors=collectors, clock=lambda: now[0])
    collector.recent("*")
    collector.recent("*")
    assert sorted(calls) == ["loadavg", "loadavg", "packages"]
    now[0] = 61.0
    collector.recent("*")
    assert calls.count("packages") == 2
    collector.forget()
    collector.recent("*")
    assert calls.count("packages") == 3
