"""Bisects over REST and GraphQL: which commit separates bad hosts from others, from history and last runs alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from api.graphql import endpoint
from api.services import revisions
from api.storage import envoys, runs
from api.storage.envoys import Known
from api.workers.archive import Archive
from reconciler import graph, repository
from reconciler.graph import Graph
from reconciler.repository import write
from reconciler.repository.write import Author
from schema.access import Role
from schema.bisects import MAX_REVISIONS
from schema.ids import DEFAULT_PROJECT, new_id
from schema.time import HOUR, to_rfc3339
from tests.factories.ended import ended
from tests.server import NOON, Server

HOSTS = ["db1.example.com", "web1.example.com", "web2.example.com"]
AUTHOR = Author("Jane", "jane@example.com")
CRATE = b"name: nginx\nresources:\n  - {name: conf, type: directory, path: /srv/nginx, mode: '%s'}\n"
START = {
    "vigo.vgo": b"language: 1\n",
    "common.vgo": b"configcrates: [base]\nvars: {port: 80}\n",
    "web.vgo": b'envoys:\n  - {match: "web*", configcrates: [nginx]}\n  - {match: "db*"}\n',
    "configcrates/nginx.vgo": CRATE % b"0755",
    "configcrates/base.vgo": (
        b"name: base\nresources: [{name: motd, type: file, path: /etc/motd, content: '{{ vars.port }}'}]\n"
    ),
}
STEPS: list[Mapping[str, bytes | None]] = [
    {"common.vgo": b"configcrates: [base]\nvars: {port: 443}\n"},
    {"configcrates/nginx.vgo": CRATE % b"0700"},
    {"README.md": b"nothing\n"},
]


class Site(NamedTuple):
    server: Server
    commits: list[str]


def enrol(server: Server, hostname: str, ran: Graph | None) -> None:
    known = Known(id=new_id(), hostname=hostname, ed25519="0" * 64, x25519="0" * 64, enrolled_at=NOON)
    server.services.write_now(server.system, lambda work: envoys.add(work.session, DEFAULT_PROJECT, known))
    profile = ran.match(hostname) if ran is not None else None
    if profile is None:
        return
    last = ended(known.id, catalog_sha256=profile.catalog_sha256, received_at=NOON, unchanged=1)
    server.services.write_now(server.system, lambda work: runs.add(work.session, DEFAULT_PROJECT, [last]))


def came_into_force(server: Server, commit: str, summary: str, *, after_s: int = 3600) -> None:
    put = partial(
        revisions.record_in_force, commit=commit, plan_root="0" * 64, compiled_ms=1.0, author="Jane", summary=summary
    )
    server.services.write_now(server.system, put)
    server.clock.advance(after_s)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A revision at noon and one in each hour after it; web2 ran the first last, db1 has not run."""
    folder = tmp_path_factory.mktemp("site")
    git = write.init(folder / "config", bare=True)
    made = Server(folder, extra=(endpoint.area,))
    cache = graph.Cache()
    commits: list[str] = []
    graphs: list[Graph | None] = []
    for number, files in enumerate(({**START}, *STEPS)):
        commits.append(write.commit(git, "refs/heads/main", files, AUTHOR, f"step {number}"))
        came_into_force(made, commits[-1], f"step {number}")
        graphs.append(graph.compile_tree(git.tree(commits[-1]), cache).graph)
    made.services.graph = graphs[-1]
    for hostname, ran in zip(HOSTS, (None, graphs[-1], graphs[0]), strict=True):
        enrol(made, hostname, ran)
    made.services.archive = archive = Archive(repository.open(folder / "config"), cache.fork)
    yield Site(made, commits)
    archive.close()
    made.close()


def asked(site: Site, **query: Any) -> Any:
    given = {"bad": ["web1.example.com"], "since": to_rfc3339(NOON + HOUR // 2)} | query
    answer = site.server.get("/api/v1/bisect", role=Role.VIEWER, params=given)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_commit_that_bad_hosts_have_and_others_do_not_comes_first(site: Site) -> None:
    found = asked(site)

    [first, second] = found["suspects"]
    assert (found["bad"], found["bad_count"], found["good_count"]) == (["web1.example.com"], 1, 2)
    assert (found["revisions"], found["changed_nothing"]) == (3, 1)
    assert (first["commit"], first["summary"], first["author"], first["exact"]) == (
        site.commits[2], "step 2", "Jane", True,
    )  # fmt: skip
    [change] = first["changes"]
    assert (change["name"], change["attribute"], change["base"], change["other"]) == (
        "nginx/conf",
        "mode",
        "0755",
        "0700",
    )
    assert (change["at"]["file"], change["at"]["line"]) == ("configcrates/nginx.vgo", 3)
    assert (first["revert_hosts"], first["revert_crates"]) == (2, ["nginx"])
    assert (second["commit"], second["good_with"]) == (site.commits[1], ["db1.example.com"])
    assert found["notes"] == ["of 1 hosts it is not known which of these revisions they ran last: all are assumed"]


def test_hosts_may_be_patterns_and_the_well_ones_be_said(site: Site) -> None:
    found = asked(site, bad=["web[12].*"], good=["/db.+/"], limit=1)

    assert (found["bad"], found["good_count"]) == (HOSTS[1:], 1)
    assert [(each["sequence"], each["bad"], each["bad_without"]) for each in found["suspects"]] == [
        (3, 1, ["web2.example.com"])
    ]
    assert found["left_out"] == 1


def test_more_hosts_go_into_a_body(site: Site) -> None:
    body = {"bad": ["web1.example.com"], "since": to_rfc3339(NOON + HOUR // 2)}

    answer = site.server.post("/api/v1/bisect", role=Role.VIEWER, json=body)

    assert answer.json() == asked(site)


def test_since_before_the_first_revision_holds_against_that(site: Site) -> None:
    found = asked(site, since=to_rfc3339(NOON - HOUR))

    assert found["revisions"] == 3
    assert found["notes"][0].startswith("nothing was in force before the first")


def test_nothing_came_into_force_since(site: Site) -> None:
    found = asked(site, since=to_rfc3339(NOON + 3 * HOUR + HOUR // 2))

    assert (found["revisions"], found["suspects"], found["notes"]) == (0, [], ["nothing came into force since then"])


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ({"bad": ["web9.example.com"]}, "bisects.no_such_hosts"),
        ({"bad": ["web["]}, "bisects.no_such_hosts"),
        ({"good": ["nobody*"]}, "bisects.no_such_hosts"),
        ({"good": ["*.example.com"]}, "bisects.both_sides"),
        ({"since": "2036-01-01T00:00:00Z"}, "bisects.nothing_since"),
    ],
)
def test_what_cannot_be_bisected_is_told(site: Site, query: dict[str, Any], fault: str) -> None:
    given = {"bad": ["web1.example.com"], "since": to_rfc3339(NOON)} | query

    answer = site.server.get("/api/v1/bisect", role=Role.VIEWER, params=given)

    assert (answer.status_code, answer.json()["fault"]) == (400, fault)


def test_graphql_says_the_same(site: Site) -> None:
    query = (
        '{ bisect(bad: ["web1.example.com"], since: "2026-11-22T12:30:00Z") { badCount goodCount revisions changedNothing notes suspects {'
        " commit sequence exact score bad good goodWith badWithout revertHosts revertCrates changes { kind name action"
        " attribute base other at { file line } } } } }"
    )

    said = site.server.post("/graphql", role=Role.VIEWER, json={"query": query}).json()["data"]["bisect"]

    rest = asked(site)
    assert [said[key] for key in ("badCount", "goodCount", "revisions", "changedNothing", "notes")] == [
        rest[key] for key in ("bad_count", "good_count", "revisions", "changed_nothing", "notes")
    ]
    assert [(each["commit"], each["score"], each["goodWith"]) for each in said["suspects"]] == [
        (each["commit"], each["score"], each["good_with"]) for each in rest["suspects"]
    ]
    assert said["suspects"][0]["changes"][0]["at"] == {"file": "configcrates/nginx.vgo", "line": 3}


def test_graphql_refuses_what_is_no_time(site: Site) -> None:
    query = '{ bisect(bad: ["web1.example.com"], since: "yesterday") { badCount } }'

    said = site.server.post("/graphql", role=Role.VIEWER, json={"query": query}).json()

    assert said["errors"][0]["extensions"]["fault"] == "graphs.not_a_time"


def test_what_is_beyond_the_limit_or_gone_from_git_is_told(tmp_path: Path) -> None:
    git = write.init(tmp_path / "config", bare=True)
    made = Server(tmp_path)
    commit = write.commit(git, "refs/heads/main", START, AUTHOR, "one")
    cache = graph.Cache()
    made.services.graph = graph.compile_tree(git.tree(commit), cache).graph
    enrol(made, HOSTS[0], None)
    for number in range(MAX_REVISIONS + 2):
        came_into_force(made, f"{number:040x}", "gone", after_s=60)
    came_into_force(made, commit, "here")
    made.services.archive = archive = Archive(repository.open(tmp_path / "config"), cache.fork)
    try:
        found = asked(Site(made, []), bad=[HOSTS[0]], since=to_rfc3339(NOON))
    finally:
        archive.close()
        made.close()

    assert (found["revisions"], found["suspects"]) == (0, [])
    assert (
        found["notes"][0]
        == f"{MAX_REVISIONS + 3} revisions came into force since then: the newest {MAX_REVISIONS} are looked at"
    )
    assert found["notes"][1].startswith(
        f"revision {MAX_REVISIONS + 2} cannot be had, nor are those before it looked at"
    )
