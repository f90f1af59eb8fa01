"""`vigo-agent traits`: those that were named, with their class and cost; and what cannot be told is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent import portrait


def test_those_that_were_named_are_shown_with_how_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/group").write_text("wheel:x:10:ada\n")
    found = portrait.of(tmp_path, ["groups", "host_self"], as_json=False)
    head, gid, members, other, enrolled = found.text.splitlines()
    assert head.startswith("# groups: Groups of the host's own files; periodic, read now in ")
    assert (gid, members) == ("groups.wheel.gid = 10", 'groups.wheel.members = ["ada"]')
    assert other.startswith("# host_self: ")
    assert enrolled == "host_self.enrolled = false"
    assert (found.complaints, found.lacking) == ([], False)


def test_all_of_them_as_json(tmp_path: Path) -> None:
    found = portrait.of(tmp_path, [], as_json=True)
    values = json.loads(found.text)
    assert len(values) >= 40
    assert values["agent_self"]["confined"] is True
    assert found.lacking is False


def test_one_that_cannot_be_told_is_said(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/sudoers").symlink_to("sudoers")
    found = portrait.of(tmp_path, ["sudo", "groups"], as_json=True)
    assert found.complaints == ["sudo: /etc/sudoers: too many symbolic links"]
    assert json.loads(found.text) == {"groups": {}}
    assert found.lacking is True


def test_a_name_that_is_none_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(portrait.UnknownTrait, match="there is no trait prots; ports perhaps"):
        portrait.of(tmp_path, ["prots"], as_json=False)
    with pytest.raises(portrait.UnknownTrait, match="there are agent_self, apparmor"):
        portrait.of(tmp_path, ["zzz"], as_json=False)
