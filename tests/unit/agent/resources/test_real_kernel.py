"""The real kernel's parameters, of a network namespace of its own."""

from __future__ import annotations

from pathlib import Path

from tests.factories import namespaces


@namespaces.as_root
def test_a_parameter_of_the_network_is_set_now_and_for_the_next_start(tmp_path: Path) -> None:
    reset = "echo 0 >/proc/sys/net/ipv4/ip_forward\n"
    set_, words, refused, unknown = namespaces.converge(
        tmp_path,
        [
            ("sysctl", {"key": "net.ipv4.ip_forward", "value": "1"}),
            ("sysctl", {"key": "net.ipv4.ip_local_port_range", "value": "20000 30000"}),
            ("sysctl", {"key": "net.ipv4.conf.all.forwarding", "value": "no number"}),
            ("sysctl", {"key": "net.ipv4.no_such_key", "value": "1"}),
        ],
        before=reset,
    )
    assert (set_["outcome"], set_["again"]) == ("changed", "unchanged"), set_
    assert "value: 0 → 1" in set_["diff"]
    assert (words["outcome"], words["again"]) == ("changed", "unchanged"), words
    assert refused["error"] == "/proc/sys/net/ipv4/conf/all/forwarding: Invalid argument"
    assert unknown["error"].startswith("this kernel has no net.ipv4.no_such_key")
    kept = sorted(path.name for path in (tmp_path / "etc" / "sysctl.d").glob("99-vigo-*"))
    assert kept == ["99-vigo-net.ipv4.ip_forward.conf", "99-vigo-net.ipv4.ip_local_port_range.conf"]
