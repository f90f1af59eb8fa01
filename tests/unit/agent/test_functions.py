"""What expressions ask of the host, answered by a real one."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.functions import Functions
from agent.hosts import RealHost
from schema.expressions import ExpressionError, Kind, Renderer
from tests.strategies.catalogs import Ticking

NOON = 1_795_348_800_000_000  # Sunday, 22 November 2026, 12:00 UTC


@pytest.fixture
def machine() -> Iterator[Renderer]:
    host = RealHost("/")
    yield Renderer(Functions(host, Ticking()))
    host.close()


@pytest.fixture
def confined(tmp_path: Path) -> Iterator[Renderer]:
    host = RealHost(tmp_path)
    yield Renderer(Functions(host, Ticking()))
    host.close()


def ask(renderer: Renderer, expression: str, **vars_: Any) -> Any:
    return renderer.evaluate(expression, {"vars": vars_})


def test_files_and_directories_are_told_apart_and_links_lead_to_what_they_lead_to(
    confined: Renderer, tmp_path: Path
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/motd").write_text("")
    for name, target in {"f": "/etc/motd", "d": "etc", "deep": "etc/../f", "loop": "loop", "gone": "/none"}.items():
        (tmp_path / name).symlink_to(target)
    os.mkfifo(tmp_path / "fifo")
    found = {
        name: (ask(confined, "file_exists(vars.p)", p=f"/{name}"), ask(confined, "dir_exists(vars.p)", p=f"/{name}"))
        for name in ("etc/motd", "etc", "f", "d", "deep", "loop", "gone", "fifo", "none", "etc/motd/below")
    }
    assert {name for name, (file, _) in found.items() if file} == {"etc/motd", "f", "deep"}
    assert {name for name, (_, directory) in found.items() if directory} == {"etc", "d"}


@pytest.mark.parametrize("path", ["relative", "/a/../b"])
def test_a_path_that_the_host_refuses_fails_the_expression(confined: Renderer, path: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        ask(confined, "file_exists(vars.p)", p=path)
    assert caught.value.kind is Kind.TYPE


def test_a_process_is_known_by_its_short_and_its_whole_name_until_it_has_ended(
    machine: Renderer, tmp_path: Path
) -> None:
    program = tmp_path / f"vigo-probe-{os.getpid()}-with-a-long-name"
    shutil.copy("/bin/sleep", program)
    names = [program.name[:15], program.name, str(program)]
    child = subprocess.Popen([program, "60"])
    try:
        until = time.monotonic() + 60
        while not ask(machine, "process_running(vars.n)", n=program.name) and time.monotonic() < until:
            time.sleep(0.01)
        assert [ask(machine, "process_running(vars.n)", n=name) for name in names] == [True] * 3
        assert not ask(machine, "process_running(vars.n)", n=program.name[:14])
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and nobody has noticed yet
        assert [ask(machine, "process_running(vars.n)", n=name) for name in names] == [False] * 3
    finally:
        child.kill()
        child.wait()


def test_a_command_is_read_by_a_shell_and_its_end_is_the_answer(machine: Renderer) -> None:
    assert [ask(machine, "command_succeeds(vars.c)", c=text) for text in ("true", "exit 3", "no-such-program", "true && false")] == [
        True, False, False, False,
    ]  # fmt: skip
    assert ask(machine, "command_succeeds('grep -q x')") is False


@pytest.mark.parametrize("question", ["command_succeeds('true')", "process_running('init')"])
def test_a_confined_root_cannot_say(confined: Renderer, question: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        ask(confined, question)
    assert caught.value.kind is Kind.UNKNOWN


@pytest.mark.parametrize(
    ("zone", "day", "hour"),
    [("UTC0", "sunday", 12), ("JST-9", "sunday", 21), ("NZDT-13", "monday", 1), ("HST10", "sunday", 2)],
)
def test_the_clock_is_the_hosts_own(monkeypatch: pytest.MonkeyPatch, zone: str, day: str, hour: int) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        try:
            functions = Functions(RealHost("/"), Ticking(NOON))
            functions.host.close()  # type: ignore[attr-defined]
            renderer = Renderer(functions)
            assert ask(renderer, "day_of_week()") == day
            assert ask(renderer, "day_of_week(vars.d)", d=day[:3])
            assert ask(renderer, "hour_range(vars.h, vars.h + 1)", h=hour)
            assert not ask(renderer, "hour_range(vars.h + 1, vars.h + 2)", h=hour)
        finally:
            patch.undo()
            time.tzset()
