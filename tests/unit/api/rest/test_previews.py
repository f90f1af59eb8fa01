"""Previews over REST and GraphQL: a branch against what is in force, for the hosts that are enrolled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from api.graphql import endpoint
from api.services import traits
from api.storage import envoys
from api.storage.envoys import Known
from api.workers.archive import Archive
from reconciler import graph, repository
from reconciler.repository import write
from reconciler.repository.write import Author
from schema import canonical
from schema.access import Role
from schema.ids import DEFAULT_PROJECT, new_id, sha256
from schema.protocol.messages import Traits
from tests.server import NOON, Server

AUTHOR = Author("Jane", "jane@example.com")
PREVIEW = "/api/v1/preview"
HOSTS = ("web01.example.com", "web02.example.com", "db01.example.com")
START = {
    "vigo.vgo": b"language: 1\n",
    "hosts.vgo": b'envoys:\n  - {match: "web*", configcrates: [motd, old]}\n  - {match: "db*", configcrates: [old]}\n',
    "configcrates/motd.vgo": (
        b"name: motd\nresources:\n"
        b'  - {name: motd, type: file, path: /etc/motd, content: "{{ traits.os.distro }} {{ host.hostname }}"}\n'
    ),
    "configcrates/old.vgo": b"name: old\nresources:\n  - {name: f, type: file, path: /etc/old, content: x}\n",
}
CHANGED = {
    "configcrates/motd.vgo": START["configcrates/motd.vgo"].replace(b"{{ traits", b"on {{ traits"),
    "hosts.vgo": START["hosts.vgo"].replace(b"[old]", b"[]"),
}
BROKEN = b"name: old\nresources: [{type: file, pth: /x}]\n"


class Site(NamedTuple):
    server: Server
    main: str
    ids: dict[str, str]

    def get(self, query: str, role: Role | None = Role.VIEWER) -> Any:
        return self.server.get(f"{PREVIEW}?{query}", role=role)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    git = write.init(folder / "config", bare=True)
    main = write.commit(git, "refs/heads/main", START, AUTHOR, "one")
    write.commit(git, "refs/heads/change", {**START, **CHANGED}, AUTHOR, "two")
    write.commit(git, "refs/heads/broken", {**START, "configcrates/old.vgo": BROKEN}, AUTHOR, "three")
    made = Server(folder, extra=(endpoint.area,))
    cache = graph.Cache()
    made.services.graph = graph.compile_tree(git.tree(main), cache).graph
    made.services.archive = archive = Archive(repository.open(folder / "config"), cache.fork)
    ids = {}
    for host in HOSTS:
        known = Known(id=new_id(), hostname=host, ed25519="0" * 64, x25519="0" * 64, enrolled_at=NOON)
        ids[host] = known.id
        made.services.write_now(made.system, lambda work, known=known: envoys.add(work.session, DEFAULT_PROJECT, known))
    said = {"os": {"distro": "debian", "version": "12"}, "packages": {"bash": "5"}}
    message = Traits(sha256=sha256(canonical.dumps(said)), collected_at=NOON, traits=said)
    made.services.write_now(made.system, lambda work: traits.store(work, ids[HOSTS[0]], message))
    yield Site(made, main, ids)
    archive.close()
    made.services.renderers.close()
    made.close()


def test_a_branch_is_told_in_classes(site: Site) -> None:
    found = site.get("rev=change").json()
    assert found["summary"] == "3 kinds of change over 3 hosts"
    assert (found["hosts"], found["unchanged"], found["removing"]) == (3, 0, 1)
    assert found["base"]["rev"] == "in force"
    assert (found["base"]["commit"], found["other"]["rev"]) == (site.main, "change")
    assert found["base"]["plan_root"] != found["other"]["plan_root"]
    told = {each["hosts"][0]: each for each in found["classes"]}
    assert {host: each["certainty"] for host, each in told.items()} == {
        HOSTS[0]: "change", HOSTS[1]: "maybe", HOSTS[2]: "change",
    }  # fmt: skip
    attribute = told[HOSTS[0]]["resources"][0]["attributes"][0]
    assert (attribute["base"], attribute["other"]) == (f"debian {HOSTS[0]}", f"on debian {HOSTS[0]}")
    removed = told[HOSTS[2]]["resources"][0]
    assert (removed["id"], removed["action"]) == ("old/f", "removed")
    assert found["notes"] == ["1 of the hosts have not said what they are; what depends on it is unknown"]


def test_before_anybody_is_enrolled_match_blocks_are_looked_at(site: Site, tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.services.graph, server.services.archive = site.server.services.graph, site.server.services.archive
    found = server.get(f"{PREVIEW}?rev=change", role=Role.VIEWER).json()
    assert (found["subject"], found["hosts"], found["removing"]) == ("blocks", 2, 1)
    assert sorted(host for told in found["classes"] for host in told["hosts"]) == ["db*", "web*"]
    server.services.renderers.close()
    server.close()


def test_a_base_of_its_own_turns_it_around(site: Site) -> None:
    found = site.get("rev=main&base=change").json()
    assert (found["base"]["rev"], found["other"]["commit"]) == ("change", site.main)
    assert {each["action"] for told in found["classes"] for each in told["resources"]} == {"changed", "added"}
    assert site.get("rev=main").json()["summary"] == "nothing changes"


def test_one_crate_alone(site: Site) -> None:
    found = site.get("rev=change&configcrate=old").json()
    assert (found["configcrate"], found["unchanged"]) == ("old", 2)
    assert [each["hosts"] for each in found["classes"]] == [[HOSTS[2]]]
    answer = site.get("rev=change&configcrate=nothing")
    assert (answer.status_code, answer.json()["fault"]) == (404, "traces.crate_not_found")
    assert "hint" not in answer.json().get("details", {})
    assert site.get("rev=change&configcrate=olld").json()["details"]["hint"] == "did you mean old?"
    assert "hint" not in site.get("trait=hardware.cpu_count=many").json().get("details", {})


def test_a_what_if_needs_no_revision(site: Site) -> None:
    found = site.get("trait=os.distro=ubuntu").json()
    told = {each["certainty"]: each for each in found["classes"]}
    attribute = told["change"]["resources"][0]["attributes"][0]
    assert (attribute["base"], attribute["other"]) == (f"debian {HOSTS[0]}", f"ubuntu {HOSTS[0]}")
    assert (found["traits"], told["maybe"]["hosts"]) == ({"os.distro": "ubuntu"}, [HOSTS[1]])


@pytest.mark.parametrize(
    ("query", "status", "fault"),
    [
        ("", 400, "previews.no_question"), ("base=main", 400, "previews.no_question"),
        ("rev=nothing", 404, "repository.revision_not_found"), ("rev=broken", 409, "graphs.not_valid"),
        ("rev=change&base=broken", 409, "graphs.not_valid"), ("rev=HEAD~1", 400, "repository.revision_refused"),
        ("rev=:/fix", 400, "repository.revision_refused"), ("rev=", 400, "http.bad_input"),
        ("trait=os.version", 400, "previews.bad_trait"), ("trait=os.verison=1", 400, "previews.bad_trait"),
        ("trait=hardware.cpu_count=many", 400, "previews.bad_trait"), ("rev=change&trait=os=1", 400, "previews.bad_trait"),
        ("&".join(["trait=os.version=1"] * 33), 400, "http.bad_input"),
    ],
)  # fmt: skip
def test_what_cannot_be_previewed_is_told(site: Site, query: str, status: int, fault: str) -> None:
    answer = site.get(query)
    assert (answer.status_code, answer.json()["fault"]) == (status, fault)


def test_a_revision_that_is_not_valid_says_what_is_wrong(site: Site) -> None:
    details = site.get("rev=broken").json()["details"]
    assert details["diagnostics"][0]["file"] == "configcrates/old.vgo"


def test_nobody_previews_without_a_token(site: Site) -> None:
    assert site.get("rev=change", role=None).status_code == 401


def test_the_documented_answer_stays_as_it_is(site: Site) -> None:
    affected = [{"hostname": host, "envoy_id": site.ids[host]} for host in HOSTS[:2]]
    assert site.get("configcrate=motd").json() == {"configcrate": "motd", "affected": affected, "count": 2}
    assert site.get("configcrate=old&asOf=change").json()["count"] == 2


def test_graphql_says_the_same(site: Site) -> None:
    query = """query($rev: String) { preview(rev: $rev) { summary base { planRoot } other { rev }
      classes { id certainty count resources { id action attributes { name base other } } } } }"""
    asked = {"query": query, "variables": {"rev": "change"}}
    found = site.server.post("/graphql", role=Role.VIEWER, json=asked).json()["data"]["preview"]
    rest = site.get("rev=change").json()
    assert (found["summary"], found["base"]["planRoot"]) == (rest["summary"], rest["base"]["plan_root"])
    assert [each["id"] for each in found["classes"]] == [each["id"] for each in rest["classes"]]
    bare = {"query": "{ preview { summary } }"}
    answer = site.server.post("/graphql", role=Role.VIEWER, json=bare).json()
    assert answer["errors"][0]["extensions"]["fault"] == "previews.no_question"
    many = {"query": "{" + "".join(f'p{n}: preview(rev: "change") {{ summary }} ' for n in range(3)) + "}"}
    answer = site.server.post("/graphql", role=Role.VIEWER, json=many).json()
    assert [error["extensions"]["fault"] for error in answer["errors"]] == ["graphql.refused"]
    assumed = {"query": '{ preview(traits: ["os.distro=ubuntu"]) { traits } }'}
    answer = site.server.post("/graphql", role=Role.VIEWER, json=assumed).json()
    assert answer["data"]["preview"]["traits"] == {"os.distro": "ubuntu"}
