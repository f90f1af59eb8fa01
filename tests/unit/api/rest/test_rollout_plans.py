"""Plans of branches: in which waves a revision would reach the enrolled hosts, from what each is released to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest

from api.services import traits
from api.services.work import Work
from api.storage import assignments, envoys
from api.storage import tags as tag_rows
from api.storage.assignments import Stored
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

HOSTS = ["r1.example.com", "r2.example.com", "w1.example.com", "w2.example.com"]
AUTHOR = Author("Jane", "jane@example.com")
CRATE = b"name: unbound\nresources: [{type: package, package: unbound%s}]\n"
START = {
    "vigo.vgo": b"language: 1\n",
    "configcrates/unbound.vgo": CRATE % b"",
    "hosts.vgo": (
        b"envoys:\n  - {match: 'r*', configcrates: [unbound], vars: {dc: fra}}\n  - {match: 'w*', vars: {dc: fra}}\n"
    ),
}
CHANGED = {
    "configcrates/unbound.vgo": CRATE % b"-anchor",
    "rollout.vgo": b"waves: [{name: first, canaries: true}, {name: lab, tag: lab}]\n",
}
BREAKING = {
    "hosts.vgo": START["hosts.vgo"].replace(b"'r*'", b"'w*'", 1).replace(b"{match: 'w*', vars", b"{match: 'r*', vars"),
    "invariants.vgo": (
        b"invariants:\n  - {name: resolvers, for_each: traits.os.family, where: {configcrate: unbound}, at_least: 2}\n"
    ),
}


class Site(NamedTuple):
    server: Server
    main: str

    def plan(self, ref: str, role: Role | None = Role.VIEWER) -> Any:
        return self.server.get("/api/v1/rollouts/plan", role=role, params={"ref": ref})


def _said(envoy_id: str, message: Traits, work: Work) -> None:
    traits.store(work, envoy_id, message)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Three hosts that have what is in force, and a fourth that has nothing yet."""
    folder = tmp_path_factory.mktemp("site")
    git = write.init(folder / "config", bare=True)
    main = write.commit(git, "refs/heads/main", START, AUTHOR, "one")
    write.commit(git, "refs/heads/change", {**START, **CHANGED}, AUTHOR, "two")
    write.commit(git, "refs/heads/breaking", {**START, **BREAKING}, AUTHOR, "three")
    made = Server(folder)
    cache = graph.Cache()
    made.services.graph = graph.compile_tree(git.tree(main), cache).graph
    made.services.archive = archive = Archive(repository.open(folder / "config"), cache.fork)
    for number, host in enumerate(HOSTS):
        known = Known(id=new_id(), hostname=host, ed25519="0" * 64, x25519="0" * 64, enrolled_at=NOON)
        made.services.db.write_now(partial(envoys.add, project_id=DEFAULT_PROJECT, envoy=known))
        said = {"os": {"distro": "debian", "version": f"{12 + number % 2}.1", "family": "debian"}}
        message = Traits(sha256=sha256(canonical.dumps(said)), collected_at=NOON, traits=said)
        made.services.write_now(made.system, partial(_said, known.id, message))
        if number < 3:
            stored = Stored(
                envoy_id=known.id, epoch=1, generation=1, sha256="a" * 64, commit_id=main, catalog_sha256="c" * 64,
                plan_root="d" * 64, profile="", environment="", signed="{}", sealed="", secrets_key="",
                created_at=NOON, expires_at=NOON + 1,
            )  # fmt: skip
            made.services.db.write_now(partial(assignments.put, project_id=DEFAULT_PROJECT, stored=[stored]))
        if host == HOSTS[1]:
            made.services.write_now(
                made.system, lambda work: tag_rows.put(work.session, DEFAULT_PROJECT, HOSTS[1], ["lab"])
            )
    yield Site(made, main)
    archive.close()
    made.close()


def test_a_branch_is_told_in_waves(site: Site) -> None:
    found = site.plan("change").json()

    waves = [(wave["name"], wave["count"], wave["hosts"], wave["canary"]) for wave in found["waves"]]
    assert waves == [
        ("first", 3, ["r1.example.com", "r2.example.com", "w2.example.com"], True),
    ]
    assert (found["count"], found["unchanged"], found["unmatched"], found["base"]) == (3, 1, 0, site.main)
    assert found["violations"] == []
    assert {(each["title"], tuple(each["systems"])) for each in found["classes"]} == {
        ("unbound changed", ("debian 12", "debian 13")),
        ("now under a match block", ("debian 13",)),
    }


def test_what_would_break_is_told_with_its_counterexample(site: Site) -> None:
    found = site.plan("breaking").json()

    [violation] = found["violations"]
    assert (violation["invariant"], violation["group"], violation["wave"], violation["count"]) == (
        "resolvers", "traits.os.family = debian", "all", 0,
    )  # fmt: skip
    assert violation["new"] == HOSTS[:2]
    assert violation["old"] == HOSTS[2:]


def test_who_may_not_read_the_fleet_is_not_told_and_a_branch_must_be_there(site: Site) -> None:
    assert site.plan("change", role=None).status_code == 401
    answer = site.plan("nowhere")
    assert (answer.status_code, answer.json()["fault"]) == (404, "repository.revision_not_found")
