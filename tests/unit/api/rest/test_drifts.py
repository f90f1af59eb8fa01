"""Drift over REST: what is told, what is proposed, and the branch that is written; by whom, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.services import drifts, runs
from api.storage import assignments
from api.storage import envoys as envoy_rows
from api.storage.assignments import Stored
from api.storage.envoys import Known
from reconciler.repository import write
from reconciler.repository.repository import Repository
from schema.access import Role
from schema.ids import DEFAULT_PROJECT, new_id
from schema.protocol.reports import ObservedAttribute, Outcome, Report, ResourceReport, RunStatus, Trigger
from tests.factories.writing import AUTHOR, WritingServer, contents, start

CONFIG = {
    "vigo.vgo": b"language: 1\n",
    "common.vgo": b"# what all hosts have\nvars:\n  swappiness: 10  # the default\nconfigcrates: [kernel]\n",
    "environments.vgo": b"environments:\n  production: {}\n  lab: {}\n",
    "hosts.vgo": (
        b'envoys:\n  - match: "web*.example.com"\n    environment: production\n'
        b'  - match: "db*.example.com"\n    environment: production\n'
        b'  - match: "lab*.example.com"\n    environment: lab\n'
    ),
    "configcrates/kernel.vgo": (
        b"name: kernel\nresources:\n  - name: swap\n    type: sysctl\n    key: vm.swappiness\n"
        b'    value: "{{ vars.swappiness }}"\n'
        b'  - name: motd\n    type: file\n    path: /etc/motd\n    content: hello\n    mode: "0644"\n'
        b"  - name: conf\n    type: file\n    path: /etc/conf\n    source: files/conf\n"
    ),
    "files/conf": b"hello",
}
NAMES = ("db01", "lab01", "web01", "web02")


class Site:
    """A server that writes, with hosts that drifted."""

    def __init__(self, folder: Path, origin: Repository) -> None:
        self.origin = origin
        self.server = WritingServer(folder, origin.path)
        asyncio.run(self.server.look())
        self.ids = {name: self._known(f"{name}.example.com") for name in NAMES}

    def _known(self, hostname: str) -> str:
        envoy = Known(id=new_id(), hostname=hostname, ed25519="e" * 64, x25519="a" * 64, enrolled_at=1)
        stored = Stored(
            envoy_id=envoy.id, epoch=1, generation=1, sha256="a" * 64, commit_id="c" * 40, plan_root="0" * 64,
            catalog_sha256="c" * 64, profile="x", environment="x", signed="{}", sealed="", secrets_key="",
            created_at=1, expires_at=10**18,
        )  # fmt: skip
        database = self.server.services.db
        database.write_now(lambda session: envoy_rows.add(session, DEFAULT_PROJECT, envoy))
        database.write_now(lambda session: assignments.put(session, DEFAULT_PROJECT, [stored]))
        return envoy.id

    def drift(self, *names: str, resource: str = "kernel/swap", name: str = "value", found: str = "60") -> None:
        """The same was found on these hosts, and changed back."""
        desired = {"value": "10", "mode": "0644", "content": "hello"}[name]
        told = ResourceReport(
            id=resource, type="sysctl" if name == "value" else "file", outcome=Outcome.CHANGED, changed=True,
            corrective=True, observed=[ObservedAttribute(name=name, found=found, desired=desired)],
        )  # fmt: skip
        calm = [
            ResourceReport(id=each, type="file", outcome=Outcome.UNCHANGED)
            for each in ("kernel/swap", "kernel/motd", "kernel/conf")
            if each != resource
        ]
        for host in names:
            report = Report(
                id=new_id(), assignment_sha256="a" * 64, epoch=1, generation=1, commit="c" * 40,
                catalog_sha256="c" * 64, trigger=Trigger.DRIFT, started=1, finished=2, status=RunStatus.CONVERGED,
                resources=[told, *calm],
            )  # fmt: skip
            envoy_id = self.ids[host]
            services = self.server.services
            services.write_now(self.server.system, lambda work, e=envoy_id, r=report: runs.record(work, e, r))
        services = self.server.services
        gathered = services.read_now(self.server.system, drifts.gather)
        services.write_now(self.server.system, lambda work: drifts.keep(work, gathered))

    def propose(self, *names: str, role: Role = Role.DEVELOPER, **more: Any) -> Any:
        hosts = [f"{name}.example.com" for name in names]
        return self.server.post("/api/v1/drifts/propose", role=role, json={"hosts": hosts, **more})

    def branches(self) -> list[str]:
        return sorted(each for each in self.origin.git.branches.local if each != "main")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, start(tmp_path / "config.git", CONFIG))
    yield made
    made.server.close()


def test_whoever_may_read_is_told_and_whoever_may_publish_writes(site: Site) -> None:
    site.drift("web01", "web02", "db01")
    told = site.propose("web01", "web02", "db01", role=Role.VIEWER)
    assert told.status_code == 200, told.text
    best = told.json()["groups"][0]["proposals"][0]
    assert (best["level"], best["exact"], best["rank"]) == ("environment", True, 1)
    refused = site.propose("web01", role=Role.VIEWER, write=True)
    assert (refused.status_code, refused.json()["fault"]) == (403, "access.denied")
    assert site.branches() == []

    written = site.propose("web01", "web02", "db01", write=True)
    assert written.status_code == 200, written.text
    (branch,) = site.branches()
    answer = written.json()["written"]
    assert (answer["status"], answer["branch"]) == ("proposed", branch)
    commit = site.origin.commit_info(site.origin.resolve(branch))
    assert commit.summary == "Make desired what was found on db01.example.com and 2 more"
    files = contents(site.origin, branch)
    assert files == CONFIG | {"environments.vgo": b"environments:\n  production: {vars: {swappiness: 60}}\n  lab: {}\n"}
    assert contents(site.origin) == CONFIG


def test_several_resources_are_one_branch(site: Site) -> None:
    site.drift("web01", "web02", "db01")
    site.drift(*NAMES, resource="kernel/motd", name="mode", found="0600")
    written = site.propose(*NAMES, write=True)
    assert written.status_code == 200, written.text
    assert [group["resource"] for group in written.json()["groups"]] == ["kernel/motd", "kernel/swap"]
    files = contents(site.origin, site.branches()[0])
    assert b'mode: "0600"' in files["configcrates/kernel.vgo"]
    assert b"swappiness: 60" in files["environments.vgo"]


def test_a_file_of_the_repository_is_written_whole(site: Site) -> None:
    site.drift(*NAMES, resource="kernel/conf", name="content", found="bye")
    assert site.propose(*NAMES, write=True).status_code == 200
    assert contents(site.origin, site.branches()[0]) == CONFIG | {"files/conf": b"bye"}


def test_one_resource_may_be_asked_about_and_another_rank_be_written(site: Site) -> None:
    site.drift("web01", "web02", "db01")
    site.drift("web01", resource="kernel/motd", name="content", found="bye")
    (group,) = site.propose("web01", resource="kernel/swap").json()["groups"]
    assert group["resource"] == "kernel/swap"
    assert group["hosts"] == ["web01.example.com"]
    levels = [each["level"] for each in group["proposals"]]
    assert levels[0] == "block"
    assert group["proposals"][0]["exact"]  # web02, on which the same was found, is not wronged
    rank = levels.index("environment") + 1
    assert site.propose("web01", resource="kernel/swap", write=True, rank=rank).status_code == 200
    assert b"swappiness: 60" in contents(site.origin, site.branches()[0])["environments.vgo"]


def test_what_is_found_otherwise_on_each_is_a_group_of_its_own(site: Site) -> None:
    site.drift("web01", found="60")
    site.drift("web02", found="70")
    groups = site.propose("web01", "web02").json()["groups"]
    assert [(group["hosts"], group["changes"]) for group in groups] == [
        (["web01.example.com"], {"value": "60"}),
        (["web02.example.com"], {"value": "70"}),
    ]


def test_what_does_not_fit_together_is_not_written_together(site: Site) -> None:
    site.drift("web01", found="60")
    site.drift("web02", found="70")
    (group, _) = site.propose("web01", "web02").json()["groups"]
    rank = [each["level"] for each in group["proposals"]].index("environment") + 1
    answer = site.propose("web01", "web02", write=True, rank=rank)
    assert (answer.status_code, answer.json()["fault"]) == (409, "drifts.at_odds")
    assert site.branches() == []


def test_where_there_is_nothing_to_propose_it_says_so(site: Site) -> None:
    assert site.propose("web01").json()["fault"] == "drifts.nothing_found"
    assert site.propose("nobody").json()["fault"] == "envoys.not_found"
    site.drift("web01", resource="kernel/gone", name="mode", found="0600")
    answer = site.propose("web01", write=True)
    assert (answer.status_code, answer.json()["fault"]) == (409, "drifts.nothing_to_write")
    (group,) = site.propose("web01").json()["groups"]
    assert group["proposals"] == []
    assert "no such resource" in group["why_none"]
    assert site.branches() == []


def test_a_config_that_was_changed_meanwhile_is_not_overwritten(site: Site) -> None:
    site.drift("web01", "web02", "db01")
    site.server.blind = True  # what comes now is not in force, and so not what is proposed on
    other = CONFIG["environments.vgo"].replace(b"lab: {}", b"lab: {vars: {swappiness: 1}}")
    write.commit(site.origin, "main", {"environments.vgo": other}, AUTHOR, "meanwhile")
    answer = site.propose("web01", "web02", "db01", write=True)
    assert (answer.status_code, answer.json()["fault"]) == (409, "drifts.config_moved")
    assert site.branches() == []
    write.commit(site.origin, "main", {"environments.vgo": CONFIG["environments.vgo"], "x.txt": b"x"}, AUTHOR, "back")
    assert site.propose("web01", "web02", "db01", write=True).status_code == 200


def test_what_is_told_of_hosts(site: Site) -> None:
    site.drift("web01", "db01")
    site.drift("web01", resource="kernel/motd", name="mode", found="0600")
    found = site.server.get("/api/v1/drifts", role=Role.VIEWER).json()
    assert [(host["hostname"], [each["resource"] for each in host["resources"]]) for host in found["hosts"]] == [
        ("db01.example.com", ["kernel/swap"]),
        ("web01.example.com", ["kernel/motd", "kernel/swap"]),
    ]
    assert site.server.get("/api/v1/drifts?how=left", role=Role.VIEWER).json()["hosts"] == []
    assert site.server.get("/api/v1/drifts?how=odd", role=Role.VIEWER).status_code == 400
    page = site.server.get("/api/v1/drifts?limit=1", role=Role.VIEWER).json()
    assert page["next_after"] == "db01.example.com"


def test_a_server_without_a_repository_proposes_nothing(site: Site) -> None:
    site.drift("web01")
    site.server.services.archive = None
    assert site.propose("web01").status_code == 503
    site.server.services.graph = None
    assert site.propose("web01").status_code == 409
