"""A host is imported, the proposal committed, and the agent on that host finds nothing to change."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import warm
from tests.e2e.site import ROOT, Site

HOSTNAME = "web01.example.com"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"), forked=True)
    made.in_force_at_start()
    yield made
    made.end()


def vigo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return warm.run("api", *arguments, cwd=ROOT, env=os.environ, timeout=60)


def test_an_imported_host_has_nothing_to_change(site: Site, tmp_path: Path) -> None:
    agent = site.agent(HOSTNAME)
    for path, content, mode in (
        ("/etc/hostname", b"web01\n", 0o644),
        ("/etc/app/app.conf", b"listen 80\n", 0o640),
        ("/etc/app/bytes.j2", b"\xff{{ not.rendered }}\n", 0o600),
        ("/etc/passwd", b"root:x:0:0::/root:/bin/sh\njane:x:1000:1000:Jane,,,:/home/jane:/bin/bash\n", 0o644),
        ("/etc/group", b"root:x:0:\njane:x:1000:\nteam:x:1005:jane\n", 0o644),
        ("/var/lib/dpkg/status", b"Package: nginx\nStatus: install ok installed\nVersion: 1.22\n", 0o644),
        ("/etc/os-release", b"ID=debian\nVERSION_ID=12\n", 0o644),
        ("/etc/app/tls.key", b"-----BEGIN PRIVATE KEY-----\n", 0o600),
    ):
        place = agent.path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(mode)
    agent.path("/etc/app/current").symlink_to("app.conf")
    agent.joined()
    site.converged(agent)
    assert agent.process is not None
    agent.process.end()

    # From what the server has seen, and the files of the host itself.
    into = tmp_path / "proposed"
    server = ["--server", site.url, "--ca", site.ca, "--data-dir", str(site.data)]
    done = vigo(
        "import", "host", HOSTNAME, "--root", str(agent.root), "--file", "/etc/hostname", "--file", "/etc/app",
        "--into", str(into), "--json", *server,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["written"]
    assert said["valid"]
    assert "/etc/app/tls.key" in [note["about"] for note in said["notes"]]
    assert "BEGIN PRIVATE KEY" not in done.stdout
    assert vigo("validate", str(into), "--strict").returncode == 0

    # Committed as the whole configuration, it changes nothing on the host that it came from.
    proposed = {
        path.relative_to(into).as_posix(): path.read_bytes() for path in sorted(into.rglob("*")) if path.is_file()
    }
    before = {path: path.lstat().st_mtime_ns for path in sorted(agent.root.rglob("*"))}
    commit = site.commit({"hosts.vgo": None, **proposed})
    site.in_force(commit)
    report = json.loads(agent.call("once", "--fetch", "--json").stdout)
    assert report["commit"] == commit
    outcomes = {each["id"]: each["outcome"] for each in report["resources"]}
    assert set(outcomes.values()) <= {"unchanged", "skipped"}
    unchanged = {name for name, outcome in outcomes.items() if outcome == "unchanged"}
    paths = ("/etc/hostname", "/etc/app", "/etc/app/app.conf", "/etc/app/bytes.j2", "/etc/app/current")
    assert {f"web01-files/{path}" for path in paths} <= unchanged
    # A directory that stands for a host has no accounts and packages to work on; they are in the catalog all the same.
    assert "web01-packages/nginx" in outcomes
    assert "web01-users/jane" in outcomes
    assert {path: path.lstat().st_mtime_ns for path in sorted(agent.root.rglob("*"))} == before


def test_the_agent_says_what_its_host_is_without_a_server(tmp_path: Path) -> None:
    traits = warm.run("agent", "traits", "--json", cwd=ROOT, env=os.environ, timeout=60)
    assert traits.returncode == 0
    values = json.loads(traits.stdout)
    assert values["agent_self"]["confined"] is False
    (tmp_path / "traits.json").write_text(traits.stdout)
    done = vigo("import", "host", "here.example.com", "--traits", str(tmp_path / "traits.json"), "--root", "/", "--file", "/etc/os-release", "--into", str(tmp_path / "repo"))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert vigo("validate", str(tmp_path / "repo"), "--strict").returncode == 0
    shown = warm.run("agent", "traits", cwd=ROOT, env=os.environ, timeout=60)
    assert 'os.family = "' in shown.stdout
