"""Every data case under `cases/<type>/`: a machine, a spec, and what must come of it.

Keys: `about`, `before` (see tests.strategies.machines), `spec`, and of the result `outcome`, `action`, `diff`, `error`
(found in it), `reason`, `after` (path → what stands there), `writes`; `sources`, `confined`, `privileged`, `tainted`,
`programs` set the scene. Each case is also dry run, which must show the same and write nothing, and run twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.hosts.host import MANAGED
from agent.resources import TYPES
from schema.protocol.reports import Outcome
from tests.strategies import machines, programs

CASES = Path(__file__).parent / "cases"
KEYS = {
    "about", "before", "spec", "outcome", "action", "diff", "error", "reason", "after", "writes",
    "sources", "confined", "privileged", "tainted", "runs",
}  # fmt: skip


def all_cases() -> list[Any]:
    found = sorted(CASES.glob("*/*.yaml"))
    return [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in found]


@pytest.mark.parametrize("path", all_cases())
def test_the_case_holds(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    assert set(case) <= KEYS
    kind = TYPES[path.parent.name]
    prepared = kind.prepare(kind.spec.model_validate(case["spec"]), machines.sources(case.get("sources", {})))
    host = machines.machine(
        case.get("before", {}),
        programs.ALL,
        confined=case.get("confined", False),
        privileged=case.get("privileged", True),
    )
    host.memo[MANAGED] = frozenset
    before = dict(host.nodes)
    tainted = case.get("tainted", False)

    shown = kind.converge(host, prepared, dry_run=True, tainted=tainted)
    assert host.writes == 0
    assert host.nodes == before
    host.runs.clear()
    host.memo.clear()
    host.memo[MANAGED] = frozenset
    result = kind.converge(host, prepared, dry_run=False, tainted=tainted)

    assert (result.outcome, result.error) == (Outcome(case["outcome"]), result.error), result
    assert result.changed == (result.outcome is Outcome.CHANGED)
    if result.outcome is not Outcome.FAILED:
        assert (shown.outcome, shown.action, shown.diff) == (result.outcome, result.action, result.diff)
        assert result.error == ""
    assert case.get("error", "") in result.error
    assert result.reason == case.get("reason", "")
    if "action" in case:
        assert result.action == case["action"]
    if "diff" in case:
        assert result.diff == case["diff"].rstrip("\n")
    for place, expected in case.get("after", {}).items():
        observed = machines.describe(host, place)
        assert (observed["content"] if isinstance(expected, str) and observed else observed) == expected, place
    if "writes" in case:
        assert host.writes == case["writes"]
    if "runs" in case:
        assert [run for run in host.runs if not programs.is_read(run)] == case["runs"]

    if result.outcome is Outcome.CHANGED and not kind.is_act(prepared) and kind.skipped(host) is None:
        writes = host.writes
        assert kind.converge(host, prepared, dry_run=False).outcome is Outcome.UNCHANGED
        assert host.writes == writes


def test_every_type_has_cases() -> None:
    assert {path.name for path in CASES.iterdir()} == set(TYPES)
