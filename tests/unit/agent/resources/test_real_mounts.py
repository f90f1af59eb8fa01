"""Real mounts, in a namespace of their own, with a copy of /etc."""

from __future__ import annotations

from pathlib import Path

from tests.factories import namespaces

FSTAB = "printf '# by hand\\nUUID=1 / ext4 defaults 0 1\\n' >/etc/fstab\n"


@namespaces.as_root
def test_a_place_is_mounted_changed_and_unmounted(tmp_path: Path) -> None:
    place = f"{tmp_path}/a place"
    tmpfs = {"path": place, "device": "tmpfs", "fstype": "tmpfs"}
    mounted, remounted, left, gone = namespaces.converge(
        tmp_path,
        [
            ("mount", {**tmpfs, "options": ["size=1m", "nodev"]}),
            ("mount", {**tmpfs, "options": ["nodev", "size=1m", "noexec", "ro"]}),
            ("mount", {"path": place, "state": "unmounted"}),
            ("mount", {"path": place, "state": "absent"}),
        ],
        before=FSTAB,
    )
    assert (mounted["outcome"], mounted["again"]) == ("changed", "unchanged"), mounted
    assert mounted["diff"].endswith("live: unmounted → mounted")
    assert (remounted["outcome"], remounted["again"]) == ("changed", "unchanged"), remounted
    assert "live options: nodev → nodev,size=1m,noexec,ro" in remounted["diff"]
    assert (left["outcome"], left["again"], left["diff"]) == ("changed", "unchanged", "live: mounted → unmounted")
    assert (gone["outcome"], gone["again"]) == ("changed", "unchanged"), gone
    assert (tmp_path / "etc" / "fstab").read_text() == "# by hand\nUUID=1 / ext4 defaults 0 1\n"


@namespaces.as_root
def test_a_bind_mount_and_one_that_cannot_be(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    bind, broken = namespaces.converge(
        tmp_path,
        [
            ("mount", {"path": f"{tmp_path}/b", "device": str(source), "fstype": "none", "options": ["bind"]}),
            ("mount", {"path": f"{tmp_path}/c", "device": "tmpfs", "fstype": "tmpfs", "options": ["no_such_option"]}),
        ],
        before=FSTAB,
    )
    assert (bind["outcome"], bind["again"]) == ("changed", "unchanged"), bind
    assert broken["outcome"] == "failed"
    assert broken["error"].startswith("mount: exit ")
    lines = (tmp_path / "etc" / "fstab").read_text().splitlines()
    assert lines == ["# by hand", "UUID=1 / ext4 defaults 0 1", f"{source}\t{tmp_path}/b\tnone\tbind\t0\t0"]


@namespaces.as_root
def test_a_place_in_use_is_left_mounted(tmp_path: Path) -> None:
    place = tmp_path / "used"
    place.mkdir()
    (busy,) = namespaces.converge(
        tmp_path,
        [("mount", {"path": str(place), "state": "absent"})],
        before=f"{FSTAB}mount -t tmpfs busy {place}\nexec 9>{place}/open\n",
    )
    assert busy["outcome"] == "failed"
    assert "busy" in busy["error"]
