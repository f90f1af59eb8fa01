"""As of: reads of the config answer from the revision that is named, over REST and GraphQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from api.graphql import endpoint
from api.services import revisions
from api.workers.archive import Archive
from reconciler import graph, repository
from reconciler.repository import write
from reconciler.repository.write import Author
from schema.access import Role
from schema.time import DAY, to_rfc3339
from tests.server import NOON, Server

HOST = "web01.example.com"
AUTHOR = Author("Jane", "jane@example.com")
START = {
    "vigo.vgo": b"language: 1\n",
    "common.vgo": b"vars: {port: 80}\n",
    "web.vgo": b'envoys:\n  - match: "web*"\n    configcrates: [nginx]\n',
    "configcrates/nginx.vgo": b"name: nginx\nresources: [{type: directory, path: /srv/nginx}]\n",
}
BROKEN = b"name: nginx\nresources: [{type: directory, pth: /srv/nginx}]\n"


class Site(NamedTuple):
    server: Server
    first: str
    second: str
    broken: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two commits that were in force, an hour apart, the second still is; and a branch that does not compile."""
    folder = tmp_path_factory.mktemp("site")
    git = write.init(folder / "config", bare=True)
    first = write.commit(git, "refs/heads/main", START, AUTHOR, "one")
    second = write.commit(git, "refs/heads/main", {"common.vgo": b"vars: {port: 443}\n"}, AUTHOR, "two")
    broken = write.commit(git, "refs/heads/broken", {**START, "configcrates/nginx.vgo": BROKEN}, AUTHOR, "three")
    made = Server(folder, extra=(endpoint.area,))
    cache = graph.Cache()
    for commit in (first, second):
        put = partial(revisions.record_in_force, commit=commit, plan_root="0" * 64, compiled_ms=1.0)
        made.services.write_now(made.system, put)
        made.services.graph = graph.compile_tree(git.tree(commit), cache).graph
        made.clock.advance(3600)
    made.services.archive = archive = Archive(repository.open(folder / "config"), cache.fork)
    yield Site(made, first, second, broken)
    archive.close()
    made.close()


@pytest.fixture(params=["rest", "graphql"])
def port(site: Site, request: pytest.FixtureRequest) -> Callable[[str | None], Any]:
    """The port of the host as of something, or the code of the fault."""
    server = site.server

    def rest(as_of: str | None) -> Any:
        asked = {"hostname": HOST} | ({} if as_of is None else {"asOf": as_of})
        answer = server.get("/api/v1/config/trace", role=Role.VIEWER, params=asked)
        body = answer.json()
        return body["var_sources"][0]["value"] if answer.status_code == 200 else body["fault"]

    def graphql(as_of: str | None) -> Any:
        query = f'query($as: String) {{ trace(hostname: "{HOST}", asOf: $as) {{ varSources {{ value }} }} }}'
        body = server.post("/graphql", role=Role.VIEWER, json={"query": query, "variables": {"as": as_of}}).json()
        if "errors" in body:
            return body["errors"][0]["extensions"]["fault"]
        return body["data"]["trace"]["varSources"][0]["value"]

    return rest if request.param == "rest" else graphql


def test_without_it_what_is_in_force_answers(port: Callable[[str | None], Any]) -> None:
    assert port(None) == 443


def test_a_commit_a_branch_and_a_sequence_answer_for_themselves(site: Site, port: Callable[[str | None], Any]) -> None:
    assert port(site.first) == 80
    assert port(site.first[:12]) == 80
    assert port(site.second) == 443
    assert port("main") == 443
    assert (port("1"), port("2")) == (80, 443)


def test_a_time_answers_from_what_was_in_force_then(port: Callable[[str | None], Any]) -> None:
    assert port(to_rfc3339(NOON)) == 80
    assert port(to_rfc3339(NOON + 3_599_000_000)) == 80
    assert port(to_rfc3339(NOON + 3_600_000_000)) == 443
    assert port("2026-11-22T14:30:00+02:00") == 80
    assert port(to_rfc3339(NOON + DAY)) == 443


@pytest.mark.parametrize(
    ("as_of", "fault"),
    [
        (to_rfc3339(NOON - 1_000_000), "graphs.nothing_then"),
        ("7", "graphs.nothing_then"),
        ("2026-11-22T12:00:00", "graphs.not_a_time"),
        ("2026-99-22T12:00:00Z", "graphs.not_a_time"),
        ("2026-11-22", "graphs.not_a_time"),
        ("nowhere", "repository.revision_not_found"),
        ("f" * 40, "repository.revision_not_found"),
        ("HEAD~1", "repository.revision_refused"),
        (":/one", "repository.revision_refused"),
        ("--upload-pack=x", "repository.revision_refused"),
    ],
)
def test_what_names_nothing_is_told(port: Callable[[str | None], Any], as_of: str, fault: str) -> None:
    assert port(as_of) == fault


def test_a_revision_that_does_not_compile_says_why(site: Site, port: Callable[[str | None], Any]) -> None:
    assert port("broken") == "graphs.not_valid"
    answer = site.server.get("/api/v1/config/tree", role=Role.VIEWER, params={"asOf": "broken"})
    assert answer.status_code == 409
    told = next(each for each in answer.json()["details"]["diagnostics"] if each["code"] == "resource.unknown-key")
    assert (told["file"], told["line"]) == ("configcrates/nginx.vgo", 2)
    assert told["hint"]


def test_every_read_of_the_config_takes_it(site: Site) -> None:
    get = site.server.get
    for path in ("tree", "dedup", "search?configcrate=nginx", "trace?configcrate=nginx"):
        sign = "&" if "?" in path else "?"
        assert get(f"/api/v1/config/{path}{sign}asOf=1", role=Role.VIEWER).status_code == 200, path
        assert get(f"/api/v1/config/{path}{sign}asOf=7", role=Role.VIEWER).status_code == 404, path


def test_one_query_may_compare_revisions_but_only_a_few(site: Site) -> None:
    def ask(count: int) -> Any:
        fields = " ".join(
            f't{n}: trace(hostname: "{HOST}", asOf: "{n % 2 + 1}{" " * n}") {{ matched }}' for n in range(count)
        )
        return site.server.post("/graphql", role=Role.VIEWER, json={"query": f"{{ {fields} }}"})

    assert set(ask(4).json()["data"]) == {"t0", "t1", "t2", "t3"}
    refused = ask(5)
    assert refused.status_code == 400
    assert "more than 4 revisions" in refused.json()["errors"][0]["message"]


def test_one_query_has_two_answers_that_take_long_whatever_they_are(site: Site) -> None:
    def ask(*fields: str) -> Any:
        query = " ".join(f"f{number}: {field}" for number, field in enumerate(fields))
        return site.server.post("/graphql", role=Role.VIEWER, json={"query": f"{{ {query} }}"}).json()

    coverage, preview, tree = "coverage { hosts }", f'preview(rev: "{site.first}") {{ hosts }}', "configTree { total }"
    assert set(ask(coverage, preview)["data"]) == {"f0", "f1"}
    assert set(ask(tree, coverage)["data"]) == {"f0", "f1"}
    for three in ([coverage] * 3, [tree, preview, coverage], [tree] * 30):
        (error,) = ask(*three)["errors"]
        assert error["message"].startswith("the query asks for more than 2 answers that take long: ")
        assert error["extensions"]["fault"] == "graphql.refused"


def test_nothing_is_compiled_for_who_may_not_read(site: Site) -> None:
    answer = site.server.get("/api/v1/config/tree", params={"asOf": "broken"})
    assert answer.status_code == 401


def test_without_a_repository_there_is_only_what_is_in_force(site: Site) -> None:
    services = site.server.services
    kept, services.archive = services.archive, None
    try:
        answer = site.server.get("/api/v1/config/tree", role=Role.VIEWER, params={"asOf": "main"})
        assert (answer.status_code, answer.json()["fault"]) == (503, "graphs.no_archive")
        assert site.server.get("/api/v1/config/tree", role=Role.VIEWER, params={"asOf": "2"}).status_code == 200
    finally:
        services.archive = kept


def test_the_archive_keeps_a_few_and_shares_what_is_being_compiled(site: Site, tmp_path: Path) -> None:
    import asyncio

    git = write.init(tmp_path / "config", bare=True)
    commits = [
        write.commit(git, "refs/heads/main", {**START, "common.vgo": f"vars: {{port: {n}}}\n".encode()}, AUTHOR, str(n))
        for n in range(6)
    ]
    forks: list[int] = []

    def cache() -> graph.Cache:
        forks.append(1)
        return graph.Cache()

    async def use() -> None:
        archive = Archive(git, cache)
        one, other = await asyncio.gather(archive.graph(commits[0]), archive.graph(commits[0]))
        assert one is other
        assert len(forks) == 1
        for commit in commits[1:]:
            await archive.graph(commit)
        assert await archive.graph(commits[-1]) is await archive.graph(commits[-1])
        assert len(forks) == 6
        assert await archive.graph(commits[0]) is not one
        archive.close()

    asyncio.run(use())
