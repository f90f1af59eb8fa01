"""Scenes and contrasts of `host_entry`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, nodes, vary

_HOSTS = {"/etc/hosts": "127.0.0.1 localhost\n10.0.0.1 a\n"}
_A = {"host": "a", "address": "10.0.0.1"}

CONTRASTS: dict[str, Contrast] = {
    "host": vary(_HOSTS, {"address": "10.0.0.1"}, "host", "a", "b"),
    "state": vary(_HOSTS, _A, "state", "present", "absent"),
    "address": vary(_HOSTS, {"host": "a"}, "address", "10.0.0.1", "10.0.0.2"),
    "aliases": vary(_HOSTS, _A, "aliases", [], ["b"]),
}
_line = st.sampled_from(
    ["127.0.0.1 localhost a", "10.0.0.1\ta b # said", "10.0.0.2 c a b", "fe80::1 a", "# a", "", "10.0.0.1 a", "x y"]
)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"host": "a", "state": draw(st.sampled_from(["present", "present", "absent"]))}
    optional = {"aliases": st.sampled_from([["b"], ["c", "a"]])}
    spec |= draw(st.fixed_dictionaries({"address": st.sampled_from(["10.0.0.1", "fe80::1"])}, optional=optional))
    text = "".join(f"{line}\n" for line in draw(st.lists(_line, max_size=5)))
    return Scene({"/etc/hosts": draw(st.one_of(st.just(text), nodes))}, spec)
