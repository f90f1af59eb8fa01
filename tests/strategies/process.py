"""Scenes and contrasts of `process`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.scenes import Contrast, Scene, maybe, vary


def process(pid: int, *arguments: str, uid: int = 0, started: int = 100, state: str = "S (sleeping)") -> dict[str, str]:
    """The files of one process."""
    name = arguments[0].rpartition("/")[2][:15]
    here = f"/proc/{pid}"
    return {
        f"{here}/cmdline": "".join(f"{each}\0" for each in arguments),
        f"{here}/status": f"Name:\t{name}\nState:\t{state}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n",
        f"{here}/stat": f"{pid} ({name}) S {' '.join(['0'] * 18)} {started} 0\n",
    }


TWO = process(91001, "/usr/bin/a", "-x") | process(91002, "/usr/bin/b", uid=990) | {"/proc/version": "Linux"}
_ONE = {"process": "a", "state": "stopped"}

CONTRASTS: dict[str, Contrast] = {
    "process": vary(TWO, {"state": "stopped"}, "process", "a", "b"),
    "state": vary(TWO, {"process": "c"}, "state", "running", "stopped"),
    "program": vary(TWO, _ONE, "program", ..., "b"),
    "cmdline": vary(TWO, _ONE, "cmdline", "/usr/bin/a", "/usr/bin/a -x"),
    "user": vary(TWO, _ONE, "user", ..., "web"),
    "signal": vary(TWO, _ONE, "signal", "TERM", "INT"),
    "wait_s": vary(process(91001, "deaf"), {"process": "deaf", "state": "stopped"}, "wait_s", 0, 1),
    "kill": vary(process(91001, "deaf"), {"process": "deaf", "state": "stopped", "wait_s": 0}, "kill", False, True),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    paths: dict[str, Any] = {"/proc/version": "Linux"}
    for pid in (91001, 91002):
        if draw(maybe):
            name = draw(st.sampled_from(["/usr/bin/a", "b", "deaf"]))
            paths |= process(pid, name, uid=draw(st.sampled_from([0, 990])))
    spec: dict[str, Any] = {"process": draw(st.sampled_from(["a", "b", "deaf"])), "wait_s": 0}
    spec["state"] = draw(st.sampled_from(["running", "stopped", "stopped"]))
    # Never `kill`: a signal that a full disk kept from it would be made up for at once.
    spec |= draw(st.fixed_dictionaries({}, optional={"user": st.sampled_from(["web", "nobody"])}))
    return Scene(paths, spec)
