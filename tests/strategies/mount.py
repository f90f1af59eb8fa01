"""Scenes and contrasts of `mount`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.programs import storage
from tests.strategies.scenes import Contrast, Scene, maybe, vary

_ONE = {"path": "/data", "device": "/dev/sdb1", "fstype": "ext4"}
_M = {storage.MOUNTINFO: storage.line("/dev/sda1", "/", "ext4") + "\n"}
_THERE = {storage.MOUNTINFO: storage.line("/dev/sdb1", "/data", "ext4") + "\n"}

CONTRASTS: dict[str, Contrast] = {
    "path": vary(_M, _ONE, "path", "/data", "/other"),
    "state": vary(_M, _ONE, "state", "mounted", "present"),
    "device": vary(_M, _ONE, "device", "/dev/sdb1", "UUID=1"),
    "fstype": vary(_M, _ONE, "fstype", "ext4", "xfs"),
    "options": vary(_THERE, _ONE, "options", ["defaults"], ["noexec"]),
    "dump": vary(_M, _ONE, "dump", 0, 1),
    "passno": vary(_M, _ONE, "passno", 0, 2),
}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    device = draw(st.sampled_from(["/dev/sdb1", "UUID=12-34", "tmpfs", "LABEL=the data", "nas:/export", "/dev/broken"]))
    spec: dict[str, Any] = {"path": "/mnt/x y", "device": device, "fstype": draw(st.sampled_from(["ext4", "xfs"]))}
    spec["state"] = draw(st.sampled_from(["mounted", "mounted", "present", "unmounted", "absent"]))
    spec |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "options": st.sampled_from([["noexec", "ro"], ["ro", "noexec"], ["rw", "exec"]]),
                "passno": st.just(2),
            },
        )
    )
    lines = ["# by hand", "/dev/sda1 / ext4 errors=remount-ro 0 1"]
    if draw(maybe):
        mine = draw(st.sampled_from(["/dev/sdb1", "UUID=12-34", device.replace(" ", "\\040")]))
        lines.insert(1, f"{mine}  /mnt/x\\040y ext4 {draw(st.sampled_from(['defaults', 'ro,noexec', 'noexec']))}")
    if draw(maybe):
        lines.append("tmpfs /mnt/x\\040y tmpfs")
    live = [storage.line("/dev/sda1", "/", "ext4")]
    if draw(maybe):
        source = draw(st.sampled_from(["/dev/sdb1", "/dev/other", "nas:/export", "/dev/busy"]))
        options = draw(st.sampled_from([[], ["ro"], ["noexec", "ro"]]))
        live.append(storage.line(source, "/mnt/x\\040y", draw(st.sampled_from(["ext4", "xfs"])), options))
    table = draw(st.sampled_from(["".join(f"{line}\n" for line in lines), "\n".join(lines), None]))
    paths: dict[str, Any] = {"/etc/fstab": table, storage.MOUNTINFO: "".join(f"{line}\n" for line in live)}
    paths["/dev/disk/by-uuid/12-34"] = {"link": "../../sdb1"}
    paths["/dev/disk/by-label/the\\x20data"] = {"link": "../../other"}
    return Scene(paths, spec)
