"""Traces over REST: forward, inverse, preview; tree, search and dedup."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from schema.access import Role
from tests.fleet import HOST, FleetServer
from tests.server import Server

TRACE = "/api/v1/config/trace"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetServer]:
    made = FleetServer(tmp_path_factory.mktemp("fleet"))
    yield made
    made.close()


def test_forward_is_the_documented_shape(fleet: FleetServer) -> None:
    trace = fleet.get(f"{TRACE}?hostname={HOST}", role=Role.VIEWER).json()
    assert {key: trace[key] for key in ("hostname", "matched", "match_pattern", "pattern_type", "environment", "roles")} == {
        "hostname": HOST, "matched": True, "match_pattern": "web*.prod.example.com", "pattern_type": "glob",
        "environment": "production", "roles": ["webserver"],
    }  # fmt: skip
    assert trace["configcrate_sources"] == {
        "motd": "common.vgo", "logs": "production/common.vgo", "ssh": "role:webserver", "nginx": "role:webserver",
    }  # fmt: skip
    assert [level["dir"] for level in trace["inheritance"]] == ["", "production"]
    assert trace["inheritance"][1]["overrides"] == ["dns"]
    assert "overrides" not in trace["inheritance"][0]
    port = next(var for var in trace["var_sources"] if var["key"] == "port")
    assert port == {"key": "port", "value": 8443, "source": "environments.vgo:production"}
    assert trace["resource_count"] == 4


def test_places_are_shown_to_who_asks_for_them(fleet: FleetServer) -> None:
    trace = fleet.get(f"{TRACE}?hostname={HOST}&places=true", role=Role.VIEWER).json()
    port = next(var for var in trace["var_sources"] if var["key"] == "port")
    assert (port["place"]["file"], port["place"]["line"]) == ("environments.vgo", 1)
    assert trace["usercrate_sources"] == {"login": "production/common.vgo"}
    assert "usercrate_sources" not in fleet.get(f"{TRACE}?hostname={HOST}", role=Role.VIEWER).json()


def test_forward_of_one_crate_is_its_branch(fleet: FleetServer) -> None:
    trace = fleet.get(f"{TRACE}?hostname={HOST.upper()}.&configcrate=logs", role=Role.VIEWER).json()
    assert trace["configcrates"] == ["logs"]
    assert [level["dir"] for level in trace["inheritance"]] == ["production"]
    assert trace["role_expansion"] == []
    assert len(trace["var_sources"]) > 2


def test_a_host_that_nothing_matches(fleet: FleetServer) -> None:
    answer = fleet.get(f"{TRACE}?hostname=mail.example.com", role=Role.VIEWER)
    assert answer.json() == {"hostname": "mail.example.com", "matched": False}


def test_inverse_names_the_enrolled_hosts_and_their_carriers(fleet: FleetServer) -> None:
    answer = fleet.get(f"{TRACE}?configcrate=nginx", role=Role.VIEWER).json()
    assert answer == {
        "subject": "configcrate",
        "value": "nginx",
        "include_tree": False,
        "envoys": [
            {
                "envoy_id": fleet.envoy_id,
                "hostname": HOST,
                "match": "web*.prod.example.com",
                "environment": "production",
                "carrier": "role:webserver",
            }
        ],
    }
    wide = fleet.get(f"{TRACE}?configcrate=nginx&include_tree=true", role=Role.VIEWER).json()
    assert wide["tree_refs"] == [{"match": "db*.prod.example.com", "environment": "", "carrier": "match-block"}]


def test_inverse_of_a_crate_that_nobody_uses_is_empty(fleet: FleetServer) -> None:
    answer = fleet.get(f"{TRACE}?configcrate=unused&include_tree=true", role=Role.VIEWER).json()
    assert (answer["envoys"], answer["tree_refs"]) == ([], [])


def test_inverse_of_a_usercrate_names_what_brings_it(fleet: FleetServer) -> None:
    answer = fleet.get(f"{TRACE}?usercrate=login&include_tree=true", role=Role.VIEWER).json()
    assert [(each["hostname"], each["carrier"]) for each in answer["envoys"]] == [(HOST, "production/common.vgo")]
    assert answer["tree_refs"] == [
        {"match": "db*.prod.example.com", "environment": "", "carrier": "production/common.vgo"}
    ]
    wide = fleet.get(f"{TRACE}?usercrate=keys&include_tree=true", role=Role.VIEWER).json()
    assert (wide["subject"], wide["envoys"]) == ("usercrate", [])
    assert wide["tree_refs"] == [{"match": "db*.prod.example.com", "environment": "", "carrier": "match-block"}]


def test_preview_counts_whom_a_change_reaches(fleet: FleetServer) -> None:
    answer = fleet.get("/api/v1/preview?configcrate=motd", role=Role.VIEWER).json()
    assert answer == {
        "configcrate": "motd", "affected": [{"hostname": HOST, "envoy_id": fleet.envoy_id}], "count": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "status", "fault"),
    [
        ("", 400, "traces.wrong_subject"), ("configcrate=a&usercrate=b", 400, "traces.wrong_subject"),
        ("hostname=a&usercrate=b", 400, "traces.wrong_subject"), ("configcrate=nothing", 404, "traces.crate_not_found"),
        ("usercrate=nothing", 404, "traces.crate_not_found"), ("hostname=", 400, "http.bad_input"),
        ("include_tree=perhaps&hostname=a", 400, "http.bad_input"),
        ("include_tree=true&hostname=a", 400, "traces.wrong_subject"),
    ],
)  # fmt: skip
def test_what_cannot_be_traced_is_told(fleet: FleetServer, query: str, status: int, fault: str) -> None:
    answer = fleet.get(f"{TRACE}?{query}", role=Role.VIEWER)
    assert (answer.status_code, answer.json()["fault"]) == (status, fault)


def test_preview_needs_a_crate_that_is_there(fleet: FleetServer) -> None:
    assert fleet.get("/api/v1/preview", role=Role.VIEWER).status_code == 400
    assert fleet.get("/api/v1/preview?configcrate=x", role=Role.VIEWER).json()["fault"] == "traces.crate_not_found"


def test_the_tree_is_one_node_with_its_children(fleet: FleetServer) -> None:
    tree = fleet.get("/api/v1/config/tree", role=Role.VIEWER).json()
    production = fleet.get("/api/v1/config/tree?under=/production/", role=Role.VIEWER).json()
    assert tree == {
        "dir": "", "file": "common.vgo", "configcrates": ["motd"], "roles": [], "match": "", "total": ["motd"],
        "excluded": [], "children": [production],
    }  # fmt: skip
    assert [(node["match"], node["total"]) for node in production["children"]] == [
        ("web*.prod.example.com", ["motd", "logs", "ssh", "nginx"]),
        ("db*.prod.example.com", ["motd", "logs", "nginx"]),
    ]
    answer = fleet.get("/api/v1/config/tree?under=configcrates", role=Role.VIEWER)
    assert (answer.status_code, answer.json()["fault"]) == (404, "traces.directory_not_found")


def test_a_search_is_the_documented_shape(fleet: FleetServer) -> None:
    answer = fleet.get("/api/v1/config/search?match=*web*&configcrate=motd&var=port", role=Role.VIEWER)
    assert answer.json() == {
        "entries": [
            {
                "match": "web*.prod.example.com",
                "dir": "production",
                "inheritance": [
                    {"dir": "", "file": "common.vgo", "configcrates": ["motd"]},
                    {"dir": "production", "file": "common.vgo", "configcrates": ["logs"]},
                ],
                "own_configcrates": [],
                "total": ["motd", "logs", "ssh", "nginx"],
                "vars": {"port": 443},
            }
        ]
    }
    assert fleet.get("/api/v1/config/search?var=dns", role=Role.VIEWER).json() == {"entries": []}


@pytest.mark.parametrize(
    ("query", "fault"),
    [("", "traces.no_criterion"), ("match=", "http.bad_input"), (f"var={'x' * 254}", "http.bad_input")],
)
def test_a_search_needs_something_to_search_by(fleet: FleetServer, query: str, fault: str) -> None:
    answer = fleet.get(f"/api/v1/config/search?{query}", role=Role.VIEWER)
    assert (answer.status_code, answer.json()["fault"]) == (400, fault)


def test_dedup_names_no_file_that_stands_alone(fleet: FleetServer) -> None:
    assert fleet.get("/api/v1/config/dedup", role=Role.VIEWER).json() == {"groups": []}


def test_before_the_first_good_commit_there_is_nothing_to_trace(tmp_path: Path) -> None:
    server = Server(tmp_path)
    asked = [
        f"/api/v1/{path}" for path in ("preview?configcrate=a", "config/tree", "config/search?var=a", "config/dedup")
    ]
    for path in (f"{TRACE}?hostname=a", f"{TRACE}?configcrate=a", *asked):
        answer = server.get(path, role=Role.VIEWER)
        assert (answer.status_code, answer.json()["fault"]) == (409, "graphs.nothing_in_force")
    server.close()
