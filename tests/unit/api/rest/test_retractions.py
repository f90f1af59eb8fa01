"""Retractions over REST: the documented answer, and the hosts that have, or last had, a crate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.services.desks import Desk
from reconciler.repository import write
from schema.access import Role
from schema.ids import new_id
from tests.factories.writing import AUTHOR, START, WritingServer, start

NGINX = "name: nginx\nresources:\n  - name: install\n    type: package\n    package: nginx"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WritingServer]:
    origin = start(tmp_path / "config.git", START | {"configcrates/nginx.vgo": NGINX.encode(), "web.vgo": WITH})
    made = WritingServer(tmp_path, origin.path)
    made.run(made.look)
    yield made
    made.close()


WITH = b'envoys:\n  - match: "web*.example.com"\n    configcrates: [nginx]\n'


def enrol(server: WritingServer, hostname: str) -> None:
    from api.storage import envoys
    from api.storage.envoys import Known

    known = Known(new_id(), hostname, "0" * 64, "0" * 64, server.clock.now())
    server.services.write_now(server.system, lambda work: envoys.add(work.session, work.project_id, known))


def retract(server: WritingServer, *crates: dict[str, str], role: Role = Role.DEVELOPER) -> Any:
    return server.post("/api/v1/config/retract", role=role, json={"configcrates": list(crates)})


def test_a_removed_crate_is_answered_as_documented(server: WritingServer, tmp_path: Path) -> None:
    for hostname in ("web2.example.com", "web1.example.com", "db1.example.com"):
        enrol(server, hostname)
    asked = {"name": "nginx", "content": NGINX}
    expected = {
        "enabled": True,
        "results": [
            {
                "name": "nginx",
                "retract_yaml": "name: nginx-retract\n"
                "description: Takes back what nginx did. Remove it once all its hosts have run it.\n"
                "resources:\n- name: install\n  type: package\n  package: nginx\n  state: absent\n",
                "warnings": [
                    {"resource": "install", "type": "package", "confidence": "high", "message": "remove nginx"}
                ],
                "envoys": [
                    {"hostname": "web1.example.com", "last_run": None},
                    {"hostname": "web2.example.com", "last_run": None},
                ],
            }
        ],
    }
    assert retract(server, asked).json() == expected
    # Once it is removed, the version before still knows who had it.
    gone = {"configcrates/nginx.vgo": None, "web.vgo": START["web.vgo"]}
    write.commit(server.committer._repository, "main", gone, AUTHOR, "no nginx")
    server.run(server.look)
    assert retract(server, asked).json() == expected


def test_what_is_no_crate_is_said_of_it_alone(server: WritingServer) -> None:
    found = retract(server, {"name": "bad", "content": "name: ["}, {"name": "nginx", "content": NGINX}).json()
    bad, good = found["results"]
    assert (bad["retract_yaml"], bad["warnings"][0]["confidence"], bad["envoys"]) == ("", "none", [])
    assert "yaml.syntax" in bad["warnings"][0]["message"]
    assert yaml.safe_load(good["retract_yaml"])["name"] == "nginx-retract"


def test_nothing_is_changed_and_nobody_without_the_right_is_answered(server: WritingServer) -> None:
    entries = len(server.audit())
    assert retract(server, {"name": "nginx", "content": NGINX}).status_code == 200
    assert len(server.audit()) == entries
    assert retract(server, {"name": "nginx", "content": NGINX}, role=Role.AUDITOR).status_code == 403
    assert server.post("/api/v1/config/retract", role=Role.DEVELOPER, json={"configcrates": []}).status_code == 400


def test_a_bomb_is_told_as_what_it_is_and_a_full_desk_says_so(
    server: WritingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    )
    for content in (bomb, "[" * 100_000, "name: x\nresources: " + "{" * 70, "&a *a"):
        (result,) = retract(server, {"name": "../../etc", "content": content}).json()["results"]
        assert result["retract_yaml"] == ""
        assert [each["confidence"] for each in result["warnings"]] == ["none"]
    monkeypatch.setattr(server.services.desks, "questions", Desk("full", at_once=1, waiting=-1))
    answer = retract(server, {"name": "nginx", "content": NGINX})
    assert (answer.status_code, answer.json()["fault"]) == (429, "graphs.busy")
