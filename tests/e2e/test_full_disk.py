"""A full disk, of the server or of a host: nothing is half done or lost, reading goes on, and space heals it."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.site import BASE, Process, Site, until


@contextlib.contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own, so small that it can be filled."""
    path.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(path)],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        pytest.skip(f"a small file system needs root: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def fill(path: Path) -> Path:
    """Leave not a byte in the file system of this directory."""
    filler = path / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size):
                    pass
    return filler


def test_a_server_with_a_full_disk_reads_on_and_heals_when_there_is_space(empty_site: Site) -> None:
    site = empty_site
    with small_disk(site.data, 48):
        try:
            site.in_force_at_start()
            web = site.agent("web01.example.com").joined()
            site.converged(web)
            before = len(site.runs(web.hostname))
            entries = site.get("/api/v1/audit/verify")["entry_count"]
            filler = fill(site.data)

            answers = []
            for number in range(40):
                answers.append(site.ask("PUT", f"/api/v1/secrets/filler/{number}", json={"value": "x" * 60_000}))
                if answers[-1].status_code == 507:
                    break
            assert answers[-1].status_code == 507, answers[-1].text
            assert answers[-1].json()["fault"] == "database.full"
            assert site.get("/api/v1/envoys")["total"] == 1
            assert site.get("/api/v1/config/status")["healthy"] is True
            web.path("/etc/site/motd").write_text("damaged\n")
            until("the host repairs itself", lambda: web.read("/etc/site/motd") == "hello from web01.example.com\n")
            time.sleep(0.5)

            filler.unlink()
            until(
                "the server writes again",
                lambda: site.ask("PUT", "/api/v1/secrets/after", json={"value": "x"}).status_code == 200,
            )
            until("the repair is told", lambda: len(site.runs(web.hostname)) > before)
            verdict = site.get("/api/v1/audit/verify")
            assert verdict["valid"] is True
            assert verdict["entry_count"] > entries
            stored = {one["name"] for one in site.get("/api/v1/secrets")["secrets"]}
            acknowledged = {f"filler/{n}" for n, answer in enumerate(answers) if answer.status_code == 200}
            assert stored == acknowledged | {"after"}
            assert site.server is not None
            assert site.server.code is None
        finally:
            site.end()


def test_a_host_with_a_full_disk_keeps_what_it_has_and_converges_when_there_is_space(shared_site: Site) -> None:
    site = shared_site
    web = site.agent("web02.example.com")
    with small_disk(web.root, 4):
        try:
            web.joined()
            site.converged(web)
            filler = fill(web.root)
            big = BASE["configcrates/motd.vgo"].replace("greeting: hello", f"greeting: {'x' * 200_000}")
            commit = site.commit({"configcrates/motd.vgo": big}, "a long greeting")
            run = until("the failure is told", lambda: _failed(site, web.hostname, commit))
            detail = site.get(f"/api/v1/runs/{run['id']}")
            by_id = {item["id"]: item for item in detail["resources"]}
            assert by_id["motd/motd"]["outcome"] == "failed"
            assert "space" in by_id["motd/motd"]["error"].lower()
            assert web.read("/etc/site/motd") == "hello from web02.example.com\n"
            assert [path.name for path in web.path("/etc/site").iterdir()] == ["motd"]
            assert site.envoy(web.hostname)["convergence"] in {"degraded", "failed"}
            filler.unlink()
            smaller = BASE["configcrates/motd.vgo"].replace("greeting: hello", "greeting: room")
            commit = site.commit({"configcrates/motd.vgo": smaller}, "a short greeting")
            site.converged(web, commit)
            assert web.read("/etc/site/motd") == "room from web02.example.com\n"
        finally:
            site.end_agents()


def test_an_agent_whose_own_disk_is_full_loses_nothing_it_had(shared_site: Site) -> None:
    site = shared_site
    web = site.agent("web03.example.com")
    with small_disk(web.state, 2):
        try:
            web.joined()
            site.converged(web)
            filler = fill(web.state)
            changed = BASE["configcrates/motd.vgo"].replace("greeting: hello", "greeting: later")
            commit = site.commit({"configcrates/motd.vgo": changed}, "cannot be kept")
            until("it is told why", lambda: site.envoy(web.hostname)["stalled"])
            assert web.read("/etc/site/motd") == "hello from web03.example.com\n"
            filler.unlink()
            site.converged(web, commit)
            assert web.read("/etc/site/motd") == "later from web03.example.com\n"
            assert site.envoy(web.hostname)["stalled"] == ""
        finally:
            site.end_agents()


def test_an_agent_that_may_not_write_large_files_says_so_and_leaves_the_old_one(shared_site: Site) -> None:
    """The same without root: the limit on the size of a file stands for the disk that is full."""
    site = shared_site
    web = site.agent("web04.example.com")
    assert web.enrol().returncode == 0
    limited = (
        "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (262144, 262144)); "
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    command = ["-c", limited, "-m", "agent", "run", "--state", str(web.state), "--root", str(web.root)]
    process = Process("limited", command, site.path / "logs" / "limited.log")
    site.processes.append(process)
    site.converged(web)
    big = BASE["configcrates/motd.vgo"].replace("greeting: hello", f"greeting: {'x' * 400_000}")
    commit = site.commit({"configcrates/motd.vgo": big}, "too long a greeting")
    until("it is told", lambda: _failed(site, web.hostname, commit) or site.envoy(web.hostname)["stalled"])
    assert web.read("/etc/site/motd") == "hello from web04.example.com\n"
    assert process.code is None
    process.end()
    web.run()
    site.converged(web, commit)
    assert web.path("/etc/site/motd").stat().st_size > 400_000


def _failed(site: Site, hostname: str, commit: str) -> dict[str, object] | None:
    return next((run for run in site.runs(hostname) if run["commit"] == commit and run["status"] == "failed"), None)
