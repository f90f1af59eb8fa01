"""Publishes over REST: what came into force, going back to a version, and bringing in a branch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.repository import write
from reconciler.repository.repository import Repository
from schema.access import Role
from tests.factories.writing import AUTHOR, START, WritingServer, contents, start


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    return start(tmp_path / "config.git")


@pytest.fixture
def server(tmp_path: Path, origin: Repository) -> Iterator[WritingServer]:
    made = WritingServer(tmp_path, origin.path)
    made.run(made.look)
    yield made
    made.close()


def commit(server: WritingServer, origin: Repository, changes: dict[str, bytes | None], ref: str = "main") -> str:
    made = write.commit(origin, ref, changes, AUTHOR, "a change of a person")
    server.clock.advance(60)
    if ref == "main":
        server.run(server.look)
    return made


def back(server: WritingServer, version: object, **options: Any) -> Any:
    return server.post(f"/api/v1/config/rollback/{version}", **({"role": Role.OPERATOR} | options))


def test_publishes_are_what_came_into_force_each_with_its_files(server: WritingServer, origin: Repository) -> None:
    changed = commit(server, origin, {"web.vgo": None, "common.vgo": b"vars: {port: 81}\n"})
    found = server.get("/api/v1/config/publishes?limit=1", role=Role.VIEWER).json()["publishes"]
    assert found == [
        {
            "id": "2", "source": "commit", "operator": "Jane Doe <jane@example.com>", "version": 2, "commit": changed,
            "timestamp": "2026-11-22T12:01:00Z", "summary": "a change of a person",
            "changed_files": ["common.vgo"], "removed_files": ["web.vgo"],
        }
    ]  # fmt: skip
    detail = server.get("/api/v1/config/publishes/2", role=Role.VIEWER).json()
    assert detail | {"diff_summary": ""} == found[0] | {"diff_summary": ""}
    assert "-  port: 80  # plain\n" in detail["diff_summary"]
    assert "+vars: {port: 81}\n" in detail["diff_summary"]
    first = server.get("/api/v1/config/publishes/1", role=Role.VIEWER).json()
    assert first["changed_files"] == sorted(START)
    assert server.get("/api/v1/config/publishes/3", role=Role.VIEWER).json()["fault"] == "publishes.not_found"


def test_a_record_is_a_label_beside_who_sent_it(server: WritingServer) -> None:
    server.clock.advance(60)
    new = {"operator": "ci", "changed_files": ["a.vgo"], "removed_files": [], "diff_summary": "--- a.vgo\n"}
    made = server.post("/api/v1/config/publishes", role=Role.DEVELOPER, json=new)
    assert made.status_code == 201
    found = server.get("/api/v1/config/publishes", role=Role.VIEWER).json()["publishes"]
    assert [(each["source"], each["operator"]) for each in found][:1] == [("recorded", "ci")]
    assert (found[0]["recorded_by"], found[0]["version"]) == ("developer", 1)
    detail = server.get(f"/api/v1/config/publishes/{found[0]['id']}", role=Role.VIEWER).json()
    assert detail["diff_summary"] == "--- a.vgo\n"
    event = server.audit()[-1]
    assert (event["type"], event["operator"]) == ("config_publish_record", "developer")


def test_versions_are_times_with_sequence_and_commit_beside(server: WritingServer, origin: Repository) -> None:
    changed = commit(server, origin, {"web.vgo": None})
    found = server.get("/api/v1/config/versions", role=Role.VIEWER).json()
    assert found["versions"] == ["20261122T120100Z", "20261122T120000Z"]
    assert found["details"][0] == {
        "version": "20261122T120100Z", "sequence": 2, "commit": changed, "author": "Jane Doe <jane@example.com>",
        "summary": "a change of a person", "in_force": True,
    }  # fmt: skip


@pytest.mark.parametrize("by", ["sequence", "time", "commit", "digits"])
def test_going_back_is_a_commit_that_restores_a_versions_files(
    server: WritingServer, origin: Repository, by: str
) -> None:
    first = origin.resolve("main")
    commit(server, origin, {"web.vgo": None, "common.vgo": b"vars: {port: 81}\n", "new/a.vgo": b"envoys: []\n"})
    version = {"sequence": 1, "time": "20261122T120000Z", "commit": first, "digits": first[:8]}[by]
    before = origin.resolve("main")
    server.clock.advance(60)

    answer = back(server, version, json={"reason": "The port is wrong."})

    told = answer.json()
    assert (answer.status_code, told["status"], told["version"]) == (200, "in_force", 3)
    assert contents(origin) == START
    made = origin.commit_info(origin.resolve("main"))
    assert (made.commit, made.parents, made.author) == (told["commit"], (before,), "operator")
    assert made.summary == f"Go back to version 1 ({first[:12]})"
    assert "The port is wrong." in origin.git[made.commit].read_raw().decode()
    assert server.get("/api/v1/config/version", role=Role.VIEWER).json() == {"version": 3, "commit": made.commit}
    again = back(server, version)
    assert (again.status_code, again.json()["fault"]) == (409, "publishes.nothing_to_change")


def test_what_is_no_version_changes_nothing(server: WritingServer, origin: Repository) -> None:
    tip = origin.resolve("main")
    stranger = commit(server, origin, {"x.vgo": b"envoys: []\n"}, "stranger")
    for version, status, fault in (
        ("9", 404, "publishes.no_such_version"),
        ("20200101T000000Z", 404, "publishes.no_such_version"),
        ("20209901T000000Z", 404, "publishes.no_such_version"),
        ("HEAD", 404, "publishes.no_such_version"),
        ("fffffff", 404, "repository.revision_not_found"),
        (stranger, 404, "publishes.no_such_version"),
    ):
        answer = back(server, version)
        assert (answer.status_code, answer.json()["fault"]) == (status, fault), version
    assert back(server, 1, role=Role.DEVELOPER).status_code == 403
    assert origin.resolve("main") == tip
    assert not [each for each in server.audit() if each["type"].startswith("change_")]


def test_two_versions_of_one_second_are_told_apart_by_their_sequence(server: WritingServer, origin: Repository) -> None:
    write.commit(origin, "main", {"web.vgo": None}, AUTHOR, "quick")
    server.run(server.look)
    answer = back(server, "20261122T120000Z")
    assert answer.status_code == 400
    assert "versions 2, 1 came into force" in answer.json()["message"]


def test_a_branch_is_promoted_as_one_commit_unless_both_changed_a_file(
    server: WritingServer, origin: Repository
) -> None:
    start_at = origin.resolve("main")
    origin.git.references.create("refs/heads/team/port", start_at)
    commit(server, origin, {"common.vgo": b"vars: {port: 8080}\n"}, "team/port")
    commit(server, origin, {"new.vgo": b"envoys: []\n"}, "team/port")
    commit(server, origin, {"web.vgo": b'envoys:\n  - match: "www*"\n'})
    before = origin.resolve("main")

    answer = server.post("/api/v1/config/promote", role=Role.DEVELOPER, json={"ref": "team/port", "reason": "Tried."})

    assert (answer.status_code, answer.json()["status"]) == (200, "in_force"), answer.text
    assert contents(origin) == START | {
        "common.vgo": b"vars: {port: 8080}\n",
        "new.vgo": b"envoys: []\n",
        "web.vgo": b'envoys:\n  - match: "www*"\n',
    }
    made = origin.commit_info(origin.resolve("main"))
    assert (made.parents, made.author, made.summary) == ((before,), "developer", "Promote team/port")
    again = server.post("/api/v1/config/promote", role=Role.DEVELOPER, json={"ref": "team/port"})
    assert again.json()["fault"] == "publishes.nothing_to_change"
    # Both change the same file from here on.
    commit(server, origin, {"common.vgo": b"vars: {port: 1}\n"}, "team/port")
    commit(server, origin, {"common.vgo": b"vars: {port: 2}\n"})
    refused = server.post("/api/v1/config/promote", role=Role.DEVELOPER, json={"ref": "team/port"})
    assert (refused.status_code, refused.json()["fault"]) == (409, "publishes.paths_moved")
    assert refused.json()["details"]["paths"] == ["common.vgo"]


def test_a_proposal_is_answered_202_with_its_branch_and_promoted_later(
    server: WritingServer, origin: Repository
) -> None:
    commit(server, origin, {"common.vgo": b"vars: {port: 81}\n"})
    tip = origin.resolve("main")
    answer = back(server, 1, json={"reason": "r", "propose": True})
    told = answer.json()
    assert (answer.status_code, told["status"], origin.resolve("main")) == (202, "proposed", tip)
    assert told["branch"].startswith("vigo/go-back-to-version-1-")
    assert origin.resolve(told["branch"]) == told["commit"]
    promoted = server.post("/api/v1/config/promote", role=Role.OPERATOR, json={"ref": told["branch"]})
    assert promoted.json()["status"] == "in_force", promoted.text
    assert contents(origin) == START
