"""How far a commit has come, from the command line: once, live, and for scripts."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api.cli import standings
from schema.standings import StandingClass
from tests.unit.api.cli.conftest import Ran, Server

Vigo = Callable[..., Ran]

PATH = "GET /api/v1/standings/current"


def told(eta: dict[str, Any] | None = None, *, complete: bool = False, **counts: int) -> dict[str, Any]:
    every = {name.value: counts.get(name.value, 0) for name in StandingClass}
    return {
        "version": 7, "commit": "a" * 40, "state": "in_force", "in_force_at": "2026-11-22T12:00:00Z",
        "total": sum(every.values()), "counts": every, "complete": complete, "at": "2026-11-22T12:00:10Z",
        "parts": [part(name, count) for name, count in every.items() if count],
        "eta": eta or {"at": None, "why": ""},
    }  # fmt: skip


def part(name: str, count: int) -> dict[str, Any]:
    hosts = [{"id": str(number), "hostname": f"web{number}"} for number in range(min(count, 10))]
    of_wave = {"wave": 2} if name in {"wave", "blocked"} else {}
    more: dict[str, dict[str, Any]] = {
        "failed": {"resource": "nginx/conf", "cause": "no space left\non the device"},
        "offline": {"since": "2026-11-21T08:00:00.5Z"},
        "frozen": {"until": "2026-11-23T06:00:00Z"},
    }
    return {"name": name, "count": count, "hosts": [host | more.get(name, {}) for host in hosts]} | of_wave


def test_what_each_class_holds_is_told(connected: Vigo, server: Server) -> None:
    server.answers[PATH] = 200, told(
        {"at": "2026-11-22T12:30:00Z", "why": "without 4 hosts that are not on their way"},
        applied=90, wave=4, failed=1, offline=2, frozen=1,
    )  # fmt: skip
    assert connected("status").out.splitlines() == [
        "aaaaaaaaaaaa (version 7), in force since 2026-11-22 12:00:00Z",
        "  90  have it",
        "   1  frozen until 2026-11-23 06:00:00Z: web0",
        "   1  failed: web0 (nginx/conf: no space left)",
        "   2  offline: web0 (since 2026-11-21 08:00:00Z), web1 (since 2026-11-21 08:00:00Z)",
        "   4  in wave 2: web0, web1, web2 ...",
        "the rest by 2026-11-22 12:30:00Z, without 4 hosts that are not on their way",
    ]


def test_for_scripts_it_is_json_and_names_any_commit(connected: Vigo, server: Server) -> None:
    answer = told(applied=1, complete=True)
    server.answers["GET /api/v1/standings/a1b2c3"] = 200, answer
    assert json.loads(connected("status", "a1b2c3", "--json").out) == answer


def test_hosts_of_a_class_are_listed_page_by_page(connected: Vigo, server: Server) -> None:
    page = {"hosts": [{"id": "1", "hostname": "web1", "resource": "motd/file", "cause": "no"}]}
    server.answers[f"{PATH}/hosts"] = 200, page
    lines = connected("status", "--hosts", "failed").out.splitlines()

    assert lines[1].split() == ["web1", "motd/file", "no"]
    assert server.requests[0].target == "/api/v1/standings/current/hosts?class=failed&limit=500"
    server.answers[f"{PATH}/hosts"] = 200, {"hosts": []}
    assert connected("status", "--hosts", "frozen").err == "no host is frozen\n"


@pytest.fixture
def scene(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What the server answers from one look to the next; no time passes between them."""

    def play(*answers: dict[str, Any]) -> None:
        coming: Iterator[dict[str, Any]] = iter(answers)
        server.answers[PATH] = 200, next(coming)

        def sleep(_: float) -> None:
            server.answers[PATH] = 200, next(coming)

        monkeypatch.setattr(standings.time, "sleep", sleep)

    return play


def test_without_a_terminal_each_change_is_a_line(connected: Vigo, scene: Callable[..., None]) -> None:
    eta = {"at": "2026-11-22T12:30:00Z", "why": ""}
    scene(told(wave=2), told(wave=2), told(eta, applied=1, wave=1), told(applied=2, complete=True))
    ran = connected("status", "--watch")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "aaaaaaaaaaaa: 2 on their way",
        "aaaaaaaaaaaa: 1 have it, 1 on their way; the rest by 2026-11-22 12:30:00Z",
        "aaaaaaaaaaaa: 2 have it",
    ]


def test_a_watch_ends_where_nothing_moves_any_more(connected: Vigo, scene: Callable[..., None]) -> None:
    scene(told(wave=2, frozen=1), told(failed=2, frozen=1), told(applied=1, failed=2))
    ran = connected("status", "--watch")

    assert ran.code == 1
    assert ran.out.splitlines()[-1] == "aaaaaaaaaaaa: 1 have it, 2 failed"


def test_on_a_terminal_it_draws_over_itself(
    connected: Vigo, scene: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("sys.stdout", screen)
    scene(told(applied=1, wave=3), told(applied=4, complete=True))

    assert connected("status", "--watch").code == 0
    shown = screen.getvalue()
    assert "in wave 2: web0, web1, web2" in shown
    assert "█" * 40 in shown
    assert "all have it" in shown
