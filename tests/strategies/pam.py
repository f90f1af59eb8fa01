"""Scenes and contrasts of `pam`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, nodes, vary

_THERE = {
    f"/usr/lib/x86_64-linux-gnu/security/{name}": "" for name in ("pam_x.so", "pam_y.so", "pam_unix.so", "pam_deny.so")
}
_FILES = {
    **_THERE,
    "/etc/pam.d/a": "auth required pam_unix.so\nauth required pam_deny.so\nsession required pam_unix.so\n",
    "/etc/pam.d/b": "auth required pam_unix.so\n",
    "/etc/pam.d/c": "auth required pam_unix.so\nauth required pam_x.so one\nauth required pam_x.so two\n",
}
_X = {"module": "pam_x.so", "service": "a", "facility": "auth"}

CONTRASTS: dict[str, Contrast] = {
    "module": vary(_FILES, {"service": "a", "facility": "auth"}, "module", "pam_x.so", "pam_y.so"),
    "service": vary(_FILES, {"module": "pam_x.so", "facility": "auth"}, "service", "a", "b"),
    "facility": vary(_FILES, {"module": "pam_x.so", "service": "a"}, "facility", "auth", "session"),
    "state": vary(_FILES, _X, "state", "present", "absent"),
    "control": vary(_FILES, _X, "control", "required", "[success=1 default=ignore]"),
    "arguments": vary(_FILES, _X, "arguments", [], ["silent", "[a b]"]),
    "having": vary(_FILES, {**_X, "service": "c", "arguments": ["two"]}, "having", ..., "two"),
    "above": vary(_FILES, _X, "above", ..., "pam_unix.so"),
    "below": vary(_FILES, _X, "below", ..., "pam_unix.so"),
}
_line = st.sampled_from(
    [
        "# said",
        "@include common-auth",
        "auth\trequired\tpam_unix.so",
        "auth [success=1 default=ignore] pam_x.so one  # why",
        "-auth optional pam_x.so",
        "session optional pam_x.so",
        "auth substack other",
        "",
    ]
)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"service": "a", "facility": draw(st.sampled_from(["auth", "session"]))}
    spec["module"] = draw(st.sampled_from(["pam_x.so", "pam_unix.so", "pam_missing.so"]))
    spec |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "state": st.sampled_from(["present", "absent"]),
                "control": st.sampled_from(["requisite", "[success=1 default=ignore]"]),
                "arguments": st.sampled_from([["one"], ["two", "[a b]"]]),
            },
        )
    )
    if spec.get("arguments") == ["one"]:
        spec |= draw(st.sampled_from([{}, {"having": "one"}]))
    spec |= draw(st.sampled_from([{}, {"above": "pam_unix.so"}, {"below": "common-auth"}]))
    text = "".join(f"{line}\n" for line in draw(st.lists(_line, max_size=6)))
    return Scene({**_THERE, "/etc/pam.d/x": "", "/etc/pam.d/a": draw(st.one_of(st.just(text), nodes))}, spec)
