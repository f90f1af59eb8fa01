"""`vigo import`: proposals are written whole or not at all, and nothing is overwritten without being told to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.api.cli.conftest import Server

Vigo = Callable[..., "tuple[int, str, str]"]
TRAITS = {"network": {"fqdn": "web01.example.com"}, "os": {"family": "debian"}, "packages": {"nginx": "1.22"}}


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    place = tmp_path / "ansible"
    (place / "group_vars").mkdir(parents=True)
    (place / "hosts").write_text("[web]\nw1.example.com\nw2.example.com a=1\n")
    (place / "group_vars/web.yml").write_text("port: 80\ndb_password: hunter2\n")
    return place / "hosts"


def files(place: Path) -> dict[str, str]:
    return {path.relative_to(place).as_posix(): path.read_text() for path in place.rglob("*") if path.is_file()}


def test_an_inventory_becomes_a_repository(vigo: Vigo, inventory: Path, tmp_path: Path) -> None:
    place = tmp_path / "repo"
    code, out, err = vigo("import", "ansible", str(inventory), "--into", str(place))
    assert (code, err) == (0, "3 files written\n")
    assert sorted(files(place)) == ["hosts/web.vgo", "roles.vgo", "vigo.vgo"]
    assert "secret:ansible/group/web/db_password" in out
    assert "hunter2" not in out + str(files(place))
    assert vigo("validate", str(place))[0] == 0
    assert vigo("fmt", "--check", str(place))[0] == 0
    traced = json.loads(vigo("trace", "w2.example.com", "--repo", str(place), "--json")[1])
    assert {each["key"]: each["value"] for each in traced["var_sources"]} == {
        "port": 80,
        "db_password": "secret:ansible/group/web/db_password",
        "a": 1,
    }


def test_the_same_import_again_changes_nothing(vigo: Vigo, inventory: Path, tmp_path: Path) -> None:
    place = tmp_path / "repo"
    vigo("import", "ansible", str(inventory), "--into", str(place))
    before = files(place)
    code, _, err = vigo("import", "ansible", str(inventory), "--into", str(place))
    assert (code, files(place)) == (0, before)
    assert "0 files written" in err


def test_dry_run_writes_nothing(vigo: Vigo, inventory: Path, tmp_path: Path) -> None:
    code, out, err = vigo("import", "ansible", str(inventory), "--into", str(tmp_path / "repo"), "--dry-run")
    assert (code, err) == (0, "nothing was written; it would be 3 files\n")
    assert "hosts/web.vgo" in out
    assert not (tmp_path / "repo").exists()


def test_what_is_there_and_says_something_else_is_a_conflict(vigo: Vigo, inventory: Path, tmp_path: Path) -> None:
    place = tmp_path / "repo"
    (place / "hosts").mkdir(parents=True)
    (place / "vigo.vgo").write_text("language: 1\n")
    (place / "hosts/web.vgo").write_text("envoys: []\n")
    (place / "roles.vgo").write_text("# ours\nroles:\n  db: {} # kept\n  web:\n    description: another\n")
    before = files(place)
    code, _, err = vigo("import", "ansible", str(inventory), "--into", str(place))
    assert (code, files(place)) == (3, before)
    assert "hosts/web.vgo" in err
    assert "roles.vgo: web" in err
    assert vigo("import", "ansible", str(inventory), "--into", str(place), "--force")[0] == 0
    after = files(place)
    assert "w1.example.com" in after["hosts/web.vgo"]
    assert "# ours" in after["roles.vgo"]
    assert "# kept" in after["roles.vgo"]


def test_roles_are_added_to_those_that_are_there(vigo: Vigo, inventory: Path, tmp_path: Path) -> None:
    place = tmp_path / "repo"
    place.mkdir()
    (place / "vigo.vgo").write_text("language: 1\n")
    (place / "roles.vgo").write_text("# ours\nroles:\n  db: {} # kept\n")
    assert vigo("import", "ansible", str(inventory), "--into", str(place))[0] == 0
    text = files(place)["roles.vgo"]
    assert text.startswith("# ours\nroles:\n  db: {} # kept\n")
    assert "  web:\n    description:" in text
    assert vigo("validate", str(place))[0] == 0


def test_what_the_repository_says_otherwise_is_told(vigo: Vigo, inventory: Path, tmp_path: Path) -> None:
    place = tmp_path / "repo"
    place.mkdir()
    (place / "vigo.vgo").write_text("language: 1\n")
    (place / "a.vgo").write_text("envoys:\n  - match: w1.example.com\n  - match: w*.example.com\n")
    code, out, _ = vigo("import", "ansible", str(inventory), "--into", str(place))
    assert code == 0
    assert "hosts: w1.example.com: another match block of the repository wins" in out
    assert "a.vgo, match w*.example.com: applied to w2.example.com until now" in out


def test_a_directory_that_is_something_else_is_left_alone(vigo: Vigo, inventory: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").write_text("x")
    code, _, err = vigo("import", "ansible", str(inventory), "--into", str(tmp_path / "other"))
    assert code == 2
    assert "no config repository" in err
    assert files(tmp_path / "other") == {"file": "x"}


def test_a_link_does_not_lead_out_of_the_repository(vigo: Vigo, inventory: Path, tmp_path: Path) -> None:
    place = tmp_path / "repo"
    place.mkdir()
    (place / "vigo.vgo").write_text("language: 1\n")
    (tmp_path / "away").mkdir()
    (place / "hosts").symlink_to(tmp_path / "away")
    assert vigo("import", "ansible", str(inventory), "--into", str(place))[0] == 3
    assert list((tmp_path / "away").iterdir()) == []
    assert sorted(each.name for each in place.iterdir()) == ["hosts", "vigo.vgo"], "all or nothing is written"


@pytest.mark.parametrize("text", ["[web\n", "[0:999999999]\n", "h x='\n", b"\xff\xfe", "#!/bin/sh\necho\n"])
def test_what_cannot_be_read_is_an_error(vigo: Vigo, tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "hosts"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    code, out, err = vigo("import", "ansible", str(path), "--into", str(tmp_path / "repo"))
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert not (tmp_path / "repo").exists()
    assert vigo("import", "ansible", str(tmp_path / "gone"))[0] == 1


def test_a_host_is_read_from_the_servers_traits(connected: Vigo, server: Server, tmp_path: Path) -> None:
    server.answers["GET /api/v1/envoys/web01/traits"] = (
        200,
        {"hostname": "web01.example.com", "collected_at": "2026-11-20T10:00:00Z", "traits": TRAITS},
    )
    code, out, _ = connected("import", "host", "web01", "--into", str(tmp_path / "repo"), "--json")
    said: dict[str, Any] = json.loads(out)
    assert (code, said["written"], said["valid"]) == (0, True, True)
    assert [each["path"] for each in said["files"]] == [
        "vigo.vgo",
        "configcrates/web01/web01-packages.vgo",
        "hosts/web01.vgo",
    ]
    assert "# Imported from traits of 2026-11-20" in files(tmp_path / "repo")["hosts/web01.vgo"]


def test_a_host_that_the_server_does_not_know_may_be_read_from_a_file(connected: Vigo, server: Server) -> None:
    server.answers["GET /api/v1/envoys/wbe01/traits"] = (404, {"message": "there is no such envoy"})
    code, out, err = connected("import", "host", "wbe01")
    assert (code, out) == (1, "")
    assert err == (
        "error: the server has no envoy wbe01\n"
        "hint: `vigo envoys list` has those that are enrolled; of another host give --traits FILE\n"
    )


def test_a_host_is_read_from_traits_in_a_file_or_a_pipe(vigo: Vigo, tmp_path: Path) -> None:
    piped = json.dumps({"traits": TRAITS}).encode()
    assert vigo("import", "host", "--traits", "-", "--into", str(tmp_path / "a"), stdin=piped)[0] == 0
    (tmp_path / "traits.json").write_text(json.dumps(TRAITS))
    arguments = ["--traits", str(tmp_path / "traits.json"), "--into", str(tmp_path / "b")]
    assert vigo("import", "host", *arguments)[0] == 0
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert vigo("import", "host", *arguments, "--packages", "none")[0] == 3
    assert vigo("import", "host", *arguments, "--packages", "some")[0] == 1


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"traits": 5}', "[" * 100_000])
def test_what_is_no_traits_is_an_error(vigo: Vigo, tmp_path: Path, text: str) -> None:
    (tmp_path / "traits.json").write_text(text)
    assert vigo("import", "host", "a", "--traits", str(tmp_path / "traits.json"))[0] == 1
    assert vigo("import", "host", "--traits", str(tmp_path / "gone"))[0] == 1


def test_files_are_of_the_host_that_root_says(vigo: Vigo, tmp_path: Path) -> None:
    (tmp_path / "traits.json").write_text(json.dumps({"network": {"fqdn": "a.b", "hostname": "another"}}))
    arguments = ["import", "host", "--traits", str(tmp_path / "traits.json"), "--into", str(tmp_path / "repo")]
    code, _, err = vigo(*arguments, "--file", "/etc/hostname")
    assert code == 1
    assert "whose files?" in err
    (tmp_path / "disk/etc").mkdir(parents=True)
    (tmp_path / "disk/etc/x").write_text("of the disk\n")
    assert vigo(*arguments, "--file", "/etc/x", "--root", str(tmp_path / "disk"))[0] == 0
    assert files(tmp_path / "repo")["files/a/etc/x"] == "of the disk\n"
    _, out, _ = vigo(*arguments, "--root", "/", "--dry-run", "--force")
    assert "the traits are of another" in out


def test_a_host_must_be_named(vigo: Vigo) -> None:
    code, _, err = vigo("import", "host")
    assert code == 1
    assert "which host?" in err


def test_a_host_into_a_repository_that_owns_some_of_it_already(vigo: Vigo, tmp_path: Path) -> None:
    place = tmp_path / "repo"
    (place / "configcrates").mkdir(parents=True)
    (place / "vigo.vgo").write_text("language: 1\n")
    (place / "common.vgo").write_text("configcrates: [base]\n")
    (place / "configcrates/base.vgo").write_text("name: base\nresources:\n  - {type: package, package: nginx}\n")
    (tmp_path / "traits.json").write_text(json.dumps(TRAITS))
    code, out, _ = vigo("import", "host", "--traits", str(tmp_path / "traits.json"), "--into", str(place))
    assert code == 0
    assert "package nginx: package nginx is owned in configcrates/base.vgo: left out" in out or "also owned" in out
    assert vigo("validate", str(place))[0] == 0
