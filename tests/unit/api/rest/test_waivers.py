"""Waivers over REST: one more in `waivers.vgo`, and every other line as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.repository import write
from reconciler.repository.repository import Repository
from schema.access import Role
from tests.factories.writing import AUTHOR, START, WritingServer, contents, start

NEW = {
    "framework": "nist",
    "control": "AC-1",
    "reason": "The vendor's assessment is signed: see the review.",
    "approved_by": "jane@example.com",
    "expires": "2027-12-31",
}
COMPLIANCE = b"nist: [AC-1, AC-2]\n"


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    return start(tmp_path / "config.git", START | {"compliance.vgo": COMPLIANCE, "production/web.vgo": b"envoys: []\n"})


@pytest.fixture
def server(tmp_path: Path, origin: Repository) -> Iterator[WritingServer]:
    made = WritingServer(tmp_path, origin.path)
    made.run(made.look)
    yield made
    made.close()


def add(server: WritingServer, role: Role = Role.DEVELOPER, **more: Any) -> Any:
    return server.post("/api/v1/waivers", role=role, json=NEW | more)


def test_the_first_waiver_makes_the_file_and_the_next_keeps_every_line(
    server: WritingServer, origin: Repository
) -> None:
    assert add(server).json()["status"] == "in_force"
    first = contents(origin)["waivers.vgo"].decode()
    assert first == (
        "waivers:\n  - framework: nist\n    control: AC-1\n"
        '    reason: "The vendor\'s assessment is signed: see the review."\n'
        "    approved_by: jane@example.com\n    expires: '2027-12-31'\n"
    )
    noted = "# Agreed in May.\n" + first + "# The end.\n"
    write.commit(origin, "main", {"waivers.vgo": noted.encode()}, AUTHOR, "a note")
    more = {"control": "AC-2", "risk": "low", "match": "web*", "evidence": "https://example.com/x"}
    assert add(server, **more).json()["status"] == "in_force"
    second = contents(origin)["waivers.vgo"].decode()
    assert second.startswith("# Agreed in May.\n" + first)
    assert second.endswith("    evidence:\n      - https://example.com/x\n# The end.\n")
    info = origin.commit_info(origin.resolve("main"))
    assert (info.author, info.summary) == ("developer", "Waive AC-2 of nist until 2027-12-31")


def test_a_waiver_of_a_directory_stands_there(server: WritingServer, origin: Repository) -> None:
    assert add(server, dir="production/").status_code == 200
    assert "production/waivers.vgo" in contents(origin)
    refused = add(server, dir="absent")
    assert (refused.status_code, refused.json()["fault"]) == (400, "waivers.no_such_directory")


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"expires": "tomorrow"}, "http.bad_input"),
        ({"expires": "2027-02-30"}, "http.bad_input"),
        ({"starts": "2028-01-01"}, "changes.not_valid"),
        ({"match": "/(/"}, "changes.not_valid"),
        ({"reason": ""}, "http.bad_input"),
        ({"dir": "../x"}, "waivers.no_such_directory"),
    ],
)
def test_what_is_no_waiver_changes_nothing(
    server: WritingServer, origin: Repository, more: dict[str, Any], fault: str
) -> None:
    tip = origin.resolve("main")
    answer = add(server, **more)
    assert (answer.status_code, answer.json()["fault"]) == (400, fault), answer.text
    assert origin.resolve("main") == tip


def test_who_may_not_publish_waives_nothing(server: WritingServer, origin: Repository) -> None:
    tip = origin.resolve("main")
    assert add(server, Role.AUDITOR).status_code == 403
    assert origin.resolve("main") == tip
