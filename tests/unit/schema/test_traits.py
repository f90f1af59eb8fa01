"""The declared traits: what stands at a path, and whether it always does."""

from __future__ import annotations

import pytest

from schema import traits
from schema.traits import ANY, SECTIONS, TRAITS, TraitInfo, TraitType, lookup


@pytest.mark.parametrize(
    ("path", "kind", "always"),
    [
        ("os", TraitType.MAP, True),
        ("os.family", TraitType.STRING, True),
        ("os.codename", TraitType.STRING, False),
        ("hardware.memory_mb", TraitType.INT, True),
        ("loadavg.one", TraitType.FLOAT, True),
        ("agent_self.confined", TraitType.BOOL, True),
        ("network.ip_addresses", TraitType.LIST, True),
        ("packages", TraitType.MAP, True),
        ("packages.nginx", TraitType.STRING, False),
        ("services", TraitType.MAP, True),
        ("services.nginx", TraitType.MAP, False),
        ("services.nginx.state", TraitType.STRING, False),
        ("network.interfaces.eth0.mac", TraitType.STRING, False),
    ],
)
def test_a_declared_path_has_a_type_and_is_always_there_or_not(path: str, kind: TraitType, always: bool) -> None:
    info = lookup(path)
    assert info is not None
    assert (info.type, info.always) == (kind, always)
    assert lookup(path.split(".")) == info


def test_a_key_may_hold_dots_when_the_path_is_given_in_parts() -> None:
    assert lookup("packages.python3.11") is None
    assert lookup(("packages", "python3.11")) == TRAITS["packages.*"]
    assert lookup(("mountpoints", "/var/lib.d", "fstype")) is not None


@pytest.mark.parametrize("path", ["", "nope", "os.nope", "os.family.x", "packages.a.b", "services.a.b", ".os", "os."])
def test_what_is_not_declared_is_not_found(path: str) -> None:
    assert lookup(path) is None


def test_a_mistyped_path_is_told_the_nearest_one() -> None:
    assert traits.nearest("os.famly") == "os.family"
    assert traits.nearest(["hardware", "memory"]) == "hardware.memory_mb"
    assert traits.nearest("zzzzz") is None


def test_each_path_belongs_to_a_declared_trait_and_says_what_it_is() -> None:
    assert {path.split(".")[0] for path in TRAITS} == set(SECTIONS)
    assert all(section.summary for section in SECTIONS.values())
    for path, info in TRAITS.items():
        assert isinstance(info, TraitInfo)
        assert info.summary, path


def test_what_changes_by_itself_is_marked_so_that_traits_are_not_sent_for_it() -> None:
    volatile = {path for path, info in TRAITS.items() if info.volatile}
    assert {"loadavg.one", "loadavg.five", "loadavg.fifteen", "uptime.seconds", "memory.available_mb"} <= volatile
    assert "os.family" not in volatile


def test_an_open_map_is_declared_itself() -> None:
    for path in TRAITS:
        parts = path.split(".")
        if ANY in parts:
            parent = lookup(parts[: parts.index(ANY)])
            assert parent is not None
            assert parent.type is TraitType.MAP
