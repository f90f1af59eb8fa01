"""Scenes and contrasts of `selinux`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.programs import selinux
from tests.strategies.scenes import Contrast, Scene, vary

_CONFIG = "# said\nSELINUX=permissive\nSELINUXTYPE=targeted\n"
_ENFORCE = "/sys/fs/selinux/enforce"
_WWW = "/srv/www(/.*)? system_u:object_r:etc_t:s0\n"
_HERE = {
    "/etc/selinux/config": _CONFIG,
    _ENFORCE: "0",
    f"{selinux.BOOLEANS}/a": "0 0",
    f"{selinux.BOOLEANS}/b": "0 0",
    selinux.CONTEXTS: _WWW,
    selinux.LABELS: _WWW,
    "/srv/www": {"directory": True},
}

CONTRASTS: dict[str, Contrast] = {
    "selinux": vary(_HERE, {"kind": "boolean", "value": "on"}, "selinux", "a", "b"),
    "kind": Contrast(
        _HERE,
        {"selinux": "mode", "kind": "mode", "value": "enforcing"},
        {"selinux": "mode", "kind": "boolean", "value": "on"},
    ),
    "state": vary(
        _HERE, {"selinux": "/srv/www(/.*)?", "kind": "context", "value": "etc_t"}, "state", "present", "absent"
    ),
    "value": vary(_HERE, {"selinux": "mode", "kind": "mode"}, "value", "enforcing", "disabled"),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = draw(
        st.sampled_from(
            [
                *(
                    {"selinux": "mode", "kind": "mode", "value": value}
                    for value in ("enforcing", "permissive", "disabled")
                ),
                *({"selinux": "a", "kind": "boolean", "value": value} for value in ("on", "off")),
                {"selinux": "/srv/www(/.*)?", "kind": "context", "value": "httpd_sys_content_t"},
                {"selinux": "/srv/www(/.*)?", "kind": "context", "state": "absent"},
            ]
        )
    )
    paths = {
        "/etc/selinux/config": draw(st.sampled_from([_CONFIG, "SELINUX=enforcing\n", "SELINUX=disabled"])),
        _ENFORCE: draw(st.sampled_from([None, "0", "1"])),
        f"{selinux.BOOLEANS}/a": draw(st.sampled_from([None, "0 0", "1 1"])),
        selinux.STORE: draw(st.sampled_from([None, "# said\na=1\n", "a=0\nb=1\n"])),
        selinux.CONTEXTS: draw(st.sampled_from([None, _WWW, "# said\n/a system_u:object_r:etc_t:s0\n"])),
        selinux.LABELS: draw(st.sampled_from(["", _WWW])),
        "/srv/www": draw(st.sampled_from([None, {"directory": True}])),
    }
    return Scene(paths, spec)
