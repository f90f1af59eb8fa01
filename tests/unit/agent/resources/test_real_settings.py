"""Settings of the real machine, with a copy of its /etc and a /run of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.factories import namespaces


@namespaces.as_root
@pytest.mark.skipif(shutil.which("systemd-tmpfiles") is None, reason="needs systemd-tmpfiles")
def test_lines_of_tmpfiles_are_carried_out_or_refused(tmp_path: Path) -> None:
    place = tmp_path / "made here"
    lines = [f'd "{place}" 0710 nobody - -', "d /run/shop 0750 root root -"]
    made, broken, gone = namespaces.converge(
        tmp_path,
        [
            ("tmpfiles", {"tmpfiles": "shop", "lines": lines}),
            ("tmpfiles", {"tmpfiles": "broken", "lines": ["d /run/x 0999 root root -"]}),
            ("tmpfiles", {"tmpfiles": "shop", "state": "absent"}),
        ],
    )
    assert (made["outcome"], made["again"]) == ("changed", "unchanged"), made
    assert place.stat().st_mode & 0o7777 == 0o710
    assert broken["outcome"] == "failed"
    assert "systemd-tmpfiles: exit " in broken["error"]
    assert "the file:" in broken["error"]
    assert (gone["outcome"], gone["again"]) == ("changed", "unchanged"), gone
    assert list((tmp_path / "etc" / "tmpfiles.d").glob("vigo-*")) == []


@namespaces.as_root
@pytest.mark.skipif(not Path("/usr/share/zoneinfo/Europe/Berlin").exists(), reason="needs tzdata")
def test_the_time_zone_is_the_one_that_programs_then_have(tmp_path: Path) -> None:
    zoned, unknown = namespaces.converge(
        tmp_path,
        [("timezone", {"timezone": "Europe/Berlin"}), ("timezone", {"timezone": "Mars/Olympus"})],
        before="ln -sf /usr/share/zoneinfo/Etc/UTC /etc/localtime\necho Etc/UTC >/etc/timezone\n",
    )
    assert (zoned["outcome"], zoned["again"]) == ("changed", "unchanged"), zoned
    assert (tmp_path / "etc" / "localtime").readlink() == Path("/usr/share/zoneinfo/Europe/Berlin")
    assert (tmp_path / "etc" / "timezone").read_text() == "Europe/Berlin\n"
    assert unknown["outcome"] == "failed"
