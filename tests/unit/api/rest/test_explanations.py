"""Explanations over REST: with the traits a host last told, the commits behind lines, and as of other revisions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest

from api.graphql import endpoint
from api.services import revisions
from api.workers.archive import Archive
from reconciler import graph, repository
from reconciler.explanations import blaming
from reconciler.repository import write
from reconciler.repository.write import Author
from schema.access import Role
from tests.factories.trees import tree
from tests.fleet import HOST, FleetServer
from tests.server import Server

WEB, LAB = "web01.example.com", "lab01.example.com"
FILES = {
    "vigo.vgo": b"language: 1\n",
    "common.vgo": b"configcrates: [base]\nvars:\n  port: 80\n",
    "web.vgo": b'envoys:\n  - match: "web*"\n    configcrates: [nginx]\n  - match: "lab*"\n    vars: {port: 8080}\n',
    "configcrates/nginx.vgo": b"name: nginx\nresources: [{type: directory, path: '/srv/{{ vars.port }}'}]\n",
    "configcrates/base.vgo": (
        b"name: base\nresources:\n  - {type: package, package: apt, when: traits.os.family == 'debian'}\n"
        b"  - {type: directory, path: '/srv/base/{{ vars.port }}'}\n"
    ),
}

ASKING = {
    "all.vgo": 'envoys:\n  - {match: "*", configcrates: [base]}\n',
    "configcrates/base.vgo": (
        "name: base\nresources:\n  - {type: package, package: apt, when: traits.os.family == 'debian'}\n"
    ),
}


class Site(NamedTuple):
    server: Server
    first: str
    second: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two commits, the second in force, and the repository they are in."""
    folder = tmp_path_factory.mktemp("site")
    git = write.init(folder / "config", bare=True)
    first = write.commit(git, "refs/heads/main", FILES, Author("Jane", "jane@example.com"), "one")
    changed = {"common.vgo": FILES["common.vgo"].replace(b"80", b"443")}
    second = write.commit(git, "refs/heads/main", changed, Author("Max", "max@example.com"), "two")
    made = Server(folder, extra=(endpoint.area,))
    cache = graph.Cache()
    for commit in (first, second):
        put = partial(revisions.record_in_force, commit=commit, plan_root="0" * 64, compiled_ms=1.0)
        made.services.write_now(made.system, put)
        made.services.graph = graph.compile_tree(git.tree(commit), cache).graph
    made.services.archive = archive = Archive(repository.open(folder / "config"), cache.fork)
    yield Site(made, first, second)
    archive.close()
    made.close()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetServer]:
    made = FleetServer(tmp_path_factory.mktemp("fleet"), extra=(endpoint.area,))
    yield made
    made.close()


def asked(server: Server, path: str, **query: Any) -> Any:
    answer = server.get(f"/api/v1/config/{path}", role=Role.VIEWER, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_value_leads_to_the_commit_that_wrote_it(site: Site) -> None:
    found = asked(site.server, "why", hostname=WEB, subject="port")
    assert (found["presence"], found["value"], found["commit"]) == ("present", 443, site.second)
    line = found["chain"][-1]["at"]
    assert (line["file"], line["line"], line["column"], line["source"]) == ("common.vgo", 3, 3, "  port: 443")
    assert (line["blame"]["commit"], line["blame"]["author"], line["blame"]["summary"]) == (site.second, "Max", "two")
    assert found["chain"][0]["at"]["blame"]["commit"] == site.first
    without = asked(site.server, "why", hostname=WEB, subject="port", blame="false")
    assert "blame" not in without["chain"][-1]["at"]


def test_it_answers_as_of_another_revision(site: Site) -> None:
    found = asked(site.server, "why", hostname=WEB, subject="port", asOf=site.first[:10])
    assert (found["value"], found["commit"]) == (80, site.first)
    assert found["chain"][-1]["at"]["blame"]["commit"] == site.first


def test_why_not_names_the_clause_and_ends_well(site: Site) -> None:
    found = asked(site.server, "why", hostname=LAB, subject="nginx")
    assert (found["presence"], found["reason"]) == ("absent", "not-listed")
    assert found["instead"][0]["at"]["file"] == "web.vgo"
    nobody = asked(site.server, "why", hostname="other01.example.com", subject="nginx")
    assert (nobody["presence"], nobody["reason"], nobody["chain"]) == ("absent", "no-match", [])


def test_two_hosts_and_two_revisions_differ_by_named_lines(site: Site) -> None:
    found = asked(site.server, "diff", hostname=WEB, other=LAB)
    assert {(cause["kind"], cause["at"]["file"]) for cause in found["causes"]} == {("line", "web.vgo")}
    assert all(cause["at"]["blame"]["summary"] == "one" for cause in found["causes"])
    same = asked(site.server, "diff", hostname=WEB, other=WEB)
    assert (same["alike"], same["causes"]) == (True, [])
    then = asked(site.server, "diff", hostname=WEB, other=WEB, asOf=site.first, otherAsOf=site.second)
    assert [(cause["of"], cause["at"]["source"], cause["other_at"]["source"]) for cause in then["causes"]] == [
        ("both", "  port: 80", "  port: 443")
    ]
    assert then["causes"][0]["other_at"]["blame"]["author"] == "Max"
    assert {each["name"] for each in then["causes"][0]["explains"]} == {
        "port",
        "nginx//srv/{{ vars.port }}",
        "base//srv/base/{{ vars.port }}",
    }


def test_traits_that_a_host_told_decide(fleet: FleetServer) -> None:
    before, fleet.services.graph = fleet.services.graph, graph.compile_tree(tree(ASKING)).graph
    try:
        told = asked(fleet, "why", hostname=HOST, subject="base/apt")
        silent = asked(fleet, "why", hostname="db01.prod.example.com", subject="base/apt")
        answer = asked(fleet, "diff", hostname=HOST, other="db01.prod.example.com")
    finally:
        fleet.services.graph = before
    assert (told["presence"], "depends_on" in told) == ("present", False)
    assert (silent["presence"], silent["depends_on"]) == ("conditional", ["traits.os.family"])
    assert (answer["one"]["traits"], answer["other"]["traits"]) == (True, False)
    assert (answer["alike"], answer["undecided"]) == (True, ["traits.os.family"])


def test_coverage_is_of_the_hosts_that_are_enrolled(fleet: FleetServer) -> None:
    found = asked(fleet, "coverage")
    assert (found["basis"], found["hosts"]) == ("hosts", 1)
    told = {(each["finding"], each["about"], each["name"]) for each in found["found"]}
    assert {
        ("unused", "crate", "unused"),
        ("no-host", "block", "db*.prod.example.com"),
        ("unread", "var", "workers"),
        ("one-host", "block", "web*.prod.example.com"),
    } <= told
    block = next(each for each in found["found"] if each["finding"] == "one-host" and each["about"] == "block")
    assert block["host"] == HOST


def test_who_may_not_read_the_fleet_learns_nothing(site: Site) -> None:
    for path, query in (("why", {"subject": "port"}), ("diff", {"other": LAB}), ("coverage", {})):
        answer = site.server.get(f"/api/v1/config/{path}", params={"hostname": WEB, **query})
        assert answer.status_code == 401


@pytest.mark.parametrize("subject", ["   ", "crate:", "var: =", "/"])
def test_asking_about_nothing_is_refused(site: Site, subject: str) -> None:
    answer = site.server.get("/api/v1/config/why", role=Role.VIEWER, params={"hostname": WEB, "subject": subject})
    assert (answer.status_code, answer.json()["fault"]) == (400, "explanations.no_subject")


@pytest.mark.parametrize(
    "subject", ["\x00", "é" * 900, "a" * 1_000, "{{ x }}", "file:/../..", "..", "a.b.c.d", ":", "=1"]
)
def test_odd_subjects_are_answered_or_refused(site: Site, subject: str) -> None:
    answer = site.server.get("/api/v1/config/why", role=Role.VIEWER, params={"hostname": WEB, "subject": subject})
    assert answer.status_code in {200, 400}
    if answer.status_code == 200:
        assert answer.json()["presence"] == "absent"


def test_graphql_answers_the_same(site: Site) -> None:
    query = """query($host: String!, $first: String) {
      why(hostname: $host, subject: "port") { presence value chain { kind at { file line column source } } }
      causes(hostname: $host, other: $host, asOf: $first) { alike causes { kind explains { name } } }
      coverage { counts found { finding about name at { file line } } }
    }"""
    answer = site.server.post(
        "/graphql", role=Role.VIEWER, json={"query": query, "variables": {"host": WEB, "first": site.first}}
    ).json()
    assert "errors" not in answer
    told = asked(site.server, "why", hostname=WEB, subject="port", blame="false")
    assert answer["data"]["why"]["chain"] == [{"kind": link["kind"], "at": link["at"]} for link in told["chain"]]
    assert answer["data"]["causes"] == {"alike": True, "causes": []}
    counted = asked(site.server, "coverage")
    assert all("blame" not in each["at"] for each in counted["found"])
    assert answer["data"]["coverage"]["counts"] == counted["counts"]
    assert len(answer["data"]["coverage"]["found"]) == len(counted["found"])


def test_graphql_tells_the_commits_behind_lines_where_they_are_asked_for(site: Site) -> None:
    query = """query($host: String!, $first: String!, $second: String!) {
      ...Why
      then: causes(hostname: $host, other: $host, asOf: $first, otherAsOf: $second) { causes { at { ...Who } otherAt { ...Who } } }
      bare: why(hostname: $host, subject: "port") { chain { at { line } } }
    }
    fragment Why on Query { why(hostname: $host, subject: "port") { chain { at { ...Who } } } }
    fragment Who on Line { file line column source blame { commit author time summary } }"""
    variables = {"host": WEB, "first": site.first, "second": site.second}
    answer = site.server.post("/graphql", role=Role.VIEWER, json={"query": query, "variables": variables}).json()
    assert "errors" not in answer
    why = asked(site.server, "why", hostname=WEB, subject="port")
    assert answer["data"]["why"]["chain"] == [{"at": link["at"]} for link in why["chain"]]
    then = asked(site.server, "diff", hostname=WEB, other=WEB, asOf=site.first, otherAsOf=site.second)
    assert answer["data"]["then"]["causes"] == [
        {"at": each["at"], "otherAt": each["other_at"]} for each in then["causes"]
    ]
    assert answer["data"]["then"]["causes"][0]["otherAt"]["blame"]["author"] == "Max"


def test_all_answers_of_one_query_share_what_one_may_ask_of_history(site: Site) -> None:
    one = 'why(hostname: "web01.example.com", subject: "port") { chain { at { blame { commit } } } layers { at { blame { commit } } } }'
    query = "{" + " ".join(f"w{number:02}: {one}" for number in range(30)) + "}"
    data = site.server.post("/graphql", role=Role.VIEWER, json={"query": query}).json()["data"]
    lines = [
        each["at"]["blame"] is not None for key in sorted(data) for each in (*data[key]["chain"], *data[key]["layers"])
    ]
    assert len(lines) > blaming.MAX_LINES
    assert sum(lines) == sum(lines[: blaming.MAX_LINES]) == blaming.MAX_LINES
