"""`vigo bisect`: what it asks, and how a suspect is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schema.time import HOUR, from_rfc3339
from tests.unit.api.cli.conftest import Ran, Server

Vigo = Callable[..., Ran]
SINCE = "2026-11-22T06:00:00Z"
SUSPECT: dict[str, Any] = {
    "commit": "1f0c3a9be2d4" + "0" * 28,
    "sequence": 128,
    "author": "Jane",
    "summary": "one worker for each core\x1b[2J",
    "in_force_at": "2026-11-22T08:14:02Z",
    "exact": False,
    "score": 0.8,
    "bad": 2,
    "good": 0,
    "changes": [
        {
            "kind": "var",
            "name": "nginx_workers",
            "action": "changed",
            "base": 4,
            "other": 64,
            "resources": ["nginx/conf"],
            "at": {"file": "production/fra.vgo", "line": 14, "column": 3, "source": "  nginx_workers: 64"},
        },
        *({"kind": "attribute", "name": "nginx/conf", "attribute": f"a{n}", "action": "added"} for n in range(9)),
    ],
    "changes_left_out": 3,
    "bad_without": ["db1"],
    "good_with": [],
    "changed_again": ["2" * 40],
    "revert_hosts": 2,
    "revert_crates": ["nginx"],
}
ANSWER: dict[str, Any] = {
    "since": SINCE,
    "bad": ["db1", "web1", "web2"],
    "bad_count": 3,
    "good_count": 41,
    "revisions": 7,
    "changed_nothing": 5,
    "suspects": [SUSPECT],
    "left_out": 2,
    "notes": ["of 1 hosts it is not known"],
}
TEXT = """\
3 bad, 41 well; 7 revisions since {since}, 5 of them changed nothing for a bad host

1. 1f0c3a9be2d4 one worker for each core\\x1b[2J (score 0.80)
   Jane, in force since {force}, revision 128
   production/fra.vgo:14: var nginx_workers changed: 4 → 64, read by nginx/conf
     nginx_workers: 64
"""
REST = """\
   attribute nginx/conf a6 added
   and 5 changes more
   has it: 2 of 3 bad, 0 of 41 well
   bad without it: db1
   changed once more by 222222222222
   to revert the commit would change 2 hosts (nginx)

and 2 less likely; --limit shows more
"""


def test_a_suspect_is_told_with_what_speaks_for_it_and_against(connected: Vigo, server: Server) -> None:
    server.answers["POST /api/v1/bisect"] = (200, ANSWER)

    code, out, err = connected("bisect", "--bad", "web1, web2,db1", "--since", SINCE)

    lines = out.splitlines(keepends=True)
    since, force = lines[0].split("since ")[1].split(",")[0], lines[3].split("since ")[1].split(",")[0]
    assert code == 0
    assert "".join(lines[:6]) == TEXT.format(since=since, force=force)
    assert out.endswith(REST)
    assert err == "note: of 1 hosts it is not known\n"
    assert server.requests[-1].body == {"bad": ["web1", "web2", "db1"], "good": [], "since": SINCE, "limit": 5}


def test_hosts_may_stand_in_a_file_and_a_time_be_how_long_ago(connected: Vigo, server: Server, tmp_path: Path) -> None:
    server.answers["POST /api/v1/bisect"] = (200, {**ANSWER, "suspects": [], "left_out": None})
    (tmp_path / "bad.txt").write_text("web1.example.com # since noon\nweb2.example.com\n")
    given = ("--bad", f"@{tmp_path / 'bad.txt'}", "--bad", "x*", "--good", "db1,db2", "--limit", "2")

    now = connected("bisect", *given, "--since", "0h")
    asked = server.requests[-1].body
    connected("bisect", *given, "--since", "3h")
    before = server.requests[-1].body

    assert "no change of the config is common to bad hosts: look elsewhere" in now.out
    assert asked["bad"] == ["web1.example.com", "web2.example.com", "x*"]
    assert (asked["good"], asked["limit"]) == (["db1", "db2"], 2)
    assert 0 <= from_rfc3339(before["since"]) - from_rfc3339(asked["since"]) + 3 * HOUR < HOUR


def test_programs_get_the_answer_of_the_api(connected: Vigo, server: Server) -> None:
    server.answers["POST /api/v1/bisect"] = (200, ANSWER)

    assert json.loads(connected("bisect", "--bad", "a", "--since", "1h", "--json").out) == ANSWER
