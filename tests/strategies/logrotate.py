"""Scenes and contrasts of `logrotate`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, maybe, nodes, vary

_ONE = {"rotation": "a", "paths": ["/var/log/a.log"]}
_D = {"/etc/logrotate.d": {"directory": True}}

CONTRASTS: dict[str, Contrast] = {
    field: vary(_D, _ONE, field, one, other)
    for field, one, other in (
        ("rotation", "a", "b"),
        ("state", "present", "absent"),
        ("paths", ["/a"], ["/a", "/b c/*.log"]),
        ("frequency", "daily", "weekly"),
        ("rotate", 1, 2),
        ("size", ..., "1M"),
        ("min_size", ..., "1M"),
        ("max_size", ..., "1M"),
        ("max_age_days", ..., 30),
        ("compress", True, False),
        ("delay_compress", True, False),
        ("missing_ok", True, False),
        ("if_empty", True, False),
        ("copy_truncate", True, False),
        ("date_ext", True, False),
        ("create", ..., "0640 web adm"),
        ("su", ..., "web adm"),
        ("shared_scripts", True, False),
        ("prerotate", [], ["true"]),
        ("postrotate", [], ["true"]),
    )
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"rotation": "x", "paths": ["/var/log/x.log"]}
    spec["state"] = draw(st.sampled_from(["present", "present", "absent"]))
    spec |= draw(
        st.fixed_dictionaries(
            {}, optional={"rotate": st.integers(0, 3), "compress": maybe, "postrotate": st.just(["invalid"])}
        )
    )
    parent = {"/etc/logrotate.d": {"directory": True}} if draw(maybe) else {}
    return Scene({**parent, "/etc/logrotate.d/x": draw(nodes)}, spec)
