"""The executors that the docs show, run as the docs say."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from agent.hosts import RealHost
from agent.resources import TYPES
from agent.resources.types import Converged
from schema.protocol.reports import Outcome
from tests.strategies import machines

PAGE = Path(__file__).parents[4] / "docs" / "howto" / "write-an-executor.md"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: an executor is root's alone")


def written(language: str, place: Path) -> str:
    """The program that the page has in a language."""
    (text,) = re.findall(rf"^```{language}\n(#!.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return program(place, text)


def program(place: Path, text: str, mode: int = 0o755) -> str:
    place.write_text(text)
    place.chmod(mode)
    return str(place)


def converge(executor: str, spec: dict[str, Any], *, dry_run: bool = False, timeout_s: int = 60) -> Converged:
    kind, host = TYPES["custom"], RealHost("/")
    made = {"custom": "x", "executor": executor, "spec": spec, "timeout_s": timeout_s}
    ready = kind.prepare(kind.spec.model_validate(made), machines.sources({}))
    result: Converged = kind.converge(host, ready, dry_run=dry_run)
    host.close()
    return result


def test_the_one_in_shell(tmp_path: Path) -> None:
    executor, spec = written("sh", tmp_path / "e"), {"path": f"{tmp_path}/d/level", "level": "warning"}
    shown = converge(executor, spec, dry_run=True)
    assert (shown.outcome, shown.diff) == (Outcome.CHANGED, "level: (empty) → warning")
    assert not (tmp_path / "d").exists()
    assert converge(executor, spec).outcome is Outcome.CHANGED
    assert (tmp_path / "d" / "level").read_text() == "warning\n"
    assert converge(executor, spec).outcome is Outcome.UNCHANGED


def test_the_one_in_python(tmp_path: Path) -> None:
    place = tmp_path / "x.json"
    place.write_text('{"theirs": 1, "port": 80}')
    executor, spec = written("python", tmp_path / "e"), {"path": str(place), "keys": {"port": 8080, "on": True}}
    changed = converge(executor, spec)
    assert (changed.outcome, changed.error, changed.diff) == (
        Outcome.CHANGED,
        "",
        "port: 80 → 8080\non: (none) → true",
    )
    assert json.loads(place.read_text()) == {"theirs": 1, "port": 8080, "on": True}
    again = converge(executor, spec)
    assert (again.outcome, again.reason) == (Outcome.UNCHANGED, "3 keys")


def test_limits_hold(tmp_path: Path) -> None:
    slow = program(tmp_path / "slow", "#!/bin/sh\nsleep 60\n")
    assert converge(slow, {}, timeout_s=1).error == "check did not end within 1 s"
    loud = program(tmp_path / "loud", "#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' ' '\n")
    assert converge(loud, {}).error == "check answered with more than 256 KiB"
    open_ = program(tmp_path / "open", "#!/bin/sh\necho '{\"in_desired_state\": true}'\n", 0o757)
    assert converge(open_, {}).error == f"{open_} can be changed by others than root: it is not run"


def test_nothing_of_the_spec_is_an_argument(tmp_path: Path) -> None:
    text = '#!/bin/sh\ncat >/dev/null\ntr "\\0" " " </proc/$$/cmdline >"$0.seen"; echo \'{"in_desired_state": true}\'\n'
    executor = program(tmp_path / "e", text)
    assert converge(executor, {"password": "top-secret-word"}).outcome is Outcome.UNCHANGED
    assert (tmp_path / "e.seen").read_text().split()[-2:] == [executor, "check"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("[]", "check did not answer with a JSON object"),
        ('{"in_desired_state": true, "more": 1}', "check answered with unknown keys: more"),
        ('{"in_desired_state": 1}', "check did not say whether it is in_desired_state (true or false)"),
        ('{"in_desired_state": true, "changes": {}}', "check: changes is a list of at most 200"),
        (
            '{"in_desired_state": false, "changes": [1]}',
            "check: a change is an object of field, before, after and secret",
        ),
        ('{"in_desired_state": true, "note": 1}', "check: note is a text"),
        ('{"error": "no database"}', "no database"),
    ],
)
def test_an_answer_outside_the_protocol_is_refused(answer: str, error: str, tmp_path: Path) -> None:
    executor = program(tmp_path / "e", f"#!/bin/sh\ncat >/dev/null\necho '{answer}'\n")
    result = converge(executor, {})
    assert (result.outcome, result.error) == (Outcome.FAILED, error)
