"""Scenes and contrasts of `aide`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, nodes, vary

_DEBIAN = "database_in=file:/var/lib/aide/aide.db\ndatabase_out=file:/var/lib/aide/aide.db.new\n"
_FEDORA = (
    "@@define DBDIR /var/lib/aide\ndatabase=file:@@{DBDIR}/aide.db.gz\ndatabase_out=file:@@{DBDIR}/aide.db.new.gz\n"
)
_HERE = {"/etc/aide/aide.conf": _DEBIAN}
_A = {"aide": "a", "rules": ["/a p"]}

CONTRASTS: dict[str, Contrast] = {
    "aide": vary(_HERE, {"rules": ["/a p"]}, "aide", "a", "b"),
    "state": vary({**_HERE, "/etc/aide/aide.conf.d/a": ""}, _A, "state", "present", "absent"),
    "rules": vary(_HERE, {"aide": "a"}, "rules", ["/a p"], ["!/a"]),
    "init": vary(_HERE, _A, "init", False, True),
    "schedule": vary(_HERE, _A, "schedule", "", "@daily"),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spec: dict[str, Any] = {"aide": "a", "state": draw(st.sampled_from(["present", "present", "absent"]))}
    spec["rules"] = draw(st.sampled_from([["/a p+u"], ["/b p", "!/c"], ["invalid"]]))
    if spec["state"] == "present":
        spec |= draw(st.fixed_dictionaries({}, optional={"init": st.booleans(), "schedule": st.just("5 4 * * *")}))
    paths: dict[str, Any] = {"/etc/cron.d/x": "", "/etc/cron.d/vigo-aide-a": draw(nodes)}
    if draw(st.booleans()):
        paths |= {"/etc/aide/aide.conf": _DEBIAN, "/etc/aide/aide.conf.d/x": "", "/etc/aide/aide.conf.d/a": draw(nodes)}
    else:
        paths |= {"/etc/aide.conf": draw(st.sampled_from([None, "", _FEDORA])), "/etc/aide.d/a": draw(nodes)}
    paths |= {"/var/lib/aide/x": "", "/var/lib/aide/aide.db": draw(st.sampled_from([None, "old\n"]))}
    return Scene(paths, spec)
